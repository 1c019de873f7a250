import { ManualClock } from '../../base/clock.ts'
import { SILENT } from '../../base/log.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { SecurityEvent } from '../../model/event.ts'
import type { StoreEngine } from '../engine/engine.ts'
import { createStoreReader } from '../reader/reader.ts'
import { MemoryJournal } from './memory-journal.ts'
import { TEST_DAY_MS } from './store-fixture.ts'

/** Puts events into the store the way they always come: through a journal and its reader. */
export async function fillStore(
  engine: StoreEngine,
  events: readonly SecurityEvent[],
  perBatch = 500,
): Promise<void> {
  const journal = new MemoryJournal()
  for (let at = 0; at < events.length; at += perBatch) {
    const part = events.slice(at, at + perBatch)
    await journal.append({ source: 'test', ingestedMs: TEST_DAY_MS, events: part })
  }
  const reader = createStoreReader({
    journal,
    engine,
    log: SILENT,
    metrics: new MetricsRegistry(),
    clock: new ManualClock(TEST_DAY_MS),
    limits: { lingerMs: 1 },
    onRefused: (letters) => Promise.reject(new Error(letters[0]?.message)),
  })
  reader.start()
  while (reader.status().position < journal.lastOffset()) {
    const problem = reader.status().problem
    if (problem !== undefined) throw new Error(problem.message)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await reader.stop()
}
