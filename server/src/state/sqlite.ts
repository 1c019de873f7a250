import { chmodSync, closeSync, openSync } from 'node:fs'
import Database from 'libsql'
import type { SqliteDatabase, SqliteStatement } from 'kysely'

/** Statements kept prepared; the least recently used one makes room. */
const STATEMENTS_MAX = 200

type Bound = string | number | bigint | null | Uint8Array

/**
 * Opens an SQLite file for Kysely. Three traps of the binding are closed here (libsql 0.5.29, seen):
 * a boolean parameter aborts the process, blobs come back as ArrayBuffer, and `readonly` is ignored.
 */
export function openSqlite(path: string, readOnly: boolean): SqliteDatabase {
  // The file is made by us, so that it and its log (which takes the same mode) are for us alone.
  if (!readOnly) {
    closeSync(openSync(path, 'a', 0o600))
    chmodSync(path, 0o600)
  }
  const db = new Database(path)
  for (const pragma of pragmas(readOnly)) {
    const statement = db.prepare(`pragma ${pragma}`)
    if (statement.reader) statement.all()
    else statement.run()
  }
  const prepared = new Map<string, SqliteStatement>()
  return {
    close: () => {
      prepared.clear()
      db.close()
    },
    prepare: (sql) => {
      const known = prepared.get(sql)
      if (known !== undefined) {
        prepared.delete(sql)
        prepared.set(sql, known)
        return known
      }
      const made = guarded(db.prepare(sql), () => prepared.delete(sql))
      prepared.set(sql, made)
      if (prepared.size > STATEMENTS_MAX) prepared.delete(prepared.keys().next().value ?? '')
      return made
    },
  }
}

/** `secure_delete` overwrites what is deleted; FULL flushes the log at every commit. */
function pragmas(readOnly: boolean): readonly string[] {
  if (readOnly) return ['query_only = on', 'busy_timeout = 5000']
  return [
    'journal_mode = wal',
    'synchronous = full',
    'secure_delete = on',
    'foreign_keys = on',
    'busy_timeout = 5000',
    'temp_store = memory',
    'journal_size_limit = 16777216',
  ]
}

function guarded(inner: Database.Statement, forget: () => void): SqliteStatement {
  /** A statement that failed is not used again: it may hold a lock until it is finalized. */
  const attempt = <T>(run: () => T): T => {
    try {
      return run()
    } catch (error) {
      forget()
      throw error
    }
  }
  return {
    reader: inner.reader,
    all: (parameters) => attempt(() => inner.all(...bind(parameters)).map(readRow)),
    run: (parameters) => attempt(() => inner.run(...bind(parameters))),
    iterate: function* (parameters) {
      for (const row of inner.iterate(...bind(parameters))) yield readRow(row)
    },
  }
}

/** Only what SQLite has a type for; anything else is a bug of ours and says so. */
function bind(parameters: readonly unknown[]): Bound[][] {
  const values = parameters.map((value): Bound => {
    if (value === null || typeof value === 'string' || typeof value === 'bigint') return value
    if (typeof value === 'number' && Number.isFinite(value)) return value
    if (value instanceof Uint8Array) return value
    throw new TypeError(`SQLite takes no ${typeof value} as a parameter`)
  })
  return [values]
}

function readRow(row: unknown): unknown {
  if (row === null || typeof row !== 'object') return row
  const fields = row as Record<string, unknown>
  for (const name in fields) {
    const value = fields[name]
    if (value instanceof ArrayBuffer) fields[name] = new Uint8Array(value)
  }
  return fields
}
