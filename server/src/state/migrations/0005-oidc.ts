import type { Migration } from 'kysely'
import type { ColumnTypes } from '../migrations.ts'

/** Which user a subject of an OpenID provider is. */
export function oidcMigration(types: ColumnTypes): Migration {
  return {
    up: async (db) => {
      await db.schema
        .createTable('oidc_identity')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('subject_key', 'text', (c) => c.notNull())
        .addColumn('user_id', 'text', (c) => c.notNull())
        .addColumn('created_ms', types.int64, (c) => c.notNull())
        .addPrimaryKeyConstraint('oidc_identity_pk', ['tenant', 'subject_key'])
        .addUniqueConstraint('oidc_identity_by_user', ['tenant', 'user_id'])
        .execute()
    },
  }
}
