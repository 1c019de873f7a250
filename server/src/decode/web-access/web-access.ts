import type { Decoder, DecoderSpec, DecodeSink, StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { timeReader } from '../custom/time-format.ts'
import { eventOf } from '../document/json-decoder.ts'
import { asTime, compact, isObject, numberAt, textAt, valueAt } from '../document/values.ts'
import { Frame } from '../line/frame.ts'
import { endpoint } from '../network/endpoint.ts'
import { artifactFinder, patternFault } from './firmware-path.ts'
import { type Request, RequestTeller } from './request.ts'

const LINE_MAX = 1_048_576
const WINDOW_DEFAULT_S = 3_600
const utc = (): number => 0
const TEXT = '"((?:[^"\\\\]|\\\\.)*)"'
const LINE = new RegExp(
  '^(?:(\\S{1,300}:\\d{1,5}) )?(\\S{1,300}) \\S{1,300} (.{0,300}?) ' +
    `\\[([^\\]]{20,40})\\] ${TEXT} (\\d{3}|-) (\\d+|-)(?: ${TEXT} ${TEXT})?`,
)
const REQUEST = /^([A-Z]{1,20}) (.*?)(?: HTTP\/[\d.]+)?$/s
/** S3 server access log: owner bucket [time] ip requester request-id operation key "request" status … */
const S3 = new RegExp(
  '^(\\S+) (\\S+) \\[([^\\]]{20,40})\\] (\\S+) (\\S+) (\\S+) ([A-Z]+\\.[A-Z.\\-_]+) (\\S+) ' +
    `(?:${TEXT}|-) (\\d{3}|-) (\\S+) (\\d+|-) (\\d+|-) (\\S+) (\\S+)(?: ${TEXT}| -)?(?: ${TEXT}| -)?`,
)

export type Server = 'nginx' | 'apache' | 's3-access'

/** Access logs: combined, common and JSON of nginx and Apache, nginx' error log, S3's server access log. */
export class WebAccessDecoder implements Decoder {
  readonly #teller: RequestTeller
  readonly #server: Server
  readonly #frame = new Frame({ zone: utc, monthFirst: false })
  readonly #time = timeReader('dd/MMM/yyyy:HH:mm:ss Z', utc)

  constructor(server: Server, options: Readonly<Record<string, unknown>>) {
    this.#server = server
    const window = Number(options['window'] ?? WINDOW_DEFAULT_S)
    const seconds = Number.isFinite(window) && window >= 0 ? window : WINDOW_DEFAULT_S
    this.#teller = new RequestTeller(artifactFinder(options['pattern']), seconds * 1_000)
  }

  decode(item: RawItem, out: DecodeSink): void {
    const { text, receivedMs } = item
    if (text.length > LINE_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${LINE_MAX}.`)
      return
    }
    if (text.trim() === '') {
      out.routine('blank')
      return
    }
    const request = this.#read(text)
    if (request !== undefined) {
      this.#teller.tell(request, out, receivedMs)
      return
    }
    this.#frame.read(text, receivedMs)
    const inner = this.#read(this.#frame.message)
    if (inner !== undefined) this.#teller.tell(inner, out, receivedMs)
    else if (!this.#tellError(out)) out.reject('DECODE_UNKNOWN', 'No line of an access log.')
  }

  #read(text: string): Request | undefined {
    if (this.#server === 's3-access') return this.#readS3(text)
    return text.startsWith('{') ? readObject(text, this.#time) : this.#readLine(text)
  }

  #readLine(text: string): Request | undefined {
    const found = LINE.exec(text)
    if (found === null || typeof this.#time === 'string') return undefined
    const [, host, address, user, stamp, line = '', status, bytes, referrer, agent] = found
    const timeMs = this.#time(stamp, 0)
    if (timeMs === undefined) return undefined
    return {
      ...requestLine(line),
      timeMs,
      address,
      user,
      status: Number(status === '-' ? 0 : status),
      bytes: bytes === '-' ? undefined : Number(bytes),
      referrer,
      agent,
      host: host?.slice(0, host.lastIndexOf(':')),
    }
  }

  #readS3(text: string): Request | undefined {
    const found = S3.exec(text)
    if (found === null || typeof this.#time === 'string') return undefined
    const [, , bucket, stamp, address, requester, id, operation, key, line] = found
    const [status, error, bytes, size, , , referrer, agent] = found.slice(10)
    const timeMs = this.#time(stamp, 0)
    if (timeMs === undefined) return undefined
    const asked = requestLine(line ?? '')
    const path = key === '-' ? asked.path : `/${key ?? ''}`
    const object = operation?.endsWith('.OBJECT') === true
    return {
      timeMs,
      address,
      user: requester,
      method: object ? (asked.method ?? operation?.split('.')[1]) : `${operation ?? ''}`,
      path,
      status: Number(status === '-' ? 0 : status),
      bytes: bytes === '-' ? undefined : Number(bytes),
      referrer,
      agent,
      more: {
        cloud: { provider: 'aws', service: { name: 's3' } },
        aws: {
          s3access: compact({
            bucket,
            request_id: id,
            operation,
            error_code: error === '-' ? undefined : error,
            object_size: size === '-' ? undefined : Number(size),
          }),
        },
      },
    }
  }

  /** `2026/11/21 22:51:22 [error] 7#7: *1 open() … failed, client: 10.0.0.5, server: …`. */
  #tellError(out: DecodeSink): boolean {
    if (this.#server === 's3-access') return false
    const { message, timeMs } = this.#frame
    const level = /\[(?:[a-z_]+:)?(debug|info|notice|warn|error|crit|alert|emerg)\]/.exec(
      message.slice(0, 200),
    )
    if (level === null || timeMs === undefined) return false
    if (/^(?:debug|info|notice|warn)$/.test(level[1] ?? '')) {
      out.routine(`log-${level[1] ?? ''}`)
      return true
    }
    const address = /(?:, client: |\[client )([0-9A-Fa-f:.]{2,45}?)(?::\d+\]|,|\]|$)/.exec(
      message,
    )?.[1]
    const reason = message
      .slice(level.index + level[0].length)
      .trim()
      .slice(0, 1_000)
    const event = eventOf(['web'], ['error'], 'failure', { code: 'server-error', reason })
    const source = address === undefined ? undefined : endpoint({ address })
    out.event({
      timeMs,
      action: 'service-error',
      doc: compact({ event, source, log: { level: level[1] } }),
    })
    return true
  }

  takeChanges(): readonly StateChange[] {
    return this.#teller.takeChanges()
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#teller.restore(entries)
  }

  stats(): Readonly<Record<string, number>> {
    return this.#teller.stats()
  }
}

/** `GET /fw/a.bin HTTP/1.1`; a line that is no request (TLS bytes on a plain port) has neither. */
function requestLine(line: string): { method: string | undefined; path: string | undefined } {
  const found = REQUEST.exec(line)
  return { method: found?.[1] ?? (line === '' ? undefined : 'INVALID'), path: found?.[2] }
}

/** The names that operators give the members of a JSON `log_format`. */
function readObject(text: string, clf: ReturnType<typeof timeReader>): Request | undefined {
  let doc: unknown
  try {
    doc = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(doc)) return undefined
  const status = numberAt(doc, 'status', 'status_code', 'response_code', 'response')
  const given = textAt(doc, 'request', 'request_line')
  const line = given === undefined ? undefined : requestLine(given)
  const path = line?.path ?? textAt(doc, 'request_uri', 'uri', 'path', 'url', 'uri_path')
  if (status === undefined || (path === undefined && given === undefined)) return undefined
  const claim = valueAt(
    doc,
    '@timestamp',
    'time_iso8601',
    'timestamp',
    'time',
    'time_local',
    'msec',
    'ts',
  )
  const timeMs = asTime(claim) ?? (typeof clf === 'string' ? undefined : clf(claim, 0))
  return {
    timeMs,
    address: textAt(
      doc,
      'remote_addr',
      'remote_ip',
      'remoteip',
      'client_ip',
      'clientip',
      'client',
      'remote',
      'ip',
    ),
    user: textAt(doc, 'remote_user', 'user', 'username'),
    method: line?.method ?? textAt(doc, 'request_method', 'method', 'verb'),
    path,
    status,
    bytes: numberAt(doc, 'body_bytes_sent', 'bytes_sent', 'bytes', 'size', 'body_bytes'),
    agent: textAt(doc, 'http_user_agent', 'user_agent', 'agent', 'ua'),
    referrer: textAt(doc, 'http_referer', 'http_referrer', 'referer', 'referrer'),
    host: textAt(doc, 'host', 'http_host', 'server_name', 'vhost'),
  }
}

export const accessOptions: EcsDoc & Record<string, string> = {
  pattern: 'RE2 with (?P<model>…), (?P<version>…), (?P<device>…), (?P<image>…): paths of firmware.',
  window: 'Seconds within which ranges of one artifact by one client are one download; 3600.',
}

function accessSpec(name: Server, summary: string): DecoderSpec {
  return {
    name,
    summary,
    options: accessOptions,
    check: ({ pattern, window }) =>
      window === undefined || (Number.isFinite(Number(window)) && Number(window) >= 0)
        ? patternFault(pattern)
        : 'window must be a number of seconds',
    create: (options = {}) => new WebAccessDecoder(name, options),
  }
}

export const nginx = accessSpec(
  'nginx',
  'nginx: access log (combined, common, JSON) and error log.',
)
export const apache = accessSpec('apache', 'Apache httpd: access log (common, combined, JSON).')
export const s3Access = accessSpec('s3-access', 'Amazon S3 server access logs.')
