import { PostgresDialect } from 'kysely'
import pg from 'pg'

const INT8 = 20
const CONNECTIONS_MAX = 8

/**
 * PostgreSQL behind the same tables. Times and counts are below 2^53, so that eight-byte integers
 * are read as numbers, as SQLite gives them.
 */
export function postgresDialect(url: string, onError: (error: Error) => void): PostgresDialect {
  const types = new pg.TypeOverrides()
  types.setTypeParser(INT8, (text: string) => Number(text))
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS_MAX,
    types,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 30_000,
    application_name: 'picket',
  })
  // An idle connection that breaks must not end the process; the next query makes a new one.
  pool.on('error', onError)
  return new PostgresDialect({ pool })
}
