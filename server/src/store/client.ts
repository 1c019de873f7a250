import { Readable } from 'node:stream'
import { ClickHouseLogLevel, createClient } from '@clickhouse/client'
import type { ClickHouseSettings, ClickHouseClient } from '@clickhouse/client'
import { storeFailure } from './failure.ts'
import { renderSql } from './sql.ts'
import type { Sql } from './sql.ts'

export interface CallOptions {
  /** Names the query, so that it can be cancelled. */
  readonly queryId?: string
  /** The call is given up on after this; the engine may still be at work on it. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  readonly settings?: ClickHouseSettings
}

export interface QueryResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[]
  readonly rows: readonly (readonly unknown[])[]
  readonly statistics: { readonly rowsRead: number; readonly bytesRead: number }
}

/**
 * One user's connection to the store. Every failure is a StoreError (see failure.ts).
 */
export interface StoreClient {
  query(query: Sql, options?: CallOptions): Promise<QueryResult>
  /** Rows as they arrive, a chunk of them at a time; nothing is held but the chunk. */
  stream(query: Sql, options?: CallOptions): AsyncIterable<readonly (readonly unknown[])[]>
  /** A statement that gives nothing back. */
  command(statement: Sql, options?: CallOptions): Promise<void>
  /** `statement` ends in `FORMAT …`; the blocks are its body. */
  insert(statement: Sql, blocks: readonly Uint8Array[], options?: CallOptions): Promise<void>
  close(): Promise<void>
}

export interface ConnectOptions {
  readonly url: string
  readonly username: string
  readonly password: string
  readonly headers?: Readonly<Record<string, string>>
  readonly connectionsMax?: number
}

const TIMEOUT_MS = 60_000
const REQUEST_MS_MAX = 3_600_000

export function connectStore(options: ConnectOptions): StoreClient {
  const client = createClient({
    url: options.url,
    username: options.username,
    password: options.password,
    http_headers: { ...options.headers },
    max_open_connections: options.connectionsMax ?? 8,
    request_timeout: REQUEST_MS_MAX,
    compression: { request: false, response: false },
    log: { level: ClickHouseLogLevel.OFF },
  })
  return new HttpStoreClient(client)
}

class HttpStoreClient implements StoreClient {
  readonly #client: ClickHouseClient

  constructor(client: ClickHouseClient) {
    this.#client = client
  }

  async query(query: Sql, options: CallOptions = {}): Promise<QueryResult> {
    return this.#guard(options, async (signal) => {
      const result = await this.#client.query({
        ...params(query, options, signal),
        format: JSON_ROWS,
      })
      const body = await result.json<unknown[]>()
      return {
        columns: body.meta ?? [],
        rows: body.data,
        statistics: {
          rowsRead: body.statistics?.rows_read ?? 0,
          bytesRead: body.statistics?.bytes_read ?? 0,
        },
      }
    })
  }

  async *stream(
    query: Sql,
    options: CallOptions = {},
  ): AsyncGenerator<readonly (readonly unknown[])[]> {
    const signal = options.signal
    try {
      const result = await this.#client.query({
        ...params(query, options, signal),
        format: 'JSONCompactEachRow',
      })
      for await (const chunk of result.stream<unknown[]>()) {
        yield chunk.map((row) => row.json())
      }
    } catch (error) {
      throw storeFailure(error, signal?.aborted === true)
    }
  }

  async command(statement: Sql, options: CallOptions = {}): Promise<void> {
    await this.#guard(options, async (signal) => {
      await this.#client.command(params(statement, options, signal))
    })
  }

  async insert(
    statement: Sql,
    blocks: readonly Uint8Array[],
    options: CallOptions = {},
  ): Promise<void> {
    await this.#guard(options, async (signal) => {
      const values = Readable.from(blocks, { objectMode: false })
      const done = await this.#client.exec({ ...params(statement, options, signal), values })
      done.stream.resume()
      await new Promise<void>((resolve, reject) => {
        done.stream.once('end', resolve)
        done.stream.once('error', reject)
        done.stream.once('close', resolve)
      })
    })
  }

  async close(): Promise<void> {
    await this.#client.close()
  }

  async #guard<T>(options: CallOptions, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const timeout = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS)
    const signals = options.signal === undefined ? [timeout] : [timeout, options.signal]
    try {
      return await call(AbortSignal.any(signals))
    } catch (error) {
      throw storeFailure(error, options.signal?.aborted === true)
    }
  }
}

const JSON_ROWS = 'JSONCompact'

function params(
  statement: Sql,
  options: CallOptions,
  signal: AbortSignal | undefined,
): {
  query: string
  query_params: Record<string, unknown>
  query_id?: string
  abort_signal?: AbortSignal
  clickhouse_settings?: ClickHouseSettings
} {
  const { text, params: bound } = renderSql(statement)
  return {
    query: text,
    query_params: { ...bound },
    ...(options.queryId === undefined ? {} : { query_id: options.queryId }),
    ...(signal === undefined ? {} : { abort_signal: signal }),
    ...(options.settings === undefined ? {} : { clickhouse_settings: options.settings }),
  }
}
