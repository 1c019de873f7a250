import type { Problem } from '../../base/problems.ts'
import type { Journal } from '../../model/journal.ts'
import type { StoreClient } from '../client.ts'
import { p, sql } from '../sql.ts'

/** The reader's saved offsets in the journal: stored, begun, and how far the store itself noted it. */
export const READER = 'store'
export const READER_INFLIGHT = 'store-inflight'
export const READER_MARK = 'store-mark'

export interface Opening {
  /** Everything up to this offset is stored. */
  readonly position: number
  /** Up to this offset rows may be stored already: they are looked for before they are written. */
  readonly verifyUpTo: number
  readonly epoch: number
  /** STORE_AHEAD or STORE_BEHIND, where one of the two was restored from a backup. */
  readonly problem: Problem | undefined
}

/** Where the store stands by its own marks. `none`: it never had one. */
export interface StoreMark {
  readonly none: boolean
  readonly epoch: number
  readonly offset: number
  /** The highest offset of an event past the journal's end; 0 where there is none. */
  readonly beyond: number
}

export async function readMark(
  writer: StoreClient,
  lane: { readonly tenant: string; readonly partition: number; readonly journalLast: number },
): Promise<StoreMark> {
  const here = sql`tenant = ${p('String', lane.tenant)}
    AND journal_partition = ${p('UInt16', lane.partition)}`
  const marks = await writer.query(sql`
    SELECT count(), max(journal_epoch), maxIf(journal_offset, journal_epoch =
      (SELECT max(journal_epoch) FROM picket.marks WHERE ${here}))
    FROM picket.marks WHERE ${here}`)
  const [count, epoch, offset] = (marks.rows[0] ?? []).map(Number)
  const events = await writer.query(sql`
    SELECT max(journal_offset) FROM picket.events
    WHERE ${here} AND journal_epoch = ${p('UInt16', epoch ?? 0)}
      AND journal_offset > ${p('UInt64', lane.journalLast)}`)
  return {
    none: (count ?? 0) === 0,
    epoch: epoch ?? 0,
    offset: offset ?? 0,
    beyond: Number(events.rows[0]?.[0] ?? 0),
  }
}

/** Compares the two. Pure: the caller writes a new epoch's first mark. */
export function compareStore(
  journal: Pick<Journal, 'lastOffset' | 'firstOffset' | 'readerOffset'>,
  mark: StoreMark,
): Opening {
  const last = journal.lastOffset()
  const stored = journal.readerOffset(READER)
  const begun = Math.max(stored, journal.readerOffset(READER_INFLIGHT))
  const reached = Math.max(mark.offset, mark.beyond)
  if (reached > last) {
    return {
      position: Math.min(stored, last),
      verifyUpTo: last,
      epoch: mark.epoch + 1,
      problem: {
        code: 'STORE_AHEAD',
        message: `The store has events up to offset ${reached}, the journal ends at ${last}.`,
        hint: 'the journal was restored from an older backup or replaced; nothing is stored twice',
      },
    }
  }
  const noted = journal.readerOffset(READER_MARK)
  if (mark.offset < noted || (mark.none && stored > 0)) {
    const from = Math.max(mark.offset, Math.max(journal.firstOffset(), 1) - 1)
    const lost = from > mark.offset ? `; offsets ${mark.offset + 1} to ${from} are lost to it` : ''
    return {
      position: Math.min(from, stored),
      verifyUpTo: begun,
      epoch: mark.epoch,
      problem: {
        code: 'STORE_BEHIND',
        message: `The store knows offsets up to ${mark.offset} of ${Math.max(noted, stored)}${lost}.`,
        hint: 'it was restored from an older backup or emptied; the journal writes it again',
      },
    }
  }
  return { position: stored, verifyUpTo: begun, epoch: mark.epoch, problem: undefined }
}
