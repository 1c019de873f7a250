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
  const { log, intervalMs } = options
  let writing = false
  return options.every(intervalMs, () => {
    if (writing) return
    writing = true
    tickAll(options)
      .catch((error: unknown) => log.warn({ problem: String(error) }, 'Ticks were not journalled.'))
      .finally(() => {
        writing = false
      })
  })
}

async function tickAll(options: TickerOptions): Promise<void> {
  const { journal, clock, log, intervalMs } = options
  const ingests = [...options.ingests()]
  if (ingests.length === 0) return
  const quiet = ingests.filter((ingest) => ingest.isQuiet(clock.now(), intervalMs))
  // Before the tick that says "complete up to now": what was held back belongs before it.
  const failed = (error: unknown): void =>
    log.warn({ problem: String(error) }, 'What a source held back was not journalled.')
  await Promise.all(quiet.map((ingest) => ingest.settle().catch(failed)))
  const nowMs = clock.now()
  const ticks = ingests.map((ingest) => ingest.tick(nowMs, intervalMs))
  await journal.append({ source: 'app', ingestedMs: nowMs, ticks })
}
