import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { type Context, eventOf } from '../document/json-decoder.ts'
import { booleanAt, compact, numberAt, present, textAt, timeAt } from '../document/values.ts'
import type { KeptMap } from '../kept-map.ts'
import { parsePeer } from '../mosquitto/address.ts'
import { endpoint } from '../network/endpoint.ts'

const JOIN_MS = 30_000
const VERSIONS: Readonly<Record<string, string>> = { 3: '3.1', 4: '3.1.1', 5: '5.0' }

const ROUTINE: ReadonlySet<string> = new Set(
  (
    'client_connect client_subscribe client_unsubscribe session_created session_resumed session_discarded ' +
    'session_takenover session_terminated message_publish message_delivered message_acked message_dropped ' +
    'delivery_dropped client_ping alarm_deactivated message_transformation_succeeded client_authenticate ' +
    'client_authorize client_check_acl'
  ).split(' '),
)

const KINDS = /^(?:client|session|message|delivery|alarm|schema)_\w+$/

type Told = Omit<Draft, 'part'> | string | undefined

/**
 * One event of the rule engine (`event: client.connected`, or the fields alone as an SQL selected
 * them) or of the webhook plugin of EMQX 4 (`action: client_connected`).
 */
export function readHook(doc: EcsDoc, context: Context, refused: KeptMap<number>): Told {
  const name = nameOf(doc, context.topic)
  if (name === undefined) return undefined
  const timeMs =
    timeAt(doc, name === 'client_disconnected' ? 'disconnected_at' : 'connected_at') ??
    timeAt(doc, 'timestamp', 'publish_received_at') ??
    context.timeMs
  const tell = (action: EventAction, event: EcsDoc, more: EcsDoc = {}): Told => ({
    timeMs: timeAt(doc, 'timestamp') ?? timeMs,
    action,
    doc: { event, ...common(doc, more) },
  })
  switch (name) {
    case 'client_connected':
      return tell('mqtt-connect', connect('success', 'client-connected', 'The client connected'))
    case 'client_connack':
      return connack(doc, timeMs, refused, tell)
    case 'client_check_authn_complete':
      return authentication(doc, timeMs, refused, tell)
    case 'client_disconnected':
      return disconnected(doc, tell)
    case 'client_check_authz_complete':
    case 'client_check_acl_complete':
      return authorization(doc, tell)
    case 'session_subscribed':
      return subscription(doc, 'mqtt-subscribe', tell)
    case 'session_unsubscribed':
      return subscription(doc, 'mqtt-unsubscribe', tell)
    case 'alarm_activated':
      return tell('service-error', fault('process', name, textAt(doc, 'message', 'name')))
    case 'schema_validation_failed':
    case 'message_transformation_failed':
      return tell(
        'protocol-error',
        fault('network', name, textAt(doc, 'validation', 'transformation')),
      )
    default:
      return ROUTINE.has(name) ? name.replaceAll('_', '-') : undefined
  }
}

function nameOf(doc: EcsDoc, topic: string | undefined): string | undefined {
  const given = textAt(doc, 'event', 'hook') ?? topic
  const name = given
    ?.replace(/^\$events\//, '')
    .replaceAll('.', '_')
    .replaceAll('/', '_')
  if (name !== undefined && KINDS.test(name)) return name
  const action = textAt(doc, 'action')
  if (action !== undefined && /^(?:client|session|message)_\w+$/.test(action)) return action
  if (textAt(doc, 'clientid', 'client_id') === undefined) return undefined
  if ('result' in doc && action !== undefined) return 'client_check_authz_complete'
  if ('reason_code' in doc) {
    return 'is_superuser' in doc || 'is_anonymous' in doc
      ? 'client_check_authn_complete'
      : 'client_connack'
  }
  if ('disconnected_at' in doc || ('reason' in doc && 'peername' in doc))
    return 'client_disconnected'
  return 'connected_at' in doc ? 'client_connected' : undefined
}

/** An address of IPv6 stands in brackets before its port. */
const bare = (address: string): string => address.replace(/^\[(.*)\]$/, '$1')

const fault = (category: string, code: string, reason: string | undefined): EcsDoc =>
  eventOf([category], ['error'], 'failure', {
    code: code.replaceAll('_', '-'),
    reason: reason ?? code,
  })

function subscription(doc: EcsDoc, action: EventAction, tell: Tell): Told {
  const begins = action === 'mqtt-subscribe'
  const reason = begins ? 'The client subscribed' : 'The client gave up a subscription'
  const rest = { code: begins ? 'session-subscribed' : 'session-unsubscribed', reason }
  return tell(action, eventOf(['session'], ['access'], 'success', rest))
}

type Tell = (action: EventAction, event: EcsDoc, more?: EcsDoc) => Told

const connect = (outcome: 'success' | 'failure', code: string, reason: string): EcsDoc =>
  eventOf(['authentication', 'session'], ['start'], outcome, { code, reason })

const refusalKey = (doc: EcsDoc): string =>
  JSON.stringify([textAt(doc, 'clientid', 'client_id'), textAt(doc, 'peername', 'peerhost')])

function connack(
  doc: EcsDoc,
  timeMs: number | undefined,
  refused: KeptMap<number>,
  tell: Tell,
): Told {
  const reason = textAt(doc, 'reason_code', 'conn_ack') ?? 'unknown'
  if (reason === 'success' || reason === 'connection_accepted' || reason === '0') {
    return 'connack-success'
  }
  const key = refusalKey(doc)
  const told = refused.get(key)
  if (told !== undefined) {
    refused.delete(key)
    if (timeMs === undefined || Math.abs(timeMs - told) <= JOIN_MS) return 'connack-told'
  }
  return tell('mqtt-connect', connect('failure', 'connect-refused', reason))
}

function authentication(
  doc: EcsDoc,
  timeMs: number | undefined,
  refused: KeptMap<number>,
  tell: Tell,
): Told {
  const reason = textAt(doc, 'reason_code', 'result') ?? 'unknown'
  if (reason === 'success' || reason === 'ok') return 'authn-success'
  if (timeMs !== undefined) refused.set(refusalKey(doc), timeMs)
  return tell('mqtt-connect', connect('failure', 'authentication-failed', reason))
}

function disconnected(doc: EcsDoc, tell: Tell): Told {
  const reason = textAt(doc, 'reason') ?? 'unknown'
  const end = (outcome: 'success' | 'failure', code: string): EcsDoc =>
    eventOf(['session'], ['end'], outcome, { code, reason })
  if (reason === 'discarded' || reason === 'takenover' || reason === 'takeovered') {
    return tell('mqtt-takeover', end('success', `session-${reason}`))
  }
  if (reason === 'keepalive_timeout') return tell('mqtt-timeout', end('failure', 'keep-alive'))
  if (reason === 'normal') return tell('mqtt-disconnect', end('success', 'client-disconnected'))
  return tell('mqtt-disconnect', end('failure', 'connection-ended'))
}

function authorization(doc: EcsDoc, tell: Tell): Told {
  const result = textAt(doc, 'result')
  if (result === 'allow') return 'authz-allow'
  const reason = `Denied by ${textAt(doc, 'authz_source') ?? 'the access control list'}`
  const publish = textAt(doc, 'action')?.toLowerCase().startsWith('pub') === true
  const code = publish ? 'publish-denied' : 'subscribe-denied'
  const event = eventOf(['session'], ['denied'], 'failure', { code, reason })
  return tell(publish ? 'mqtt-publish-denied' : 'mqtt-subscribe-denied', event)
}

function common(doc: EcsDoc, more: EcsDoc): EcsDoc {
  const peer = textAt(doc, 'peername', 'peerhost', 'ipaddress', 'peer_host')
  const { address, port } = peer === undefined ? {} : parsePeer(peer, 'port')
  const version = textAt(doc, 'proto_ver')
  const user = textAt(doc, 'username')
  const node = textAt(doc, 'node')
  return compact({
    source: address === undefined ? undefined : endpoint({ address: bare(address), port }),
    user: user === undefined || user === 'undefined' ? undefined : { name: user },
    observer: compact({ vendor: 'EMQ', product: 'EMQX', type: 'broker', name: node }),
    iot: present({
      mqtt: present({
        client_id: textAt(doc, 'clientid', 'client_id'),
        topic: textAt(doc, 'topic'),
        qos: numberAt(doc, 'qos'),
        keepalive: numberAt(doc, 'keepalive'),
        clean_start: booleanAt(doc, 'clean_start'),
        bridge: booleanAt(doc, 'is_bridge'),
        protocol_version: version === undefined ? undefined : (VERSIONS[version] ?? version),
      }),
    }),
    ...more,
  })
}

export { common as commonOfEmqx }
