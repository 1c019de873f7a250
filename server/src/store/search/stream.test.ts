import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SecurityEvent } from '../../model/event.ts'
import { fillStore } from '../testing/fill.ts'
import { openStoreFixture, type StoreFixture, TEST_DAY_MS } from '../testing/store-fixture.ts'
import type { StoreClient } from '../client.ts'
import { StoreError } from '../failure.ts'
import { streamEvents } from './stream.ts'

const HOUR_MS = 3_600_000
/** Two quiet hours around a busy one, several events in one moment, in no order of time. */
const EVENTS: readonly SecurityEvent[] = Array.from({ length: 400 }, (_, at) => {
  const busy = at % 10 !== 0
  const offsetMs = busy
    ? 2 * HOUR_MS + ((at * 7_919) % 60) * 1_000 + (at % 3)
    : ((at / 10) % 2) * 4 * HOUR_MS + at
  const time = TEST_DAY_MS + offsetMs
  return { id: `e${at}`, time, doc: { n: at } }
})

let store: StoreFixture
beforeAll(async () => {
  store = await openStoreFixture()
  await fillStore(store.engine, EVENTS, 50)
})
afterAll(() => store.close())

test.each([1, 7, 60, 1_000])(
  'in stretches of %i rows, events come once each, by time and place in the journal',
  async (stretchRows) => {
    const reader = store.engine.client('reader')
    const ids: string[] = []
    let total = 0
    const stream = streamEvents(
      { reader, queryName: 'stretches', stretchRows },
      {
        fromMs: TEST_DAY_MS,
        toMs: TEST_DAY_MS + 24 * HOUR_MS,
        onTotal: (count) => (total = count),
      },
    )
    for await (const batch of stream) ids.push(...batch.map(({ id }) => id))
    const wanted = EVENTS.toSorted((a, b) => a.time - b.time).map(({ id }) => id)
    expect(total).toBe(EVENTS.length)
    expect(ids).toEqual(wanted)
  },
)

/** A reader whose engine sorts at most so many rows before its memory is at its end. */
function sorting(rowsMax: number, late = false): StoreClient {
  const reader = store.engine.client('reader')
  const stream: StoreClient['stream'] = async function* (query, options) {
    const isSorted = query.texts.join('').includes('ORDER BY time')
    const all: (readonly unknown[])[] = []
    for await (const chunk of reader.stream(query, options)) all.push(...chunk)
    const isTooMuch = isSorted && all.length > rowsMax
    if (!isTooMuch || late) yield all
    if (isTooMuch) throw new StoreError('limit', 'A limit was reached.', 241)
  }
  return new Proxy(reader, {
    get: (target, name) => (name === 'stream' ? stream : Reflect.get(target, name)),
  })
}

async function idsOf(reader: StoreClient): Promise<readonly string[]> {
  const range = { fromMs: TEST_DAY_MS, toMs: TEST_DAY_MS + 24 * HOUR_MS }
  const ids: string[] = []
  for await (const batch of streamEvents({ reader, queryName: 'halves' }, range)) {
    ids.push(...batch.map(({ id }) => id))
  }
  return ids
}

test('events too large to be sorted together are read in smaller stretches, once each', async () => {
  const wanted = EVENTS.toSorted((a, b) => a.time - b.time).map(({ id }) => id)
  expect(await idsOf(sorting(8))).toEqual(wanted)
})

test('what cannot be read at all, or broke off after rows were given, fails', async () => {
  await expect(idsOf(sorting(0))).rejects.toThrow('A limit was reached.')
  await expect(idsOf(sorting(8, true))).rejects.toThrow('A limit was reached.')
})
