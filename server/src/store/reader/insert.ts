import { randomBytes } from 'node:crypto'
import type { DeadLetter, Journal } from '../../model/journal.ts'
import type { CallOptions, StoreClient } from '../client.ts'
import { StoreError } from '../failure.ts'
import { p, sql } from '../sql.ts'
import { RowBatch, letterOf, rowsOf } from './batch.ts'
import type { BlockPool, Lane, Row } from './batch.ts'
import type { Present } from './read-back.ts'

const INSERT_MS_MAX = 120_000

export interface InsertCall {
  readonly signal: AbortSignal
  /** Query ids begin with it, so that a lost insert can be found and ended. */
  readonly queryPrefix: string
}

/**
 * Writes a batch. Each table's part is one block of one insert, so it is there whole or not at all.
 * The token makes the engine drop the same block if it comes again within its window: a second
 * belt, for an insert that commits while it is being given up on; it is never that of an earlier
 * life of the reader. What counts is the read-back.
 */
export async function insertBatch(
  writer: StoreClient,
  batch: RowBatch,
  token: string,
  call: InsertCall,
): Promise<void> {
  const options = (table: string): CallOptions => ({
    queryId: call.queryPrefix + randomBytes(12).toString('hex'),
    timeoutMs: INSERT_MS_MAX,
    signal: call.signal,
    settings: {
      async_insert: 0,
      insert_deduplicate: 1,
      insert_deduplication_token: `${token}-${table}`,
      // One block, whatever the server's defaults: so an insert happens whole or not at all.
      min_insert_block_size_rows: '1048449',
      min_insert_block_size_bytes: '268402944',
    },
  })
  if (batch.eventBlocks.length > 0) {
    const statement = sql`INSERT INTO picket.events FORMAT Native`
    await writer.insert(statement, batch.eventBlocks, options('events'))
  }
  if (batch.rollupBlocks.length > 0) {
    const statement = sql`INSERT INTO picket.rollups FORMAT Native`
    await writer.insert(statement, batch.rollupBlocks, options('rollups'))
  }
}

export async function writeMark(
  writer: StoreClient,
  lane: Lane & { readonly tenant: string },
  offset: number,
  nowMs: number,
): Promise<void> {
  await writer.command(sql`
    INSERT INTO picket.marks
      (tenant, journal_partition, journal_epoch, journal_offset, journal_index, written)
    SELECT ${p('String', lane.tenant)}, ${p('UInt16', lane.partition)}, ${p('UInt16', lane.epoch)},
      ${p('UInt64', offset)}, 0, fromUnixTimestamp64Milli(${p('Int64', nowMs)})`)
}

export interface Bisected {
  readonly letters: readonly DeadLetter[]
  readonly events: number
  readonly rollups: number
}

/** Where so many rows are refused and not one is taken, it is not the rows. */
const ALL_REFUSED_MIN = 32

/**
 * Writes the range's rows in ever smaller parts until the refused ones stand alone. Throws at
 * any failure that is not a refusal; whatever was written until then is found by the read-back.
 */
export async function bisect(
  options: InsertCall & {
    readonly journal: Journal
    readonly writer: StoreClient
    readonly after: number
    readonly upTo: number
    readonly life: string
    readonly pool: BlockPool
    readonly lane: Lane
    readonly present: Present
  },
): Promise<Bisected> {
  const rows = rowsBetween(options)
  const letters: DeadLetter[] = []
  const written = { events: 0, rollups: 0 }
  // Tables apart: a part is one insert, so a refused one left nothing behind.
  const events = rows.findIndex((row) => row.kind === 'rollup')
  const border = events < 0 ? rows.length : events
  const parts: { from: number; to: number }[] = [
    { from: border, to: rows.length },
    { from: 0, to: border },
  ]
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const { from, to } = part
    if (from === to) continue
    const batch = new RowBatch(options.pool)
    for (const row of rows.slice(from, to)) batch.add(row)
    batch.end()
    const first = rows[from]?.place
    const token = `part-${options.lane.epoch}-${first?.offset}-${first?.index}-${from}-${to}`
    try {
      await insertBatch(options.writer, batch, `${options.life}-${token}`, options)
      letters.push(...batch.letters)
      written.events += batch.events
      written.rollups += batch.rollups
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== 'refused') throw error
      const row = rows[from]
      if (to - from === 1 && row !== undefined) {
        letters.push(letterOf(row, 'engine', ` (code ${error.engineCode ?? 0})`))
        continue
      }
      const middle = Math.floor((from + to) / 2)
      parts.push({ from: middle, to }, { from, to: middle })
    }
  }
  if (written.events + written.rollups === 0 && letters.length >= ALL_REFUSED_MIN) {
    throw new StoreError('busy', `The store refuses every row; ${letters.length} were tried.`)
  }
  return { letters, ...written }
}

const READ_BYTES = 4 * 1024 * 1024

function rowsBetween(options: Parameters<typeof bisect>[0]): readonly Row[] {
  const rows: Row[] = []
  for (let at = options.after; at < options.upTo;) {
    const entries = options.journal.read(at, READ_BYTES)
    if (entries.length === 0) break
    for (const entry of entries) {
      at = entry.offset
      if (at > options.upTo) break
      rowsOf(entry, options.lane, options.present, (row) => rows.push(row))
    }
  }
  return [...rows.filter(isEvent), ...rows.filter((row) => !isEvent(row))]
}

function isEvent(row: Row): boolean {
  return row.kind === 'event'
}
