import { expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import type { Journal, JournalBatch } from '../model/journal.ts'
import type { Ingest } from './ingest.ts'
import { startTicker } from './ticker.ts'

const source = (name: string, settle: () => Promise<void>) =>
  ({
    isQuiet: () => true,
    settle,
    tick: (nowMs: number) => ({
      source: name,
      state: 'connected',
      watermarkMs: nowMs,
      atMs: nowMs,
    }),
  }) as unknown as Ingest

test('a source whose held lines cannot be told does not keep the time of the others', async () => {
  const appended: JournalBatch[] = []
  const warned: string[] = []
  let tick = (): void => undefined
  const stop = startTicker({
    journal: {
      append: async (batch: JournalBatch) => appended.push(batch),
    } as unknown as Journal,
    ingests: () => [
      source('a', () => Promise.reject(new Error('broken'))),
      source('b', async () => undefined),
    ],
    clock: new ManualClock(7_000),
    log: { ...SILENT, warn: (_fields, message) => void warned.push(message) },
    intervalMs: 1_000,
    every: (_ms, run) => {
      tick = run
      return () => undefined
    },
  })
  tick()
  await expect.poll(() => appended.length).toBe(1)
  expect(appended[0]!.ticks?.map(({ source: name }) => name)).toEqual(['a', 'b'])
  expect(warned).toEqual(['What a source held back was not journalled.'])
  stop()
})
