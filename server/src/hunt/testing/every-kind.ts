import fc from 'fast-check'
import {
  actionRule,
  bySource,
  correlationRule,
  eventOf,
  ruleSet,
} from '../../detect/testing/rules.ts'
import { compileEql } from '../../lang/eql/compile.ts'
import type { SecurityEvent } from '../../model/event.ts'

/* Rules of every kind, and lists of events in which they find something. */
export const LATENESS_MS = 2_000

const WORDS: Readonly<Record<string, string>> = {
  fail: '[any where event.action == "failure"]',
  ok: '[any where event.action == "success"]',
  beat: '[any where event.action == "beat"]',
}
const query = (head: string, ...stages: string[]): string =>
  `${head} ${stages.map((one) => (one.startsWith('!') ? `!${WORDS[one.slice(1)]}` : WORDS[one])).join(' ')}`

const QUERIES = Object.entries({
  steps: query('sequence by source.ip with maxspan=20s', 'fail', 'ok'),
  'missing first': query('sequence by source.ip with maxspan=20s', '!ok', 'fail', 'beat'),
  'missing between': query('sequence by source.ip with maxspan=20s', 'fail', '!ok', 'beat'),
  'missing last': query('sequence by source.ip with maxspan=5s', 'beat', '!fail'),
  until: `${query('sequence by source.ip', 'fail', 'beat')} until ${WORDS['ok']}`,
  sampled: query('sample by source.ip', 'fail', 'ok', 'beat'),
}).map(([id, text]) => {
  const compiled = compileEql(text, { id })
  if (!compiled.ok || compiled.value.correlation === undefined) throw new Error(`${id}: not read`)
  return { matches: compiled.value.matches, correlation: compiled.value.correlation }
})

const span = { groupBy: bySource, timespanMs: 10_000 }
const counted = {
  ...{ type: 'event_count' as const, inputs: ['fail'], ...span },
  ...{ condition: { gte: 3 }, fields: [] },
}
const seen = {
  ...{ type: 'first_seen' as const, inputs: ['any'], historyMs: 30_000, learnMs: 10_000 },
  fields: ['iot.mqtt.client_id'],
}
const clients = ['iot.mqtt.client_id']
const hidden = { alerts: false }
export const RULES = ruleSet(
  [
    actionRule('fail', 'failure', { alerts: true }),
    ...[actionRule('ok', 'success', hidden), actionRule('beat', 'beat', hidden)],
    { ...actionRule('any', '', hidden), condition: { kind: 'always' } },
    ...QUERIES.flatMap(({ matches }) => matches),
  ],
  [
    correlationRule('brute', counted),
    correlationRule('many', { ...counted, inputs: ['brute'], groupBy: [], timespanMs: 60_000 }),
    correlationRule('seldom', { ...counted, condition: { lte: 1 } }),
    correlationRule('clients', {
      ...{ ...counted, type: 'value_count', fields: clients, condition: { gte: 2 } },
    }),
    correlationRule('few clients', {
      ...{ ...counted, type: 'value_count', fields: clients, condition: { lt: 2 } },
      cardinality: [{ field: 'event.id', condition: { gte: 2 } }],
    }),
    correlationRule('all three', { type: 'temporal', inputs: ['fail', 'ok', 'beat'], ...span }),
    correlationRule('in order', {
      ...{ type: 'temporal_ordered', inputs: ['fail', 'beat', 'ok'], ...span },
    }),
    correlationRule('order of hits', {
      ...{ type: 'temporal_ordered', inputs: ['brute', 'in order', 'beat'], ...span },
      timespanMs: 60_000,
    }),
    correlationRule('hits in order', { ...counted, inputs: ['in order'], condition: { gte: 2 } }),
    correlationRule('new ones', { ...seen, groupBy: bySource }),
    correlationRule('new terms', { ...seen, groupBy: [], perValue: true }),
    correlationRule('quiet', {
      ...{ type: 'absence', of: 'events', inputs: ['beat'], groupBy: bySource },
      timespanMs: 60_000,
    }),
    ...QUERIES.map(({ correlation }) => correlation),
  ],
)

export const items = fc.array(
  fc.record({
    gap: fc.nat(4_000),
    delay: fc.nat(LATENESS_MS - 1),
    action: fc.constantFrom('failure', 'success', 'beat', 'other'),
    ip: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'),
    client: fc.constantFrom('a', 'b', 'c', 'd'),
  }),
  { minLength: 100, maxLength: 250 },
)

/** A list in which every rule finds something; a random one may leave some out. */
export const eventful = [
  ...['beat', 'failure', 'failure', 'beat', 'success', 'beat', 'success'],
  ...Array<string>(60).fill('failure'),
  ...['beat', 'success', 'beat', 'success'],
  ...Array<string>(90).fill('other'),
].map((action, index) => ({
  gap: 1_000,
  delay: (index * 700) % LATENESS_MS,
  action,
  ip: '10.0.0.1',
  client: 'abcd'.charAt(index % (index < 40 ? 2 : 4)),
}))
export type Listed = (typeof eventful)[number]

export interface Arrival {
  readonly event: SecurityEvent
  readonly atMs: number
}

export function arrivalsOf(list: readonly Listed[], startMs: number): readonly Arrival[] {
  let timeMs = startMs
  const arrivals: Arrival[] = list.map((item, index) => {
    timeMs += 1 + item.gap
    return { event: eventOf(`e${index}`, timeMs, item), atMs: timeMs + item.delay }
  })
  return arrivals.toSorted((a, b) => a.atMs - b.atMs)
}
