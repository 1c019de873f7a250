import type { Clock } from '../base/clock.ts'
import type { Metrics } from '../base/metrics.ts'
import type { AuditEntry, Journal } from '../model/journal.ts'

/** Accesses that wait for one append; beyond it askers wait their turn. */
const BATCH_MAX = 1_000
const WAITING_MAX = 20_000

export interface AccessRecorder {
  /** Resolves once the entry is durable; rejects where the journal refused it. */
  record(entry: Omit<AuditEntry, 'atMs'>): Promise<void>
  /** Resolves when all that was recorded is durable or refused. */
  drain(): Promise<void>
}

interface Waiting {
  readonly entry: AuditEntry
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** Audit entries of many requests share one append: while one is flushed, the next gathers. */
export function createAccessRecorder(options: {
  readonly journal: Pick<Journal, 'append'>
  readonly clock: Clock
  readonly metrics: Metrics
}): AccessRecorder {
  const { journal, clock } = options
  const recorded = options.metrics.counter(
    'picket_access_records_total',
    'Accesses recorded in the journal, by outcome of the record.',
  )
  const waiting: Waiting[] = []
  let running: Promise<void> | undefined

  const flush = async (): Promise<void> => {
    // A turn of the loop, so that requests that came together go together.
    await new Promise((resolve) => setImmediate(resolve))
    for (;;) {
      const some = waiting.splice(0, BATCH_MAX)
      if (some.length === 0) return
      const audit = some.map(({ entry }) => entry)
      try {
        await journal.append({ source: 'api', ingestedMs: clock.now(), audit })
        recorded.inc({ outcome: 'durable' }, some.length)
        for (const one of some) one.resolve()
      } catch (error) {
        recorded.inc({ outcome: 'refused' }, some.length)
        for (const one of some) one.reject(error)
      }
    }
  }

  return {
    record: (entry) =>
      new Promise((resolve, reject) => {
        if (waiting.length >= WAITING_MAX) {
          recorded.inc({ outcome: 'refused' })
          reject(new Error('too many accesses wait for their record'))
          return
        }
        waiting.push({ entry: { ...entry, atMs: clock.now() }, resolve, reject })
        running ??= flush().finally(() => {
          running = undefined
        })
      }),
    drain: async () => {
      while (running !== undefined) await running
    },
  }
}
