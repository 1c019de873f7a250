import { ANEW } from '../../base/anew.ts'
import type { TimeRule } from '../custom/mapping.ts'
import { asTime, isObject, numberAt, objectAt, textAt, valueAt } from '../document/values.ts'
import { measure } from '../json/measure.ts'
import { requestLine } from './access-line.ts'
import type { Request } from './request.ts'

const LIMITS = { depthMax: 20, valuesMax: 5_000 } as const
const TIMES = [
  '@timestamp',
  'time_iso8601',
  'timestamp',
  'time',
  'time_local',
  'msec',
  'ts',
  'date',
]

/** The names that operators give the members of a JSON `log_format`; undefined for what is no request. */
export function readAccessObject(text: string, clf: TimeRule['read']): Request | undefined {
  let doc: unknown
  try {
    doc = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isObject(doc) || measure(doc, LIMITS).problem !== undefined) return undefined
  // nginx' documentation and its followers also nest all under one name.
  const inner = objectAt(doc, 'nginx') ?? objectAt(doc, 'nginx_access') ?? objectAt(doc, 'http')
  const all = inner === undefined ? doc : { ...ANEW, ...doc, ...inner }
  const status = numberAt(
    all,
    'status',
    'status_code',
    'response_status',
    'http_status',
    'response_code',
    'response',
    'code',
  )
  const given = textAt(all, 'request', 'request_line')
  const line = given === undefined ? undefined : requestLine(given)
  const bareUri = given?.startsWith('/') === true ? given : undefined
  const path = line?.path ?? bareUri ?? textAt(all, 'request_uri', 'uri', 'path', 'url', 'uri_path')
  if (status === undefined || (path === undefined && given === undefined)) return undefined
  const claim = valueAt(all, ...TIMES)
  const timeMs = asTime(claim) ?? clf(stripped(claim), 0)
  const forwarded = textAt(all, 'http_x_forwarded_for', 'x_forwarded_for', 'forwarded_for')
  return {
    timeMs,
    address: textAt(all, ...CLIENTS) ?? forwarded?.split(',', 1)[0]?.trim(),
    user: textAt(all, 'remote_user', 'user', 'username'),
    method: textAt(all, 'request_method', 'method', 'verb') ?? line?.method,
    path,
    version:
      line?.version ?? /([\d.]+)$/.exec(textAt(all, 'server_protocol', 'protocol') ?? '')?.[1],
    status,
    bytes: numberAt(
      all,
      'body_bytes_sent',
      'bytes_sent',
      'bytes',
      'size',
      'body_bytes',
      'response_size',
    ),
    agent: textAt(all, 'http_user_agent', 'user_agent', 'userAgent', 'agent', 'ua'),
    referrer: textAt(all, 'http_referer', 'http_referrer', 'referer', 'referrer'),
    host: textAt(all, 'host', 'http_host', 'server_name', 'vhost', 'domain'),
  }
}

const CLIENTS = [
  ...[
    'remote_addr',
    'remote_ip',
    'remoteip',
    'remoteIP',
    'client_ip',
    'clientip',
    'clientIp',
    'client',
    'remote',
  ],
  ...['ip', 'remote_host', 'remote_address', 'source_ip', 'x_real_ip'],
]

const stripped = (claim: unknown): unknown =>
  typeof claim === 'string' ? claim.replaceAll(/^\[|\]$/g, '') : claim
