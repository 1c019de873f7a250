import type { Decoder, DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { splitCsv } from '../custom/steps.ts'
import { eventOf } from '../document/json-decoder.ts'
import { asTime, compact, isObject, present, textAt } from '../document/values.ts'
import { Frame } from '../line/frame.ts'
import { parsePeer } from '../mosquitto/address.ts'
import { endpoint } from '../network/endpoint.ts'

const LINE_MAX = 1_048_576
const LEVEL =
  /(?:^|[\s\]])(LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG\d?|DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION): {1,2}/
const CSV = (
  'timestamp user dbname pid remote session_id line_num ps session_start vxid txid error_severity ' +
  'state_code message detail hint internal_query internal_position context statement'
).split(' ')

interface Line {
  readonly timeMs: number | undefined
  readonly level: string
  readonly message: string
  readonly user: string | undefined
  readonly database: string | undefined
  readonly peer: string | undefined
  readonly state: string | undefined
  readonly detail?: string | undefined
}

/** PostgreSQL's log: stderr, csvlog and jsonlog, with pgaudit's `AUDIT:` messages. */
class PostgresqlDecoder implements Decoder {
  readonly #frame = new Frame({ zone: () => 0, monthFirst: false })

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
    const line = readJson(text) ?? readCsv(text) ?? this.#readText(text, item.receivedMs)
    if (line !== undefined) tell(line, out)
    else if (/^\s/.test(text)) out.routine('continuation')
    else out.reject('DECODE_UNKNOWN', 'No line of the log of PostgreSQL.')
  }

  #readText(text: string, receivedMs: number): Line | undefined {
    this.#frame.read(text, receivedMs)
    const level = LEVEL.exec(text)
    if (level === null) return undefined
    const head = text.slice(0, level.index)
    const name = (pattern: RegExp): string | undefined => pattern.exec(head)?.[1]
    const pair = /(?:^|\s)([^\s@=,\]]{1,63})@([^\s@,]{1,63})/.exec(head)
    return {
      timeMs: this.#frame.timeMs,
      level: level[1] ?? '',
      message: text.slice(level.index + level[0].length),
      user: name(/\buser=([^,\s]+)/) ?? pair?.[1],
      database: name(/\bdb=([^,\s]+)/) ?? pair?.[2],
      peer: name(/\b(?:client|host|remote)=([^,\s]+)/) ?? name(/\s([\d.]{7,15}\(\d+\))/),
      state: undefined,
    }
  }
}

function readJson(text: string): Line | undefined {
  if (!text.startsWith('{')) return undefined
  let doc: unknown
  try {
    doc = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(doc)) return undefined
  const [level, message] = [textAt(doc, 'error_severity'), textAt(doc, 'message')]
  if (level === undefined || message === undefined) return undefined
  return {
    timeMs: postgresTime(textAt(doc, 'timestamp')),
    level,
    message,
    user: textAt(doc, 'user'),
    database: textAt(doc, 'dbname'),
    peer: textAt(doc, 'remote_host'),
    state: textAt(doc, 'state_code'),
    detail: textAt(doc, 'detail'),
  }
}

function readCsv(text: string): Line | undefined {
  const values = /^\d{4}-\d\d-\d\d [\d:.]+ \S+,/.test(text) ? splitCsv(text, ',') : undefined
  if (values === undefined || values.length < 14) return undefined
  const at = (name: string): string | undefined => {
    const value = values[CSV.indexOf(name)]
    return value === '' ? undefined : value
  }
  return {
    timeMs: postgresTime(at('timestamp')),
    level: at('error_severity') ?? '',
    message: at('message') ?? '',
    user: at('user'),
    database: at('dbname'),
    peer: at('remote'),
    state: at('state_code'),
    detail: at('detail'),
  }
}

const postgresTime = (text: string | undefined): number | undefined =>
  asTime(text?.replace(/ (?:UTC|GMT)$/, 'Z'))

function tell(line: Line, out: DecodeSink): void {
  const { message, level, timeMs, state } = line
  const named = /^connection (?:received|authorized|authenticated):/.test(message)
  const who = /\buser=(\S+)/.exec(message)?.[1] ?? /(?:for user|role) "([^"]+)"/.exec(message)?.[1]
  const database = /\bdatabase=(\S+)/.exec(message)?.[1]
  const host = /\bhost=(\S+?)(?: port=(\d+))?(?:\s|$)/.exec(message)
  const peer = line.peer?.replace(/\((\d+)\)$/, ':$1') ?? host?.[1]
  const event = (action: EventAction, inner: EcsDoc, more: EcsDoc = {}): void =>
    out.event({
      timeMs,
      action,
      doc: compact({
        event: inner,
        user: present({ name: line.user ?? who }),
        source:
          peer === undefined || peer === '[local]' ? undefined : endpoint(parsePeer(peer, 'port')),
        observer: { vendor: 'PostgreSQL', product: 'PostgreSQL' },
        log: { level: level.toLowerCase() },
        database: compact({ name: line.database ?? database, ...more }),
      }),
    })
  if (message.startsWith('AUDIT: ')) audit(message, event)
  else if (message.startsWith('connection authorized:')) {
    event(
      'api-call',
      eventOf(['authentication', 'database'], ['start'], 'success', {
        code: 'login',
        reason: 'Logged in',
      }),
    )
  } else if (
    state === '28P01' ||
    state === '28000' ||
    /authentication failed|no pg_hba\.conf entry|role "[^"]*" does not exist/.test(message)
  ) {
    event(
      'api-call',
      eventOf(['authentication', 'database'], ['start'], 'failure', {
        code: 'login',
        reason: message.slice(0, 500),
      }),
    )
  } else if (
    /^(?:statement|execute [^:]*|duration: [\d.]+ ms {1,2}(?:statement|execute [^:]*)): /.test(
      message,
    )
  ) {
    const query = message.slice(message.indexOf(': ', message.startsWith('duration') ? 10 : 0) + 2)
    event(
      'api-call',
      eventOf(['database'], ['access'], 'success', {
        code: 'statement',
        reason: 'A statement ran',
      }),
      { query: query.slice(0, 8_192) },
    )
  } else if (/permission denied/.test(message)) {
    event(
      'api-call',
      eventOf(['database'], ['denied'], 'failure', {
        code: 'permission-denied',
        reason: message.slice(0, 500),
      }),
    )
  } else if (level === 'FATAL' || level === 'PANIC') {
    event(
      'service-error',
      eventOf(['database'], ['error'], 'failure', {
        code: state ?? 'fatal',
        reason: message.slice(0, 500),
      }),
    )
  } else
    out.routine(
      named
        ? 'connection'
        : `log-${level
            .toLowerCase()
            .replaceAll(/[^a-z]/g, '')
            .slice(0, 12)}`,
    )
}

/** `AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.t,select …,<not logged>` (pgaudit, "Format"). */
function audit(
  message: string,
  event: (action: EventAction, inner: EcsDoc, more?: EcsDoc) => void,
): void {
  const fields = splitCsv(message.slice(7), ',') ?? message.slice(7).split(',', 9)
  const [kind, , , group, command, objectType, object, statement, parameters] = fields
  const change = group === 'ROLE' || group === 'DDL'
  event(
    change ? 'config-change' : 'api-call',
    eventOf(['database'], [change || group === 'WRITE' ? 'change' : 'access'], 'success', {
      code: `audit-${(group ?? 'misc').toLowerCase()}`,
      reason: `${command ?? ''} ${object ?? ''}`.trim(),
    }),
    {
      audit: kind,
      operation: command,
      object_type: objectType === '' ? undefined : objectType,
      object: object === '' ? undefined : object,
      query: statement?.slice(0, 8_192),
      parameters: parameters === '<not logged>' || parameters === '<none>' ? undefined : parameters,
    },
  )
}

export const postgresql: DecoderSpec = {
  name: 'postgresql',
  summary: 'PostgreSQL and TimescaleDB: stderr, csvlog and jsonlog, with pgaudit.',
  create: () => new PostgresqlDecoder(),
}
