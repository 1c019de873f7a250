import type { StoreClient } from '../client.ts'
import { identifier, p, sql } from '../sql.ts'

const DAY_MS = 86_400_000

/** Tables whose rows expire with the day on which they were ingested. */
const TABLES = ['events', 'rollups'] as const

export interface Dropped {
  readonly table: (typeof TABLES)[number]
  /** The day of ingest, YYYYMMDD. */
  readonly day: string
  readonly rows: number
}

/**
 * Drops whole days of ingest that are older than `keepDays`. Days count from the clock or from the
 * day after the newest there is, whichever is earlier: a clock that leaps ahead while nothing comes
 * in makes nothing expire.
 */
export async function dropExpired(
  admin: StoreClient,
  options: { readonly keepDays: number; readonly nowMs: number },
): Promise<readonly Dropped[]> {
  const dropped: Dropped[] = []
  for (const table of TABLES) {
    const found = await admin.query(sql`
      SELECT partition_id, sum(rows) FROM system.parts
      WHERE database = 'picket' AND table = ${p('String', table)} AND active
      GROUP BY partition_id ORDER BY partition_id`)
    const days = found.rows.map(([id, rows]) => ({ day: String(id), rows: Number(rows) }))
    const newest = days.at(-1)
    if (newest === undefined) continue
    const nowMs = Math.min(options.nowMs, dayToMs(newest.day) + DAY_MS)
    const oldest = msToDay(nowMs - options.keepDays * DAY_MS)
    for (const { day, rows } of days) {
      if (day >= oldest) break
      await admin.command(sql`
        ALTER TABLE picket.${identifier(table)} DROP PARTITION ID ${p('String', day)}`)
      dropped.push({ table, day, rows })
    }
  }
  return dropped
}

function msToDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10).replaceAll('-', '')
}

function dayToMs(day: string): number {
  return Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6, 8)}T00:00:00Z`)
}
