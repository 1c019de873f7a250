import { existsSync } from 'node:fs'
import { Kysely, SqliteDialect, sql } from 'kysely'
import type { Logger } from '../base/log.ts'
import { type Problem, ProblemError } from '../base/problems.ts'
import { fail, ok, type Result } from '../base/result.ts'
import type { Sealer } from '../model/sealer.ts'
import { type Engine, migrate } from './migrations.ts'
import { postgresDialect } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import { type Db, type StateTables, TENANT } from './tables.ts'

export interface StateOptions {
  /** Where the state lives: an SQLite file, or a PostgreSQL URL. */
  readonly at: { readonly sqlite: string } | { readonly postgres: string }
  readonly sealer: Sealer
  readonly log: Logger
  /** Looks only, and migrates nothing: for commands beside a running server. */
  readonly readOnly?: boolean
}

/**
 * `flushed` (unless given): on the disk when it resolves, and all before it. `replayable`: SQLite may
 * lose the newest of these when the power fails (never when the process dies), so only for what the
 * journal, not yet trimmed, will bring again. PostgreSQL flushes either way.
 */
export type Durability = 'flushed' | 'replayable'

/** Alerts, dead letters, people: what is small, relational and changes. See `tables.ts`. */
export interface State {
  readonly engine: Engine
  readonly tenant: string
  readonly db: Db
  /**
   * All or nothing. SQLite works synchronously, so keep it small. Rejects with ProblemError
   * STATE_FULL or STATE_UNAVAILABLE where the database refused; other throws pass through.
   */
  transact<T>(work: (db: Db) => Promise<T>, durability?: Durability): Promise<T>
  /**
   * A read outside a transaction, with the same errors as `transact`. SQLite: over a connection of its
   * own that can only read, so that readers and the one who writes do not wait for each other.
   */
  query<T>(work: (db: Db) => Promise<T>): Promise<T>
  /** JSON in a sealed envelope, bound to its place: `table/tenant/id`. */
  sealJson(value: unknown, place: string): Uint8Array
  /** Throws ProblemError STATE_SEALED. */
  openJson(envelope: Uint8Array, place: string): unknown
  /** Keyed hash by which a row is found without its value standing in it. */
  digest(text: string, purpose: string): string
  /** Empties SQLite's log, so that what was deleted is gone from it too. */
  checkpoint(): Promise<void>
  /** Safe twice. */
  close(): Promise<void>
}

/** Opens and migrates. Fails with STATE_MISSING, STATE_NEWER or STATE_UNAVAILABLE. */
export async function openState(options: StateOptions): Promise<Result<State>> {
  const readOnly = options.readOnly === true
  const engine: Engine = 'sqlite' in options.at ? 'sqlite' : 'postgres'
  if ('sqlite' in options.at && readOnly && !existsSync(options.at.sqlite)) {
    return fail({
      code: 'STATE_MISSING',
      message: 'There is no state database in this data directory.',
      at: { file: options.at.sqlite },
    })
  }
  let db: Db
  let reading: Db | undefined
  try {
    db = connect(options, readOnly)
  } catch (error) {
    return fail(stateProblem(error) ?? unavailable(error))
  }
  const migrated = await (readOnly ? probe(db) : migrate(db, engine))
  if (!migrated.ok) {
    await db.destroy().catch(() => undefined)
    return migrated
  }
  try {
    if (engine === 'sqlite' && !readOnly) reading = connect(options, true)
  } catch (error) {
    await db.destroy().catch(() => undefined)
    return fail(stateProblem(error) ?? unavailable(error))
  }
  return ok(makeState({ db, reading: reading ?? db }, engine, options.sealer))
}

function connect(options: StateOptions, readOnly: boolean): Db {
  if ('sqlite' in options.at) {
    const database = openSqlite(options.at.sqlite, readOnly)
    return new Kysely<StateTables>({ dialect: new SqliteDialect({ database }) })
  }
  const dialect = postgresDialect(options.at.postgres, (error) => {
    options.log.warn({ error: error.message }, 'A connection to the state database broke.')
  })
  return new Kysely<StateTables>({ dialect })
}

async function probe(db: Db): Promise<Result<void>> {
  try {
    await db.selectFrom('alert').select('id').limit(1).execute()
    return ok(undefined)
  } catch (error) {
    return fail(stateProblem(error) ?? unavailable(error))
  }
}

function makeState(
  { db, reading }: { readonly db: Db; readonly reading: Db },
  engine: Engine,
  sealer: Sealer,
): State {
  let closed: Promise<void> | undefined
  const checkpoint = async (): Promise<void> => {
    if (engine === 'sqlite') await sql`pragma wal_checkpoint(truncate)`.execute(db)
  }
  return {
    engine,
    tenant: TENANT,
    db,
    transact: (work, durability = 'flushed') =>
      named(() =>
        durability === 'replayable' && engine === 'sqlite'
          ? transactUnflushed(db, work)
          : db.transaction().execute((inner) => work(inner)),
      ),
    query: (work) => named(() => work(reading)),
    sealJson: (value, place) => sealer.seal(Buffer.from(JSON.stringify(value)), place),
    openJson: (envelope, place) => {
      try {
        return JSON.parse(Buffer.from(sealer.open(envelope, place)).toString('utf8')) as unknown
      } catch (error) {
        const why = error instanceof Error ? error.message : 'unknown'
        throw new ProblemError({ code: 'STATE_SEALED', message: `${place} did not open: ${why}` })
      }
    },
    digest: (text, purpose) => sealer.digest(text, purpose),
    checkpoint,
    close: () => {
      closed ??= (reading === db ? Promise.resolve() : reading.destroy()).then(() => db.destroy())
      return closed
    },
  }
}

/** The one connection is held meanwhile, so no other transaction commits unflushed. */
function transactUnflushed<T>(db: Db, work: (db: Db) => Promise<T>): Promise<T> {
  return db.connection().execute(async (connection) => {
    await sql`pragma synchronous = normal`.execute(connection)
    try {
      return await connection.transaction().execute((inner) => work(inner))
    } finally {
      await sql`pragma synchronous = full`.execute(connection)
    }
  })
}

async function named<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const problem = stateProblem(error)
    throw problem === undefined ? error : new ProblemError(problem)
  }
}

/** SQLite's result codes and PostgreSQL's SQLSTATE classes that are the engine's own trouble. */
function stateProblem(error: unknown): Problem | undefined {
  if (!(error instanceof Error)) return undefined
  const code = (error as { code?: unknown }).code
  if (typeof code !== 'string') {
    // The pool of `pg` names these two only by their words.
    const lost = /^(timeout exceeded when trying to connect|Connection terminated)/
    return lost.test(error.message) ? unavailable(error) : undefined
  }
  if (code === 'SQLITE_FULL' || code === '53100') {
    return { code: 'STATE_FULL', message: 'The disk of the state database is full.' }
  }
  const trouble =
    /^SQLITE_(BUSY|LOCKED|IOERR|CANTOPEN|READONLY|CORRUPT|NOTADB|PROTOCOL|NOMEM)/.test(code) ||
    /^(08|53|57P|58|XX|40)/.test(code) ||
    /^(ECONN|ETIMEDOUT|EPIPE|ENOTFOUND|ENOENT|EACCES)/.test(code)
  return trouble ? unavailable(error) : undefined
}

function unavailable(error: unknown): Problem {
  const why = error instanceof Error ? error.message : 'it gave no reason'
  return { code: 'STATE_UNAVAILABLE', message: `The state database refused: ${why}` }
}
