import type { EcsDoc } from '../../model/event.ts'
import type { Position } from '../../model/position.ts'
import type { StoreClient } from '../client.ts'
import { DEFAULT_TENANT } from '../schema/names.ts'
import { p, sql } from '../sql.ts'
import type { Sql } from '../sql.ts'
import { timeWithin } from './where.ts'

/** An event as it was stored, with its place in the journal. */
export interface StoredEvent {
  readonly id: string
  /** Event time in milliseconds since 1970. */
  readonly time: number
  readonly ingestedMs: number
  readonly position: Position
  readonly doc: EcsDoc
}

export interface EventStreamOptions {
  /** Event time; `toMs` is not part of it. */
  readonly fromMs: number
  readonly toMs: number
  /** Further conditions on typed columns (see where.ts). */
  readonly where?: Sql
  readonly signal?: AbortSignal
  /** Called with the events that will come, once that is known. */
  readonly onTotal?: (events: number) => void
}

export interface StreamFrom {
  readonly reader: StoreClient
  readonly tenant?: string
  /** Query ids begin with it. */
  readonly queryName: string
  /** Ends a query that was left; without it, the engine does when the connection closes. */
  end?(queryId: string): Promise<unknown>
}

/** Rows that are sorted at a time: few enough to sort in memory, enough to be worth a query. */
const STRETCH_ROWS = 100_000
const QUERY_SECONDS_MAX = 600

/**
 * Events ordered by time, then by place in the journal. The range is read in stretches of whole
 * hours, so that neither side holds more than one stretch, however long the range is.
 */
export async function* streamEvents(
  from: StreamFrom,
  options: EventStreamOptions,
): AsyncGenerator<readonly StoredEvent[]> {
  const { reader, queryName } = from
  const left = new AbortController()
  const signals = options.signal === undefined ? [left.signal] : [left.signal, options.signal]
  const signal = AbortSignal.any(signals)
  const condition = sql`tenant = ${p('String', from.tenant ?? DEFAULT_TENANT)}
    AND ${timeWithin(options.fromMs, options.toMs)} AND (${options.where ?? sql`1`})`
  let queryId = queryName
  try {
    const { stretches, total } = await findStretches(reader, condition, { signal, queryId })
    options.onTotal?.(total)
    for (const [index, stretch] of stretches.entries()) {
      queryId = `${queryName}-${index}`
      yield* readStretch(reader, condition, stretch, { signal, queryId })
    }
    queryId = ''
  } finally {
    left.abort()
    if (queryId !== '') await from.end?.(queryId)
  }
}

interface Stretch {
  readonly fromHour: number
  readonly toHour: number
}

interface Call {
  readonly signal: AbortSignal
  readonly queryId: string
}

async function findStretches(
  reader: StoreClient,
  condition: Sql,
  call: Call,
): Promise<{ stretches: Stretch[]; total: number }> {
  const stretches: Stretch[] = []
  let open: { fromHour: number; toHour: number; rows: number } | undefined
  let total = 0
  const found = reader.stream(
    sql`SELECT hour, count() FROM picket.events WHERE ${condition} GROUP BY hour ORDER BY hour`,
    { ...call, settings: { max_execution_time: QUERY_SECONDS_MAX } },
  )
  for await (const rows of found) {
    for (const [hour, count] of rows) {
      open ??= { fromHour: Number(hour), toHour: 0, rows: 0 }
      open.toHour = Number(hour)
      open.rows += Number(count)
      total += Number(count)
      if (open.rows < STRETCH_ROWS) continue
      stretches.push(open)
      open = undefined
    }
  }
  if (open !== undefined) stretches.push(open)
  return { stretches, total }
}

async function* readStretch(
  reader: StoreClient,
  condition: Sql,
  stretch: Stretch,
  call: Call,
): AsyncGenerator<readonly StoredEvent[]> {
  const rows = reader.stream(
    sql`SELECT id, toUnixTimestamp64Milli(time), toUnixTimestamp64Milli(ingested),
        journal_partition, journal_offset, journal_index, doc
      FROM picket.events
      WHERE ${condition} AND hour BETWEEN ${p('Int32', stretch.fromHour)}
        AND ${p('Int32', stretch.toHour)}
      ORDER BY time, journal_epoch, journal_offset, journal_index`,
    { ...call, settings: { max_execution_time: QUERY_SECONDS_MAX } },
  )
  for await (const chunk of rows) yield chunk.map(toEvent)
}

function toEvent(row: readonly unknown[]): StoredEvent {
  const [id, time, ingested, partition, offset, index, doc] = row
  return {
    id: String(id),
    time: Number(time),
    ingestedMs: Number(ingested),
    position: { partition: Number(partition), offset: Number(offset), index: Number(index) },
    doc: JSON.parse(String(doc)) as EcsDoc,
  }
}
