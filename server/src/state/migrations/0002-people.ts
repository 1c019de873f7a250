import type { Migration } from 'kysely'
import type { ColumnTypes } from '../migrations.ts'

/** Users, their sessions, and tokens of programs. */
export function peopleMigration(types: ColumnTypes): Migration {
  return {
    up: async (db) => {
      await db.schema
        .createTable('user')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('name_key', 'text', (c) => c.notNull())
        .addColumn('roles', 'text', (c) => c.notNull())
        .addColumn('visibility', 'text')
        .addColumn('masks', 'text')
        .addColumn('password', 'text', (c) => c.notNull())
        .addColumn('must_change', 'integer', (c) => c.notNull())
        .addColumn('disabled', 'integer', (c) => c.notNull())
        .addColumn('totp_step', types.int64, (c) => c.notNull())
        .addColumn('totp', types.blob)
        .addColumn('created_ms', types.int64, (c) => c.notNull())
        .addColumn('changed_ms', types.int64, (c) => c.notNull())
        .addColumn('body', types.blob, (c) => c.notNull())
        .addPrimaryKeyConstraint('user_pk', ['tenant', 'id'])
        .addUniqueConstraint('user_by_name', ['tenant', 'name_key'])
        .execute()
      await db.schema
        .createTable('session')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id_hash', 'text', (c) => c.notNull())
        .addColumn('user_id', 'text', (c) => c.notNull())
        .addColumn('created_ms', types.int64, (c) => c.notNull())
        .addColumn('seen_ms', types.int64, (c) => c.notNull())
        .addPrimaryKeyConstraint('session_pk', ['tenant', 'id_hash'])
        .execute()
      await db.schema
        .createIndex('session_by_user')
        .on('session')
        .columns(['tenant', 'user_id'])
        .execute()
      await db.schema
        .createTable('token')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('id', 'text', (c) => c.notNull())
        .addColumn('secret_hash', 'text', (c) => c.notNull())
        .addColumn('name', 'text', (c) => c.notNull())
        .addColumn('roles', 'text', (c) => c.notNull())
        .addColumn('visibility', 'text')
        .addColumn('masks', 'text')
        .addColumn('created_by', 'text', (c) => c.notNull())
        .addColumn('created_ms', types.int64, (c) => c.notNull())
        .addColumn('expires_ms', types.int64)
        .addColumn('last_used_ms', types.int64)
        .addColumn('revoked_ms', types.int64)
        .addPrimaryKeyConstraint('token_pk', ['tenant', 'id'])
        .execute()
    },
  }
}
