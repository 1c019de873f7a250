import { type Kysely, type Migration, Migrator, type RawBuilder, sql } from 'kysely'
import { fail, ok, type Result } from '../base/result.ts'
import { alertsMigration } from './migrations/0001-alerts.ts'
import { peopleMigration } from './migrations/0002-people.ts'
import { rulesMigration } from './migrations/0003-rules.ts'
import { idempotencyMigration } from './migrations/0004-idempotency.ts'
import { assetsMigration } from './migrations/0006-assets.ts'
import { oidcMigration } from './migrations/0005-oidc.ts'

/** The types whose names differ between the two engines. */
export interface ColumnTypes {
  readonly int64: RawBuilder<unknown>
  readonly blob: RawBuilder<unknown>
}

export type Engine = 'sqlite' | 'postgres'

const TYPES: Readonly<Record<Engine, ColumnTypes>> = {
  sqlite: { int64: sql`integer`, blob: sql`blob` },
  postgres: { int64: sql`bigint`, blob: sql`bytea` },
}

/** In order; a released one is never changed. The names sort as they run. */
function migrations(types: ColumnTypes): Record<string, Migration> {
  return {
    '0001-alerts': alertsMigration(types),
    '0002-people': peopleMigration(types),
    '0003-rules': rulesMigration(types),
    '0004-idempotency': idempotencyMigration(types),
    '0005-oidc': oidcMigration(types),
    '0006-assets': assetsMigration(types),
  }
}

/** Brings the database to this version's shape, or says why not. Never throws. */
export async function migrate<T>(db: Kysely<T>, engine: Engine): Promise<Result<void>> {
  const known = migrations(TYPES[engine])
  const newer = await unknownMigration(db, Object.keys(known))
  if (!newer.ok) return newer
  const migrator = new Migrator({ db, provider: { getMigrations: async () => known } })
  const { error } = await migrator.migrateToLatest()
  if (error === undefined) return ok(undefined)
  return fail({ code: 'STATE_UNAVAILABLE', message: `Migration failed: ${reason(error)}` })
}

async function unknownMigration<T>(db: Kysely<T>, known: readonly string[]): Promise<Result<void>> {
  try {
    const tables = await db.introspection.getTables({ withInternalKyselyTables: true })
    if (!tables.some((table) => table.name === 'kysely_migration')) return ok(undefined)
    const done = await sql<{ name: string }>`select name from kysely_migration`.execute(db)
    const strange = done.rows.find((row) => !known.includes(row.name))
    if (strange === undefined) return ok(undefined)
    return fail({
      code: 'STATE_NEWER',
      message: `The state holds the migration ${strange.name}, which this version does not know.`,
      hint: 'run the version that wrote it, or restore the backup made before the upgrade',
    })
  } catch (error) {
    return fail({ code: 'STATE_UNAVAILABLE', message: `The state was not read: ${reason(error)}` })
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : 'the database gave no reason'
}
