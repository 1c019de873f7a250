import { SEVERITIES, type AlertRecord, type AlertState, type Severity } from '../model/alert.ts'
import { chunks } from './paging.ts'
import type { State } from './state.ts'
import type { AlertRow, AlertScopeRow, Db } from './tables.ts'

/** What is told of an alert: at its opening, when it rises or its state changes, at its end. */
export type AnnouncementKind = 'opened' | 'raised' | 'changed' | 'ended'

/** What stands in the table for an alert, without opening the envelope. */
export interface AlertStanding {
  readonly revision: number
  readonly severity: Severity
  readonly state: AlertState
  readonly open: boolean
  readonly suppressedBy: string | null
}

/** A revision as it was read from the journal. */
export interface AlertWrite {
  readonly alert: AlertRecord
  readonly offset: number
  readonly index: number
  /** Place of the alert's first revision, where it was read together with this one. */
  readonly opening?: { readonly offset: number; readonly index: number }
}

export interface HistoryWrite extends AlertWrite {
  readonly kind: AnnouncementKind
  readonly atMs: number
}

export interface HistoryEntry {
  readonly revision: number
  readonly kind: AnnouncementKind
  readonly atMs: number
  readonly alert: AlertRecord
}

/** Rows a statement writes; below SQLite's limit of bound parameters. */
const ROWS_MAX = 200

const place = (state: State, id: string): string => `alert/${state.tenant}/${id}`
const historyPlace = (state: State, id: string, revision: number): string =>
  `alert_history/${state.tenant}/${id}/${revision}`

/** What the table knows of these alerts; absent ids are new. */
export async function readStandings(
  state: State,
  db: Db,
  ids: readonly string[],
): Promise<Map<string, AlertStanding>> {
  const found = new Map<string, AlertStanding>()
  for (const some of chunks(ids, ROWS_MAX)) {
    const rows = await db
      .selectFrom('alert')
      .select(['id', 'revision', 'severity', 'state', 'open', 'suppressed_by'])
      .where('tenant', '=', state.tenant)
      .where('id', 'in', some)
      .execute()
    for (const row of rows) {
      found.set(row.id, {
        revision: row.revision,
        severity: SEVERITIES[row.severity] ?? 'medium',
        state: row.state as AlertState,
        open: row.open === 1,
        suppressedBy: row.suppressed_by,
      })
    }
  }
  return found
}

/** Makes each revision the current one of its alert. At most one revision of an alert per call. */
export async function writeAlerts(
  state: State,
  db: Db,
  writes: readonly AlertWrite[],
): Promise<void> {
  for (const some of chunks(writes, ROWS_MAX)) {
    await db
      .insertInto('alert')
      .values(some.map((write) => toRow(state, write)))
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'id']).doUpdateSet((eb) => ({
          revision: eb.ref('excluded.revision'),
          rule_name: eb.ref('excluded.rule_name'),
          severity: eb.ref('excluded.severity'),
          state: eb.ref('excluded.state'),
          open: eb.ref('excluded.open'),
          first_ms: eb.ref('excluded.first_ms'),
          last_ms: eb.ref('excluded.last_ms'),
          count: eb.ref('excluded.count'),
          suppressed_by: eb.ref('excluded.suppressed_by'),
          scope_complete: eb.ref('excluded.scope_complete'),
          updated_offset: eb.ref('excluded.updated_offset'),
          updated_index: eb.ref('excluded.updated_index'),
          body: eb.ref('excluded.body'),
        })),
      )
      .execute()
  }
  for (const some of chunks(
    writes.flatMap(({ alert }) => scopeRows(state, alert)),
    ROWS_MAX,
  )) {
    await db
      .insertInto('alert_scope')
      .values(some)
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
}

/** Keeps revisions that were told to people. */
export async function writeHistory(
  state: State,
  db: Db,
  writes: readonly HistoryWrite[],
): Promise<void> {
  for (const some of chunks(writes, ROWS_MAX)) {
    await db
      .insertInto('alert_history')
      .values(
        some.map(({ alert, kind, atMs }) => ({
          tenant: state.tenant,
          alert_id: alert.id,
          revision: alert.revision,
          kind,
          severity: SEVERITIES.indexOf(alert.severity),
          state: alert.state,
          at_ms: atMs,
          body: state.sealJson(alert, historyPlace(state, alert.id, alert.revision)),
        })),
      )
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
}

export async function readAlert(
  state: State,
  db: Db,
  id: string,
): Promise<AlertRecord | undefined> {
  const row = await db
    .selectFrom('alert')
    .select('body')
    .where('tenant', '=', state.tenant)
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : openAlert(state, id, row.body)
}

/** Oldest first. */
export async function readHistory(
  state: State,
  db: Db,
  id: string,
): Promise<readonly HistoryEntry[]> {
  const rows = await db
    .selectFrom('alert_history')
    .select(['revision', 'kind', 'at_ms', 'body'])
    .where('tenant', '=', state.tenant)
    .where('alert_id', '=', id)
    .orderBy('revision')
    .limit(1_000)
    .execute()
  return rows.map((row) => ({
    revision: row.revision,
    kind: row.kind as AnnouncementKind,
    atMs: row.at_ms,
    alert: state.openJson(row.body, historyPlace(state, id, row.revision)) as AlertRecord,
  }))
}

/** Throws ProblemError STATE_SEALED. */
export function openAlert(state: State, id: string, body: Uint8Array): AlertRecord {
  return state.openJson(body, place(state, id)) as AlertRecord
}

function toRow(state: State, { alert, offset, index, opening }: AlertWrite): AlertRow {
  return {
    tenant: state.tenant,
    id: alert.id,
    revision: alert.revision,
    rule_id: alert.rule.id,
    rule_name: alert.rule.name,
    severity: SEVERITIES.indexOf(alert.severity),
    state: alert.state,
    open: alert.open ? 1 : 0,
    first_ms: timeOf(alert.first),
    last_ms: timeOf(alert.last),
    count: alert.count,
    suppressed_by: alert.suppressed_by,
    scope_complete: alert.scope?.complete === true ? 1 : 0,
    opened_offset: opening?.offset ?? offset,
    opened_index: opening?.index ?? index,
    updated_offset: offset,
    updated_index: index,
    body: state.sealJson(alert, place(state, alert.id)),
  }
}

function scopeRows(state: State, alert: AlertRecord): AlertScopeRow[] {
  const { scope } = alert
  if (scope === undefined) return []
  const rows = (kind: AlertScopeRow['kind'], values: readonly string[]): AlertScopeRow[] =>
    values.map((value) => ({ tenant: state.tenant, alert_id: alert.id, kind, value }))
  return [
    ...rows('site', scope.sites),
    ...rows('device_type', scope.deviceTypes),
    ...rows('dataset', scope.datasets),
  ]
}

/** Alerts carry ISO times of our own making; one that is not a time sorts first, and is kept. */
function timeOf(iso: string): number {
  const ms = Date.parse(iso)
  return Number.isFinite(ms) ? ms : 0
}
