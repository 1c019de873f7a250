import type { Visibility } from '../../model/access.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { Position } from '../../model/position.ts'
import type { StoreClient } from '../client.ts'
import { StoreError } from '../failure.ts'
import { DEFAULT_TENANT } from '../schema/names.ts'
import { p, sql } from '../sql.ts'
import type { Sql } from '../sql.ts'
import { timeWithin, visibleTo } from './where.ts'

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
  /** Events outside of it are neither given nor counted. */
  readonly visibility?: Visibility
  readonly signal?: AbortSignal
  /** Called with the events that will come, once that is known. */
  readonly onTotal?: (events: number) => void
}

export interface StreamFrom {
  readonly reader: StoreClient
  readonly tenant?: string
  /** Query ids begin with it. */
  readonly queryName: string
  /** About so many rows a query; for tests. */
  readonly stretchRows?: number
  /** Ends a query that was left; without it, the engine does when the connection closes. */
  end?(queryId: string): Promise<unknown>
}

/** Rows that are sorted at a time: few enough to sort in memory, enough to be worth a query. */
const STRETCH_ROWS = 20_000
const HOUR_MS = 3_600_000
const SECOND_MS = 1_000
const QUERY_SECONDS_MAX = 600
/** MEMORY_LIMIT_EXCEEDED */
const MEMORY_LIMIT = 241

/**
 * Events ordered by time, then by place in the journal. The range is read in stretches of whole hours,
 * or where an hour has too many of whole seconds, so that neither side holds more than one stretch,
 * however long the range and however busy the hour.
 */
export async function* streamEvents(
  from: StreamFrom,
  options: EventStreamOptions,
): AsyncGenerator<readonly StoredEvent[]> {
  const { reader, queryName, stretchRows = STRETCH_ROWS } = from
  const left = new AbortController()
  const signals = options.signal === undefined ? [left.signal] : [left.signal, options.signal]
  const signal = AbortSignal.any(signals)
  const condition = sql`tenant = ${p('String', from.tenant ?? DEFAULT_TENANT)}
    AND ${timeWithin(options.fromMs, options.toMs)} AND (${options.where ?? sql`1`})
    AND (${options.visibility === undefined ? sql`1` : visibleTo(options.visibility)})`
  let queryId = queryName
  try {
    const { stretches, total } = await findStretches(reader, condition, {
      signal,
      queryId,
      stretchRows,
    })
    options.onTotal?.(total)
    let queries = 0
    for (const stretch of stretches) {
      queryId = `${queryName}-${(queries += 1)}`
      const parts =
        stretch.rows > SPLIT_FACTOR * stretchRows
          ? await splitStretch(reader, condition, stretch, { signal, queryId, stretchRows })
          : [stretch]
      for (const part of parts) {
        const calls = (): Call => {
          queryId = `${queryName}-${(queries += 1)}`
          return { signal, queryId }
        }
        yield* readWithin(reader, condition, part, calls)
      }
    }
    queryId = ''
  } finally {
    left.abort()
    if (queryId !== '') await from.end?.(queryId)
  }
}

/** An hour that has so many times the rows of a stretch is read second by second. */
const SPLIT_FACTOR = 2

interface Stretch {
  readonly fromMs: number
  readonly toMs: number
  readonly rows: number
}

/** Puts buckets of time, in their order, together to stretches of about so many rows. */
class Stretches {
  readonly #all: Stretch[] = []
  readonly #bucketMs: number
  readonly #rows: number

  constructor(bucketMs: number, rows: number) {
    this.#bucketMs = bucketMs
    this.#rows = rows
  }

  add(bucket: number, rows: number): void {
    const toMs = (bucket + 1) * this.#bucketMs
    const last = this.#all.at(-1)
    if (last === undefined || last.rows + rows > this.#rows) {
      this.#all.push({ fromMs: bucket * this.#bucketMs, toMs, rows })
    } else this.#all.splice(-1, 1, { ...last, toMs, rows: last.rows + rows })
  }

  all(): readonly Stretch[] {
    return this.#all
  }
}

interface Call {
  readonly signal: AbortSignal
  readonly queryId: string
}

async function findStretches(
  reader: StoreClient,
  condition: Sql,
  { stretchRows, ...call }: Call & { readonly stretchRows: number },
): Promise<{ stretches: readonly Stretch[]; total: number }> {
  const stretches = new Stretches(HOUR_MS, stretchRows)
  let total = 0
  const found = reader.stream(
    sql`SELECT hour, count() FROM picket.events WHERE ${condition} GROUP BY hour ORDER BY hour`,
    { ...call, settings: { max_execution_time: QUERY_SECONDS_MAX } },
  )
  for await (const rows of found) {
    for (const [hour, count] of rows) {
      stretches.add(Number(hour), Number(count))
      total += Number(count)
    }
  }
  return { stretches: stretches.all(), total }
}

async function splitStretch(
  reader: StoreClient,
  condition: Sql,
  stretch: Stretch,
  { stretchRows, ...call }: Call & { readonly stretchRows: number },
): Promise<readonly Stretch[]> {
  const parts = new Stretches(SECOND_MS, stretchRows)
  const found = reader.stream(
    sql`SELECT floor(toUnixTimestamp64Milli(time) / ${p('Int64', SECOND_MS)}) AS second, count()
      FROM picket.events WHERE ${condition} AND ${timeWithin(stretch.fromMs, stretch.toMs)}
      GROUP BY second ORDER BY second`,
    { ...call, settings: { max_execution_time: QUERY_SECONDS_MAX } },
  )
  for await (const rows of found) {
    for (const [second, count] of rows) parts.add(Number(second), Number(count))
  }
  return parts.all()
}

/** A stretch whose rows are too large to be sorted at once is read in halves, down to a millisecond. */
async function* readWithin(
  reader: StoreClient,
  condition: Sql,
  stretch: Stretch,
  calls: () => Call,
): AsyncGenerator<readonly StoredEvent[]> {
  const { fromMs, toMs, rows } = stretch
  let isBegun = false
  try {
    for await (const events of readStretch(reader, condition, stretch, calls())) {
      isBegun = true
      yield events
    }
  } catch (error) {
    const isTooLarge = error instanceof StoreError && error.engineCode === MEMORY_LIMIT
    // Once rows were given they cannot be given again.
    if (!isTooLarge || isBegun || toMs - fromMs < 2) throw error
    const midMs = Math.floor((fromMs + toMs) / 2)
    const half = Math.ceil(rows / 2)
    yield* readWithin(reader, condition, { fromMs, toMs: midMs, rows: half }, calls)
    yield* readWithin(reader, condition, { fromMs: midMs, toMs, rows: half }, calls)
  }
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
      WHERE ${condition} AND ${timeWithin(stretch.fromMs, stretch.toMs)}
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
