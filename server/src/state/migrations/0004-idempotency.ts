import type { Migration } from 'kysely'
import type { ColumnTypes } from '../migrations.ts'

/** Answers of writes that were named by their caller, so that a repeated one is not done twice. */
export function idempotencyMigration(types: ColumnTypes): Migration {
  return {
    up: async (db) => {
      await db.schema
        .createTable('idempotency')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('key_hash', 'text', (c) => c.notNull())
        .addColumn('request_hash', 'text', (c) => c.notNull())
        .addColumn('at_ms', types.int64, (c) => c.notNull())
        .addColumn('status', 'integer')
        .addColumn('body', types.blob)
        .addPrimaryKeyConstraint('idempotency_pk', ['tenant', 'key_hash'])
        .execute()
      await db.schema
        .createIndex('idempotency_by_age')
        .on('idempotency')
        .columns(['tenant', 'at_ms'])
        .execute()
    },
  }
}
