import type { DecodeSink } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { splitCsv } from '../custom/steps.ts'
import { eventOf } from '../document/json-decoder.ts'
import { compact, present } from '../document/values.ts'
import { parsePeer } from '../mosquitto/address.ts'
import { endpoint } from '../network/endpoint.ts'
import type { Line } from './line.ts'

const QUERY_MAX = 8_192
const REASON_MAX = 500
const REFUSED = new RegExp(
  'authentication failed|no pg_hba\\.conf entry|pg_hba\\.conf rejects|' +
    'role "[^"]*" (?:does not exist|is not permitted)',
)
const HANDSHAKE = /could not accept SSL connection|SSL error:|could not initiate GSSAPI/
const RAN = new RegExp(
  '^(?:statement|sentencia|instruction|Anweisung|execute [^:]*|' +
    'duration: [\\d.]+ ms {1,2}(?:statement|execute [^:]*)): ',
  'i',
)

/** The item that an event belongs to and what it was made of, where that is more than the item being decoded. */
export interface Whole {
  readonly origin: RawItem
  readonly original: string
}

interface Words {
  readonly action: EventAction
  readonly event: EcsDoc
  readonly more?: EcsDoc
}

export function tell(line: Line, out: DecodeSink, whole?: Whole): void {
  const words = wordsOf(line)
  if (words === undefined) {
    out.routine(routineOf(line))
    return
  }
  const { message, level } = line
  const who = /\buser=(\S+)/.exec(message)?.[1] ?? /(?:for user|role) "([^"]+)"/.exec(message)?.[1]
  const database = /\bdatabase=(\S+)/.exec(message)?.[1] ?? /database "([^"]+)"/.exec(message)?.[1]
  const doc = compact({
    event: words.event,
    message: message.slice(0, QUERY_MAX),
    user: present({ name: line.user ?? who }),
    source: peerOf(line),
    observer: { vendor: 'PostgreSQL', product: 'PostgreSQL' },
    log: { level: level.toLowerCase() },
    database: compact({
      name: line.database ?? database,
      application: line.application,
      ...words.more,
    }),
  })
  out.event({ timeMs: line.timeMs, action: words.action, doc, ...whole })
}

function peerOf({ message, peer, port }: Line): EcsDoc | undefined {
  const told = /\bhost[= ]"?([^\s",]+)"?(?:,? port=(\d+))?/.exec(message)
  const text = peer?.replace(/\((\d+)\)$/, ':$1') ?? told?.[1]
  if (text === undefined || text.startsWith('[local')) return undefined
  const { address, port: written } = parsePeer(text, peer?.endsWith(')') === true ? 'port' : 'none')
  const given = port ?? written ?? (told?.[2] === undefined ? undefined : Number(told[2]))
  return endpoint({ address, port: given })
}

function wordsOf(line: Line): Words | undefined {
  const { message, level, state } = line
  const reason = message.slice(0, REASON_MAX)
  if (message.startsWith('AUDIT: ')) return audit(message)
  if (/^(?:STATEMENT|DETAIL|HINT|CONTEXT|QUERY|LOCATION)$/.test(level)) return undefined
  if (/^(?:replication )?connection authorized:/.test(message)) {
    const rest = { code: 'login', reason: 'Logged in' }
    return {
      action: 'user-login',
      event: eventOf(['authentication', 'database'], ['start'], 'success', rest),
    }
  }
  if (state === '28P01' || state === '28000' || REFUSED.test(message)) {
    const event = eventOf(['authentication', 'database'], ['start', 'denied'], 'failure', {
      code: 'login',
      reason,
    })
    return { action: 'user-login', event }
  }
  if (message.startsWith('disconnection: ')) {
    const rest = { code: 'logout', reason }
    return {
      action: 'user-logout',
      event: eventOf(['session', 'database'], ['end'], 'success', rest),
    }
  }
  if (HANDSHAKE.test(message)) {
    const rest = { code: 'tls', reason }
    return {
      action: 'tls-handshake',
      event: eventOf(['network', 'database'], ['error'], 'failure', rest),
    }
  }
  if (RAN.test(message)) return statement(message)
  if (state === '42501' || message.includes('permission denied')) {
    const event = eventOf(['database'], ['access', 'denied'], 'failure', {
      code: 'permission-denied',
      reason,
    })
    return { action: 'api-call', event, more: queryOf(line.query) }
  }
  if (level === 'ERROR' || level === 'FATAL' || level === 'PANIC') {
    const event = eventOf(['database'], ['error'], 'failure', {
      code: state ?? level.toLowerCase(),
      reason,
    })
    return { action: 'service-error', event, more: queryOf(line.query) }
  }
  return ofServer(message)
}

function ofServer(message: string): Words | undefined {
  if (message.startsWith('database system is ready to accept')) {
    const event = eventOf(['process', 'database'], ['start'], 'success', { reason: message })
    return { action: 'service-start', event }
  }
  if (message.startsWith('database system is shut down')) {
    const event = eventOf(['process', 'database'], ['end'], 'success', { reason: message })
    return { action: 'service-stop', event }
  }
  const changed = /^parameter "([^"]+)" changed to "/.exec(message)
  if (changed === null) return undefined
  const rest = { code: changed[1], reason: message.slice(0, REASON_MAX) }
  return {
    action: 'config-change',
    event: eventOf(['configuration', 'database'], ['change'], 'success', rest),
  }
}

function routineOf({ message, level }: Line): string {
  if (/^connection (?:received|authenticated):/.test(message)) return 'connection'
  return `log-${level
    .toLowerCase()
    .replaceAll(/[^a-z]/g, '')
    .slice(0, 12)}`
}

const queryOf = (query: string | undefined): EcsDoc =>
  query === undefined ? {} : { query: query.slice(0, QUERY_MAX) }

function statement(message: string): Words {
  const from = message.indexOf(': ', message.startsWith('duration') ? 10 : 0) + 2
  const rest = { code: 'statement', reason: 'A statement ran' }
  return {
    action: 'api-call',
    event: eventOf(['database'], ['access'], 'success', rest),
    more: queryOf(message.slice(from)),
  }
}

/** `AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.t,select …,<not logged>` (pgaudit, "Format"). */
function audit(message: string): Words {
  const fields = splitCsv(message.slice(7), ',') ?? message.slice(7).split(',', 9)
  const [kind, , , group, command, objectType, object, query, parameters] = fields
  const change = group === 'ROLE' || group === 'DDL'
  return {
    action: change ? 'config-change' : 'api-call',
    event: eventOf(['database'], [change || group === 'WRITE' ? 'change' : 'access'], 'success', {
      code: `audit-${(group ?? 'misc').toLowerCase()}`,
      reason: `${command ?? ''} ${object ?? ''}`.trim(),
    }),
    more: {
      audit: kind,
      operation: command,
      object_type: objectType === '' ? undefined : objectType,
      object: object === '' ? undefined : object,
      query: query?.slice(0, QUERY_MAX),
      parameters: parameters === '<not logged>' || parameters === '<none>' ? undefined : parameters,
    },
  }
}
