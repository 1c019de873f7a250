import { ANEW } from '../../base/anew.ts'
import type { Decoder, DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { timeReader } from '../custom/time-format.ts'
import { eventOf } from '../document/json-decoder.ts'
import { asTime, compact, isObject, present, textAt } from '../document/values.ts'
import { Frame } from '../line/frame.ts'
import { readLogfmt } from '../line/logfmt.ts'
import { checkStampOptions, STAMP_OPTIONS, stampOptions } from '../line/options.ts'
import { readAccessLine } from '../web-access/access-line.ts'
import type { Request } from '../web-access/request.ts'
import { sourceOf } from './source.ts'

const LINE_MAX = 1_048_576
const QUERY_MAX = 8_192
const OBSERVER = { vendor: 'InfluxData', product: 'InfluxDB' } as const
const utc = (): number => 0
/** The console of version 2: `TIME<tab>info<tab>message<tab>{"log_id": …}`. */
const CONSOLE =
  /^(\S{20,40})\t(debug|info|warn|error|fatal|panic)\t([^\t]{1,2000})(?:\t(\{.*\}))?$/s
/** Version 3: `TIME  INFO part: message`. */
const THIRD =
  /^(\d{4}-\d\d-\d\dT[\d:.]{8,20}Z) {1,2}(TRACE|DEBUG|INFO|WARN|ERROR) [\w:.]{1,100}: (.*)$/s
/** Before 1.5: `[I] 2016-08-08T10:11:12Z message service=httpd`; also `[httpd] `, `[query] ` before the line. */
const OLD = /^\[([A-Za-z]{1,20})\] (.*)$/s

/** InfluxDB: the HTTP request log, and the log of the server as logfmt, JSON and for the console. */
class InfluxdbDecoder implements Decoder {
  readonly #frame: Frame
  readonly #clf = clf()

  constructor(options: Readonly<Record<string, unknown>>) {
    this.#frame = new Frame(stampOptions(options))
  }

  decode(item: RawItem, out: DecodeSink): void {
    const { text } = item
    if (text.length > LINE_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${LINE_MAX}.`)
      return
    }
    if (text.trim() === '') {
      out.routine('blank')
      return
    }
    const told = this.#request(text, out) || this.#line(text, undefined, out)
    if (told) return
    this.#frame.read(text, item.receivedMs)
    const { message, timeMs } = this.#frame
    if (this.#request(message, out) || this.#line(message, timeMs, out)) return
    if (/^ {2,}|^\t| @ |^ *8{3}/.test(text)) out.routine('banner')
    else out.reject('DECODE_UNKNOWN', 'No line of InfluxDB is known like it.')
  }

  #request(text: string, out: DecodeSink): boolean {
    const request = readAccessLine(text.replace(/^\[httpd\] /, ''), this.#clf)
    if (request === undefined) return false
    tellRequest(request, text, out)
    return true
  }

  #line(text: string, timeMs: number | undefined, out: DecodeSink): boolean {
    const doc = docOf(text)
    if (doc === undefined) return false
    tellLine(doc, asTime(doc['ts'] ?? doc['time']) ?? timeMs, out)
    return true
  }
}

function clf() {
  const read = timeReader('d/MMM/yyyy:HH:mm:ss Z', utc)
  return typeof read === 'string' ? (): undefined => undefined : read
}

function docOf(text: string): EcsDoc | undefined {
  if (text.startsWith('{')) return jsonOf(text)
  const console = CONSOLE.exec(text)
  if (console !== null) {
    const [, ts, lvl, msg, rest = '{}'] = console
    return { ...ANEW, ...jsonOf(rest), ts, lvl, msg }
  }
  const old = OLD.exec(text)
  if (old !== null) {
    const [, mark = '', line = ''] = old
    const dated = /^(\d{4})\/(\d\d)\/(\d\d) (\d\d:\d\d:\d\d) (.*)$/s.exec(line)
    if (dated !== null) {
      const [, year, month, day, time, msg] = dated
      return { lvl: 'info', ts: `${year}-${month}-${day}T${time}Z`, msg, service: mark }
    }
    const at = line.indexOf(' ')
    const lvl = { I: 'info', E: 'error', W: 'warn', D: 'debug' }[mark] ?? 'info'
    const service = mark.length > 1 ? { service: mark } : {}
    return { lvl, ts: line.slice(0, at), msg: line.slice(at + 1), ...service, ...readLogfmt(line) }
  }
  const third = THIRD.exec(text)
  if (third !== null) {
    const [, ts, lvl = '', msg] = third
    return { ts, lvl: lvl.toLowerCase(), msg }
  }
  if (/^run: \S/.test(text)) return { lvl: 'error', msg: text }
  const doc = readLogfmt(text)
  return doc !== undefined && 'msg' in doc && ('lvl' in doc || 'level' in doc) ? doc : undefined
}

function jsonOf(text: string): EcsDoc | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) && (text === '{}' || Object.keys(value).length > 0) ? value : undefined
  } catch {
    return undefined
  }
}

const REFUSED = new RegExp(
  '^(?:unauthorized|authorization (?:failed|not found)|unable to parse authentication credentials|' +
    'user not found|authentication failed)',
  'i',
)

function tellLine(doc: EcsDoc, timeMs: number | undefined, out: DecodeSink): void {
  const message = textAt(doc, 'msg', 'message') ?? ''
  const level = (textAt(doc, 'lvl', 'level') ?? 'info').toLowerCase()
  const error = textAt(doc, 'error')
  const reason = (error === undefined ? message : `${message}: ${error}`).slice(0, 500)
  const told = (
    action: EventAction,
    category: string,
    type: readonly string[],
    failed: boolean,
    more: EcsDoc = {},
  ): void =>
    out.event({
      timeMs,
      action,
      doc: compact({
        event: eventOf([category], type, failed ? 'failure' : 'success', { reason }),
        user: present({ name: textAt(doc, 'user', 'username') }),
        source: sourceOf(textAt(doc, 'remote', 'remote_addr', 'addr')),
        log: { level },
        observer: OBSERVER,
        ...more,
      }),
    })
  const query = textAt(doc, 'query') ?? (textAt(doc, 'service') === 'query' ? message : undefined)
  if (message === 'Request' && textAt(doc, 'status_code') === '401') {
    // At level debug the request is logged beside the refusal.
    out.routine('login-told')
  } else if (REFUSED.test(message) || (error !== undefined && REFUSED.test(error))) {
    told('user-login', 'authentication', ['start', 'denied'], true)
  } else if (query !== undefined && level !== 'error') {
    told('api-call', 'database', ['access'], false, {
      database: compact({ name: textAt(doc, 'db', 'database'), query: query.slice(0, QUERY_MAX) }),
    })
  } else if (/^(?:InfluxDB starting|Welcome to InfluxDB)/.test(message)) {
    told('service-start', 'process', ['start'], false)
  } else if (level === 'error' || level === 'fatal' || level === 'panic') {
    told('service-error', 'database', ['error'], true)
  } else out.routine(`log-${/^[a-z]{1,10}$/.test(level) ? level : 'other'}`)
}

const WRITES = /^\/(?:write|api\/v2\/write|api\/v3\/write\w*)(?:\?|$)/
const PROBES = /^\/(?:ping|health|ready|metrics|debug\/\w+)(?:[/?]|$)/

/** A write that was taken is the life of a fleet; queries are told with who asked and what. */
function tellRequest(request: Request, text: string, out: DecodeSink): void {
  const { path = '', status, timeMs, address, user, method, agent } = request
  const failed = status !== undefined && status >= 400
  if (!failed && (WRITES.test(path) || PROBES.test(path))) {
    out.routine(WRITES.test(path) ? 'write' : 'probe')
    return
  }
  const refused = status === 401
  const denied = refused || status === 403
  const at = path.indexOf('?')
  const asked = new URLSearchParams(at < 0 ? '' : path.slice(at + 1, at + QUERY_MAX))
  const query = asked.get('q')
  out.event({
    timeMs,
    action: refused ? 'user-login' : 'api-call',
    doc: compact({
      event: eventOf(
        [refused ? 'authentication' : 'database'],
        [
          refused ? 'start' : WRITES.test(path) ? 'change' : 'access',
          ...(denied ? ['denied'] : []),
        ],
        failed ? 'failure' : 'success',
        {
          code: status === undefined ? undefined : `http-${status}`,
          reason: `${method ?? ''} ${at < 0 ? path : path.slice(0, at)}`.trim(),
        },
      ),
      source: sourceOf(address),
      user: present({ name: user ?? asked.get('u') }),
      url: present({ path: at < 0 ? path : path.slice(0, at) }),
      http: compact({ request: present({ method }), response: present({ status_code: status }) }),
      user_agent: present({ original: agent }),
      observer: OBSERVER,
      database: present({
        name: asked.get('db') ?? asked.get('bucket'),
        query: query?.slice(0, QUERY_MAX),
      }),
    }),
    ...withoutPassword(text, asked),
  })
}

/** With `p=` a password stands in the request. */
const withoutPassword = (text: string, asked: URLSearchParams): { original?: string } =>
  asked.has('p') ? { original: text.replaceAll(/([?&]p=)[^& ]*/g, '$1***') } : {}

export const influxdb: DecoderSpec = {
  name: 'influxdb',
  summary: 'InfluxDB 1 and 2: the HTTP request log, and the log of the server.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new InfluxdbDecoder(options),
}
