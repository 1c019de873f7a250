import type { Visibility } from '../../model/access.ts'
import { allOf, p, sql } from '../sql.ts'
import type { Sql } from '../sql.ts'
import { type DeviceFilters, SEARCH_LIMITS, type SearchRequest } from './request.ts'
import type { Template } from './templates.ts'
import { fieldEquals, timeWithin } from './where.ts'

type RollupRequest = Extract<SearchRequest, { readonly template: 'rollups' | 'last-seen' }>

const HOUR_MS = 3_600_000

/** Rows of one device, kind and interval are added up: a batch of input writes one each. */
export function rollups(request: RollupRequest, ours: Sql): Template {
  const limit = request.limit ?? SEARCH_LIMITS.rowsDefault
  return {
    query: sql`
      SELECT toUnixTimestamp64Milli(from_time), toUnixTimestamp64Milli(to_time), device_id,
        device_field, event_action, event_dataset, sum(messages), sum(bytes),
        greatest(max(topics_count), length(groupUniqArrayArray(1000)(topics))),
        arrayStringConcat(arraySlice(arraySort(groupUniqArrayArray(1000)(topics)), 1, 20), ' '),
        toUnixTimestamp64Milli(min(first_seen)), toUnixTimestamp64Milli(max(last_seen))
      FROM picket.rollups WHERE ${rollupsWithin(request, ours)}
      GROUP BY from_time, to_time, device_id, device_field, event_action, event_dataset
      ORDER BY from_time DESC, device_id, event_action, event_dataset
      LIMIT ${p('UInt32', limit + 1)}`,
    columns: [
      { name: 'from', kind: 'time' },
      { name: 'to', kind: 'time' },
      { name: 'device', kind: 'text' },
      { name: 'device.field', kind: 'text' },
      { name: 'event.action', kind: 'text' },
      { name: 'event.dataset', kind: 'text' },
      { name: 'messages', kind: 'number' },
      { name: 'bytes', kind: 'number' },
      { name: 'topics', kind: 'number' },
      { name: 'topics.names', kind: 'text' },
      { name: 'first_seen', kind: 'time' },
      { name: 'last_seen', kind: 'time' },
    ],
    limit,
  }
}

/** The name of a device is its id, else its client id. */
export function lastSeen(request: RollupRequest, ours: Sql, owner: Sql): Template {
  const limit = request.limit ?? SEARCH_LIMITS.rowsDefault
  const { fromMs, toMs, filters = {} } = request
  const events = [owner, timeWithin(fromMs, toMs), ...eventFilters(filters)]
  return {
    query: sql`
      SELECT device, toUnixTimestamp64Milli(max(last)), sum(events), sum(messages) FROM (
        SELECT if(device_id != '', device_id, mqtt_client_id) AS device, max(time) AS last,
          count() AS events, 0 AS messages
        FROM picket.events WHERE ${allOf(events)} GROUP BY device
        UNION ALL
        SELECT device_id AS device, max(last_seen) AS last, 0 AS events, sum(messages) AS messages
        FROM picket.rollups
        WHERE ${rollupsWithin(request, ours)} AND device_field IN ('device.id', 'iot.mqtt.client_id')
        GROUP BY device)
      WHERE device != ''
      GROUP BY device ORDER BY max(last), device LIMIT ${p('UInt32', limit + 1)}`,
    columns: [
      { name: 'device', kind: 'text' },
      { name: 'last_seen', kind: 'time' },
      { name: 'events', kind: 'number' },
      { name: 'messages', kind: 'number' },
    ],
    limit,
  }
}

function eventFilters({ device, clientId, action }: DeviceFilters): readonly Sql[] {
  return [
    ...(device === undefined ? [] : [fieldEquals('device_id', device)]),
    ...(clientId === undefined ? [] : [fieldEquals('mqtt_client_id', clientId)]),
    ...(action === undefined ? [] : [fieldEquals('event_action', action)]),
  ]
}

/** Intervals that touch the range. The longest is a day, the longest that hours are looked back. */
function rollupsWithin(request: RollupRequest, ours: Sql): Sql {
  const { fromMs, toMs, filters = {}, visibility } = request
  const from = Math.floor(fromMs / HOUR_MS) - 24
  const conditions = [
    ours,
    sql`hour BETWEEN ${p('Int32', from)} AND ${p('Int32', Math.floor((toMs - 1) / HOUR_MS))}`,
    sql`to_time > fromUnixTimestamp64Milli(${p('Int64', Math.floor(fromMs))})`,
    sql`from_time < fromUnixTimestamp64Milli(${p('Int64', Math.floor(toMs))})`,
  ]
  const { device, clientId, action } = filters
  if (device !== undefined) conditions.push(sql`device_id = ${p('String', device)}`)
  if (clientId !== undefined) conditions.push(sql`mqtt_client_id = ${p('String', clientId)}`)
  if (action !== undefined) conditions.push(sql`event_action = ${p('String', action)}`)
  if (visibility !== undefined) conditions.push(rollupsVisibleTo(visibility))
  return allOf(conditions)
}

/** As `visibleTo` for events: a row that does not say is shown only to those who may see all. */
export function rollupsVisibleTo({ sites, deviceTypes, datasets }: Visibility): Sql {
  const within = (column: Sql, allowed: readonly string[] | undefined): readonly Sql[] =>
    allowed === undefined
      ? []
      : [sql`${column} != '' AND has(${p('Array(String)', allowed)}, ${column})`]
  return allOf([
    ...within(sql`iot_site`, sites),
    ...within(sql`device_type`, deviceTypes),
    ...within(sql`event_dataset`, datasets),
  ])
}
