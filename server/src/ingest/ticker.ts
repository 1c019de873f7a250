import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Journal } from '../model/journal.ts'
import type { Ingest } from './ingest.ts'

export interface TickerOptions {
  readonly journal: Journal
  readonly ingests: () => Iterable<Ingest>
  readonly clock: Clock
  readonly log: Logger
  readonly intervalMs: number
  /** Calls back after each interval until the returned function is called. */
  readonly every: (ms: number, run: () => void) => () => void
}

/**
 * Journals at each interval how far every source is believed complete, so that detection can tell a
 * quiet source from a missing one, and can close windows while nothing comes in.
 */
export function startTicker(options: TickerOptions): () => void {
  const { journal, clock, log, intervalMs } = options
  let writing = false
  return options.every(intervalMs, () => {
    if (writing) return
    const nowMs = clock.now()
    const ticks = [...options.ingests()].map((ingest) => ingest.tick(nowMs, intervalMs))
    if (ticks.length === 0) return
    writing = true
    journal
      .append({ source: 'app', ingestedMs: nowMs, ticks })
      .catch((error: unknown) => log.warn({ problem: String(error) }, 'Ticks were not journalled.'))
      .finally(() => {
        writing = false
      })
  })
}
