import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEngine } from '../detect/engine.ts'
import { actionRule, bySource, correlationRule, eventOf, ruleSet } from '../detect/testing/rules.ts'
import { compileEql } from '../lang/eql/compile.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { SecurityEvent } from '../model/event.ts'
import { createSearch } from '../store/search/search.ts'
import { sql } from '../store/sql.ts'
import { fillStore } from '../store/testing/fill.ts'
import { TEST_DAY_MS, openStoreFixture } from '../store/testing/store-fixture.ts'
import type { StoreFixture } from '../store/testing/store-fixture.ts'
import { hunt } from './hunt.ts'

/*
 * The promise: final live alerts are those of a hunt over the same events. Live takes events as they
 * arrive, shuffled within the lateness; the hunt takes them from a real store.
 */
const LATENESS_MS = 2_000
const RUNS = 7

function sequence() {
  const text = `sequence by source.ip with maxspan=20s
    [any where event.action == "failure"] [any where event.action == "success"]`
  const compiled = compileEql(text, { id: 'steps' })
  if (!compiled.ok || compiled.value.correlation === undefined) throw new Error('not a sequence')
  return compiled.value
}

const counted = {
  type: 'event_count' as const,
  inputs: ['fail'],
  groupBy: bySource,
  timespanMs: 10_000,
  condition: { gte: 3 },
  fields: [],
}
const { matches, correlation } = sequence()
const RULES = ruleSet(
  [actionRule('fail', 'failure', { alerts: true }), actionRule('beat', 'beat'), ...matches],
  [
    correlationRule('brute', counted),
    correlationRule('many', { ...counted, inputs: ['brute'], groupBy: [], timespanMs: 60_000 }),
    correlationRule('quiet', {
      type: 'absence',
      of: 'events',
      inputs: ['beat'],
      groupBy: bySource,
      timespanMs: 60_000,
    }),
    ...(correlation === undefined ? [] : [correlation]),
  ],
)

const items = fc.array(
  fc.record({
    gap: fc.nat(4_000),
    delay: fc.nat(LATENESS_MS - 1),
    action: fc.constantFrom('failure', 'success', 'beat', 'other'),
    ip: fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.0.3'),
  }),
  { minLength: 100, maxLength: 250 },
)

/** A list in which every rule finds something; a random one may leave `many` out. */
const eventful = [
  'beat',
  ...Array<string>(60).fill('failure'),
  'success',
  ...Array<string>(60).fill('other'),
].map((action, index) => ({
  gap: 1_000,
  delay: (index * 700) % LATENESS_MS,
  action,
  ip: '10.0.0.1',
}))

interface Arrival {
  readonly event: SecurityEvent
  readonly atMs: number
}

function arrivalsOf(list: readonly { gap: number; delay: number; action: string; ip: string }[]) {
  let timeMs = TEST_DAY_MS
  const arrivals: Arrival[] = list.map((item, index) => {
    timeMs += 1 + item.gap
    return { event: eventOf(`e${index}`, timeMs, item), atMs: timeMs + item.delay }
  })
  return arrivals.toSorted((a, b) => a.atMs - b.atMs)
}

function liveAlerts(arrivals: readonly Arrival[], endMs: number): AlertRecord[] {
  const engine = createEngine(RULES, { latenessMs: LATENESS_MS })
  const latest = new Map<string, AlertRecord>()
  let newestMs = 0
  for (const [index, { event, atMs }] of arrivals.entries()) {
    newestMs = Math.max(newestMs, event.time)
    const tick = { source: 's', state: 'connected', watermarkMs: newestMs, atMs } as const
    const batch = { source: 's', ingestedMs: atMs, events: [event], ticks: [tick] }
    engine.apply({ offset: index + 1, batch })
  }
  engine.finish(endMs, { partition: 0, offset: arrivals.length + 1, index: 0 })
  for (const alert of engine.takeAlerts()) latest.set(alert.id, alert)
  return [...latest.values()].filter((alert) => alert.state !== 'retracted')
}

async function huntedAlerts(endMs: number): Promise<AlertRecord[]> {
  const search = createSearch(store.engine)
  const range = { fromMs: TEST_DAY_MS, toMs: endMs }
  const running = hunt((how) => search.streamEvents(how), {
    ruleSet: RULES,
    tell: 'alerts',
    ...range,
  })
  const alerts: AlertRecord[] = []
  for await (const found of running) alerts.push(...found)
  return alerts
}

function told(alerts: readonly AlertRecord[]): string[] {
  return alerts
    .map(({ rule, group, first, last, count, events }) =>
      JSON.stringify({ rule: rule.id, group, first, last, count, events }),
    )
    .toSorted()
}

let store: StoreFixture
beforeAll(async () => {
  store = await openStoreFixture()
})
afterAll(() => store.close())

test('final live alerts are those of a hunt', { timeout: 120_000 }, async () => {
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(items, async (list) => {
      await store.engine.client('admin').command(sql`TRUNCATE TABLE picket.events`)
      await store.engine.client('admin').command(sql`TRUNCATE TABLE picket.marks`)
      const arrivals = arrivalsOf(list)
      await fillStore(
        store.engine,
        arrivals.map(({ event }) => event),
        40,
      )
      const endMs = Math.max(...arrivals.map(({ event }) => event.time)) + 30_000
      const live = liveAlerts(arrivals, endMs)
      for (const alert of live) seen.add(alert.rule.id)
      expect(told(await huntedAlerts(endMs))).toEqual(told(live))
    }),
    { numRuns: RUNS, endOnFailure: true, examples: [[eventful]] },
  )
  expect([...seen].toSorted()).toEqual(['brute', 'fail', 'many', 'quiet', 'steps'])
})
