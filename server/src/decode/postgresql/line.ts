import type { EcsDoc } from '../../model/event.ts'
import { splitCsv } from '../custom/steps.ts'
import { isObject, numberAt, objectAt, textAt } from '../document/values.ts'
import { timeIn } from './zone-names.ts'

/** What one record of the log says, whichever of the three forms it had. */
export interface Line {
  readonly timeMs: number | undefined
  readonly level: string
  readonly message: string
  readonly user?: string | undefined
  readonly database?: string | undefined
  readonly peer?: string | undefined
  readonly port?: number | undefined
  readonly state?: string | undefined
  readonly detail?: string | undefined
  readonly query?: string | undefined
  readonly application?: string | undefined
}

type Local = (ms: number) => number

const HEAD_MAX = 600
/** Two spaces stand behind the level; one where a shipper or a service squeezed them, and then a border before it. */
const LEVEL =
  /(LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG\d?|DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION): {2}/
const OTHER_TONGUE = /([A-ZÀ-Þ]{4,14}): {2}/
const SQUEEZED =
  /(?:^|[\s\]):>-])(LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG\d?|DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION): /
/** Levels as the catalogs of other languages have them (postgres, src/backend/po). */
const FOREIGN: Readonly<Record<string, string>> = {
  ...{
    FEHLER: 'ERROR',
    ERREUR: 'ERROR',
    ERRORE: 'ERROR',
    ERRO: 'ERROR',
    FATALE: 'FATAL',
    FATALER: 'FATAL',
  },
  ...{
    SENTENCIA: 'STATEMENT',
    ANWEISUNG: 'STATEMENT',
    INSTRUCTION: 'STATEMENT',
    COMANDO: 'STATEMENT',
  },
  ...{
    DETALLE: 'DETAIL',
    DETALHE: 'DETAIL',
    SUGERENCIA: 'HINT',
    TIPP: 'HINT',
    ASTUCE: 'HINT',
    DICA: 'HINT',
  },
  ...{ HINWEIS: 'NOTICE', ADVERTENCIA: 'WARNING', WARNUNG: 'WARNING', ATTENTION: 'WARNING' },
  ...{
    CONTEXTO: 'CONTEXT',
    KONTEXT: 'CONTEXT',
    CONTEXTE: 'CONTEXT',
    REGISTRO: 'LOG',
    PROTOKOLL: 'LOG',
  },
}
const CSV = (
  'timestamp user dbname pid remote session_id line_num ps session_start vxid txid error_severity ' +
  'state_code message detail hint internal_query internal_position context statement query_pos location application'
).split(' ')

export function readLine(text: string, local: Local): Line | undefined {
  return readJson(text, local) ?? readCsv(text, local) ?? readText(text, local)
}

/** stderr: before the level stands what `log_line_prefix` asks for. */
function readText(text: string, local: Local): Line | undefined {
  const begin = text.slice(0, HEAD_MAX)
  const foreign = OTHER_TONGUE.exec(begin)
  const spoken = Object.hasOwn(FOREIGN, foreign?.[1] ?? '') ? foreign : null
  const found = LEVEL.exec(begin) ?? spoken ?? SQUEEZED.exec(begin)
  const level = found?.[1]
  if (found === null || level === undefined) return undefined
  const head = begin.slice(0, found.index + found[0].indexOf(level))
  const words = text.slice(found.index + found[0].length)
  // With log_error_verbosity = verbose the SQLSTATE stands before the message.
  const state = /^(?=[A-Z]{0,4}\d)[0-9A-Z]{5}(?=: )/.exec(words)?.[0]
  const name = (pattern: RegExp): string | undefined => known(pattern.exec(head)?.[1])
  const pair = /(?:^|[\s:[(])([^\s@=,:[\]()]{1,63})@([^\s@,:[\]()]{1,63})/.exec(head)
  return {
    timeMs: timeIn(head, local) ?? epochIn(head),
    level: FOREIGN[level] ?? level,
    message: state === undefined ? words : words.slice(7),
    state: state ?? /sql_error_code = ([0-9A-Z]{5})/.exec(head)?.[1],
    user: name(/\b(?:user|usr|u)=([^,\s\]|]+)/) ?? known(pair?.[1]),
    database: name(/\b(?:db|database|d)=([^,\s\]|]+)/) ?? known(pair?.[2]),
    peer:
      name(/\b(?:client|host|remote|h|r)=([^,\s\]|]+)/) ??
      name(/(?:^|[\s:@[])((?:\d{1,3}\.){3}\d{1,3}(?:\(\d+\))?)/) ??
      name(/(?:^|[\s@[])([0-9a-f]{0,4}(?::[0-9a-f]{0,4}){2,7}\(\d+\))/i),
    application: name(
      /\b(?:app|application|a)=(.{0,200}?)(?=[,\s|]\s?\w{1,20}=|\]?[\s:|]*$|\]\s+\[)/,
    ),
  }
}

const known = (word: string | undefined): string | undefined =>
  word === undefined || word === '' || word === '[unknown]' || word === '[unknown'
    ? undefined
    : word

function epochIn(head: string): number | undefined {
  const found = /(?:^|[\s[])(\d{10})\.(\d{3})(?:\D|$)/.exec(head)
  return found === null ? undefined : Number(found[1]) * 1_000 + Number(found[2])
}

function readJson(text: string, local: Local): Line | undefined {
  if (!text.startsWith('{')) return undefined
  let doc: unknown
  try {
    doc = JSON.parse(text)
  } catch {
    return undefined
  }
  return isObject(doc) ? ofJson(objectAt(doc, 'record') ?? doc, local) : undefined
}

/** `jsonlog`, or csvlog's columns under the names of the manual, as the CloudNativePG operator writes them. */
function ofJson(doc: EcsDoc, local: Local): Line | undefined {
  const [level, message] = [textAt(doc, 'error_severity'), textAt(doc, 'message')]
  if (level === undefined || (message === undefined && !('audit' in doc))) return undefined
  return {
    timeMs: timeIn(textAt(doc, 'timestamp', 'log_time') ?? '', local),
    level,
    message: auditText(objectAt(doc, 'audit')) ?? message ?? '',
    user: textAt(doc, 'user', 'user_name'),
    database: textAt(doc, 'dbname', 'database_name'),
    peer: textAt(doc, 'remote_host', 'connection_from'),
    port: numberAt(doc, 'remote_port'),
    state: textAt(doc, 'state_code', 'sql_state_code'),
    detail: textAt(doc, 'detail'),
    query: textAt(doc, 'statement', 'query'),
    application: textAt(doc, 'application_name'),
  }
}

/** The operator takes an audited statement apart; here it is put together again. */
function auditText(audit: EcsDoc | undefined): string | undefined {
  if (audit === undefined) return undefined
  const quoted = (name: string): string => `"${(textAt(audit, name) ?? '').replaceAll('"', '""')}"`
  const names =
    'audit_type statement_id substatement_id class command object_type object_name statement parameter'
  return `AUDIT: ${names.split(' ').map(quoted).join(',')}`
}

export const beginsCsv = (text: string): boolean =>
  /^"?\d{4}-\d\d-\d\d [\d:.]{8,16} [^\s,"]{1,10}"?,/.test(text)

function readCsv(text: string, local: Local): Line | undefined {
  const values = beginsCsv(text) ? splitCsv(text, ',') : undefined
  if (values === undefined || values.length < 14) return undefined
  const at = (name: string): string | undefined => {
    const value = values[CSV.indexOf(name)]
    return value === '' ? undefined : value
  }
  return {
    timeMs: timeIn(at('timestamp') ?? '', local),
    level: at('error_severity') ?? '',
    message: at('message') ?? '',
    user: at('user'),
    database: at('dbname'),
    peer: at('remote'),
    state: at('state_code'),
    detail: at('detail'),
    query: at('statement'),
    application: at('application'),
  }
}
