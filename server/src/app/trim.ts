import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { LmdbJournal } from '../journal/lmdb-journal.ts'

/**
 * The readers that the journal is kept for: none of them is ever skipped. `detector` stands for the
 * saved state, not for the last entry seen, because a restart replays from there.
 */
export const ESSENTIAL_READERS = ['store', 'detector', 'state'] as const

export interface TrimOptions {
  readonly journal: LmdbJournal
  readonly clock: Clock
  readonly log: Logger
  readonly intervalMs: number
  /** Where one of them does not run. */
  readonly essential?: readonly string[]
}

/** Removes from time to time what every essential reader has passed. Returns its stop. */
export function startTrim(options: TrimOptions): () => Promise<void> {
  const { journal, log, intervalMs, essential = ESSENTIAL_READERS } = options
  let running: Promise<unknown> = Promise.resolve()
  const trim = async (): Promise<void> => {
    const upTo = Math.min(...essential.map((name) => journal.readerOffset(name)))
    if (upTo < journal.firstOffset()) return
    const removed = await journal.trim(upTo)
    if (removed > 0) log.debug({ removed, upTo }, 'Journal trimmed.')
  }
  const timer = setInterval(() => {
    running = running.then(trim).catch((error: unknown) => {
      log.warn({ error: error instanceof Error ? error.message : String(error) }, 'Trim failed.')
    })
  }, intervalMs)
  return async () => {
    clearInterval(timer)
    await running
  }
}
