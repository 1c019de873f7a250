import type { Decoder, DecoderSpec, DecodeSink, StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import { type RawItem, streamOf } from '../../model/source.ts'
import { isoToMs } from '../../base/timestamp.ts'
import { compact, present } from '../document/values.ts'
import { KeptMap } from '../kept-map.ts'
import { transportOf } from '../network/endpoint.ts'
import { flowOf, wholeNumber } from './verdict.ts'

/** Version 2, the format of flow logs that name none (AWS: "Flow log records"). */
const DEFAULT =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status'
/** Fields of versions 3 to 8 as AWS lists them: most custom formats are the default and some of these behind it. */
const LISTED = (
  `${DEFAULT} vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id sublocation-type ` +
  'sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path ecs-cluster-arn ' +
  'ecs-cluster-name ecs-container-instance-arn ecs-container-instance-id ecs-container-id ' +
  'ecs-second-container-id ecs-service-name ecs-task-definition-arn ecs-task-arn ecs-task-id reject-reason'
).split(' ')
/** AWS' own examples of custom formats ("Flow log record examples"). */
const EXAMPLES = [
  'version vpc-id subnet-id instance-id interface-id account-id type srcaddr dstaddr srcport dstport pkt-srcaddr ' +
    'pkt-dstaddr protocol bytes packets start end action tcp-flags log-status',
  'instance-id interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr',
].map((format) => format.split(' '))
const FIELDS_MAX = 100
const FILES_MAX = 1_000
const TEXT_MAX = 65_536

function formatOf(text: string): readonly string[] | undefined {
  const names = text.trim().split(/[\s,]+/, FIELDS_MAX + 1)
  const plain = names.map((name) => name.replace(/^\$\{(.*)\}$/, '$1').replaceAll('_', '-'))
  const known = plain.every((name) => /^[a-z][a-z0-9-]{1,40}$/.test(name))
  return known && plain.length > 1 && plain.length <= FIELDS_MAX ? plain : undefined
}

/** Of a record that no header or option fits: where its verdict stands tells. */
function formatOfRow(cells: readonly string[]): readonly string[] | undefined {
  const isVerdict = (cell: string | undefined): boolean => cell === 'ACCEPT' || cell === 'REJECT'
  const isState = (cell: string | undefined): boolean =>
    cell === 'OK' || cell === 'NODATA' || cell === 'SKIPDATA'
  if (
    /^\d$/.test(cells[0] ?? '') &&
    isState(cells[13]) &&
    (isVerdict(cells[12]) || cells[12] === '-')
  ) {
    return LISTED.slice(0, cells.length)
  }
  return EXAMPLES.find((names) => {
    const [verdict, state] = [names.indexOf('action'), names.indexOf('log-status')]
    if (names.length !== cells.length) return false
    if (verdict < 0) return cells[1]?.startsWith('eni-') === true
    return isState(cells[state]) && (isVerdict(cells[verdict]) || cells[verdict] === '-')
  })
}

const isHeader = (text: string): boolean =>
  /(?:^|\s)(?:srcaddr|dstaddr|interface-id|pkt-srcaddr)(?:\s|$)/.test(text.replaceAll('_', '-'))

/** A header names the columns of its file, as flow logs in S3 have it; else the option, else version 2. */
class VpcFlowDecoder implements Decoder {
  readonly #formats = new KeptMap<readonly string[]>('f:', FILES_MAX)
  readonly #format: readonly string[]

  constructor(format: readonly string[]) {
    this.#format = format
  }

  decode(item: RawItem, out: DecodeSink): void {
    const { text } = item
    const file = streamOf(item)
    if (text.length > TEXT_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${TEXT_MAX}.`)
    } else if (text.trim() === '') {
      out.routine('blank')
    } else if (isHeader(text)) {
      const format = formatOf(text)
      if (format === undefined) out.reject('DECODE_FIELD', 'The header names no such fields.')
      else {
        this.#formats.set(file, format)
        out.routine('header')
      }
    } else {
      this.#readRow(text.trim(), this.#formats.get(file) ?? this.#format, out)
    }
  }

  takeChanges(): readonly StateChange[] {
    const changes: StateChange[] = []
    this.#formats.takeChanges(changes)
    return changes
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#formats.restore(entries)
    for (const [file, format] of [...this.#formats]) {
      const whole = Array.isArray(format) && format.every((name) => typeof name === 'string')
      if (!whole) this.#formats.delete(file)
    }
  }

  stats(): Readonly<Record<string, number>> {
    return { headers: this.#formats.size, headers_evicted: this.#formats.evicted }
  }

  #readRow(text: string, format: readonly string[], out: DecodeSink): void {
    const cells = text.split(/\s+/, FIELDS_MAX + 2)
    // `aws logs tail` and exports from CloudWatch put the time of the record before it.
    if (cells.length === format.length + 1 && isoToMs(cells[0] ?? '') !== undefined) cells.shift()
    const names = cells.length === format.length ? format : formatOfRow(cells)
    if (names === undefined) {
      out.reject('DECODE_FIELD', `${cells.length} values, the format has ${format.length}.`)
      return
    }
    const row = new Map<string, string>()
    for (let column = 0; column < names.length; column++) {
      const cell = cells[column] ?? '-'
      if (cell !== '-') row.set(names[column] ?? '', cell)
    }
    const status = row.get('log-status')
    if (status === 'NODATA' || status === 'SKIPDATA') {
      out.routine(status.toLowerCase())
      return
    }
    tell(row, out)
  }
}

function tell(row: ReadonlyMap<string, string>, out: DecodeSink): void {
  const start = wholeNumber(row.get('start'))
  const end = wholeNumber(row.get('end'))
  const protocol = row.get('protocol')
  if (protocol !== undefined && !/^\d{1,3}$/.test(protocol)) {
    out.reject('DECODE_FIELD', `The protocol is no number: ${protocol.slice(0, 40)}`)
    return
  }
  if (start === undefined && end === undefined && row.get('srcaddr') === undefined) {
    out.reject('DECODE_FIELD', 'Neither a time nor a source address is in the record.')
    return
  }
  const startMs = msOf(start)
  const endMs = msOf(end)
  const words = flowWords(row, protocol)
  const event = words.doc['event'] as EcsDoc
  if (startMs !== undefined) event['start'] = new Date(startMs).toISOString()
  if (endMs !== undefined) event['end'] = new Date(endMs).toISOString()
  if (startMs !== undefined && endMs !== undefined)
    event['duration'] = Math.max(0, endMs - startMs) * 1e6
  out.event({ timeMs: endMs ?? startMs, action: words.action, doc: words.doc })
}

const YEAR_2286_S = 9_999_999_999
const msOf = (seconds: number | undefined): number | undefined =>
  seconds === undefined || seconds > YEAR_2286_S ? undefined : seconds * 1000

function flowWords(row: ReadonlyMap<string, string>, protocol: string | undefined) {
  const action = row.get('action')
  const bytes = wholeNumber(row.get('bytes'))
  const packets = wholeNumber(row.get('packets'))
  const vpc: EcsDoc = {}
  for (const [name, value] of row) vpc[name.replaceAll('-', '_')] = value
  const way = row.get('flow-direction')
  const words = flowOf({
    verdict: action === 'ACCEPT' ? 'allowed' : action === 'REJECT' ? 'denied' : undefined,
    code: action?.slice(0, 20) ?? 'flow',
    reason: row.get('reject-reason') ?? action ?? 'flow',
    source: {
      address: row.get('srcaddr') ?? row.get('pkt-srcaddr'),
      port: wholeNumber(row.get('srcport')),
      bytes,
      packets,
    },
    destination: {
      address: row.get('dstaddr') ?? row.get('pkt-dstaddr'),
      port: wholeNumber(row.get('dstport')),
    },
    transport: transportOf(wholeNumber(protocol)),
    direction: way === 'ingress' || way === 'egress' ? way : undefined,
    bytes,
    packets,
    vendor: 'Amazon',
    product: 'VPC flow logs',
  })
  if (protocol !== undefined) (words.doc['network'] as EcsDoc)['iana_number'] = protocol
  words.doc['cloud'] = compact({
    provider: 'aws',
    region: row.get('region'),
    availability_zone: row.get('az-id'),
    account: present({ id: row.get('account-id') }),
    instance: present({ id: row.get('instance-id') }),
  })
  words.doc['aws'] = { vpcflow: vpc }
  return words
}

export const vpcFlow: DecoderSpec = {
  name: 'vpc-flow',
  summary: 'AWS VPC flow logs: version 2, or fields named by a header line or the option format.',
  options: { format: 'The fields of a record, as AWS writes them: ${version} ${srcaddr} …' },
  check: ({ format }) =>
    format === undefined || (typeof format === 'string' && formatOf(format) !== undefined)
      ? undefined
      : 'format must name fields of flow logs, separated by spaces',
  create: (options = {}) => {
    const { format } = options
    const given = typeof format === 'string' ? formatOf(format) : undefined
    return new VpcFlowDecoder(given ?? DEFAULT.split(' '))
  },
}
