import { ANEW } from '../../base/anew.ts'
import type { DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import type { Frame } from '../line/frame.ts'
import { LineDecoder } from '../line/line-decoder.ts'
import { checkStampOptions, STAMP_OPTIONS } from '../line/options.ts'
import type { Told } from '../network/told.ts'
import { aboutRequest } from './bind-client.ts'
import { aboutServer } from './bind-server.ts'
import { queryOf } from './query.ts'

const PROGRAM = /^(?:\S+ )?named(?:\[\d+\])?: /
const CATEGORY = new RegExp(
  '^(?:(general|default|client|cname|config|database|delegation-only|dispatch|dnssec|dnstap|edns-disabled' +
    '|lame-servers|network|notify|nsid|queries|query-errors|rate-limit|resolver|responses|rpz|rpz-passthru' +
    '|security|serve-stale|spill|sslkeylog|trust-anchor-telemetry|unmatched|update|update-security|xfer-in' +
    '|xfer-out|zoneload|queryerrors): )?(?:(critical|error|warning|notice|info|debug \\d+): )?',
)
const CLIENT = new RegExp(
  String.raw`^client (?:@0x[0-9a-f]+ )?([0-9a-f.:%\w]+)#(\d{1,5})(?:\/key [^\s:]+)?(?: \(([^\s)]*)\))?: ` +
    String.raw`(?:view [^\s:]+: )?`,
)

/** BIND's requests, refusals, updates, transfers and troubles; what it says of its work is routine. */
function read(message: string, frame: Frame, out: DecodeSink): void {
  const header = PROGRAM.exec(message)
  const whole = header === null ? message : message.slice(header[0].length)
  const named = header !== null || frame.program === 'named'
  if (!named && frame.program !== undefined) {
    out.routine('other-program')
    return
  }
  const [prefix = '', category, level] = CATEGORY.exec(withoutStamp(whole)) ?? []
  const text = withoutStamp(whole).slice(prefix.length).replace(VIEW, '')
  const client = CLIENT.exec(text)
  const words =
    client === null
      ? aboutServer(text, level)
      : ofClient(client, text.slice(client[0].length), frame)
  if (typeof words === 'object') {
    out.event({ timeMs: frame.timeMs, action: words.action, doc: words.doc })
  } else if (words !== undefined) out.routine(words)
  else if (named || category !== undefined || level !== undefined) {
    out.routine(category ?? 'status')
  } else out.reject('DECODE_UNKNOWN', 'This is no line of BIND.')
}

const VIEW = /^(?:view [^\s:]{1,100}: )?\s{0,20}/
/** A channel of syslog with `print-time`: its own time behind the header. */
const OWN_STAMP = /^\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d{3} /
const withoutStamp = (text: string): string => text.replace(OWN_STAMP, '')

function ofClient(client: RegExpExecArray, text: string, frame: Frame): Told {
  const [, address, port, name] = client
  const about = aboutRequest(text) ?? {
    code: 'client',
    reason: text.slice(0, 300),
    outcome: /denied|refus|fail|invalid|error|bad /.test(text) ? 'failure' : 'unknown',
    name: undefined,
  }
  return queryOf({
    ...ANEW,
    ...about,
    name: about.name ?? name,
    client: address,
    port: Number(port),
    product: 'BIND',
    host: frame.host,
  })
}

export const bind: DecoderSpec = {
  name: 'bind',
  summary: 'BIND 9: queries, refusals, updates, transfers, response policy, in a file or syslog.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new LineDecoder(read, options),
}
