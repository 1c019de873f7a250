import { identifier, joinSql, sql } from '../sql.ts'
import type { Sql } from '../sql.ts'
import { EVENT_COLUMNS } from './columns.ts'
import type { ColumnKind } from './columns.ts'

/**
 * Every table of ours, and nowhere else: how a table is made in a cluster (a Replicated engine, ON
 * CLUSTER, a Distributed table over it) is to be decided in this file alone.
 */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly statements: readonly Sql[]
}

const TYPES: Readonly<Record<ColumnKind, Sql>> = {
  text: sql`String CODEC(ZSTD(1))`,
  word: sql`LowCardinality(String)`,
  words: sql`Array(LowCardinality(String))`,
  number: sql`Nullable(Int64) CODEC(ZSTD(1))`,
}

const EVENT_COLUMNS_SQL = joinSql(
  EVENT_COLUMNS.map((column) => sql`${identifier(column.name)} ${TYPES[column.kind]}`),
  sql`, `,
)

/** A row's place in the journal. `journal_epoch` goes up when a journal was restored or replaced. */
const POSITION = sql`
  journal_partition UInt16,
  journal_epoch UInt16,
  journal_offset UInt64 CODEC(Delta, ZSTD(1)),
  journal_index UInt32 CODEC(Delta, ZSTD(1))`

/** Durable before it is answered; a repeated block of one token is dropped (see reader/insert.ts). */
const DURABLE = sql`
  fsync_after_insert = 1,
  fsync_part_directory = 1,
  non_replicated_deduplication_window = 1000`

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'events, rollups, marks',
    statements: [
      // Hot partitions: by day of ingest, ordered by hour of the event, device, time.
      sql`CREATE TABLE IF NOT EXISTS picket.events (
        tenant LowCardinality(String),
        ${POSITION},
        schema_version UInt16,
        ingested DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
        ingest_day Date,
        hour Int32 CODEC(Delta, ZSTD(1)),
        time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
        id String CODEC(ZSTD(1)),
        ${EVENT_COLUMNS_SQL},
        unfit Array(LowCardinality(String)),
        doc String CODEC(ZSTD(1)),
        INDEX by_offset journal_offset TYPE minmax GRANULARITY 1,
        INDEX by_id id TYPE bloom_filter(0.01) GRANULARITY 1
      ) ENGINE = MergeTree
      PARTITION BY ingest_day
      ORDER BY (tenant, hour, device_id, time)
      SETTINGS ${DURABLE}`,
      sql`CREATE TABLE IF NOT EXISTS picket.rollups (
        tenant LowCardinality(String),
        ${POSITION},
        ingested DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
        ingest_day Date,
        hour Int32 CODEC(Delta, ZSTD(1)),
        device_id String CODEC(ZSTD(1)),
        from_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
        to_time DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
        messages UInt64 CODEC(ZSTD(1)),
        bytes UInt64 CODEC(ZSTD(1)),
        last_seen DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
        topics Array(String) CODEC(ZSTD(1)),
        INDEX by_offset journal_offset TYPE minmax GRANULARITY 1
      ) ENGINE = MergeTree
      PARTITION BY ingest_day
      ORDER BY (tenant, hour, device_id, from_time)
      SETTINGS ${DURABLE}`,
      // How far the store had been written, now and then: what a restored backup is known by.
      sql`CREATE TABLE IF NOT EXISTS picket.marks (
        tenant LowCardinality(String),
        ${POSITION},
        written DateTime64(3, 'UTC')
      ) ENGINE = MergeTree
      ORDER BY (tenant, journal_partition, journal_epoch, journal_offset)
      SETTINGS ${DURABLE}`,
    ],
  },
  {
    version: 2,
    name: 'what rollups are of',
    statements: [
      sql`ALTER TABLE picket.rollups
        ADD COLUMN IF NOT EXISTS source LowCardinality(String),
        ADD COLUMN IF NOT EXISTS device_field LowCardinality(String),
        ADD COLUMN IF NOT EXISTS event_action LowCardinality(String),
        ADD COLUMN IF NOT EXISTS event_dataset LowCardinality(String),
        ADD COLUMN IF NOT EXISTS mqtt_client_id String CODEC(ZSTD(1)),
        ADD COLUMN IF NOT EXISTS iot_site LowCardinality(String),
        ADD COLUMN IF NOT EXISTS device_type LowCardinality(String),
        ADD COLUMN IF NOT EXISTS entry LowCardinality(String),
        ADD COLUMN IF NOT EXISTS first_seen DateTime64(3, 'UTC') DEFAULT from_time
          CODEC(Delta, ZSTD(1)),
        ADD COLUMN IF NOT EXISTS topics_count UInt32 DEFAULT length(topics) CODEC(ZSTD(1)),
        ADD COLUMN IF NOT EXISTS overflow UInt16`,
    ],
  },
  {
    version: 3,
    name: 'traces',
    // What is there already reads it from its document.
    statements: [
      sql`ALTER TABLE picket.events ADD COLUMN IF NOT EXISTS trace_id String
        DEFAULT JSONExtractString(doc, 'trace', 'id') CODEC(ZSTD(1))`,
    ],
  },
]
