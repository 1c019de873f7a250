import type { EcsDoc, EventAction } from '../../model/event.ts'
import { eventOf, type ReadDocument } from '../document/json-decoder.ts'
import { compact, numberAt, objectAt, present, textAt, timeAt } from '../document/values.ts'
import { parsePeer } from '../mosquitto/address.ts'
import { endpoint } from '../network/endpoint.ts'

const sourceOf = (peer: string | undefined): EcsDoc | undefined =>
  peer === undefined ? undefined : endpoint(parsePeer(peer, 'port'))

/** Elasticsearch's audit log, `*_audit.json` (security auditing, "Audit entry attributes"). */
export const readElastic: ReadDocument = (doc, context) => {
  const what = textAt(doc, 'event.action')
  if (textAt(doc, 'type') !== 'audit' || what === undefined) return undefined
  const denied = /denied|failed|tampered/.test(what)
  const change = textAt(doc, 'event.type') === 'security_config_change'
  const action: EventAction = change ? 'config-change' : 'api-call'
  const login = what.startsWith('authentication') || what === 'realm_authentication_failed'
  const path = textAt(doc, 'url.path')
  return {
    timeMs: timeAt(doc, '@timestamp', 'timestamp') ?? context.timeMs,
    action,
    doc: compact({
      event: eventOf(
        [change ? 'configuration' : login ? 'authentication' : 'database'],
        [denied ? 'denied' : change ? 'change' : login ? 'start' : 'access'],
        denied ? 'failure' : 'success',
        { code: what, reason: textAt(doc, 'action') ?? what, reference: textAt(doc, 'request.id') },
      ),
      user: present({
        name: textAt(doc, 'user.name', 'authentication.name'),
        roles: doc['user.roles'],
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

/** Events of Keycloak: user and admin events of the REST API, event listeners, and JSON logs. */
export const readKeycloak: ReadDocument = (doc, context) => {
  const details = objectAt(doc, 'details') ?? {}
  const auth = objectAt(doc, 'authDetails')
  const type = textAt(doc, 'type', 'operationType')
  if (type === undefined || !('realmId' in doc || 'clientId' in doc || auth !== undefined))
    return undefined
  const error = textAt(doc, 'error')
  const admin = auth !== undefined || 'operationType' in doc
  const failed = error !== undefined || type.endsWith('_ERROR')
  const login = /^(?:LOGIN|LOGOUT|CODE_TO_TOKEN|REFRESH_TOKEN|CLIENT_LOGIN)/.test(type)
  const change = admin || /^(?:UPDATE|REMOVE|RESET|REGISTER|DELETE)/.test(type)
  return {
    timeMs: timeAt(doc, 'time', 'timestamp') ?? context.timeMs,
    action: change ? 'config-change' : 'api-call',
    doc: compact({
      event: eventOf(
        [login ? 'authentication' : 'iam'],
        [type.startsWith('LOGOUT') ? 'end' : login ? 'start' : change ? 'change' : 'info'],
        failed ? 'failure' : 'success',
        {
          code: type,
          reason: error ?? textAt(doc, 'resourcePath') ?? type,
          reference: textAt(doc, 'id'),
        },
      ),
      user: present({
        id: textAt(doc, 'userId') ?? textAt(auth ?? {}, 'userId'),
        name: textAt(details, 'username') ?? textAt(auth ?? {}, 'username'),
        domain: textAt(doc, 'realmName', 'realmId'),
      }),
      source: sourceOf(textAt(doc, 'ipAddress') ?? textAt(auth ?? {}, 'ipAddress')),
      observer: { vendor: 'Red Hat', product: 'Keycloak' },
      keycloak: compact({
        client: textAt(doc, 'clientId') ?? textAt(auth ?? {}, 'clientId'),
        resource: textAt(doc, 'resourcePath'),
        resource_type: textAt(doc, 'resourceType'),
      }),
    }),
  }
}

/** Grafana: the audit log of the enterprise edition, and request lines of `grafana.log` as JSON. */
export const readGrafana: ReadDocument = (doc, context) => {
  const user = objectAt(doc, 'user')
  const verb = textAt(doc, 'action')
  const timeMs = timeAt(doc, 'timestamp', 't', 'time') ?? context.timeMs
  const observer = { vendor: 'Grafana Labs', product: 'Grafana' }
  if (verb !== undefined && (user !== undefined || 'requestUri' in doc)) {
    const result = objectAt(doc, 'result') ?? {}
    const status = numberAt(result, 'statusCode') ?? 200
    const failed = status >= 400 || textAt(result, 'statusType') === 'failure'
    const login = verb.startsWith('login') || verb === 'logout'
    const change =
      /^(?:create|update|delete|patch|add|remove|set|import|export|enable|disable)/.test(verb)
    return {
      timeMs,
      action: change ? 'config-change' : 'api-call',
      doc: compact({
        event: eventOf(
          [login ? 'authentication' : 'database'],
          [login ? 'start' : change ? 'change' : 'access'],
          failed ? 'failure' : 'success',
          {
            code: verb,
            reason: textAt(result, 'failureMessage') ?? verb,
          },
        ),
        user: present({
          id: textAt(user ?? {}, 'userId', 'id'),
          name: textAt(user ?? {}, 'name', 'login'),
        }),
        source: sourceOf(textAt(doc, 'ipAddress')),
        url: present({ path: textAt(doc, 'requestUri') }),
        user_agent: present({ original: textAt(doc, 'userAgent') }),
        observer,
        grafana: compact({ request: doc['request'], resources: doc['resources'] }),
      }),
    }
  }
  const path = textAt(doc, 'path')
  const level = textAt(doc, 'level', 'lvl')
  if (path === undefined || !('status' in doc)) {
    return level === undefined ? undefined : `log-${/^[a-z]{1,10}$/.test(level) ? level : 'other'}`
  }
  const status = numberAt(doc, 'status') ?? 0
  const query =
    /\/api\/(?:ds\/query|datasources\/proxy|tsdb\/query|search|dashboards)|\/login/.test(path)
  if (!query && status < 400) return 'http-ok'
  return {
    timeMs,
    action: 'api-call',
    doc: compact({
      event: eventOf(
        [path.includes('/login') ? 'authentication' : 'database'],
        ['access'],
        status >= 400 ? 'failure' : 'success',
        {
          code: `http-${status}`,
          reason: `${textAt(doc, 'method') ?? ''} ${path}`.trim(),
        },
      ),
      user: present({ id: textAt(doc, 'userId'), name: textAt(doc, 'uname') }),
      source: sourceOf(textAt(doc, 'remote_addr')),
      url: { path },
      observer,
    }),
  }
}
