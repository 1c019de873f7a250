import { afterAll, beforeAll, expect, test } from 'vitest'
import { ManualClock } from '../../base/clock.ts'
import { SILENT } from '../../base/log.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { StoreClient } from '../client.ts'
import type { StoreEngine } from '../engine/engine.ts'
import { StoreError } from '../failure.ts'
import { sql } from '../sql.ts'
import { MemoryJournal } from '../testing/memory-journal.ts'
import { TEST_DAY_MS, brokerEvent, openStoreFixture } from '../testing/store-fixture.ts'
import type { StoreFixture } from '../testing/store-fixture.ts'
import { createStoreReader } from './reader.ts'
import type { StoreReader } from './reader.ts'

/*
 * Kills the engine with SIGKILL, loses its answers, and lets the reader vanish as a crashed process
 * does, at random moments of inserts while events keep coming. What was journalled is the independent record: in the end each
 * of its events is in the store once. PICKET_SEED repeats a run, PICKET_KILLS makes it longer.
 */
const SEED = Number(process.env['PICKET_SEED'] ?? Date.now() % 1_000_000)
const KILLS = Number(process.env['PICKET_KILLS'] ?? 2)
const DAY_MS = 86_400_000

let store: StoreFixture
beforeAll(async () => {
  store = await openStoreFixture()
})
afterAll(() => store.close())

/** A generator of numbers in [0, 1) from a seed (mulberry32). */
function numbersFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** What became of an insert: nothing bad, or one of the bad ends. */
type Fate = 'good' | 'engine killed' | 'answer lost' | 'reader vanished'

/**
 * A reader whose inserts end badly now and then. One that vanished neither saves anything nor asks
 * the store again, as after a crash of its process.
 */
function mortalReader(
  journal: MemoryJournal,
  random: () => number,
  next: () => Fate,
  vanished: () => void,
): StoreReader {
  let alive = true
  const never = new Promise<never>(() => undefined)
  const engine = store.engine
  const reader = createStoreReader({
    journal: Object.assign(Object.create(journal) as MemoryJournal, {
      saveReader: (name: string, offset: number) =>
        alive ? journal.saveReader(name, offset) : never,
      onAppend: (listener: () => void) => journal.onAppend(listener),
    }),
    engine: Object.assign(Object.create(engine) as StoreEngine, {
      whenReady: async (signal?: AbortSignal) => (await engine.whenReady(signal)) && alive,
      state: () => engine.state(),
      client: (role: 'admin' | 'writer' | 'reader') => {
        if (!alive) throw new StoreError('unavailable', 'vanished')
        const client = engine.client(role)
        return Object.assign(Object.create(client) as StoreClient, {
          query: (...call: Parameters<StoreClient['query']>) => client.query(...call),
          stream: (...call: Parameters<StoreClient['stream']>) => client.stream(...call),
          command: (...call: Parameters<StoreClient['command']>) => client.command(...call),
          insert: async (...call: Parameters<StoreClient['insert']>) => {
            if (!alive) return never
            const fate = next()
            if (fate === 'engine killed') setTimeout(killEngine, random() * 25)
            await client.insert(...call)
            if (fate === 'answer lost') throw new StoreError('unavailable', 'lost')
            if (fate !== 'reader vanished') return
            alive = false
            vanished()
            await never
          },
        })
      },
    }),
    log: SILENT,
    metrics: new MetricsRegistry(),
    clock: new ManualClock(TEST_DAY_MS),
    limits: { lingerMs: 2, rowsMax: 400, sliceBytes: 20_000 },
    onRefused: () => Promise.reject(new Error('nothing is to be refused')),
  })
  return reader
}

function killEngine(): void {
  const pid = store.engine.pid()
  if (pid !== undefined) process.kill(pid, 'SIGKILL')
}

test(
  `every event is stored exactly once, whatever dies (seed ${SEED})`,
  { timeout: 300_000 },
  async () => {
    const random = numbersFrom(SEED)
    const journal = new MemoryJournal()
    let count = 0
    let writing = true
    const appending = (async () => {
      while (writing) {
        const size = 1 + Math.floor(random() * 300)
        const days = random() < 0.1 ? 1 : 0
        await journal.append({
          source: 'broker',
          ingestedMs: TEST_DAY_MS + days * DAY_MS,
          events: Array.from({ length: size }, () =>
            brokerEvent(`e${count++}`, TEST_DAY_MS + count),
          ),
          rollups: [{ device: 'd', fromMs: 0, toMs: 1, messages: 1, bytes: 1, lastSeenMs: 1 }],
        })
        await new Promise((resolve) => setTimeout(resolve, 2 + random() * 20))
      }
    })()
    let quiet = false
    const fates = { good: 0, 'engine killed': 0, 'answer lost': 0, 'reader vanished': 0 }
    const next = (): Fate => {
      const drawn = random()
      const bad = drawn < 0.15 ? 'engine killed' : drawn < 0.3 ? 'answer lost' : 'reader vanished'
      const fate = quiet || drawn > 0.5 ? 'good' : bad
      fates[fate]++
      return fate
    }
    const spawn = (): StoreReader => {
      const made = mortalReader(journal, random, next, () => (reader = spawn()))
      made.start()
      return made
    }
    let reader = spawn()
    while (fates['engine killed'] < KILLS) await new Promise((resolve) => setTimeout(resolve, 20))
    writing = false
    quiet = true
    await appending
    while (reader.status().position < journal.lastOffset()) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    await reader.stop()
    const writer = store.engine.client('writer')
    const events = await writer.query(sql`
    SELECT count(), uniqExact(id), uniqExact(journal_offset, journal_index) FROM picket.events`)
    expect(events.rows).toEqual([[count, count, count]])
    const rollups = await writer.query(sql`
    SELECT count(), uniqExact(journal_offset) FROM picket.rollups`)
    expect(rollups.rows).toEqual([[journal.lastOffset(), journal.lastOffset()]])
    expect(store.engine.restarts()).toBeGreaterThanOrEqual(1)
    expect(journal.readerOffset('store')).toBe(journal.lastOffset())
  },
)
