import type { BatchPart, JournalEntry } from '../model/journal.ts'
import type { Db } from './tables.ts'

/**
 * A part of the journal that ends in the state. All consumers share one pass over the journal and
 * one saved position, which commits in the transaction that their rows commit in.
 */
export interface StateConsumer {
  readonly name: string
  /** What it looks at; entries with none of it may come to `wants` empty. */
  readonly parts: readonly BatchPart[]
  /** Cheap: whether this entry has anything for this consumer. */
  wants(entry: JournalEntry): boolean
  /**
   * Writes what the wanted entries say. Runs again with the same entries when the transaction
   * failed, so it changes nothing but the database.
   */
  consume(db: Db, entries: readonly JournalEntry[]): Promise<void>
  /** The transaction of the last `consume` is durable. */
  committed?(): void
}
