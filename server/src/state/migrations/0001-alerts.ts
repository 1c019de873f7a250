import type { Kysely, Migration } from 'kysely'
import type { ColumnTypes } from '../migrations.ts'

/** Alerts, what is told of them, dead letters, reader positions. */
export function alertsMigration(types: ColumnTypes): Migration {
  return {
    up: async (db) => {
      await createAlerts(db, types)
      await createFlow(db, types)
      await createDeadLetters(db, types)
    },
  }
}

async function createAlerts(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('alert')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('rule_id', 'text', (c) => c.notNull())
    .addColumn('rule_name', 'text', (c) => c.notNull())
    .addColumn('severity', 'integer', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('open', 'integer', (c) => c.notNull())
    .addColumn('first_ms', types.int64, (c) => c.notNull())
    .addColumn('last_ms', types.int64, (c) => c.notNull())
    .addColumn('count', types.int64, (c) => c.notNull())
    .addColumn('suppressed_by', 'text')
    .addColumn('scope_complete', 'integer', (c) => c.notNull())
    .addColumn('opened_offset', types.int64, (c) => c.notNull())
    .addColumn('opened_index', types.int64, (c) => c.notNull())
    .addColumn('updated_offset', types.int64, (c) => c.notNull())
    .addColumn('updated_index', types.int64, (c) => c.notNull())
    .addColumn('body', types.blob, (c) => c.notNull())
    .addPrimaryKeyConstraint('alert_pk', ['tenant', 'id'])
    .execute()
  await db.schema
    .createIndex('alert_by_opening')
    .on('alert')
    .columns(['tenant', 'opened_offset', 'opened_index'])
    .execute()
  await db.schema
    .createIndex('alert_by_update')
    .on('alert')
    .columns(['tenant', 'updated_offset', 'updated_index'])
    .execute()
  await db.schema
    .createTable('alert_history')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('alert_id', 'text', (c) => c.notNull())
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('severity', 'integer', (c) => c.notNull())
    .addColumn('state', 'text', (c) => c.notNull())
    .addColumn('at_ms', types.int64, (c) => c.notNull())
    .addColumn('body', types.blob, (c) => c.notNull())
    .addPrimaryKeyConstraint('alert_history_pk', ['tenant', 'alert_id', 'revision'])
    .execute()
  await db.schema
    .createTable('alert_scope')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('alert_id', 'text', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('value', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('alert_scope_pk', ['tenant', 'alert_id', 'kind', 'value'])
    .execute()
}

async function createFlow(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('outbox')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('outlet', 'text', (c) => c.notNull())
    .addColumn('alert_id', 'text', (c) => c.notNull())
    .addColumn('revision', 'integer', (c) => c.notNull())
    .addColumn('kind', 'text', (c) => c.notNull())
    .addColumn('journal_offset', types.int64, (c) => c.notNull())
    .addColumn('journal_index', types.int64, (c) => c.notNull())
    .addPrimaryKeyConstraint('outbox_pk', ['tenant', 'outlet', 'alert_id', 'revision'])
    .execute()
  await db.schema
    .createTable('reader')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('journal_offset', types.int64, (c) => c.notNull())
    .addPrimaryKeyConstraint('reader_pk', ['tenant', 'name'])
    .execute()
  await db.schema
    .createTable('tally')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('name', 'text', (c) => c.notNull())
    .addColumn('label', 'text', (c) => c.notNull())
    .addColumn('count', types.int64, (c) => c.notNull())
    .addPrimaryKeyConstraint('tally_pk', ['tenant', 'name', 'label'])
    .execute()
}

async function createDeadLetters(db: Kysely<unknown>, types: ColumnTypes): Promise<void> {
  await db.schema
    .createTable('dead_letter')
    .addColumn('tenant', 'text', (c) => c.notNull())
    .addColumn('id', 'text', (c) => c.notNull())
    .addColumn('source', 'text', (c) => c.notNull())
    .addColumn('decoder', 'text', (c) => c.notNull())
    .addColumn('code', 'text', (c) => c.notNull())
    .addColumn('received_ms', types.int64, (c) => c.notNull())
    .addColumn('journal_offset', types.int64, (c) => c.notNull())
    .addColumn('journal_index', types.int64, (c) => c.notNull())
    .addColumn('bytes', types.int64, (c) => c.notNull())
    .addColumn('replayed_ms', types.int64)
    .addColumn('replay_outcome', 'text')
    .addColumn('body', types.blob, (c) => c.notNull())
    .addPrimaryKeyConstraint('dead_letter_pk', ['tenant', 'id'])
    .execute()
  await db.schema
    .createIndex('dead_letter_by_arrival')
    .on('dead_letter')
    .columns(['tenant', 'journal_offset', 'journal_index'])
    .execute()
}
