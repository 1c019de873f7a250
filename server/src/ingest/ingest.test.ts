import { describe, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { ProblemError } from '../base/problems.ts'
import type { Commit, Journal, JournalBatch } from '../model/journal.ts'
import type { RawBatch } from '../model/source.ts'
import { Ingest } from './ingest.ts'

const raw = (text: string): RawBatch => ({ items: [{ text, key: text, receivedMs: 5 }] })

function setUp(latenessMs = 0) {
  let waitsSinceMs: number | undefined
  const appended: { batch: JournalBatch; commit: Commit }[] = []
  let failing = 0
  const clock = new ManualClock(1_000)
  const journal = {
    append: async (batch: JournalBatch, commit: Commit) => {
      if (failing > 0) {
        failing -= 1
        throw new ProblemError({ code: 'INPUT_UNREADABLE', message: 'full' })
      }
      appended.push({ batch, commit })
      return appended.length
    },
    cursors: () => new Map([['a', '7']]),
  } as unknown as Journal
  const metrics = new MetricsRegistry()
  let prepared = 0
  const ingest = new Ingest({
    source: 's',
    journal,
    clock,
    log: SILENT,
    metrics,
    pause: async () => undefined,
    latenessMs,
    preparer: {
      waitsSinceMs: () => waitsSinceMs,
      prepare: (batch, ingestedMs) => {
        prepared += 1
        const events = batch.items.map(({ key, text }) => {
          return { id: key, time: Number(/^at (\d+)$/.exec(text)?.[1] ?? 900), doc: {} }
        })
        const folded = /^folded (\d+)$/.exec(batch.items[0]!.text)?.[1]
        if (folded !== undefined) {
          const rollup = { device: 'd', fromMs: 0, toMs: 1, messages: 1, bytes: 1 }
          const rollups = [{ ...rollup, lastSeenMs: Number(folded) }]
          return { batch: { source: 's', ingestedMs, rollups }, commit: {} }
        }
        const changes = [{ key: batch.items[0]!.text, value: 'x' }]
        const older = { events: [{ id: 'old', time: 800, doc: {} }], deadLetters: [] }
        return {
          ...(batch.items[0]!.text === 'ends' && { older: () => older }),
          batch: { source: 's', ingestedMs, events, routine: { idle: 2 } },
          commit: {
            decoderState: { source: 's', changes },
            ...(batch.cursor && { cursor: { source: 's', ...batch.cursor } }),
          },
        }
      },
    },
  })
  return {
    ingest,
    appended,
    clock,
    metrics,
    fail: (times: number) => (failing = times),
    prepared: () => prepared,
    waits: (sinceMs: number | undefined) => (waitsSinceMs = sinceMs),
  }
}

describe('a source delivers', () => {
  test('and is told durable only after the append, in the order of its calls', async () => {
    const { ingest, appended } = setUp()
    const answers = await Promise.all([
      ingest.deliver(raw('a'), 'wait'),
      ingest.deliver(raw('b'), 'wait'),
      ingest.deliver(raw('c'), 'wait'),
    ])
    expect(answers.map((answer) => answer.kind)).toEqual(['durable', 'durable', 'durable'])
    expect(appended.map(({ batch }) => batch.events?.[0]?.id)).toEqual(['a', 'b', 'c'])
  })

  test('a full journal is waited for with the batch as it was prepared', async () => {
    const { ingest, appended, fail, prepared, metrics } = setUp()
    fail(3)
    const answer = await ingest.deliver(raw('a'), 'wait')
    expect(answer).toEqual({ kind: 'durable', events: 1, rejects: 0 })
    expect(appended).toHaveLength(1)
    expect(prepared()).toBe(1)
    expect(metrics.value('picket_source_waits_total', { source: 's' })).toBe(3)
  })

  test('a refused batch answers busy, and its decoder changes are not lost', async () => {
    const { ingest, appended, fail } = setUp()
    fail(1)
    const answer = await ingest.deliver(raw('a'), 'refuse')
    expect(answer.kind).toBe('busy')
    await ingest.deliver(raw('b'), 'refuse')
    await ingest.deliver(raw('c'), 'refuse')
    const keys = appended.map(({ commit }) => commit.decoderState?.changes.map(({ key }) => key))
    expect(keys).toEqual([['a'], ['b'], ['c']])
  })

  test('what a refused batch told of earlier inputs is counted, and is no part of an answer', async () => {
    for (const whenFull of ['refuse', 'wait'] as const) {
      const { ingest, appended, fail } = setUp()
      fail(1)
      expect((await ingest.deliver(raw('ends'), 'refuse')).kind).toBe('busy')
      expect(await ingest.deliver(raw('b'), whenFull)).toMatchObject({ kind: 'durable', events: 1 })
      const ids = appended.flatMap(({ batch }) => (batch.events ?? []).map(({ id }) => id))
      expect(ids).toEqual(['old', 'b'])
      expect(ingest.report().events).toBe(2)
    }
  })

  test('batches that are refused again and again carry each change once', async () => {
    const { ingest, appended, fail, prepared } = setUp()
    fail(40)
    for (let count = 0; count < 40; count++) {
      expect((await ingest.deliver(raw(count % 2 === 0 ? 'a' : 'b'), 'refuse')).kind).toBe('busy')
    }
    await ingest.deliver(raw('c'), 'refuse')
    const keys = appended.map(({ commit }) => commit.decoderState?.changes.map(({ key }) => key))
    expect(keys).toEqual([['a'], ['c']])
    expect(prepared()).toBe(2)
  })

  test('a stopped source is not held for ever', async () => {
    const { ingest, fail } = setUp()
    fail(1_000)
    ingest.stop()
    expect((await ingest.deliver(raw('a'), 'wait')).kind).toBe('busy')
  })
})

test('reasons of what was let go are of a bounded list', () => {
  const { ingest, metrics } = setUp()
  for (let n = 0; n < 30; n++) ingest.dropped(`reason ${n}`, 2)
  ingest.dropped('reason 0', 1)
  const dropped = (reason: string) =>
    metrics.value('picket_source_dropped_total', { source: 's', reason })
  expect([dropped('reason 0'), dropped('reason 19'), dropped('reason 20')]).toEqual([
    3,
    2,
    undefined,
  ])
  expect(dropped('other')).toBe(20)
  expect(ingest.report().dropped).toBe(61)
})

describe('the tick of a source', () => {
  test('is its newest event while it flows, now when it is connected and idle', async () => {
    const { ingest, clock } = setUp()
    ingest.status('connected')
    await ingest.deliver(raw('a'), 'wait')
    expect(ingest.tick(1_500, 1_000).watermarkMs).toBe(900)
    clock.set(9_000)
    expect(ingest.tick(9_000, 1_000).watermarkMs).toBe(9_000)
  })

  test('reaches what was folded, and never beyond receipt', async () => {
    const { ingest, clock } = setUp()
    ingest.status('connected')
    await ingest.deliver(raw('folded 950'), 'wait')
    expect(ingest.tick(1_500, 1_000).watermarkMs).toBe(950)
    await ingest.deliver(raw('at 90000'), 'wait')
    clock.set(1_900)
    expect(ingest.tick(1_900, 1_000).watermarkMs).toBe(1_000)
  })

  test('waits for a part of the source that is behind, and goes on when it is not', async () => {
    const { ingest, clock } = setUp()
    let behind: string[] = ['old.log']
    ingest.watchBacklog(() => behind)
    ingest.status('connected')
    await ingest.deliver({ ...raw('a'), cursor: { key: 'live.log', value: '1' } }, 'wait')
    clock.set(9_000)
    expect(ingest.tick(9_000, 1_000).watermarkMs).toBe(0)
    await ingest.deliver({ ...raw('b'), cursor: { key: 'old.log', value: '1' } }, 'wait')
    expect(ingest.tick(9_000, 1_000).watermarkMs).toBe(900)
    behind = []
    expect(ingest.tick(20_000, 1_000).watermarkMs).toBe(20_000)
  })

  test('is held by what waits in the decoder, no further than it may be late', async () => {
    const [strict, lax] = [setUp(), setUp(60_000)]
    for (const { ingest, waits } of [strict, lax]) {
      ingest.status('connected')
      await ingest.deliver(raw('a'), 'wait')
      waits(900)
    }
    expect(strict.ingest.tick(500_000, 1_000).watermarkMs).toBe(900)
    // Told now, the event that waits is 59 s behind: a second less than it may be.
    expect(lax.ingest.tick(30_000, 1_000).watermarkMs).toBe(30_000)
    expect(lax.ingest.tick(500_000, 1_000).watermarkMs).toBe(59_900)
    lax.waits(undefined)
    expect(lax.ingest.tick(500_000, 1_000).watermarkMs).toBe(500_000)
  })

  test('goes back with our clock, and is quiet again after as long as ever', async () => {
    const { ingest, clock } = setUp()
    ingest.status('connected')
    clock.set(9_000_000)
    await ingest.deliver(raw('a'), 'wait')
    expect(ingest.tick(9_002_000, 1_000).watermarkMs).toBe(9_002_000)
    clock.set(5_400_000)
    expect(ingest.tick(5_400_000, 1_000).watermarkMs).toBeLessThanOrEqual(5_400_000)
    expect(ingest.isQuiet(5_400_500, 1_000)).toBe(false)
    expect(ingest.isQuiet(5_401_000, 1_000)).toBe(true)
    expect(ingest.tick(5_402_000, 1_000).watermarkMs).toBe(5_402_000)
  })

  test('stands still while the source is paused or down', async () => {
    const { ingest } = setUp()
    await ingest.deliver(raw('a'), 'wait')
    ingest.status('down')
    expect(ingest.tick(9_000, 1_000)).toMatchObject({ state: 'down', watermarkMs: 900 })
  })
})
