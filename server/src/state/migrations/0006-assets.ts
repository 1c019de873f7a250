import type { Migration } from 'kysely'
import type { ColumnTypes } from '../migrations.ts'

/** The devices that are known. */
export function assetsMigration(types: ColumnTypes): Migration {
  return {
    up: async (db) => {
      await db.schema
        .createTable('asset')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('revision', 'integer', (c) => c.notNull())
        .addColumn('changed_ms', types.int64, (c) => c.notNull())
        .addColumn('origin', 'text', (c) => c.notNull())
        .addColumn('site', 'text')
        .addColumn('device_type', 'text')
        .addColumn('body', types.blob, (c) => c.notNull())
        .addPrimaryKeyConstraint('asset_pk', ['tenant', 'id'])
        .execute()
    },
  }
}
