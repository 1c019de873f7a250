import type { DeadLetter } from '../model/journal.ts'
import { chunks, formatPlaceCursor, parsePlaceCursor } from './paging.ts'
import type { State } from './state.ts'
import type { Db } from './tables.ts'

export interface DeadLetterWrite {
  readonly letter: DeadLetter
  readonly offset: number
  readonly index: number
}

/** A line of the list: what may be shown without opening the envelope. */
export interface DeadLetterSummary {
  readonly id: string
  readonly source: string
  readonly decoder: string
  readonly code: string
  readonly receivedMs: number
  readonly bytes: number
  readonly replayedMs?: number
  readonly replayOutcome?: string
}

export interface DeadLetterFilter {
  readonly source?: string
  readonly code?: string
  readonly replayed?: boolean
}

export interface DeadLetterPage {
  readonly letters: readonly DeadLetterSummary[]
  readonly cursor?: string
}

export interface DeadLetterTotals {
  readonly count: number
  readonly bytes: number
}

const ROWS_MAX = 200
export const DEAD_LETTER_PAGE_MAX = 500
const COLUMNS = [
  'id',
  'source',
  'decoder',
  'code',
  'received_ms',
  'bytes',
  'replayed_ms',
  'replay_outcome',
] as const

const place = (state: State, id: string): string => `dead_letter/${state.tenant}/${id}`

/** Adds what is not there yet; says how much that was. */
export async function addDeadLetters(
  state: State,
  db: Db,
  writes: readonly DeadLetterWrite[],
): Promise<DeadLetterTotals> {
  let count = 0
  let bytes = 0
  for (const some of chunks(writes, ROWS_MAX)) {
    const added = await db
      .insertInto('dead_letter')
      .values(
        some.map(({ letter, offset, index }) => ({
          tenant: state.tenant,
          id: letter.id,
          source: letter.source,
          decoder: letter.decoder,
          code: letter.code,
          received_ms: letter.receivedMs,
          journal_offset: offset,
          journal_index: index,
          bytes: Buffer.byteLength(letter.raw),
          replayed_ms: null,
          replay_outcome: null,
          body: state.sealJson(letter, place(state, letter.id)),
        })),
      )
      .onConflict((conflict) => conflict.doNothing())
      .returning('bytes')
      .execute()
    count += added.length
    for (const row of added) bytes += row.bytes
  }
  return { count, bytes }
}

export async function deadLetterTotals(state: State, db: Db): Promise<DeadLetterTotals> {
  const row = await db
    .selectFrom('dead_letter')
    .select((eb) => [
      eb.fn.countAll<number>().as('count'),
      eb.fn.coalesce(eb.fn.sum<number>('bytes'), eb.lit(0)).as('bytes'),
    ])
    .where('tenant', '=', state.tenant)
    .executeTakeFirstOrThrow()
  return { count: Number(row.count), bytes: Number(row.bytes) }
}

/** Removes the oldest until at least this much is gone (or all is); says how much that was. */
export async function expireDeadLetters(
  state: State,
  db: Db,
  over: DeadLetterTotals,
): Promise<DeadLetterTotals> {
  let count = 0
  let bytes = 0
  while (count < over.count || bytes < over.bytes) {
    const oldest = await db
      .selectFrom('dead_letter')
      .select(['id', 'bytes'])
      .where('tenant', '=', state.tenant)
      .orderBy('journal_offset')
      .orderBy('journal_index')
      .limit(ROWS_MAX)
      .execute()
    if (oldest.length === 0) break
    const gone: string[] = []
    for (const row of oldest) {
      if (count >= over.count && bytes >= over.bytes) break
      gone.push(row.id)
      count += 1
      bytes += row.bytes
    }
    await db
      .deleteFrom('dead_letter')
      .where('tenant', '=', state.tenant)
      .where('id', 'in', gone)
      .execute()
  }
  return { count, bytes }
}

/** Newest first. A cursor that is not one of ours starts at the beginning. */
export async function listDeadLetters(
  state: State,
  db: Db,
  filter: DeadLetterFilter,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<DeadLetterPage> {
  const limit = Math.min(Math.max(page.limit, 1), DEAD_LETTER_PAGE_MAX)
  let query = db
    .selectFrom('dead_letter')
    .select([...COLUMNS, 'journal_offset', 'journal_index'])
    .where('tenant', '=', state.tenant)
    .orderBy('journal_offset', 'desc')
    .orderBy('journal_index', 'desc')
    .limit(limit + 1)
  if (filter.source !== undefined) query = query.where('source', '=', filter.source)
  if (filter.code !== undefined) query = query.where('code', '=', filter.code)
  if (filter.replayed !== undefined) {
    query = query.where('replayed_ms', filter.replayed ? 'is not' : 'is', null)
  }
  const after = parsePlaceCursor(page.cursor)
  if (after !== undefined) {
    query = query.where((eb) =>
      eb(eb.refTuple('journal_offset', 'journal_index'), '<', eb.tuple(after.offset, after.index)),
    )
  }
  const rows = await query.execute()
  const letters = rows.slice(0, limit).map(toSummary)
  const last = rows[limit - 1]
  if (rows.length <= limit || last === undefined) return { letters }
  return { letters, cursor: formatPlaceCursor(last.journal_offset, last.journal_index) }
}

export interface DeadLetterFull {
  readonly summary: DeadLetterSummary
  readonly letter: DeadLetter
}

export async function readDeadLetter(
  state: State,
  db: Db,
  id: string,
): Promise<DeadLetterFull | undefined> {
  const row = await db
    .selectFrom('dead_letter')
    .select([...COLUMNS, 'body'])
    .where('tenant', '=', state.tenant)
    .where('id', '=', id)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return {
    summary: toSummary(row),
    letter: state.openJson(row.body, place(state, id)) as DeadLetter,
  }
}

export async function markReplayed(
  state: State,
  db: Db,
  id: string,
  replay: { readonly atMs: number; readonly outcome: string },
): Promise<void> {
  await db
    .updateTable('dead_letter')
    .set({ replayed_ms: replay.atMs, replay_outcome: replay.outcome })
    .where('tenant', '=', state.tenant)
    .where('id', '=', id)
    .execute()
}

function toSummary(row: {
  id: string
  source: string
  decoder: string
  code: string
  received_ms: number
  bytes: number
  replayed_ms: number | null
  replay_outcome: string | null
}): DeadLetterSummary {
  return {
    id: row.id,
    source: row.source,
    decoder: row.decoder,
    code: row.code,
    receivedMs: row.received_ms,
    bytes: row.bytes,
    ...(row.replayed_ms !== null && { replayedMs: row.replayed_ms }),
    ...(row.replay_outcome !== null && { replayOutcome: row.replay_outcome }),
  }
}
