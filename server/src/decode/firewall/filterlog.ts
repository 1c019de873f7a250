import { ANEW } from '../../base/anew.ts'
import type { DecodeSink } from '../../model/decoder.ts'
import type { Frame } from '../line/frame.ts'
import { flowOf, verdictOf, wholeNumber } from './verdict.ts'

const HEADER = /^(?:\S+ )?filterlog(?:\[\d+\])?: /
const COLUMNS_MAX = 60

/** filterlog of pfSense and OPNsense (Netgate: "Raw Filter Log Format"). */
export function readFilterlog(
  message: string,
  frame: Frame,
  out: DecodeSink,
  rest: ReadRest,
): void {
  const header = HEADER.exec(message)
  const text = header === null ? message : message.slice(header[0].length)
  if (header === null && frame.program !== 'filterlog' && !/^\d+,[^,]*,[^,]*,/.test(text)) {
    if (frame.program !== undefined || /^(?:\S+ )?[\w./-]+(?:\[\d+\])?: /.test(message)) {
      rest(frame.program ?? '')
    } else out.reject('DECODE_UNKNOWN', 'This is no line of filterlog.')
    return
  }
  const cells = text.split(',', COLUMNS_MAX)
  const version = cells[8]
  if (cells.length < 9 || (version !== '4' && version !== '6')) {
    out.reject('DECODE_FIELD', 'The line ends before the IP version, or that is neither 4 nor 6.')
    return
  }
  const at = version === '4' ? IPV4 : IPV6
  if (cells.length <= at.destination) {
    out.reject('DECODE_FIELD', `A line of IPv${version} has more than ${cells.length} columns.`)
    return
  }
  tell(cells, at, frame, out)
}

type ReadRest = (program: string) => void

interface Places {
  readonly transport: number
  readonly length: number
  readonly source: number
  readonly destination: number
}

const IPV4: Places = { transport: 16, length: 17, source: 18, destination: 19 }
const IPV6: Places = { transport: 12, length: 14, source: 15, destination: 16 }

function tell(cells: readonly string[], at: Places, frame: Frame, out: DecodeSink): void {
  const [number, , anchor, tracker, ingress = '', reason = '', action = '', way] = cells
  const transport = cells[at.transport]?.toLowerCase()
  const ported = transport === 'tcp' || transport === 'udp' || transport === 'sctp'
  const after = at.destination + 1
  const words = flowOf({
    verdict: verdictOf(action),
    code: action === '' ? 'packet' : action.slice(0, 20),
    reason: reason === '' ? 'match' : reason,
    source: {
      address: cells[at.source],
      port: ported ? wholeNumber(cells[after]) : undefined,
    },
    destination: {
      address: cells[at.destination],
      port: ported ? wholeNumber(cells[after + 1]) : undefined,
    },
    transport: transport === 'icmpv6' ? 'ipv6-icmp' : transport,
    direction: way === 'in' ? 'ingress' : way === 'out' ? 'egress' : undefined,
    bytes: wholeNumber(cells[at.length]),
    packets: 1,
    ...(way === 'out' ? { egress: ingress } : { ingress }),
    host: frame.host,
    vendor: 'Netgate',
    product: 'pfSense',
    rule: ruleOf(tracker, number, anchor),
  })
  const flags = transport === 'tcp' ? cells[after + 3] : undefined
  const pfsense = flags === undefined || flags === '' ? undefined : { tcp_flags: flags }
  const doc = pfsense === undefined ? words.doc : { ...ANEW, ...words.doc, pfsense }
  out.event({ timeMs: frame.timeMs, action: words.action, doc })
}

/** The tracker stays the same when rules are moved; the number is its place. */
function ruleOf(
  tracker: string | undefined,
  number: string | undefined,
  anchor: string | undefined,
): { id: string; ruleset?: string } | undefined {
  const id = tracker === undefined || tracker === '' || tracker === '0' ? number : tracker
  if (id === undefined || id === '') return undefined
  return anchor === undefined || anchor === '' ? { id } : { id, ruleset: anchor }
}
