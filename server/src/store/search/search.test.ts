import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { p, sql } from '../sql.ts'
import { fillStore } from '../testing/fill.ts'
import { TEST_DAY_MS, brokerEvent, openStoreFixture } from '../testing/store-fixture.ts'
import type { StoreFixture } from '../testing/store-fixture.ts'
import { createSearch } from './search.ts'
import type { Search, SearchTable } from './search.ts'
import type { SearchRequest } from './request.ts'
import type { StoredEvent } from './stream.ts'
import { RollupBlock } from '../write/rollup-block.ts'
import { column, orUnfit } from './where.ts'

const HOUR_MS = 3_600_000
const DAY = { fromMs: TEST_DAY_MS, toMs: TEST_DAY_MS + 24 * HOUR_MS }

let store: StoreFixture
let search: Search

const EVENTS = [
  brokerEvent('one', TEST_DAY_MS, { user: { name: 'mallory' } }),
  brokerEvent('two', TEST_DAY_MS + HOUR_MS, { user: { name: ['alice', 'bob'] } }),
  brokerEvent('three', TEST_DAY_MS + 2 * HOUR_MS, { device: { id: 'dev-3' } }),
  brokerEvent('quote', TEST_DAY_MS + 3 * HOUR_MS, { user: { name: `O'Neil \\ {p0:String} -- "` } }),
  // The same millisecond, told apart by place in the journal.
  ...Array.from({ length: 20 }, (_, at) => brokerEvent(`tie-${at}`, TEST_DAY_MS + 5 * HOUR_MS)),
]

const NEXT_DAY = { fromMs: DAY.toMs, toMs: DAY.toMs + 24 * HOUR_MS }
const SITED = [
  brokerEvent('site-oslo', NEXT_DAY.fromMs + HOUR_MS, { iot: { site: 'oslo' } }),
  brokerEvent('site-bergen', NEXT_DAY.fromMs + HOUR_MS, {
    iot: { site: 'bergen' },
    device: { type: 'pump' },
  }),
  brokerEvent('site-two', NEXT_DAY.fromMs + HOUR_MS, { iot: { site: ['oslo', 'bergen'] } }),
]

beforeAll(async () => {
  store = await openStoreFixture()
  search = createSearch(store.engine)
  await fillStore(store.engine, [...EVENTS, ...SITED], 4)
})
afterAll(() => store.close())

async function found(request: SearchRequest): Promise<SearchTable> {
  const result = await search.run(request)
  if (!result.ok) throw new Error(result.problem.message)
  return result.value
}

async function ids(request: SearchRequest): Promise<unknown[]> {
  const table = await found(request)
  return table.rows.map((row) => row[table.columns.indexOf('event.id')])
}

describe('recent', () => {
  test('gives events of the range, newest first, and says when there are more', async () => {
    const table = await found({ template: 'recent', ...DAY, limit: 2 })
    expect(table.truncated).toBe(true)
    expect(table.rows).toHaveLength(2)
    const first = await found({ template: 'recent', ...DAY, order: 'oldest', limit: 1 })
    expect(first.columns.slice(0, 4)).toEqual([
      '@timestamp',
      'event.id',
      'event.action',
      'event.outcome',
    ])
    expect(first.rows[0]?.slice(0, 4)).toEqual([
      '2026-11-22T00:00:00.000Z',
      'one',
      'mqtt-connect',
      'failure',
    ])
  })

  test('narrows by every filter', async () => {
    expect(await ids({ template: 'recent', ...DAY, filters: { user: 'mallory' } })).toEqual(['one'])
    expect(await ids({ template: 'recent', ...DAY, filters: { device: 'dev-3' } })).toEqual([
      'three',
    ])
    expect(await ids({ template: 'recent', ...DAY, filters: { clientId: 'client-two' } })).toEqual([
      'two',
    ])
    const all = { action: 'mqtt-connect', outcome: 'failure', sourceIp: '192.0.2.7' }
    expect(await ids({ template: 'recent', ...DAY, filters: all })).toHaveLength(EVENTS.length)
    expect(await ids({ template: 'recent', ...DAY, filters: { outcome: 'success' } })).toEqual([])
  })

  test('finds a value that stands second in a list', async () => {
    expect(await ids({ template: 'recent', ...DAY, filters: { user: 'bob' } })).toEqual(['two'])
  })

  test('the end of the range is not part of it', async () => {
    const range = { fromMs: TEST_DAY_MS, toMs: TEST_DAY_MS + HOUR_MS }
    expect(await ids({ template: 'recent', ...range })).toEqual(['one'])
  })
})

test('who may see a part finds, counts and reads no more than that part', async () => {
  const visibility = { sites: ['oslo'] }
  expect(await ids({ template: 'recent', ...NEXT_DAY, visibility })).toEqual(['site-oslo'])
  expect(await ids({ template: 'recent', ...NEXT_DAY, visibility: { sites: [] } })).toEqual([])
  const types = { sites: ['oslo', 'bergen'], deviceTypes: ['pump'] }
  expect(await ids({ template: 'recent', ...NEXT_DAY, visibility: types })).toEqual(['site-bergen'])
  const all = ['site-oslo', 'site-bergen', 'site-two', 'one']
  expect(await ids({ template: 'events', ids: all, visibility })).toEqual(['site-oslo'])
  const counted = await found({ template: 'counts', ...NEXT_DAY, stepMs: HOUR_MS, visibility })
  expect(counted.rows.map((row) => row[3])).toEqual([1])
})

test('events are found by id, whole and oldest first', async () => {
  const table = await found({ template: 'events', ids: ['three', 'one', 'nowhere'] })
  expect(table.rows.map((row) => row.at(-1))).toEqual([EVENTS[0]?.doc, EVENTS[2]?.doc])
  expect(await ids({ template: 'events', ids: [] })).toEqual([])
})

test('counts by action and outcome over time', async () => {
  const table = await found({ template: 'counts', ...DAY, stepMs: 3 * HOUR_MS })
  expect(table.rows).toEqual([
    ['2026-11-22T00:00:00.000Z', 'mqtt-connect', 'failure', 3],
    ['2026-11-22T03:00:00.000Z', 'mqtt-connect', 'failure', 21],
  ])
})

describe('what is not a value of its parameter', () => {
  test.each([
    [{ template: 'recent', fromMs: 2, toMs: 1 }, 'to'],
    [{ template: 'recent', fromMs: Number.NaN, toMs: 1 }, 'from'],
    [{ template: 'recent', ...DAY, limit: 1e9 }, 'limit'],
    [{ template: 'recent', ...DAY, filters: { user: 'x'.repeat(2_000) } }, 'user'],
    [{ template: 'counts', ...DAY, stepMs: 1 }, 'step'],
    [{ template: 'counts', fromMs: 0, toMs: TEST_DAY_MS, stepMs: 1_000 }, 'step'],
    [{ template: 'events', ids: Array.from({ length: 1_001 }, String) }, 'ids'],
  ] as const)('%j is refused', async (request, field) => {
    const result = await search.run(request)
    expect(result).toMatchObject({ ok: false, problem: { code: 'SEARCH_INVALID', at: { field } } })
  })

  test('a text is compared, whatever stands in it', async () => {
    const odd = `O'Neil \\ {p0:String} -- "`
    expect(await ids({ template: 'recent', ...DAY, filters: { user: odd } })).toEqual(['quote'])
    const tries = fc.oneof(
      fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }),
      fc.constantFrom(
        `' OR 1=1 --`,
        `\\' OR 1=1 --`,
        `{p1:Identifier}`,
        `x') UNION ALL SELECT file('/etc/passwd') --`,
        `\0`,
        `\\N`,
        '1; DROP TABLE picket.events',
      ),
    )
    await fc.assert(
      fc.asyncProperty(tries, async (text) => {
        expect(await ids({ template: 'recent', ...DAY, filters: { device: text } })).toEqual([])
        expect(await ids({ template: 'events', ids: [text, `${text}'`] })).toEqual([])
      }),
      { numRuns: 40 },
    )
  })
})

describe('a stream of events', () => {
  async function streamed(where?: ReturnType<typeof column>): Promise<StoredEvent[]> {
    const all: StoredEvent[] = []
    const options = where === undefined ? DAY : { ...DAY, where }
    for await (const batch of search.streamEvents(options)) all.push(...batch)
    return all
  }

  test('comes in order of time, then of the journal', async () => {
    const all = await streamed()
    expect(all.map((event) => event.id)).toEqual(EVENTS.map((event) => event.id))
    expect(all.map((event) => event.doc)).toEqual(EVENTS.map((event) => event.doc))
    expect(all[4]).toMatchObject({
      time: TEST_DAY_MS + 5 * HOUR_MS,
      ingestedMs: TEST_DAY_MS,
      position: { partition: 0, offset: 2, index: 0 },
    })
  })

  test('a condition pushed down loses no match', async () => {
    const user = p('String', 'bob')
    const some = await streamed(orUnfit('user_name', sql`${column('user_name')} = ${user}`))
    expect(some.map((event) => event.id)).toEqual(['two'])
  })

  test('a failure on the way is thrown, and not the end of the stream', async () => {
    const bad = sql`throwIf(journal_offset = 5 AND journal_index = 2 AND isNotNull(doc)) = 0`
    await expect(streamed(bad)).rejects.toMatchObject({ name: 'StoreError' })
  })
})

describe('a search that takes long', () => {
  // Far more than a test's time, however fast the machine.
  const endless = sql`(SELECT count() FROM numbers(1000000000000) WHERE sipHash64(number) = 1) = 0`

  async function running(): Promise<number> {
    const rows = await store.engine.client('admin').query(sql`
      SELECT count() FROM system.processes WHERE startsWith(query_id, 'picket-search-')`)
    return Number(rows.rows[0]?.[0])
  }

  test('ends in the engine when its caller goes away', async () => {
    const gone = new AbortController()
    const reading = (async () => {
      for await (const batch of search.streamEvents({
        ...DAY,
        where: endless,
        signal: gone.signal,
      })) {
        expect(batch).toBeDefined()
      }
    })()
    // A loaded machine may let it end before it is looked at; that is told below, not here.
    reading.catch(() => undefined)
    while ((await running()) === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    gone.abort()
    await expect(reading).rejects.toMatchObject({ kind: 'cancelled' })
    while ((await running()) > 0) await new Promise((resolve) => setTimeout(resolve, 10))
  }, 60_000)

  test('that nobody runs cannot be cancelled', async () => {
    expect(await search.cancel('nothing')).toBe(false)
    expect(await search.cancel(`x' OR 1=1 --`)).toBe(false)
  })
})

describe('rollups', () => {
  const HOURLY = { toMs: DAY.fromMs + HOUR_MS, messages: 3, bytes: 30, topics: ['a', 'b'] }
  const row = {
    ...{ ...HOURLY, device: 'pump-7', fromMs: DAY.fromMs, action: 'mqtt-publish' },
    ...{ dataset: 'mosquitto.log', clientId: 'c7', site: 'oslo', firstSeenMs: DAY.fromMs + 5 },
    ...{ lastSeenMs: DAY.fromMs + 9_000, topicsCount: 2, entry: 'telemetry-message' },
  }
  beforeAll(async () => {
    const block = new RollupBlock('default')
    const place = { partition: 0, epoch: 0, offset: 900, index: 0, ingestedMs: TEST_DAY_MS }
    block.add(row, place, 'broker')
    const later = { lastSeenMs: DAY.fromMs + 60_000, firstSeenMs: DAY.fromMs + 50_000 }
    block.add({ ...row, ...later, topics: ['b', 'c'] }, { ...place, index: 1 }, 'broker')
    const other = { device: 'c9', deviceField: 'iot.mqtt.client_id', site: 'bergen' }
    block.add({ ...row, ...other }, { ...place, index: 2 }, 'broker')
    // As a program before this one wrote them.
    const { device, fromMs, toMs, messages, bytes, lastSeenMs } = row
    block.add(
      { ...{ device: `${device}-old`, fromMs, toMs, messages, bytes, lastSeenMs } },
      place,
      'b',
    )
    const insert = sql`INSERT INTO picket.rollups FORMAT Native`
    await store.engine.client('writer').insert(insert, [block.take()])
  })

  test('rows of one device and interval are added up', async () => {
    const filters = { device: 'pump-7' }
    const table = await found({ template: 'rollups', ...DAY, filters })
    const iso = (ms: number): string => new Date(DAY.fromMs + ms).toISOString()
    expect(table.rows).toEqual([
      [
        ...[iso(0), iso(HOUR_MS), 'pump-7', 'device.id', 'mqtt-publish', 'mosquitto.log', 6, 60],
        ...[3, 'a b c', iso(5), iso(60_000)],
      ],
    ])
    const nothing = { fromMs: DAY.fromMs + HOUR_MS, toMs: DAY.toMs }
    expect((await found({ template: 'rollups', ...nothing, filters })).rows).toEqual([])
  })

  test('count for when a device was last seen, beside events', async () => {
    const table = await found({ template: 'last-seen', ...DAY })
    const seen = Object.fromEntries(table.rows.map(([device, ...rest]) => [String(device), rest]))
    expect(seen['pump-7']).toEqual([new Date(DAY.fromMs + 60_000).toISOString(), 0, 6])
    expect(seen['c9']).toEqual([new Date(DAY.fromMs + 9_000).toISOString(), 0, 3])
    expect(seen['dev-3']?.slice(1)).toEqual([1, 0])
  })

  test('are seen only by who may see all that they say', async () => {
    const visibility = { sites: ['bergen'] }
    const table = await found({ template: 'rollups', ...DAY, visibility })
    expect(table.rows.map((one) => one[2])).toEqual(['c9'])
  })
})
