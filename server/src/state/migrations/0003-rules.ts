import type { Migration } from 'kysely'
import type { ColumnTypes } from '../migrations.ts'

/** What rules do in this installation, where it is not what their files say. */
export function rulesMigration(types: ColumnTypes): Migration {
  return {
    up: async (db) => {
      await db.schema
        .createTable('rule_life')
        .addColumn('tenant', 'text', (c) => c.notNull())
        .addColumn('rule_id', 'text', (c) => c.notNull())
        .addColumn('life', 'text', (c) => c.notNull())
        .addColumn('changed_by', 'text', (c) => c.notNull())
        .addColumn('changed_ms', types.int64, (c) => c.notNull())
        .addPrimaryKeyConstraint('rule_life_pk', ['tenant', 'rule_id'])
        .execute()
    },
  }
}
