import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { ProblemError } from '../base/problems.ts'
import type { Commit, Journal, JournalBatch, Rollup } from '../model/journal.ts'
import { Ingest } from './ingest.ts'
import { splitBatch } from './split-batch.ts'

const event = (id: string, original = id) => ({
  ...{ id, time: 900 },
  doc: {
    '@timestamp': '2026-11-22T00:00:00.000Z',
    event: { id, original, module: 'mosquitto', created: '2026-11-22T00:00:01.000Z' },
  },
})
const letter = (id: string) => ({
  ...{ id, source: 's', decoder: 'd', code: 'DECODE_SYNTAX', message: 'm', receivedMs: 1, raw: id },
  rawEncoding: 'utf8' as const,
})
const rollup = (device: string): Rollup => ({
  ...{ device, fromMs: 0, toMs: 1, messages: 1, bytes: 1, lastSeenMs: 1 },
})

/** A journal that takes batches of so many characters, and is full for some appends. */
function setUp(charactersMax: number, batch: JournalBatch) {
  const appended: { batch: JournalBatch; commit: Commit }[] = []
  let failing = 0
  const append = async (one: JournalBatch, commit: Commit): Promise<number> => {
    if (JSON.stringify(one).length > charactersMax) {
      throw new ProblemError({ code: 'JOURNAL_BATCH', message: 'too large' })
    }
    if (failing > 0) {
      failing -= 1
      throw new ProblemError({ code: 'JOURNAL_FULL', message: 'full' })
    }
    return appended.push({ batch: one, commit })
  }
  const metrics = new MetricsRegistry()
  const changes = [{ key: 'held', value: 'x' }]
  const commit: Commit = {
    cursor: { source: 's', key: 'f', value: '9' },
    decoderState: { source: 's', changes },
  }
  const ingest = new Ingest({
    ...{ source: 's', clock: new ManualClock(1_000), log: SILENT, metrics },
    journal: { append } as unknown as Journal,
    pause: async () => undefined,
    preparer: { prepare: () => ({ batch, commit }) },
  })
  const deliver = () => ingest.deliver({ items: [] }, 'wait')
  return { appended, deliver, metrics, commit, fail: (times: number) => (failing = times) }
}

test('a batch larger than the journal takes goes in parts, in order, its cursor with the last', async () => {
  const events = Array.from({ length: 40 }, (_, n) => event(`e${n}`))
  const batch = {
    ...{ source: 's', ingestedMs: 1_000, events, deadLetters: [letter('l1'), letter('l2')] },
    ...{ rollups: [rollup('a'), rollup('b')], routine: { idle: 3 } },
  }
  const { appended, deliver, metrics, commit, fail } = setUp(2_000, batch)
  fail(2)
  const answer = await deliver()
  expect(answer).toMatchObject({ kind: 'durable', events: 40, rejects: 2 })
  expect(answer).toHaveProperty('refused.length', 2)
  expect(appended.length).toBeGreaterThan(3)
  expect(appended.flatMap((one) => one.batch.events ?? [])).toEqual(events)
  expect(appended.flatMap((one) => one.batch.deadLetters ?? [])).toHaveLength(2)
  expect(appended.flatMap((one) => one.batch.rollups ?? []).map(({ device }) => device)).toEqual([
    ...['a', 'b'],
  ])
  const commits = appended.map((one) => one.commit)
  expect(commits.at(-1)).toEqual(commit)
  expect(commits.slice(0, -1).every((one) => Object.keys(one).length === 0)).toBe(true)
  expect(metrics.value('picket_source_events_total', { source: 's' })).toBe(40)
  expect(metrics.value('picket_source_routine_total', { source: 's', class: 'idle' })).toBe(3)
})

test('one event larger than that becomes its dead letter, with its beginning', async () => {
  const huge = event('big', 'x'.repeat(500_000))
  const batch = { source: 's', ingestedMs: 1_000, events: [event('a'), huge, event('b')] }
  const { appended, deliver, commit } = setUp(100_000, batch)
  expect(await deliver()).toMatchObject({ kind: 'durable', events: 2, rejects: 1 })
  const letters = appended.flatMap((one) => one.batch.deadLetters ?? [])
  expect(letters).toMatchObject([
    { id: 'big', code: 'DECODE_TOO_LONG', decoder: 'mosquitto', source: 's' },
  ])
  expect(letters[0]!.raw).toHaveLength(65_536)
  expect(letters[0]!.receivedMs).toBe(Date.UTC(2026, 10, 22, 0, 0, 1))
  expect(appended.at(-1)!.commit).toEqual(commit)
})

test('what cannot be kept at all is counted, and the cursor moves on', async () => {
  const deadLetters = [letter('y'.repeat(5_000))]
  const { appended, deliver, metrics, commit } = setUp(1_000, {
    ...{ source: 's', ingestedMs: 1_000, deadLetters },
  })
  expect(await deliver()).toEqual({ kind: 'durable', events: 0, rejects: 0 })
  expect(metrics.value('picket_source_dropped_total', { source: 's', reason: 'too_large' })).toBe(1)
  expect(appended).toEqual([{ batch: { source: 's', ingestedMs: 1_000 }, commit }])
})

test('halves hold what the whole held, each less than it', () => {
  const list = fc.nat({ max: 6 })
  fc.assert(
    fc.property(list, list, list, (events, letters, rollups) => {
      const batch: JournalBatch = {
        ...{ source: 's', ingestedMs: 1 },
        events: Array.from({ length: events }, (_, n) => event(`e${n}`)),
        deadLetters: Array.from({ length: letters }, (_, n) => letter(`l${n}`)),
        rollups: Array.from({ length: rollups }, (_, n) => rollup(`r${n}`)),
      }
      const halves = splitBatch(batch)
      if (events + letters + rollups < 2) return
      expect(halves).toHaveLength(2)
      for (const part of ['events', 'deadLetters', 'rollups'] as const) {
        const found = halves.flatMap((half): readonly unknown[] => half[part] ?? [])
        expect(found).toEqual(batch[part])
      }
      for (const { events: a = [], deadLetters: b = [], rollups: c = [] } of halves) {
        expect(a.length + b.length + c.length).toBeGreaterThan(0)
      }
    }),
  )
})
