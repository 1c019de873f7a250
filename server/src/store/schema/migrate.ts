import { ProblemError } from '../../base/problems.ts'
import type { StoreClient } from '../client.ts'
import { p, sql } from '../sql.ts'
import { MIGRATIONS } from './migrations.ts'

/**
 * Brings the tables up to this program's version. Every statement may run twice: a migration that
 * was cut off is simply run again. Throws ProblemError STORE_SCHEMA_NEWER, or a StoreError.
 */
export async function prepareSchema(admin: StoreClient): Promise<void> {
  await admin.command(sql`CREATE DATABASE IF NOT EXISTS picket`)
  await admin.command(sql`CREATE TABLE IF NOT EXISTS picket.migrations (
    version UInt32, name String, applied DateTime64(3, 'UTC') DEFAULT now64(3)
  ) ENGINE = MergeTree ORDER BY version SETTINGS fsync_after_insert = 1`)
  const found = await admin.query(sql`SELECT max(version) FROM picket.migrations`)
  const version = Number(found.rows[0]?.[0] ?? 0)
  const newest = MIGRATIONS.at(-1)?.version ?? 0
  if (version > newest) {
    throw new ProblemError({
      code: 'STORE_SCHEMA_NEWER',
      message: `The store has tables of version ${version}; this program knows ${newest}.`,
    })
  }
  for (const migration of MIGRATIONS) {
    if (migration.version <= version) continue
    for (const statement of migration.statements) await admin.command(statement)
    await admin.command(sql`INSERT INTO picket.migrations (version, name)
      SELECT ${p('UInt32', migration.version)}, ${p('String', migration.name)}`)
  }
}
