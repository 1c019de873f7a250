import type { Visibility } from '../../model/access.ts'
import type { Rollup } from '../../model/journal.ts'
import { DEFAULT_TENANT } from '../schema/names.ts'
import { p, sql } from '../sql.ts'
import { rollupsVisibleTo } from './rollup-templates.ts'
import type { StreamFrom } from './stream.ts'

export interface RollupRange {
  /** Of `lastSeenMs`; `toMs` is not part of it. */
  readonly fromMs: number
  readonly toMs: number
  /** Rollups outside of it are not given. */
  readonly visibility?: Visibility
  readonly signal?: AbortSignal
}

const HOUR_MS = 3_600_000
/** The longest interval of a rollup, in hours. */
const INTERVAL_HOURS = 24
const QUERY_SECONDS_MAX = 600

/** Rollups in order of `lastSeenMs`, read hour by hour so that neither side holds more. */
export async function* streamRollups(
  from: StreamFrom,
  options: RollupRange,
): AsyncGenerator<readonly Rollup[]> {
  const { reader, queryName } = from
  const { fromMs, toMs, signal, visibility } = options
  const seen = sql`toUnixTimestamp64Milli(last_seen)`
  const within = sql`tenant = ${p('String', from.tenant ?? DEFAULT_TENANT)}
    AND ${seen} >= ${p('Int64', Math.floor(fromMs))} AND ${seen} < ${p('Int64', Math.floor(toMs))}
    AND overflow = 0 AND ${visibility === undefined ? sql`1` : rollupsVisibleTo(visibility)}`
  const call = {
    queryId: `${queryName}-rollups`,
    settings: { max_execution_time: QUERY_SECONDS_MAX },
    ...(signal !== undefined && { signal }),
  }
  const found = await reader.query(
    sql`SELECT DISTINCT intDiv(${seen}, ${p('Int64', HOUR_MS)}) AS seen_hour FROM picket.rollups
      WHERE ${within} AND hour BETWEEN ${p('Int32', Math.floor(fromMs / HOUR_MS) - INTERVAL_HOURS)}
        AND ${p('Int32', Math.floor(toMs / HOUR_MS))} ORDER BY seen_hour`,
    call,
  )
  for (const [value] of found.rows) {
    const hour = Number(value)
    const rows = reader.stream(
      sql`SELECT device_id, device_field, toUnixTimestamp64Milli(from_time),
          toUnixTimestamp64Milli(to_time), messages, bytes, toUnixTimestamp64Milli(first_seen),
          ${seen}, event_action, event_dataset, mqtt_client_id, iot_site, device_type
        FROM picket.rollups WHERE ${within}
          AND intDiv(${seen}, ${p('Int64', HOUR_MS)}) = ${p('Int64', hour)}
          AND hour BETWEEN ${p('Int32', hour - INTERVAL_HOURS)} AND ${p('Int32', hour)}
        ORDER BY last_seen, journal_epoch, journal_offset, journal_index`,
      { ...call, queryId: `${queryName}-rollups-${hour}` },
    )
    for await (const chunk of rows) yield chunk.map(toRollup)
  }
}

function toRollup(row: readonly unknown[]): Rollup {
  const [device, field, fromMs, toMs, messages, bytes, firstMs, lastMs, ...words] = row
  const [action, dataset, clientId, site, deviceType] = words.map(String)
  return {
    device: String(device),
    ...(field !== '' && { deviceField: String(field) }),
    fromMs: Number(fromMs),
    toMs: Number(toMs),
    messages: Number(messages),
    bytes: Number(bytes),
    firstSeenMs: Number(firstMs),
    lastSeenMs: Number(lastMs),
    ...(action !== '' && action !== undefined && { action }),
    ...(dataset !== '' && dataset !== undefined && { dataset }),
    ...(clientId !== '' && clientId !== undefined && { clientId }),
    ...(site !== '' && site !== undefined && { site }),
    ...(deviceType !== '' && deviceType !== undefined && { deviceType }),
  }
}
