import type { EcsDoc } from '../../model/event.ts'
import { booleanAt, compact, listAt, numberAt, textAt } from '../document/values.ts'
import { told, type Told } from '../network/told.ts'

const NETWORK = { protocol: 'mqtt' } as const

/** In the order of the return codes of CONNACK (MQTT 3.1.1, table 3.1); words of Zeek's consts.zeek. */
const CONNECT_STATUS = [
  'connection accepted',
  'unacceptable protocol version',
  'identifier rejected',
  'server unavailable',
  'bad user name or password',
  'not authorized',
]

export function mqttConnect(row: EcsDoc): Told {
  const status = textAt(row, 'connect_status')
  const words = status?.toLowerCase().replace(/^refused: /, '')
  const code = words === undefined ? -1 : CONNECT_STATUS.indexOf(words)
  const version = textAt(row, 'proto_version')
  const accepted = code === 0
  const outcome = status === undefined ? 'unknown' : accepted ? 'success' : 'failure'
  const type = [
    'connection',
    'start',
    ...(status === undefined ? [] : [accepted ? 'allowed' : 'denied']),
  ]
  return told(
    'mqtt-connect',
    ['network', 'authentication', 'session'],
    type,
    outcome,
    'mqtt_connect',
    {
      event: { reason: status ?? 'No answer was seen' },
      network: NETWORK,
      iot: {
        mqtt: compact({
          client_id: textAt(row, 'client_id'),
          protocol_version: version,
          reason_code: code < 0 ? undefined : code,
          topic: textAt(row, 'will_topic'),
        }),
      },
    },
  )
}

export function mqttPublish(row: EcsDoc): Told {
  const toBroker = booleanAt(row, 'from_client') !== false
  return told('mqtt-publish', ['network'], ['access', 'info'], 'success', 'mqtt_publish', {
    event: { reason: toBroker ? 'Published by the client' : 'Sent to the client' },
    network: NETWORK,
    iot: {
      mqtt: compact({
        topic: textAt(row, 'topic'),
        qos: qosOf(row['qos']),
        retain: booleanAt(row, 'retain'),
        payload_bytes: numberAt(row, 'payload_len'),
      }),
    },
  })
}

export function mqttSubscribe(row: EcsDoc): Told {
  const leaves = textAt(row, 'action')?.toUpperCase().includes('UNSUBSCRIBE') === true
  const granted = numberAt(row, 'granted_qos_level')
  const refused = granted === 128
  const acknowledged = booleanAt(row, 'ack')
  const outcome = refused ? 'failure' : acknowledged === true ? 'success' : 'unknown'
  const topics = listAt(row, 'topics')?.filter((topic) => typeof topic === 'string')
  const action = leaves ? 'mqtt-unsubscribe' : refused ? 'mqtt-subscribe-denied' : 'mqtt-subscribe'
  return told(
    action,
    ['network'],
    refused ? ['access', 'denied'] : ['access'],
    outcome,
    'mqtt_subscribe',
    {
      network: NETWORK,
      iot: {
        mqtt: compact({
          topic: topics?.length === 1 ? topics[0] : topics,
          qos: qosOf(granted ?? listAt(row, 'qos_levels')?.[0]),
        }),
      },
    },
  )
}

/** `at most once`, `at least once`, `exactly once`, or the number itself. */
function qosOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value <= 2 ? value : undefined
  if (typeof value !== 'string') return undefined
  const found = ['at most once', 'at least once', 'exactly once'].indexOf(value.toLowerCase())
  return found < 0 ? undefined : found
}
