import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { OfflineDetector } from '../detect/offline.ts'
import { AssetIndex } from '../fleet/asset-index.ts'
import { compileEql } from '../lang/eql/compile.ts'
import type { AlertRecord } from '../model/alert.ts'
import { assetSchema } from '../model/asset.ts'
import type { Rollup } from '../model/journal.ts'
import type { RuleSet } from '../model/rule.ts'
import { actionRule, correlationRule, ruleSet } from '../detect/testing/rules.ts'
import { sql } from '../store/sql.ts'
import { RollupBlock } from '../store/write/rollup-block.ts'
import { createSearch } from '../store/search/search.ts'
import { fillStore } from '../store/testing/fill.ts'
import { TEST_DAY_MS, brokerEvent, openStoreFixture } from '../store/testing/store-fixture.ts'
import type { StoreFixture } from '../store/testing/store-fixture.ts'
import { rollupNow } from './as-of-now.ts'
import { hunt } from './hunt.ts'
import type { HuntOptions, HuntSummary } from './hunt.ts'

const HOUR_MS = 3_600_000
const MINUTE_MS = 60_000

/** Ten hours of one broker: logins of 40 devices, every 97th of them a failure then a success. */
const EVENTS = Array.from({ length: 6_000 }, (_, at) =>
  brokerEvent(`e${at}`, TEST_DAY_MS + at * 6_000, {
    event: {
      id: `e${at}`,
      kind: 'event',
      category: ['authentication'],
      action: 'mqtt-connect',
      outcome: at % 97 === 0 ? 'failure' : 'success',
    },
    source: { ip: `192.0.2.${at % 40}` },
    iot: { mqtt: { client_id: `dev-${at % 40}` } },
  }),
)

let store: StoreFixture
beforeAll(async () => {
  store = await openStoreFixture()
  // Arrival is not the order of time.
  const shuffled = EVENTS.toSorted((a, b) => (a.time % 7_919) - (b.time % 7_919))
  await fillStore(store.engine, shuffled, 700)
})
afterAll(() => store.close())

function eql(text: string): RuleSet {
  const compiled = compileEql(text, { id: 'hunted' })
  if (!compiled.ok) throw new Error(compiled.problem.message)
  const { matches, correlation } = compiled.value
  return { hash: 'test', matches, correlations: correlation === undefined ? [] : [correlation] }
}

const FAILED = eql('any where event.outcome == "failure"')
const THEN_IN = eql(`sequence by source.ip with maxspan=10m
  [any where event.outcome == "failure"] [any where event.outcome == "success"]`)

async function hunted(
  options: Pick<HuntOptions, 'ruleSet' | 'fromMs' | 'toMs'> & Partial<HuntOptions>,
): Promise<{ alerts: AlertRecord[]; summary: HuntSummary }> {
  const search = createSearch(store.engine)
  const running = hunt((how) => search.streamEvents(how), { tell: 'matches', ...options })
  const alerts: AlertRecord[] = []
  for (;;) {
    const step = await running.next()
    if (step.done === true) return { alerts, summary: step.value }
    alerts.push(...step.value)
  }
}

/** The same rules over the events themselves. */
function expected(ruleSet: RuleSet, tell: 'alerts' | 'matches'): AlertRecord[] {
  const detector = new OfflineDetector(ruleSet, { tell, latenessMs: 0, early: false })
  for (const event of EVENTS) detector.observe(event)
  detector.finish()
  return detector.take()
}

/** Ids are minted from places in the journal, which differ. */
function bare(one: AlertRecord): string {
  return JSON.stringify({ ...one, id: '', continues: undefined })
}

const ALL = { fromMs: TEST_DAY_MS, toMs: TEST_DAY_MS + 10 * HOUR_MS }

describe('a hunt', () => {
  test.each([
    ['an event query', FAILED],
    ['a sequence', THEN_IN],
  ])('finds with %s what the detector finds', async (_name, ruleSet) => {
    for (const tell of ['alerts', 'matches'] as const) {
      const { alerts, summary } = await hunted({ ruleSet, tell, ...ALL })
      expect(summary.alerts).toBe(alerts.length)
      expect(alerts.length).toBeGreaterThan(5)
      const plain = expected(ruleSet, tell)
      expect(alerts.map(bare).toSorted()).toEqual(plain.map(bare).toSorted())
    }
  })

  test('reads no more than the rule can need', async () => {
    const { summary } = await hunted({ ruleSet: FAILED, ...ALL })
    expect(summary).toMatchObject({ narrowed: true, events: Math.ceil(EVENTS.length / 97) })
  })

  test('knows what came before its range, and tells only what lies in it', async () => {
    const { alerts } = await hunted({ ruleSet: THEN_IN, ...ALL })
    const one = alerts[3]
    if (one === undefined) throw new Error('no alert')
    // The range begins between the two events of the sequence.
    const fromMs = Date.parse(one.first) + 1
    const cut = await hunted({ ruleSet: THEN_IN, fromMs, toMs: fromMs + 30 * MINUTE_MS })
    expect(cut.alerts[0]?.events).toEqual(one.events)
    expect(cut.alerts.length).toBeLessThan(alerts.length)
    expect(cut.summary.readFromMs).toBe(fromMs - 20 * MINUTE_MS)
  })

  test('tells how far it is, and ends when it is called off', async () => {
    const seen: number[] = []
    const gone = new AbortController()
    const running = hunted({
      ruleSet: eql('any where true'),
      ...ALL,
      signal: gone.signal,
      onProgress: ({ events, total }) => {
        seen.push(events)
        expect(total).toBe(EVENTS.length)
        gone.abort()
      },
    })
    await expect(running).rejects.toMatchObject({ problem: { code: 'STORE_CANCELLED' } })
    expect(seen.length).toBeGreaterThan(0)
  })
})

describe('absence, where routine messages were folded', () => {
  const DAY = TEST_DAY_MS + 48 * HOUR_MS
  const GONE: RuleSet = ruleSet(
    [actionRule('beat', 'mqtt-publish')],
    [
      correlationRule('gone', {
        type: 'absence',
        of: 'events',
        inputs: ['beat'],
        groupBy: [{ name: 'iot.mqtt.client_id', path: 'iot.mqtt.client_id' }],
        timespanMs: 10 * MINUTE_MS,
      }),
    ],
  )

  test('is found where the rollups end, and only with them', async () => {
    const block = new RollupBlock('default')
    const place = { partition: 0, epoch: 0, offset: 5_000, ingestedMs: TEST_DAY_MS }
    // Every five minutes, one device for two hours and the other for one; a third in a flood.
    for (let at = 0; at < 24; at++) {
      for (const [index, device] of ['lives', 'stops'].entries()) {
        if (device === 'stops' && at >= 12) continue
        const lastSeenMs = DAY + at * 5 * MINUTE_MS
        const span = { fromMs: lastSeenMs, toMs: lastSeenMs + 5 * MINUTE_MS, lastSeenMs }
        const rollup = { device, deviceField: 'iot.mqtt.client_id', clientId: device, ...span }
        const kind = { action: 'mqtt-publish', messages: 1, bytes: 1, firstSeenMs: lastSeenMs }
        block.add({ ...rollup, ...kind }, { ...place, index: at * 2 + index }, 's')
      }
    }
    const insert = sql`INSERT INTO picket.rollups FORMAT Native`
    await store.engine.client('writer').insert(insert, [block.take()])
    const search = createSearch(store.engine)
    const range = { ruleSet: GONE, tell: 'alerts', fromMs: DAY, toMs: DAY + 2 * HOUR_MS } as const
    const rollups = (how: Parameters<typeof search.streamRollups>[0]) => search.streamRollups(how)
    const { alerts } = await hunted({ ...range, rollups })
    expect(alerts.map(({ group }) => group)).toEqual([{ 'iot.mqtt.client_id': 'stops' }])
    expect(alerts[0]!.first).toBe(new Date(DAY + 65 * MINUTE_MS).toISOString())
    expect((await hunted(range)).alerts).toEqual([])
  })
})

describe('as of now', () => {
  const assets = new AssetIndex()
  for (const id of ['dev-3', 'dev-5']) {
    const site = id === 'dev-3' ? 'south' : 'north'
    assets.put(assetSchema.parse({ id, site, identifiers: { client_id: [id] } }))
  }
  const south = EVENTS.filter((_, at) => at % 40 === 3).map(({ id }) => id)

  test('a rule on a site finds what only today’s table puts there', async () => {
    const ruleSet = eql('any where iot.site == "south"')
    const then = await hunted({ ...ALL, ruleSet })
    expect(then.alerts).toEqual([])
    expect(then.summary).toMatchObject({ context: 'as-of-then', narrowed: true })
    const now = await hunted({ ...ALL, ruleSet, asOfNow: { assets } })
    expect(now.alerts.flatMap(({ events }) => events)).toEqual(south)
    expect(now.summary).toMatchObject({ context: 'as-of-now', assets: 2, narrowed: false })
  })

  test('what joining does not touch is still looked for in the store', async () => {
    const ruleSet = eql('any where event.outcome == "failure" and device.id == "dev-3"')
    const { alerts, summary } = await hunted({ ...ALL, ruleSet, asOfNow: { assets } })
    const failed = south.filter((id) => Number(id.slice(1)) % 97 === 0)
    expect(failed.length).toBeGreaterThan(0)
    expect(alerts.flatMap(({ events }) => events)).toEqual(failed)
    expect(summary).toMatchObject({ narrowed: true })
    expect(summary.events).toBeLessThan(EVENTS.length / 50)
  })

  test('a word anywhere may be one that the table gives', async () => {
    const [rule] = FAILED.matches
    if (rule === undefined) throw new Error('no rule to take')
    const test = { kind: 'equals', value: 'south', cased: true } as const
    const word = { ...rule, condition: { kind: 'anywhere', test } } as const
    const ruleSet: RuleSet = { hash: 'test', matches: [word], correlations: [] }
    const { alerts } = await hunted({ ...ALL, ruleSet, asOfNow: { assets } })
    expect(alerts).toHaveLength(south.length)
  })

  test('a rollup is of the device that today’s table names', () => {
    const rollup: Rollup = {
      ...{ device: 'dev-3', deviceField: 'host.name', clientId: 'dev-3', site: 'old' },
      ...{ fromMs: 0, toMs: 1, messages: 1, bytes: 1, lastSeenMs: 0 },
    }
    const { deviceField: _, ...rest } = rollup
    expect(rollupNow(rollup, { assets })).toEqual({ ...rest, site: 'south' })
    const unknown = { ...rollup, clientId: 'another' }
    expect(rollupNow(unknown, { assets })).toBe(unknown)
  })
})
