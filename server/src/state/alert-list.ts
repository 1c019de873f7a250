import type { Visibility } from '../model/access.ts'
import { SEVERITIES, type AlertRecord, type AlertState, type Severity } from '../model/alert.ts'
import { openAlert } from './alerts.ts'
import { openedAlerts } from './opened-alerts.ts'
import { formatPlaceCursor, parsePlaceCursor } from './paging.ts'
import type { State } from './state.ts'
import type { AlertScopeRow, Db } from './tables.ts'

/** Newest first; all filters narrow. */
export interface AlertFilter {
  readonly severityMin?: Severity
  readonly states?: readonly AlertState[]
  readonly open?: boolean
  readonly ruleId?: string
  /** Alerts that a planned change explains are left out unless asked for. */
  readonly suppressed?: 'without' | 'with' | 'only'
  /** Overlap of the episode with a span of event time, ms since the epoch, end excluded. */
  readonly fromMs?: number
  readonly toMs?: number
  readonly visibility?: Visibility
}

export interface AlertPage {
  readonly alerts: readonly AlertRecord[]
  /** Hands back where to go on; absent at the end. */
  readonly cursor?: string
}

export const ALERT_PAGE_MAX = 500

/** Rejects nothing: a cursor that is not one of ours starts at the beginning. */
export async function listAlerts(
  state: State,
  db: Db,
  filter: AlertFilter,
  page: { readonly limit: number; readonly cursor?: string },
): Promise<AlertPage> {
  const limit = Math.min(Math.max(page.limit, 1), ALERT_PAGE_MAX)
  let query = filteredAlerts(state, db, filter)
    .select(['id', 'revision', 'opened_offset', 'opened_index'])
    .orderBy('opened_offset', 'desc')
    .orderBy('opened_index', 'desc')
    .limit(limit + 1)
  const after = parsePlaceCursor(page.cursor)
  if (after !== undefined) {
    query = query.where((eb) =>
      eb(eb.refTuple('opened_offset', 'opened_index'), '<', eb.tuple(after.offset, after.index)),
    )
  }
  const rows = await query.execute()
  const alerts = await openRows(state, db, filter, rows.slice(0, limit))
  const last = rows[limit - 1]
  if (rows.length <= limit || last === undefined) return { alerts }
  return { alerts, cursor: formatPlaceCursor(last.opened_offset, last.opened_index) }
}

/** The alerts of rows, in their order. One that meanwhile no longer fits the filter is left out. */
async function openRows(
  state: State,
  db: Db,
  filter: AlertFilter,
  rows: readonly { readonly id: string; readonly revision: number }[],
): Promise<readonly AlertRecord[]> {
  const opened = openedAlerts(state)
  const found = new Map<string, AlertRecord>()
  for (const { id, revision } of rows) {
    const alert = opened.get(id, revision)
    if (alert !== undefined) found.set(id, alert)
  }
  const missing = rows.filter(({ id }) => !found.has(id)).map(({ id }) => id)
  if (missing.length > 0) {
    const bodies = await filteredAlerts(state, db, filter)
      .select(['id', 'revision', 'body'])
      .where('id', 'in', missing)
      .execute()
    for (const { id, revision, body } of bodies) {
      const alert = openAlert(state, id, body)
      opened.put(id, revision, alert)
      found.set(id, alert)
    }
  }
  return rows.flatMap(({ id }) => found.get(id) ?? [])
}

/** Counts by severity, for the head of a list; zeros included. */
export async function countAlerts(
  state: State,
  db: Db,
  filter: AlertFilter,
): Promise<Readonly<Record<Severity, number>>> {
  const rows = await filteredAlerts(state, db, filter)
    .select((eb) => ['severity', eb.fn.countAll<number>().as('count')])
    .groupBy('severity')
    .execute()
  const counts = { informational: 0, low: 0, medium: 0, high: 0, critical: 0 }
  for (const row of rows) counts[SEVERITIES[row.severity] ?? 'medium'] = Number(row.count)
  return counts
}

/** Whether this alert may be seen; an unknown one may not. */
export async function isAlertVisible(
  state: State,
  db: Db,
  id: string,
  visibility: Visibility | undefined,
): Promise<boolean> {
  const filter: AlertFilter = { suppressed: 'with', ...(visibility && { visibility }) }
  const row = await filteredAlerts(state, db, filter)
    .select('id')
    .where('id', '=', id)
    .executeTakeFirst()
  return row !== undefined
}

/** Revisions newer than a place in the journal, oldest first: what a live stream sends next. */
export async function alertsSince(
  state: State,
  db: Db,
  filter: AlertFilter,
  after: { readonly offset: number; readonly index: number; readonly limit: number },
): Promise<readonly { offset: number; index: number; alert: AlertRecord }[]> {
  const rows = await filteredAlerts(state, db, filter)
    .select(['id', 'revision', 'updated_offset', 'updated_index'])
    .where((eb) =>
      eb(eb.refTuple('updated_offset', 'updated_index'), '>', eb.tuple(after.offset, after.index)),
    )
    .orderBy('updated_offset')
    .orderBy('updated_index')
    .limit(Math.min(after.limit, ALERT_PAGE_MAX))
    .execute()
  const alerts = new Map<string, AlertRecord>()
  for (const alert of await openRows(state, db, filter, rows)) alerts.set(alert.id, alert)
  return rows.flatMap((row) => {
    const alert = alerts.get(row.id)
    return alert === undefined
      ? []
      : [{ offset: row.updated_offset, index: row.updated_index, alert }]
  })
}

/** Where the newest revision stands: what a live stream that is new begins after. */
export async function lastAlertPlace(
  state: State,
  db: Db,
): Promise<{ readonly offset: number; readonly index: number }> {
  const row = await db
    .selectFrom('alert')
    .select(['updated_offset', 'updated_index'])
    .where('tenant', '=', state.tenant)
    .orderBy('updated_offset', 'desc')
    .orderBy('updated_index', 'desc')
    .limit(1)
    .executeTakeFirst()
  return { offset: row?.updated_offset ?? 0, index: row?.updated_index ?? -1 }
}

/** The rows of a filter and of what may be seen, and no others: every read of many alerts begins here. */
export function filteredAlerts(state: State, db: Db, filter: AlertFilter) {
  let query = db.selectFrom('alert').where('tenant', '=', state.tenant)
  if (filter.severityMin !== undefined) {
    query = query.where('severity', '>=', SEVERITIES.indexOf(filter.severityMin))
  }
  if (filter.states !== undefined) query = query.where('state', 'in', filter.states)
  if (filter.open !== undefined) query = query.where('open', '=', filter.open ? 1 : 0)
  if (filter.ruleId !== undefined) query = query.where('rule_id', '=', filter.ruleId)
  if (filter.fromMs !== undefined) query = query.where('last_ms', '>=', filter.fromMs)
  if (filter.toMs !== undefined) query = query.where('first_ms', '<', filter.toMs)
  if (filter.suppressed === 'only') query = query.where('suppressed_by', 'is not', null)
  else if (filter.suppressed !== 'with') query = query.where('suppressed_by', 'is', null)
  const { sites, deviceTypes, datasets } = filter.visibility ?? {}
  const limits: readonly [AlertScopeRow['kind'], readonly string[] | undefined][] = [
    ['site', sites],
    ['device_type', deviceTypes],
    ['dataset', datasets],
  ]
  for (const [kind, allowed] of limits) {
    if (allowed === undefined) continue
    query = query.where('scope_complete', '=', 1).where((eb) => {
      const named = eb
        .selectFrom('alert_scope')
        .select('alert_scope.value')
        .whereRef('alert_scope.tenant', '=', 'alert.tenant')
        .whereRef('alert_scope.alert_id', '=', 'alert.id')
        .where('alert_scope.kind', '=', kind)
      const other = allowed.length === 0 ? named : named.where('value', 'not in', allowed)
      return eb.and([eb.exists(named), eb.not(eb.exists(other))])
    })
  }
  return query
}
