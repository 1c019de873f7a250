import type { Problem } from '../base/problems.ts'
import { fail, ok, type Result } from '../base/result.ts'
import { parseDurationMs } from '../base/units.ts'
import type { Search, SearchAnswer, SearchRequest, SearchTemplate } from '../model/search.ts'
import type { EventFilters, SearchRequest as StoreRequest } from '../store/search/request.ts'
import { FILTER_COLUMNS, SEARCH_TEMPLATES } from '../store/search/request.ts'
import type { Search as StoreSearch } from '../store/search/search.ts'

const FILTER_SUMMARIES: Readonly<Record<keyof EventFilters, string>> = {
  device: 'device.id, whole',
  clientId: 'iot.mqtt.client_id, whole',
  sourceIp: 'source.ip, whole',
  user: 'user.name, whole',
  action: 'event.action',
  outcome: 'event.outcome: success, failure or unknown',
  trace: 'trace.id, whole',
}
const FILTER_FIELDS: Readonly<Record<keyof EventFilters, string>> = {
  device: 'device.id',
  clientId: 'iot.mqtt.client_id',
  sourceIp: 'source.ip',
  user: 'user.name',
  action: 'event.action',
  outcome: 'event.outcome',
  trace: 'trace.id',
}
const FILTERS = Object.entries(FILTER_SUMMARIES).map(([name, summary]) => ({
  name,
  summary,
  required: false,
  field: FILTER_FIELDS[name as keyof EventFilters],
}))
const DEVICE_FILTERS = FILTERS.filter(({ name }) => ['device', 'clientId', 'action'].includes(name))
const STEP_MS = 3_600_000

const TEMPLATES: readonly SearchTemplate[] = [
  {
    name: 'recent',
    summary: SEARCH_TEMPLATES.recent,
    parameters: [
      ...FILTERS,
      { name: 'order', summary: 'newest (unless given) or oldest first', required: false },
      { name: 'documents', summary: 'true adds the whole event', required: false },
    ],
  },
  {
    name: 'counts',
    summary: SEARCH_TEMPLATES.counts,
    parameters: [
      ...FILTERS,
      { name: 'step', summary: 'a duration such as 5m; 1h unless given', required: false },
    ],
  },
  {
    name: 'events',
    summary: SEARCH_TEMPLATES.events,
    parameters: [{ name: 'ids', summary: 'event ids, separated by commas', required: true }],
  },
  { name: 'rollups', summary: SEARCH_TEMPLATES.rollups, parameters: DEVICE_FILTERS },
  { name: 'last-seen', summary: SEARCH_TEMPLATES['last-seen'], parameters: DEVICE_FILTERS },
]

/** The store's searches under the names and texts that the API and the command line use. */
export function templateSearch(store: StoreSearch): Search {
  return {
    templates: () => TEMPLATES,
    run: async (request, signal): Promise<Result<SearchAnswer>> => {
      const asked = toStoreRequest(request)
      if (!asked.ok) return asked
      const found = await store.run(asked.value, signal === undefined ? {} : { signal })
      if (!found.ok) return found
      const { columns, rows, truncated } = found.value
      return ok({ columns, rows, truncated })
    },
  }
}

function toStoreRequest(request: SearchRequest): Result<StoreRequest> {
  const template = TEMPLATES.find(({ name }) => name === request.template)
  if (template === undefined) {
    const known = TEMPLATES.map(({ name }) => name).join(', ')
    return invalid('template', `There is no search "${request.template}"; there are ${known}.`)
  }
  const unknown = Object.keys(request.values).find(
    (name) => !template.parameters.some((parameter) => parameter.name === name),
  )
  if (unknown !== undefined) return invalid(unknown, `The search takes no "${unknown}".`)
  const { values, fromMs, toMs, limit, visibility } = request
  const seen = visibility === undefined ? {} : { visibility }
  if (template.name === 'events') {
    const ids = (values['ids'] ?? '').split(',').filter((id) => id !== '')
    return ids.length === 0
      ? invalid('ids', 'Name the event ids.')
      : ok({ template: 'events', ids, ...seen })
  }
  const range = { fromMs, toMs, filters: filtersOf(values), ...seen }
  if (template.name === 'rollups' || template.name === 'last-seen') {
    return ok({ template: template.name, limit, ...range })
  }
  if (template.name === 'counts') {
    const stepMs = values['step'] === undefined ? STEP_MS : parseDurationMs(values['step'])
    if (stepMs === undefined) return invalid('step', 'Not a duration such as 5m or 1h.')
    return ok({ template: 'counts', stepMs, ...range })
  }
  const { order = 'newest', documents } = values
  if (order !== 'newest' && order !== 'oldest') {
    return invalid('order', 'The order is newest or oldest.')
  }
  return ok({ template: 'recent', limit, order, documents: documents === 'true', ...range })
}

function filtersOf(values: Readonly<Record<string, string>>): EventFilters {
  const given = Object.keys(FILTER_COLUMNS).filter((name) => values[name] !== undefined)
  return Object.fromEntries(given.map((name) => [name, values[name]]))
}

function invalid(
  field: string,
  message: string,
): { readonly ok: false; readonly problem: Problem } {
  return fail({ code: 'SEARCH_INVALID', message, at: { field } })
}
