import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createEngine } from '../detect/engine.ts'
import type { AlertRecord } from '../model/alert.ts'
import { createSearch } from '../store/search/search.ts'
import { sql } from '../store/sql.ts'
import { fillStore } from '../store/testing/fill.ts'
import { TEST_DAY_MS, openStoreFixture } from '../store/testing/store-fixture.ts'
import type { StoreFixture } from '../store/testing/store-fixture.ts'
import { hunt } from './hunt.ts'
import {
  type Arrival,
  arrivalsOf,
  eventful,
  items,
  LATENESS_MS,
  RULES,
} from './testing/every-kind.ts'

/*
 * The promise: final live alerts are those of a hunt over the same events. Live takes events as they
 * arrive, shuffled within the lateness; the hunt takes them from a real store.
 */
const RUNS = 7

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

test('final live alerts are those of a hunt', { timeout: 240_000 }, async () => {
  const found = new Set<string>()
  await fc.assert(
    fc.asyncProperty(items, async (list) => {
      await store.engine.client('admin').command(sql`TRUNCATE TABLE picket.events`)
      await store.engine.client('admin').command(sql`TRUNCATE TABLE picket.marks`)
      const arrivals = arrivalsOf(list, TEST_DAY_MS)
      await fillStore(
        store.engine,
        arrivals.map(({ event }) => event),
        40,
      )
      const endMs = Math.max(...arrivals.map(({ event }) => event.time)) + 30_000
      const live = liveAlerts(arrivals, endMs)
      for (const alert of live) found.add(alert.rule.id)
      expect(told(await huntedAlerts(endMs))).toEqual(told(live))
    }),
    { numRuns: RUNS, endOnFailure: true, examples: [[eventful]] },
  )
  const alerting = [...RULES.matches, ...RULES.correlations].filter(({ alerts }) => alerts)
  expect([...found].toSorted()).toEqual(alerting.map(({ meta }) => meta.id).toSorted())
})
