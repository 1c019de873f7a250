import type { BatchPart, Journal, JournalEntry } from '../../model/journal.ts'
import { pause } from '../engine/supervise.ts'
import { RowBatch, rowsOf } from './batch.ts'
import type { BlockPool, Lane } from './batch.ts'
import type { Present } from './read-back.ts'
import type { StoreReaderLimits } from './reader.ts'

/** Rows of the entries after `after` up to `upTo`, encoded. */
export interface Gathered {
  readonly batch: RowBatch
  readonly after: number
  readonly upTo: number
}

export interface GatherOptions {
  readonly journal: Journal
  readonly after: number
  readonly pool: BlockPool
  readonly lane: Lane
  readonly limits: StoreReaderLimits
  readonly stopping: AbortSignal
  /** Entries up to here may be stored already. */
  readonly verifyUpTo: number
  present(first: number, last: number): Promise<Present>
  /** Called with the age of the first row. */
  begun(ingestedMs: number): void
  /** Waits until something is appended, at most so long. */
  nap(ms: number): Promise<void>
}

const WANTED: readonly BatchPart[] = ['events', 'rollups']
const IDLE_NAP_MS = 1_000
/** While it waits for more rows it looks this often, and not at every append. */
const LINGER_STEP_MS = 50

/**
 * Takes entries up slice by slice, giving the event loop a turn between two, until there are enough
 * rows, the first of them is old enough, or it is to stop. Undefined: there was nothing.
 */
export async function gather(options: GatherOptions): Promise<Gathered | undefined> {
  const { journal, limits, stopping } = options
  const batch = new RowBatch(options.pool)
  let upTo = options.after
  let begunMs: number | undefined
  for (;;) {
    const entries = journal.read(upTo, limits.sliceBytes, WANTED)
    const last = entries.at(-1)
    if (last === undefined) {
      if (stopping.aborted) break
      if (begunMs === undefined) {
        // Entries without rows alone (ticks): worth saving, not worth waiting for more.
        if (upTo > options.after) break
        await options.nap(IDLE_NAP_MS)
        if (stopping.aborted || journal.lastOffset() <= upTo) return undefined
        continue
      }
      const leftMs = begunMs + limits.lingerMs - performance.now()
      if (leftMs <= 0) break
      await pause(Math.min(leftMs, LINGER_STEP_MS), stopping)
      continue
    }
    await take(entries, batch, options)
    upTo = last.offset
    if (batch.rows > 0 && begunMs === undefined) {
      begunMs = performance.now()
      options.begun(entries.find(({ batch }) => batch.ingestedMs > 0)?.batch.ingestedMs ?? 0)
    }
    if (batch.rows >= limits.rowsMax || batch.bytes >= limits.bytesMax) break
    if (begunMs !== undefined && performance.now() - begunMs >= limits.lingerMs) break
    await new Promise((resolve) => setImmediate(resolve))
  }
  batch.end()
  return upTo === options.after ? undefined : { batch, after: options.after, upTo }
}

async function take(
  entries: readonly JournalEntry[],
  batch: RowBatch,
  options: GatherOptions,
): Promise<void> {
  const first = entries[0]?.offset ?? 0
  const last = Math.min(entries.at(-1)?.offset ?? 0, options.verifyUpTo)
  const present = first <= last ? await options.present(first, last) : undefined
  for (const entry of entries) {
    rowsOf(entry, options.lane, present, (row) => batch.add(row))
  }
}
