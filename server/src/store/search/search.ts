import { randomBytes } from 'node:crypto'
import type { Metrics } from '../../base/metrics.ts'
import type { Rollup } from '../../model/journal.ts'
import type { Problem } from '../../base/problems.ts'
import { fail, ok } from '../../base/result.ts'
import type { Result } from '../../base/result.ts'
import type { QueryResult } from '../client.ts'
import type { StoreEngine } from '../engine/engine.ts'
import { problemOf } from '../engine/port.ts'
import { DEFAULT_TENANT } from '../schema/names.ts'
import { p, sql } from '../sql.ts'
import { checkRequest } from './request.ts'
import type { SearchRequest } from './request.ts'
import { type RollupRange, streamRollups } from './rollup-stream.ts'
import { streamEvents } from './stream.ts'
import type { EventStreamOptions, StoredEvent } from './stream.ts'
import { toTemplate } from './templates.ts'
import type { Template } from './templates.ts'

/** A result as faces print it: plain JSON, times as ISO 8601 UTC, documents as objects. */
export interface SearchTable {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly unknown[])[]
  /** There was more than the limit let through. */
  readonly truncated: boolean
  readonly rowsRead: number
  readonly bytesRead: number
  readonly elapsedMs: number
}

export interface SearchOptions {
  /** Aborting it ends the query in the engine too. */
  readonly signal?: AbortSignal
  /** The name `cancel` takes; letters, digits, `-`. One is made where none is given. */
  readonly name?: string
  readonly timeoutMs?: number
}

export interface Search {
  /** SEARCH_INVALID, STORE_UNAVAILABLE, STORE_LIMIT, STORE_CANCELLED. */
  run(request: SearchRequest, options?: SearchOptions): Promise<Result<SearchTable>>
  /** Ends the running search of that name; false where there is none. */
  cancel(name: string): Promise<boolean>
  /** Events in order of time, by the batch. Throws StoreError. Leaving the loop ends the query. */
  streamEvents(options: EventStreamOptions): AsyncIterable<readonly StoredEvent[]>
  /** Rollups in order of when their device was last seen. Throws StoreError. */
  streamRollups(range: RollupRange): AsyncIterable<readonly Rollup[]>
}

const PREFIX = 'picket-search-'
const TIMEOUT_MS = 30_000
const TIMEOUT_MS_MAX = 600_000

/** Searches by the fixed templates, as the user that can do nothing but read our tables. */
export function createSearch(
  engine: StoreEngine,
  options: { readonly tenant?: string; readonly metrics?: Metrics } = {},
): Search {
  const tenant = options.tenant ?? DEFAULT_TENANT
  const seconds = options.metrics?.histogram(
    'picket_search_seconds',
    'Time a search took, by outcome.',
    [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
  )
  return {
    run: async (request, how = {}) => {
      const startedMs = performance.now()
      const result = await runSearch(engine, tenant, request, how)
      const outcome = result.ok ? 'ok' : result.problem.code
      seconds?.observe((performance.now() - startedMs) / 1000, { outcome })
      return result
    },
    cancel: (name) => endQuery(engine, PREFIX + name),
    streamRollups: (range) => {
      const queryName = `${PREFIX}stream-${fresh()}`
      return streamRollups({ reader: engine.client('reader'), tenant, queryName }, range)
    },
    streamEvents: (how) => {
      const reader = engine.client('reader')
      const queryName = `${PREFIX}stream-${fresh()}`
      const end = (queryId: string): Promise<boolean> => endQuery(engine, queryId)
      return streamEvents({ reader, tenant, queryName, end }, how)
    },
  }
}

async function runSearch(
  engine: StoreEngine,
  tenant: string,
  request: SearchRequest,
  how: SearchOptions,
): Promise<Result<SearchTable>> {
  const checked = checkRequest(request)
  if (!checked.ok) return checked
  if (how.name !== undefined && !/^[A-Za-z0-9-]{1,64}$/.test(how.name)) {
    return fail({ code: 'SEARCH_INVALID', message: 'The name of a search is letters and digits.' })
  }
  const queryId = PREFIX + (how.name ?? fresh())
  const template = toTemplate(request, tenant)
  const timeoutMs = Math.min(how.timeoutMs ?? TIMEOUT_MS, TIMEOUT_MS_MAX)
  const startedMs = performance.now()
  try {
    const found = await engine.client('reader').query(template.query, {
      queryId,
      // The engine's own limit comes first, so that its answer tells why.
      timeoutMs: timeoutMs + 2_000,
      settings: { max_execution_time: Math.max(1, Math.ceil(timeoutMs / 1_000)) },
      ...(how.signal === undefined ? {} : { signal: how.signal }),
    })
    return ok(toTable(template, found, performance.now() - startedMs))
  } catch (error) {
    const problem = problemOf(error)
    if (mayStillRun(problem)) await endQuery(engine, queryId)
    return fail(problem)
  }
}

/** Closing the connection does not end a query. */
function mayStillRun(problem: Problem): boolean {
  return problem.code === 'STORE_CANCELLED' || problem.code === 'STORE_UNAVAILABLE'
}

async function endQuery(engine: StoreEngine, queryId: string): Promise<boolean> {
  if (engine.state().kind !== 'ready') return false
  try {
    const admin = engine.client('admin')
    const ours = sql`query_id = ${p('String', queryId)}`
    const running = await admin.query(sql`SELECT count() FROM system.processes WHERE ${ours}`)
    if (Number(running.rows[0]?.[0] ?? 0) === 0) return false
    await admin.command(sql`KILL QUERY WHERE ${ours} ASYNC`)
    return true
  } catch {
    return false // The store went away, and the query with it.
  }
}

function toTable(template: Template, found: QueryResult, elapsedMs: number): SearchTable {
  const rows = found.rows
    .slice(0, template.limit)
    .map((row) => template.columns.map((column, at) => toValue(column.kind, row[at])))
  return {
    columns: template.columns.map((column) => column.name),
    rows,
    truncated: found.rows.length > template.limit,
    rowsRead: found.statistics.rowsRead,
    bytesRead: found.statistics.bytesRead,
    elapsedMs: Math.round(elapsedMs),
  }
}

function toValue(kind: Template['columns'][number]['kind'], value: unknown): unknown {
  switch (kind) {
    case 'time':
      return new Date(Number(value)).toISOString()
    case 'number':
      return Number(value)
    case 'document':
      return JSON.parse(String(value))
    case 'text':
      return value
  }
}

function fresh(): string {
  return randomBytes(12).toString('hex')
}
