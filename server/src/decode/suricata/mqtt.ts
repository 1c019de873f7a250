import type { EcsDoc } from '../../model/event.ts'
import {
  booleanAt,
  compact,
  isObject,
  listAt,
  numberAt,
  objectAt,
  present,
  textAt,
} from '../document/values.ts'
import { told, type Told } from '../network/told.ts'

const NETWORK = { protocol: 'mqtt', transport: 'tcp' } as const
const VERSIONS: Readonly<Record<number, string>> = { 3: '3.1', 4: '3.1.1', 5: '5.0' }

/** One transaction an object: a request with its answer, where that was seen. */
export function mqtt(eve: EcsDoc): Told {
  const facts = objectAt(eve, 'mqtt') ?? {}
  const asked = objectAt(facts, 'connect')
  const answer = objectAt(facts, 'connack')
  if (asked !== undefined || answer !== undefined) return connect(asked ?? {}, answer)
  const publish = objectAt(facts, 'publish')
  if (publish !== undefined) return published(publish, facts)
  const subscribe = objectAt(facts, 'subscribe')
  if (subscribe !== undefined) return subscribed(subscribe, objectAt(facts, 'suback'))
  const leave = objectAt(facts, 'unsubscribe')
  if (leave !== undefined) {
    const topics = topicsOf(leave)
    return told('mqtt-unsubscribe', ['network'], ['access'], 'unknown', 'unsubscribe', {
      network: NETWORK,
      iot: { mqtt: compact({ topic: topics }) },
    })
  }
  const bye = objectAt(facts, 'disconnect')
  if (bye !== undefined) {
    const code = numberAt(bye, 'reason_code')
    return told(
      'mqtt-disconnect',
      ['network', 'session'],
      ['connection', 'end'],
      'success',
      'disconnect',
      {
        network: NETWORK,
        iot: { mqtt: compact({ reason_code: code }) },
      },
    )
  }
  const kind = Object.keys(facts)[0] ?? 'mqtt'
  return told('network-transaction', ['network'], ['protocol'], 'unknown', kind.slice(0, 40), {
    network: NETWORK,
  })
}

function connect(asked: EcsDoc, answer: EcsDoc | undefined): Told {
  const code = answer === undefined ? undefined : numberAt(answer, 'return_code', 'reason_code')
  const outcome = code === undefined ? 'unknown' : code === 0 ? 'success' : 'failure'
  const flags = objectAt(asked, 'flags')
  const type = ['connection', 'start']
  if (code !== undefined) type.push(code === 0 ? 'allowed' : 'denied')
  const clean = flags === undefined ? undefined : booleanAt(flags, 'clean_session')
  const reason =
    code === undefined ? 'No answer was seen' : code === 0 ? 'accepted' : `refused, code ${code}`
  return told('mqtt-connect', ['network', 'authentication', 'session'], type, outcome, 'connect', {
    event: { reason },
    network: NETWORK,
    user: present({ name: textAt(asked, 'username') }),
    iot: {
      mqtt: compact({
        client_id: textAt(asked, 'client_id'),
        protocol_version: VERSIONS[numberAt(asked, 'protocol_version') ?? 0],
        reason_code: code,
        clean_start: clean,
        topic: textAt(objectAt(asked, 'will') ?? {}, 'topic'),
      }),
    },
  })
}

function published(publish: EcsDoc, facts: EcsDoc): Told {
  const answer = objectAt(facts, 'puback') ?? objectAt(facts, 'pubrec')
  const code = answer === undefined ? undefined : numberAt(answer, 'reason_code')
  const denied = code !== undefined && code >= 128
  const message = publish['message']
  return told(
    denied ? 'mqtt-publish-denied' : 'mqtt-publish',
    ['network'],
    denied ? ['access', 'denied'] : ['access'],
    denied ? 'failure' : 'success',
    'publish',
    {
      network: NETWORK,
      iot: {
        mqtt: compact({
          topic: textAt(publish, 'topic'),
          qos: numberAt(publish, 'qos'),
          retain: booleanAt(publish, 'retain'),
          payload_bytes: typeof message === 'string' ? message.length : undefined,
          reason_code: code,
        }),
      },
    },
  )
}

function subscribed(subscribe: EcsDoc, answer: EcsDoc | undefined): Told {
  const granted = answer === undefined ? undefined : listAt(answer, 'qos_granted', 'reason_codes')
  const denied = granted?.some((code) => typeof code === 'number' && code >= 128) === true
  return told(
    denied ? 'mqtt-subscribe-denied' : 'mqtt-subscribe',
    ['network'],
    denied ? ['access', 'denied'] : ['access'],
    denied ? 'failure' : granted === undefined ? 'unknown' : 'success',
    'subscribe',
    { network: NETWORK, iot: { mqtt: compact({ topic: topicsOf(subscribe) }) } },
  )
}

/** `[{"topic": "a/#", "qos": 1}]` or `["a/#"]`; one alone is no list. */
function topicsOf(facts: EcsDoc): string | readonly string[] | undefined {
  const found: string[] = []
  for (const topic of listAt(facts, 'topics') ?? []) {
    const name = isObject(topic) ? textAt(topic, 'topic') : topic
    if (typeof name === 'string') found.push(name)
  }
  return found.length < 2 ? found[0] : found
}
