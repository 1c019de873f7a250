import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../base/clock.ts'
import { SILENT } from '../../base/log.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { DeadLetter } from '../../model/journal.ts'
import { sql } from '../sql.ts'
import type { Sql } from '../sql.ts'
import { MemoryJournal } from '../testing/memory-journal.ts'
import { TEST_DAY_MS, brokerEvent, openStoreFixture } from '../testing/store-fixture.ts'
import type { StoreFixture } from '../testing/store-fixture.ts'
import { createStoreReader } from './reader.ts'
import type { StoreReader, StoreReaderLimits } from './reader.ts'

let store: StoreFixture
let journal: MemoryJournal
let letters: DeadLetter[]
let metrics: MetricsRegistry

beforeAll(async () => {
  store = await openStoreFixture()
})
afterAll(() => store.close())
beforeEach(async () => {
  journal = new MemoryJournal()
  letters = []
  metrics = new MetricsRegistry()
  for (const table of [sql`events`, sql`rollups`, sql`marks`]) {
    await store.engine.client('admin').command(sql`TRUNCATE TABLE picket.${table}`)
  }
})

function reader(limits: Partial<StoreReaderLimits> = {}): StoreReader {
  return createStoreReader({
    journal,
    engine: store.engine,
    log: SILENT,
    metrics,
    clock: new ManualClock(TEST_DAY_MS),
    limits: { lingerMs: 20, ...limits },
    onRefused: (more) => {
      letters.push(...more)
      return Promise.resolve()
    },
  })
}

async function rows(query: Sql): Promise<readonly (readonly unknown[])[]> {
  return (await store.engine.client('writer').query(query)).rows
}

async function stored(until: StoreReader, offset: number): Promise<void> {
  while (until.status().position < offset) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function appendBatch(name: string, count: number): Promise<void> {
  await journal.append({
    source: 'broker',
    ingestedMs: TEST_DAY_MS,
    events: Array.from({ length: count }, (_, at) =>
      brokerEvent(`${name}-${at}`, TEST_DAY_MS + at),
    ),
  })
}

const TALLY = sql`SELECT count(), uniqExact(id), uniqExact(journal_offset, journal_index)
  FROM picket.events`

describe('the store reader', () => {
  test('writes events and rollups of the journal, and remembers how far it is', async () => {
    await appendBatch('a', 3)
    await journal.append({
      source: 'broker',
      ingestedMs: TEST_DAY_MS,
      rollups: [
        {
          device: 'dev-1',
          fromMs: TEST_DAY_MS,
          toMs: TEST_DAY_MS + 60_000,
          messages: 7,
          bytes: 700,
          lastSeenMs: TEST_DAY_MS + 5_000,
          topics: ['a/b'],
        },
      ],
    })
    const one = reader()
    one.start()
    await stored(one, 2)
    expect(await rows(TALLY)).toEqual([[3, 3, 3]])
    expect(
      await rows(sql`SELECT device_id, messages, bytes, topics, toString(ingest_day)
        FROM picket.rollups`),
    ).toEqual([['dev-1', 7, 700, ['a/b'], '2026-11-22']])
    expect(one.lag()).toEqual({ entries: 0, ms: 0 })
    await one.stop()
    expect(journal.readerOffset('store')).toBe(2)
    expect(metrics.value('picket_store_rows_total', { table: 'events' })).toBe(3)
    await one.stop()
  })

  test('goes on where it was after a restart', async () => {
    await appendBatch('a', 2)
    const one = reader()
    one.start()
    await stored(one, 1)
    await one.stop()
    await appendBatch('b', 2)
    const two = reader()
    two.start()
    await stored(two, 2)
    await two.stop()
    expect(await rows(TALLY)).toEqual([[4, 4, 4]])
    expect(two.status().restored).toBeUndefined()
  })

  test('writes only the rest of a range that was begun before a crash', async () => {
    await appendBatch('a', 5)
    await appendBatch('b', 5)
    const one = reader()
    one.start()
    await stored(one, 2)
    await one.stop()
    // As if the crash had come between the insert and its being noted, and half had been lost.
    await store.engine.client('admin').command(sql`
      DELETE FROM picket.events WHERE journal_offset = 2 AND journal_index > 1`)
    journal.readers.set('store', 0)
    journal.readers.set('store-mark', 0)
    const two = reader()
    two.start()
    await stored(two, 2)
    await two.stop()
    expect(await rows(TALLY)).toEqual([[10, 10, 10]])
    expect(metrics.value('picket_store_rows_total', { table: 'events' })).toBe(10 + 3)
  })

  test('an event of 1970 or of the year 9999 is stored and expires with its neighbours', async () => {
    await journal.append({
      source: 'broker',
      ingestedMs: TEST_DAY_MS,
      events: [
        brokerEvent('old', 0),
        brokerEvent('far', Date.UTC(9999, 0, 1)),
        { ...brokerEvent('none', TEST_DAY_MS), time: Number.NaN },
      ],
    })
    const one = reader()
    one.start()
    await stored(one, 1)
    await one.stop()
    expect(
      await rows(sql`SELECT id, toString(time), hour, toString(ingest_day) FROM picket.events
        ORDER BY id`),
    ).toEqual([
      ['far', '2299-12-31 23:59:59.999', 2_892_719, '2026-11-22'],
      ['none', '1970-01-01 00:00:00.000', 0, '2026-11-22'],
      ['old', '1970-01-01 00:00:00.000', 0, '2026-11-22'],
    ])
  })
})

describe('a refused batch', () => {
  beforeAll(async () => {
    await store.engine.client('admin').command(sql`
      ALTER TABLE picket.events ADD CONSTRAINT no_poison CHECK NOT startsWith(id, 'poison')`)
  })
  afterAll(async () => {
    await store.engine
      .client('admin')
      .command(sql`ALTER TABLE picket.events DROP CONSTRAINT no_poison`)
  })

  test('is divided until only the bad rows are left out', async () => {
    const events = Array.from({ length: 300 }, (_, at) =>
      brokerEvent(at % 100 === 50 ? `poison-${at}` : `good-${at}`, TEST_DAY_MS),
    )
    await journal.append({ source: 'broker', ingestedMs: TEST_DAY_MS, events })
    const one = reader()
    one.start()
    await stored(one, 1)
    await one.stop()
    expect(await rows(TALLY)).toEqual([[297, 297, 297]])
    expect(letters.map((letter) => (JSON.parse(letter.raw) as { event: unknown }).event)).toEqual([
      expect.objectContaining({ id: 'poison-50' }),
      expect.objectContaining({ id: 'poison-150' }),
      expect.objectContaining({ id: 'poison-250' }),
    ])
    expect(letters[0]).toMatchObject({
      code: 'STORE_REFUSED',
      source: 'broker',
      message: 'Not stored: the engine refused it (code 469).',
    })
    expect(metrics.value('picket_store_refused_rows_total')).toBe(3)
  })

  test('of nothing but refusals is not given up', async () => {
    const events = Array.from({ length: 40 }, (_, at) => brokerEvent(`poison-${at}`, TEST_DAY_MS))
    await journal.append({ source: 'broker', ingestedMs: TEST_DAY_MS, events })
    const one = reader()
    one.start()
    while (one.status().state !== 'retrying') await new Promise((resolve) => setTimeout(resolve, 5))
    expect(one.status().problem?.code).toBe('STORE_BUSY')
    expect(letters).toEqual([])
    await appendBatch('good', 1)
    await stored(one, 2)
    await one.stop()
    expect(letters).toHaveLength(40)
    expect(await rows(TALLY)).toEqual([[1, 1, 1]])
  })
})

describe('a restored backup is noticed', () => {
  async function run(offset: number): Promise<StoreReader> {
    const one = reader()
    one.start()
    await stored(one, offset)
    await one.stop()
    return one
  }

  test('of the journal: the store is ahead, and nothing is doubled', async () => {
    for (const name of ['a', 'b', 'c']) await appendBatch(name, 2)
    await run(3)
    const copy = new MemoryJournal()
    copy.entries = journal.entries.slice(0, 2)
    copy.readers.set('store', 1)
    journal = copy
    const two = await run(2)
    expect(two.status().restored).toMatchObject({ code: 'STORE_AHEAD' })
    expect(await rows(TALLY)).toEqual([[6, 6, 6]])
    // The journal goes on differently from there: other events at offsets that were used before.
    await appendBatch('d', 2)
    const three = await run(3)
    expect(three.status().restored).toBeUndefined()
    expect(
      await rows(sql`SELECT id FROM picket.events WHERE journal_offset = 3 ORDER BY id`),
    ).toEqual([['c-0'], ['c-1'], ['d-0'], ['d-1']])
  })

  test('of the store: it is behind, and is written again from the journal', async () => {
    for (const name of ['a', 'b', 'c']) await appendBatch(name, 2)
    await run(3)
    await store.engine.client('admin').command(sql`
      DELETE FROM picket.events WHERE journal_offset >= 2`)
    await store.engine.client('admin').command(sql`TRUNCATE TABLE picket.marks`)
    const two = await run(3)
    expect(two.status().restored).toMatchObject({ code: 'STORE_BEHIND' })
    expect(await rows(TALLY)).toEqual([[6, 6, 6]])
    const three = await run(3)
    expect(three.status().restored).toBeUndefined()
  })

  test('of the store, past what the journal still holds: says what is lost', async () => {
    for (const name of ['a', 'b', 'c']) await appendBatch(name, 2)
    await run(3)
    for (const table of [sql`events`, sql`marks`]) {
      await store.engine.client('admin').command(sql`TRUNCATE TABLE picket.${table}`)
    }
    journal.trim(3)
    const two = await run(3)
    expect(two.status().restored?.message).toContain('offsets 1 to 2 are lost')
    expect(await rows(TALLY)).toEqual([[2, 2, 2]])
  })
})
