import { ANEW } from '../../base/anew.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { eventOf, type ReadDocument } from '../document/json-decoder.ts'
import type { ReadText } from '../document/mixed-decoder.ts'
import { compact, isObject, objectAt, present, textAt, timeAt } from '../document/values.ts'
import { sourceOf } from './source.ts'

/** Events of Keycloak: user and admin events of the REST API, event listeners, and JSON logs. */
export const readKeycloak: ReadDocument = (doc, context) => {
  const inner = loggedEvent(doc)
  if (inner !== undefined) return typeof inner === 'string' ? inner : readKeycloak(inner, context)
  const details = objectAt(doc, 'details') ?? {}
  const auth = objectAt(doc, 'authDetails')
  const type = textAt(doc, 'type', 'operationType')
  if (type === undefined || !('realmId' in doc || 'clientId' in doc || auth !== undefined))
    return undefined
  const error = textAt(doc, 'error')
  const admin = auth !== undefined || 'operationType' in doc
  const failed = error !== undefined || type.endsWith('_ERROR')
  const login =
    /^(?:LOGIN|LOGOUT|CODE_TO_TOKEN|REFRESH_TOKEN|CLIENT_LOGIN|IMPERSONATE|IDENTITY_PROVIDER_LOGIN)/.test(
      type,
    )
  const change = admin || /^(?:UPDATE|REMOVE|RESET|REGISTER|DELETE)/.test(type)
  return {
    timeMs: timeAt(doc, 'time', 'timestamp') ?? context.timeMs,
    action: actionOf(type, change),
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

/** Events as listeners log them: `type=LOGIN_ERROR, realmId=…, ipAddress=…`; newer versions put quotes. */
const EVENT = /^(?:type|operationType)="?[A-Z_]+"?,/

function loggedEvent(doc: EcsDoc): EcsDoc | string | undefined {
  const message = textAt(doc, 'message')
  if (message === undefined || textAt(doc, 'type', 'operationType') !== undefined) return undefined
  const time = doc['timestamp'] ?? doc['@timestamp']
  if (EVENT.test(message)) return { ...ANEW, ...eventIn(message), time }
  const log = doc['log']
  const level =
    textAt(doc, 'level', 'log.level') ?? (isObject(log) ? textAt(log, 'level') : undefined)
  return level === undefined
    ? undefined
    : `log-${level
        .toLowerCase()
        .replaceAll(/[^a-z]/g, '')
        .slice(0, 12)}`
}

function eventIn(message: string): EcsDoc {
  const said: EcsDoc = {}
  for (const found of message.matchAll(
    /(?:^|, )([A-Za-z_]{2,60})=(?:"((?:[^"\\]|\\.)*)"|([^,]*))/g,
  )) {
    const value = found[2] ?? found[3] ?? ''
    if (value !== 'null' && value !== '') said[found[1] ?? ''] = value
  }
  return {
    ...ANEW,
    ...said,
    ...(said['username'] === undefined ? {} : { details: { username: said['username'] } }),
  }
}

function actionOf(type: string, change: boolean): EventAction {
  if (type.startsWith('LOGOUT')) return 'user-logout'
  if (/^(?:LOGIN|CLIENT_LOGIN|IDENTITY_PROVIDER_LOGIN|IMPERSONATE)/.test(type)) return 'user-login'
  return change ? 'config-change' : 'api-call'
}

const LINE = new RegExp(
  '(?:^|\\s)(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\\s+(?:\\[([\\w.$-]{1,200})\\]|([\\w.$-]{1,200}))' +
    '\\s+\\(([^)]{0,200})\\)\\s+(.*)$',
  's',
)

/** The log of the server, of WildFly (time of day only) and of Quarkus. */
export const readKeycloakText: ReadText = (text) => {
  const found = LINE.exec(text)
  const message = found?.[5] ?? ''
  if (found === null)
    return /^\s+(?:at |\.\.\. \d+ more)|^Caused by: |^[\w.$]+(?:Exception|Error)(?::|$)/.test(text)
      ? 'continuation'
      : undefined
  if (EVENT.test(message)) return { doc: eventIn(message) }
  const reason = message.slice(0, 500)
  const drafted = (
    action: EventAction,
    category: string,
    type: string,
    failed: boolean,
  ): ReturnType<ReadText> => ({
    draft: {
      action,
      doc: {
        event: eventOf([category], [type], failed ? 'failure' : 'success', { reason }),
        observer: OBSERVER,
      },
    },
  })
  if (message.startsWith("KC-SERVICES0009: Added user '"))
    return drafted('config-change', 'iam', 'user', false)
  if (/^(?:WFLYSRV0025: Keycloak|Keycloak [\d.]+ on JVM .* started in)/.test(message)) {
    return drafted('service-start', 'process', 'start', false)
  }
  if (found[1] === 'ERROR' || found[1] === 'FATAL')
    return drafted('service-error', 'web', 'error', true)
  return `log-${(found[1] ?? '').toLowerCase()}`
}

const OBSERVER = { vendor: 'Red Hat', product: 'Keycloak' } as const
