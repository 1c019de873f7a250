import type { Condition, ValueTest } from '../model/condition.ts'
import type { EcsDoc } from '../model/event.ts'
import type { MatchRule, RuleMeta } from '../model/rule.ts'

/** A small seeded generator, so that every run measures the same rules and events. */
export function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}

export type Next = () => number

function pick<T>(next: Next, items: readonly T[]): T {
  return items[Math.floor(next() * items.length)]!
}

const SYLLABLES = ['sen', 'gate', 'pump', 'cam', 'lock', 'node', 'meter', 'hub', 'vent', 'lamp']

export function word(next: Next): string {
  return `${pick(next, SYLLABLES)}${pick(next, SYLLABLES)}-${Math.floor(next() * 10_000)}`
}

function address(next: Next): string {
  return `10.${Math.floor(next() * 4)}.${Math.floor(next() * 256)}.${Math.floor(next() * 256)}`
}

/** Of all events so many are refused connections, where nothing else is asked for: a fleet under attack. */
const REFUSED_SHARE = 0.3

/** Broker events as Picket stores them, with values that seldom repeat. */
export function generatedEvents(count: number, refusedShare = REFUSED_SHARE): EcsDoc[] {
  // Texts as they come out of a decoder or the journal, not as they were put together here.
  return JSON.parse(JSON.stringify(madeEvents(count, refusedShare))) as EcsDoc[]
}

function madeEvents(count: number, refusedShare: number): EcsDoc[] {
  const next = generator(7)
  return Array.from({ length: count }, (_, index): EcsDoc => {
    const client = word(next)
    const ip = address(next)
    const port = 1024 + Math.floor(next() * 60_000)
    const failed = next() < refusedShare
    return {
      '@timestamp': new Date(1_770_000_000_000 + index * 50).toISOString(),
      event: {
        id: `event-${index}`,
        kind: 'event',
        category: ['network', 'authentication'],
        type: ['connection', 'start'],
        action: failed ? 'mqtt-connect' : pick(next, ['mqtt-publish-denied', 'mqtt-disconnect']),
        outcome: failed ? 'failure' : 'success',
        reason: `refused ${client} by ${pick(next, ['password', 'access list', 'protocol'])}`,
        provider: 'mosquitto',
        module: 'mosquitto',
        dataset: 'mosquitto.log',
        original: `1770000000: New client connected from ${ip}:${port} as ${client} (p2, c1, k60).`,
      },
      source: { ip, port },
      user: { name: pick(next, ['admin', client, 'root', 'sensor']) },
      device: { id: client, type: pick(next, SYLLABLES) },
      network: { protocol: 'mqtt', transport: 'tcp' },
      observer: { hostname: `broker-${index % 3}`, vendor: 'Eclipse', product: 'Mosquitto' },
      iot: {
        mqtt: { client_id: client, topic: `site/${word(next)}/cmd/${word(next)}`, qos: index % 3 },
        firmware: { version: `1.${index % 20}.${index % 7}`, image: `${client}.bin` },
        site: `site-${index % 11}`,
      },
    }
  })
}

const TEXT_FIELDS = [
  'event.original',
  'event.reason',
  'iot.mqtt.client_id',
  'iot.mqtt.topic',
  'iot.firmware.image',
  'user.name',
  'device.id',
]

/** Operators by how often public rules use them (occurrences of modifiers over SigmaHQ). */
const OPERATORS: readonly (readonly [number, (next: Next) => ValueTest])[] = [
  [4_645, (next) => ({ kind: 'substring', value: word(next), cased: false })],
  [3_174, (next) => ({ kind: 'equals', value: word(next), cased: false })],
  [3_464, (next) => ({ kind: 'suffix', value: word(next), cased: false })],
  [573, (next) => ({ kind: 'prefix', value: word(next), cased: false })],
  [97, (next) => wildcard(word(next), word(next))],
  [216, (next) => ({ kind: 'regex', pattern: `${word(next)}[0-9]+\\.(bin|img)`, flags: 'i' })],
]

function wildcard(a: string, b: string): ValueTest {
  const many = { any: 'many' } as const
  return { kind: 'wildcard', parts: [many, a, many, b, many], cased: false }
}

const WEIGHT = OPERATORS.reduce((sum, [weight]) => sum + weight, 0)

function textTest(next: Next): Condition {
  let left = next() * WEIGHT
  const path = pick(next, TEXT_FIELDS)
  for (const [weight, make] of OPERATORS) {
    left -= weight
    if (left < 0) return { kind: 'field', path, test: make(next) }
  }
  return { kind: 'field', path, test: { kind: 'exists' } }
}

function otherTest(next: Next): Condition {
  const share = next()
  const field = (path: string, test: ValueTest): Condition => ({ kind: 'field', path, test })
  if (share < 0.5) {
    return field('source.port', {
      kind: 'equals',
      value: 1024 + Math.floor(next() * 60_000),
      cased: false,
    })
  }
  if (share < 0.6) {
    const network = `10.${Math.floor(next() * 4)}.${Math.floor(next() * 256)}.0/24`
    return field('source.ip', { kind: 'cidr', network })
  }
  return field('event.outcome', { kind: 'equals', value: 'failure', cased: false })
}

/** Rules of public sets' shape: log source, one to three selections, some an exception. */
export function generatedRules(count: number): MatchRule[] {
  const next = generator(11)
  return Array.from({ length: count }, (_, index): MatchRule => {
    // Every second rule is for a product whose events do not come.
    const module = index % 2 === 0 ? 'mosquitto' : 'windows'
    const values = 1 + Math.floor(next() * 9)
    const parts: Condition[] = [
      {
        kind: 'field',
        path: 'event.module',
        test: { kind: 'equals', value: module, cased: false },
      },
      { kind: 'or', parts: Array.from({ length: values }, () => textTest(next)) },
    ]
    if (next() < 0.3) parts.push(otherTest(next))
    if (next() < 0.2) parts.push({ kind: 'not', part: textTest(next) })
    const id = `generated-${index}`
    const meta: RuleMeta = {
      id,
      title: id,
      language: 'sigma',
      author: '',
      severity: 'medium',
      life: 'live',
      hash: id,
      tags: [],
      references: [],
      falsepositives: [],
      response: [],
    }
    const condition: Condition = { kind: 'and', parts }
    return { kind: 'match', meta, condition, alerts: true, groupBy: [], fields: [] }
  })
}
