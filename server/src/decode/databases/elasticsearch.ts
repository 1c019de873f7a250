import type { EcsDoc, EventAction } from '../../model/event.ts'
import { eventOf, type ReadDocument } from '../document/json-decoder.ts'
import type { ReadText } from '../document/mixed-decoder.ts'
import { compact, objectAt, present, textAt, timeAt } from '../document/values.ts'
import { sourceOf } from './source.ts'

/** Elasticsearch's audit log, `*_audit.json` (security auditing, "Audit entry attributes"). */
export const readElastic: ReadDocument = (doc, context) => {
  const what = textAt(doc, 'event.action')
  if (what === undefined || !isAudit(doc)) return otherLog(doc)
  const denied = /denied|failed|tampered/.test(what)
  const change = textAt(doc, 'event.type') === 'security_config_change'
  // One realm of several failing is no refused login: authentication_failed tells of that.
  const login = what.startsWith('authentication') || what === 'anonymous_access_denied'
  const realm = what === 'realm_authentication_failed'
  const refused = what === 'connection_denied'
  const action: EventAction = change
    ? 'config-change'
    : login
      ? 'user-login'
      : refused
        ? 'connection-denied'
        : 'api-call'
  const path = textAt(doc, 'url.path')
  return {
    timeMs: timeAt(doc, '@timestamp', 'timestamp') ?? context.timeMs,
    action,
    doc: compact({
      event: eventOf(
        [change ? 'configuration' : login || realm ? 'authentication' : 'database'],
        [change ? 'change' : login ? 'start' : 'access', ...(denied ? ['denied'] : [])],
        denied ? 'failure' : 'success',
        {
          code: what,
          reason: textAt(doc, 'action') ?? changeText(doc, what),
          reference: textAt(doc, 'request.id'),
        },
      ),
      user: present({
        name: textAt(doc, 'user.name', 'authentication.name'),
        roles: doc['user.roles'],
        effective: present({ name: textAt(doc, 'user.run_as.name') }),
        target: present({ name: textAt(changed(doc, 'user') ?? {}, 'name') }),
      }),
      source: sourceOf(textAt(doc, 'origin.address')),
      url: present({ path, query: textAt(doc, 'url.query') }),
      http: present({ request: present({ method: textAt(doc, 'request.method') }) }),
      observer: { vendor: 'Elastic', product: 'Elasticsearch', name: textAt(doc, 'node.name') },
      database: present({
        action: textAt(doc, 'action'),
        indices: doc['indices'],
        request: textAt(doc, 'request.name'),
        query: textAt(doc, 'request.body'),
      }),
    }),
  }
}

const CHANGES = ['put', 'create', 'change', 'delete', 'invalidate'] as const

/** What a change of security names of a kind: `{"put":{"user":{"name":…}}}`. */
function changed(doc: EcsDoc, kind: string): EcsDoc | undefined {
  for (const verb of CHANGES) {
    const inner = objectAt(doc, verb)
    const found = inner === undefined ? undefined : objectAt(inner, kind)
    if (found !== undefined) return found
  }
  return undefined
}

function changeText(doc: EcsDoc, what: string): string {
  const named = ['user', 'role', 'role_mapping', 'apikey', 'service_token'].map((kind) =>
    textAt(changed(doc, kind) ?? {}, 'name', 'id'),
  )
  const name = named.find((text) => text !== undefined)
  return name === undefined ? what : `${what} ${name}`
}

const isAudit = (doc: EcsDoc): boolean =>
  textAt(doc, 'type') === 'audit' || textAt(doc, 'event.dataset') === 'elasticsearch.audit'

/** Lines of the server's own log that a file or a container's output mixes in. */
function otherLog(doc: EcsDoc): string | undefined {
  const type = textAt(doc, 'type', 'event.dataset')
  const level = textAt(doc, 'log.level', 'level')
  return type !== undefined && level !== undefined ? 'server-log' : undefined
}

/** Before 7.0: `[TIME] [NODE] [rest] [authentication_failed] origin_address=[…], principal=[…], uri=[…]`. */
const LEGACY =
  /^\[[^\]]{10,40}\]\s+(?:\[([^\]]{1,100})\]\s+)?\[(rest|transport|ip_filter)\]\s+\[([a-z_]{3,40})\]\s+(.*)$/s

export const readElasticText: ReadText = (text, frame) => {
  const found = LEGACY.exec(text)
  if (found === null)
    return /^\[[^\]]{10,40}\]\[(?:TRACE|DEBUG|INFO|WARN|ERROR)\s*\]/.test(text)
      ? 'server-log'
      : undefined
  const [, node, layer, action, rest = ''] = found
  const said: Record<string, string> = {}
  for (const pair of rest.matchAll(/([a-z_]{2,40})=\[([^\]]{0,4000})\]/g))
    said[pair[1] ?? ''] = pair[2] ?? ''
  const [path, query] = said['uri']?.split('?', 2) ?? []
  const doc: EcsDoc = {
    type: 'audit',
    'node.name': node,
    'event.type': layer,
    'event.action': action,
    'origin.address': said['origin_address'],
    'user.name': said['principal'],
    'user.realm': said['realm'],
    action: said['action'],
    'request.name': said['request'],
    'request.body': said['request_body'],
    'url.path': path,
    'url.query': query,
    ...(frame.timeMs === undefined ? {} : { timestamp: new Date(frame.timeMs).toISOString() }),
  }
  return { doc }
}
