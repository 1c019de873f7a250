import type { EventColumnName } from '../schema/columns.ts'
import { allOf, p, sql } from '../sql.ts'
import type { Sql } from '../sql.ts'
import { FILTER_COLUMNS, SEARCH_LIMITS } from './request.ts'
import { lastSeen, rollups } from './rollup-templates.ts'
import type { EventFilters, SearchRequest } from './request.ts'
import { fieldEquals, timeWithin, visibleTo } from './where.ts'

/** How a value of the engine becomes one for people: times come as milliseconds, documents as text. */
export type ColumnKind = 'time' | 'text' | 'number' | 'document'

export interface Template {
  readonly query: Sql
  readonly columns: readonly { readonly name: string; readonly kind: ColumnKind }[]
  /** Rows asked for; one more is read, to know whether there were more. */
  readonly limit: number
}

const EVENT_COLUMNS_SHOWN = [
  { name: '@timestamp', kind: 'time' },
  { name: 'event.id', kind: 'text' },
  { name: 'event.action', kind: 'text' },
  { name: 'event.outcome', kind: 'text' },
  { name: 'event.reason', kind: 'text' },
  { name: 'device.id', kind: 'text' },
  { name: 'iot.mqtt.client_id', kind: 'text' },
  { name: 'source.ip', kind: 'text' },
  { name: 'user.name', kind: 'text' },
] as const satisfies Template['columns']

const EVENT_FIELDS = sql`toUnixTimestamp64Milli(time), id, event_action, event_outcome,
  event_reason, device_id, mqtt_client_id, source_ip, user_name`

const DOCUMENT = { name: 'document', kind: 'document' } as const

export function toTemplate(request: SearchRequest, tenant: string): Template {
  const ours = sql`tenant = ${p('String', tenant)}`
  const { visibility } = request
  const owner = visibility === undefined ? ours : allOf([ours, visibleTo(visibility)])
  switch (request.template) {
    case 'recent': {
      const limit = request.limit ?? SEARCH_LIMITS.rowsDefault
      const documents = request.documents === true
      const fields = documents ? sql`${EVENT_FIELDS}, doc` : EVENT_FIELDS
      const order = request.order === 'oldest' ? OLDEST : NEWEST
      const where = within(owner, request.fromMs, request.toMs, request.filters)
      return {
        query: sql`SELECT ${fields} FROM picket.events WHERE ${where}
          ORDER BY ${order} LIMIT ${p('UInt32', limit + 1)}`,
        columns: documents ? [...EVENT_COLUMNS_SHOWN, DOCUMENT] : EVENT_COLUMNS_SHOWN,
        limit,
      }
    }
    case 'counts': {
      const step = p('Int64', request.stepMs)
      const where = within(owner, request.fromMs, request.toMs, request.filters)
      return {
        query: sql`
          SELECT toInt64(floor(toUnixTimestamp64Milli(time) / ${step})) * ${step} AS step,
            event_action, event_outcome, count() AS events
          FROM picket.events WHERE ${where}
          GROUP BY step, event_action, event_outcome
          ORDER BY step, events DESC, event_action, event_outcome
          LIMIT ${p('UInt32', SEARCH_LIMITS.rowsMax + 1)}`,
        columns: [
          { name: '@timestamp', kind: 'time' },
          { name: 'event.action', kind: 'text' },
          { name: 'event.outcome', kind: 'text' },
          { name: 'events', kind: 'number' },
        ],
        limit: SEARCH_LIMITS.rowsMax,
      }
    }
    case 'events':
      return {
        query: sql`SELECT ${EVENT_FIELDS}, doc FROM picket.events
          WHERE ${owner} AND id IN ${p('Array(String)', request.ids)}
          ORDER BY ${OLDEST} LIMIT ${p('UInt32', SEARCH_LIMITS.rowsMax + 1)}`,
        columns: [...EVENT_COLUMNS_SHOWN, DOCUMENT],
        limit: SEARCH_LIMITS.rowsMax,
      }
    case 'rollups':
      return rollups(request, ours)
    case 'last-seen':
      return lastSeen(request, ours, owner)
  }
}

const NEWEST = sql`time DESC, journal_epoch DESC, journal_offset DESC, journal_index DESC`
const OLDEST = sql`time, journal_epoch, journal_offset, journal_index`

function within(owner: Sql, fromMs: number, toMs: number, filters: EventFilters = {}): Sql {
  const conditions = [owner, timeWithin(fromMs, toMs)]
  for (const [name, value] of Object.entries(filters) as [keyof EventFilters, string][]) {
    const known: EventColumnName = FILTER_COLUMNS[name]
    conditions.push(fieldEquals(known, value))
  }
  return allOf(conditions)
}
