import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { AlertRecord } from '../model/alert.ts'
import type { JournalBatch } from '../model/journal.ts'
import { createEngine } from './engine.ts'
import { LiveDetector, type LiveOptions } from './live.ts'
import { rulesControl } from './rules-control.ts'
import { MemoryJournal } from './testing/memory-journal.ts'
import { actionRule, bySource, correlationRule, eventOf, ruleSet } from './testing/rules.ts'

const RULES = ruleSet(
  [actionRule('fail', 'failure')],
  [
    correlationRule('brute', {
      type: 'event_count',
      inputs: ['fail'],
      groupBy: bySource,
      timespanMs: 10_000,
      condition: { gte: 3 },
      fields: [],
    }),
  ],
)

/** Batches as sources and the ticker journal them, two events and a tick each. */
function batchesOf(gaps: readonly number[]): JournalBatch[] {
  let time = 1_000_000
  const batches: JournalBatch[] = [
    { source: 'app', ingestedMs: time, controls: [rulesControl(RULES, time)] },
  ]
  for (const [index, gap] of gaps.entries()) {
    const events = [0, 1].map((part) => {
      time += gap
      const ip = `10.0.0.${(index + part) % 3}`
      return eventOf(`e${index}.${part}`, time, { action: 'failure', ip })
    })
    const tick = { source: 's', state: 'connected', watermarkMs: time, atMs: time } as const
    batches.push({ source: 's', ingestedMs: time, events })
    batches.push({ source: 'app', ingestedMs: time, ticks: [tick] })
  }
  return batches
}

interface Rig {
  readonly journal: MemoryJournal
  readonly options: LiveOptions
  readonly said: AlertRecord[]
}

function rig(saveRows: number): Rig {
  const journal = new MemoryJournal()
  const said: AlertRecord[] = []
  let clock = 0
  const options: LiveOptions = {
    journal,
    engine: { latenessMs: 1_000 },
    limits: { saveRows, sliceMs: 3, readBytesMax: 2_000, retryMs: 1 },
    now: () => (clock += 1),
    turn: () => Promise.resolve(),
    pause: () => Promise.resolve(),
    events: {
      alerts: (alerts) => void said.push(...alerts),
      trouble: () => undefined,
    },
  }
  return { journal, options, said }
}

function writtenAlerts(journal: MemoryJournal): AlertRecord[] {
  return journal.entries.flatMap((text) => (JSON.parse(text) as JournalBatch).alerts ?? [])
}

/** What one engine says over the same batches; offsets as they are in the journal at hand. */
function expectedAlerts(journal: MemoryJournal): AlertRecord[] {
  const engine = createEngine(RULES, { latenessMs: 1_000 })
  for (const entry of journal.read(0, Number.POSITIVE_INFINITY)) engine.apply(entry)
  return engine.takeAlerts().map((alert) => JSON.parse(JSON.stringify(alert)) as AlertRecord)
}

class Crash extends Error {}

describe('the live detector', () => {
  test('writes every alert once, in order, through refusals and crashes at any write', async () => {
    const plan = fc.record({
      gaps: fc.array(fc.nat(6_000), { minLength: 1, maxLength: 40 }),
      saveRows: fc.integer({ min: 1, max: 12 }),
      crashes: fc.array(fc.nat(4), { maxLength: 6 }),
      refusals: fc.nat(3),
    })
    await fc.assert(
      fc.asyncProperty(plan, async ({ gaps, saveRows, crashes, refusals }) => {
        const { journal, options } = rig(saveRows)
        for (const batch of batchesOf(gaps)) await journal.append(batch)
        journal.refusals = refusals
        for (const writesBefore of [...crashes, Number.POSITIVE_INFINITY]) {
          let left = writesBefore
          journal.onWrite = (batch) => {
            if (batch.source === 'detector' && left-- <= 0) throw new Crash()
          }
          const detector = new LiveDetector(options)
          await detector.wake().catch((error: unknown) => {
            if (!(error instanceof Crash)) throw error
          })
          if (writesBefore === Number.POSITIVE_INFINITY) await detector.stop()
        }
        expect(writtenAlerts(journal)).toEqual(expectedAlerts(journal))
      }),
      { numRuns: 150 },
    )
  })

  test('tells of alerts only once they are durable, and of its lag', async () => {
    const { journal, options, said } = rig(1_000)
    for (const batch of batchesOf([10, 10, 10, 10])) await journal.append(batch)
    const detector = new LiveDetector(options)
    expect(detector.status()).toMatchObject({ offset: 0, lastOffset: 9 })
    journal.onWrite = () => expect(said).toEqual([])
    await detector.wake()
    // Also those that were found while others were being written.
    expect(writtenAlerts(journal)).toEqual(expectedAlerts(journal))
    journal.onWrite = undefined
    await detector.stop()
    expect(said).toEqual(writtenAlerts(journal))
    expect(said.length).toBeGreaterThan(0)
    expect(detector.status().savedOffset).toBeGreaterThanOrEqual(9)
    expect(detector.status().rulesHash).toBe('set')
  })

  test('its state is saved in time, also when our clock has been set back', async () => {
    const { journal, options } = rig(1_000_000)
    let now = 1_000_000
    const detector = new LiveDetector({ ...options, now: () => now })
    const [control, ...batches] = batchesOf([10, 10, 10, 10])
    await journal.append(control!)
    await detector.wake()
    const saved: number[] = []
    for (const [index, by] of [1, 4_998, 1, -3_600_000, 1].entries()) {
      now += by
      await journal.append(batches[index]!)
      await detector.wake()
      saved.push(detector.status().savedOffset)
    }
    await detector.stop()
    expect(saved.map((offset, index) => offset > (saved[index - 1] ?? 0))).toEqual([
      ...[false, false, true, true, false],
    ])
  })
})
