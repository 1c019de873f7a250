import type { StoreClient } from '../client.ts'
import { p, sql } from '../sql.ts'
import type { Sql } from '../sql.ts'

/** Which rows of a range of offsets the store has, by `eventKey` and `rollupKey`. */
export type Present = ReadonlySet<string>

/** The id stands in the key, so that a journal that was restored and went on differently is told apart. */
export function eventKey(offset: number, index: number, id: string): string {
  return `e${offset}:${index}:${id}`
}

export function rollupKey(offset: number, index: number): string {
  return `r${offset}:${index}`
}

export interface OffsetRange {
  readonly tenant: string
  readonly partition: number
  readonly first: number
  readonly last: number
}

/** Reads back what of a range is stored already, whatever the epoch. */
export async function readBack(writer: StoreClient, range: OffsetRange): Promise<Present> {
  const present = new Set<string>()
  const events = sql`SELECT journal_offset, journal_index, id FROM picket.events WHERE ${within(range)}`
  for await (const rows of writer.stream(events)) {
    for (const [offset, index, id] of rows) {
      present.add(eventKey(Number(offset), Number(index), String(id)))
    }
  }
  const rollups = sql`SELECT journal_offset, journal_index FROM picket.rollups WHERE ${within(range)}`
  for await (const rows of writer.stream(rollups)) {
    for (const [offset, index] of rows) present.add(rollupKey(Number(offset), Number(index)))
  }
  return present
}

function within(range: OffsetRange): Sql {
  return sql`tenant = ${p('String', range.tenant)}
    AND journal_partition = ${p('UInt16', range.partition)}
    AND journal_offset BETWEEN ${p('UInt64', range.first)} AND ${p('UInt64', range.last)}`
}

/**
 * Ends inserts of ours that may still run after their answer was lost (the network, a killed
 * process beside an external server), and waits until there is none: only then does a read-back
 * say the last word.
 */
export async function settleInserts(admin: StoreClient, queryPrefix: string): Promise<void> {
  const ours = sql`startsWith(query_id, ${p('String', queryPrefix)})`
  for (let left = SETTLE_TRIES; left > 0; left--) {
    const running = await admin.query(sql`SELECT count() FROM system.processes WHERE ${ours}`)
    if (Number(running.rows[0]?.[0] ?? 0) === 0) return
    await admin.command(sql`KILL QUERY WHERE ${ours} SYNC`)
  }
  throw new Error('an insert of ours cannot be ended')
}

const SETTLE_TRIES = 20
