import type { AlertRecord } from '../model/alert.ts'
import type { AnnouncementKind } from './alerts.ts'
import { chunks } from './paging.ts'
import type { State } from './state.ts'
import type { Db } from './tables.ts'

/** An alert revision that an outlet has still to tell. */
export interface Pending {
  readonly kind: AnnouncementKind
  readonly alert: AlertRecord
}

export interface OutboxWrite {
  readonly outlet: string
  readonly alertId: string
  readonly revision: number
  readonly kind: AnnouncementKind
  readonly offset: number
  readonly index: number
}

const ROWS_MAX = 500

/** Offset of the last journal entry that this reader has dealt with; 0 before the first. */
export async function readPosition(state: State, db: Db, name: string): Promise<number> {
  const row = await db
    .selectFrom('reader')
    .select('journal_offset')
    .where('tenant', '=', state.tenant)
    .where('name', '=', name)
    .executeTakeFirst()
  return row?.journal_offset ?? 0
}

export async function savePosition(
  state: State,
  db: Db,
  name: string,
  offset: number,
): Promise<void> {
  await db
    .insertInto('reader')
    .values({ tenant: state.tenant, name, journal_offset: offset })
    .onConflict((conflict) =>
      conflict.columns(['tenant', 'name']).doUpdateSet({ journal_offset: offset }),
    )
    .execute()
}

/** Keyed by outlet, alert and revision: the same one twice is one. */
export async function queueOutbox(
  state: State,
  db: Db,
  writes: readonly OutboxWrite[],
): Promise<void> {
  for (const some of chunks(writes, ROWS_MAX)) {
    await db
      .insertInto('outbox')
      .values(
        some.map((write) => ({
          tenant: state.tenant,
          outlet: write.outlet,
          alert_id: write.alertId,
          revision: write.revision,
          kind: write.kind,
          journal_offset: write.offset,
          journal_index: write.index,
        })),
      )
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
}

/** What this outlet has to tell next, oldest first. */
export async function readOutbox(
  state: State,
  db: Db,
  outlet: string,
  limit: number,
): Promise<readonly Pending[]> {
  const rows = await db
    .selectFrom('outbox')
    .innerJoin('alert_history', (join) =>
      join
        .onRef('alert_history.tenant', '=', 'outbox.tenant')
        .onRef('alert_history.alert_id', '=', 'outbox.alert_id')
        .onRef('alert_history.revision', '=', 'outbox.revision'),
    )
    .select(['outbox.alert_id', 'outbox.revision', 'outbox.kind', 'alert_history.body'])
    .where('outbox.tenant', '=', state.tenant)
    .where('outbox.outlet', '=', outlet)
    .orderBy('outbox.journal_offset')
    .orderBy('outbox.journal_index')
    .limit(limit)
    .execute()
  return rows.map((row) => {
    const place = `alert_history/${state.tenant}/${row.alert_id}/${row.revision}`
    return {
      kind: row.kind as AnnouncementKind,
      alert: state.openJson(row.body, place) as AlertRecord,
    }
  })
}

/** Told: takes them out. */
export async function clearOutbox(
  state: State,
  db: Db,
  outlet: string,
  told: readonly Pending[],
): Promise<void> {
  for (const some of chunks(told, ROWS_MAX)) {
    await db
      .deleteFrom('outbox')
      .where('tenant', '=', state.tenant)
      .where('outlet', '=', outlet)
      .where((eb) =>
        eb(
          eb.refTuple('alert_id', 'revision'),
          'in',
          some.map(({ alert }) => eb.tuple(alert.id, alert.revision)),
        ),
      )
      .execute()
  }
}

export async function countOutbox(state: State, db: Db, outlet: string): Promise<number> {
  const row = await db
    .selectFrom('outbox')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('tenant', '=', state.tenant)
    .where('outlet', '=', outlet)
    .executeTakeFirstOrThrow()
  return Number(row.count)
}
