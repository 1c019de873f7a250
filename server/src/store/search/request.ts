import type { Problem } from '../../base/problems.ts'
import { fail, ok } from '../../base/result.ts'
import type { Result } from '../../base/result.ts'
import type { Visibility } from '../../model/access.ts'

/** What `recent` and `counts` narrow by; each is compared whole. */
export interface EventFilters {
  readonly device?: string
  readonly clientId?: string
  readonly sourceIp?: string
  readonly user?: string
  readonly action?: string
  readonly outcome?: string
  readonly trace?: string
}

interface InTime {
  /** Event time, in milliseconds since 1970; `toMs` is not part of it. */
  readonly fromMs: number
  readonly toMs: number
  readonly filters?: EventFilters
}

/** What `rollups` and `last-seen` narrow by; each is compared whole. */
export type DeviceFilters = Pick<EventFilters, 'device' | 'clientId' | 'action'>

interface DevicesInTime extends Omit<InTime, 'filters'> {
  readonly filters?: DeviceFilters
  readonly limit?: number
}

/** The searches there are. Free text needs the grammar of the query languages. */
export type SearchRequest = (
  | ({
      readonly template: 'recent'
      readonly order?: 'newest' | 'oldest'
      readonly limit?: number
      /** Adds the whole document of each event as a last column. */
      readonly documents?: boolean
    } & InTime)
  | ({ readonly template: 'counts'; readonly stepMs: number } & InTime)
  | { readonly template: 'events'; readonly ids: readonly string[] }
  | ({ readonly template: 'rollups' } & DevicesInTime)
  | ({ readonly template: 'last-seen' } & DevicesInTime)
) & {
  /** Rows outside of it are neither given nor counted. */
  readonly visibility?: Visibility
}

export const SEARCH_TEMPLATES = {
  recent: 'Events of a time range, newest first.',
  counts: 'How many events of each action and outcome, by step of time.',
  events: 'Events by their ids, such as those an alert names, oldest first.',
  rollups: 'Routine messages of each device and interval: how many, bytes, topics; newest first.',
  'last-seen':
    'When each device was last heard of, in events and routine messages; longest ago first.',
} as const satisfies Record<SearchRequest['template'], string>

export const SEARCH_LIMITS = {
  rowsMax: 10_000,
  rowsDefault: 100,
  idsMax: 1_000,
  idCharactersMax: 128,
  textCharactersMax: 1_024,
  stepsMax: 5_000,
  stepMsMin: 1_000,
} as const

/** What DateTime64 can be compared with. */
const TIME_MS_MAX = Date.UTC(2300, 0, 1)
const TIME_MS_MIN = Date.UTC(1900, 0, 1)

export const FILTER_COLUMNS = {
  device: 'device_id',
  clientId: 'mqtt_client_id',
  sourceIp: 'source_ip',
  user: 'user_name',
  action: 'event_action',
  outcome: 'event_outcome',
  trace: 'trace_id',
} as const satisfies Record<keyof EventFilters, string>

/** The request as it is, or SEARCH_INVALID naming the parameter. */
export function checkRequest(request: SearchRequest): Result<SearchRequest> {
  if (request.template === 'events') {
    const { idsMax, idCharactersMax } = SEARCH_LIMITS
    if (request.ids.length > idsMax) return invalid('ids', `at most ${idsMax} at a time`)
    const wrong = request.ids.some((id) => id === '' || id.length > idCharactersMax)
    return wrong ? invalid('ids', `an id has 1 to ${idCharactersMax} characters`) : ok(request)
  }
  const time = checkTime(request) ?? checkFilters(request.filters ?? {})
  if (time !== undefined) return time
  if (request.template !== 'counts') {
    const limit = request.limit ?? SEARCH_LIMITS.rowsDefault
    const good = Number.isInteger(limit) && limit >= 1 && limit <= SEARCH_LIMITS.rowsMax
    return good ? ok(request) : invalid('limit', `1 to ${SEARCH_LIMITS.rowsMax}`)
  }
  const { stepMs, fromMs, toMs } = request
  const { stepMsMin, stepsMax } = SEARCH_LIMITS
  if (!Number.isInteger(stepMs) || stepMs < stepMsMin) {
    return invalid('step', 'at least one second, in whole milliseconds')
  }
  const steps = (toMs - fromMs) / stepMs
  return steps <= stepsMax ? ok(request) : invalid('step', `at most ${stepsMax} steps in the range`)
}

function checkTime(range: InTime): Refused | undefined {
  for (const [name, ms] of [
    ['from', range.fromMs],
    ['to', range.toMs],
  ] as const) {
    const good = Number.isFinite(ms) && ms >= TIME_MS_MIN && ms <= TIME_MS_MAX
    if (!good) return invalid(name, 'a time from 1900 to 2299')
  }
  return range.fromMs < range.toMs ? undefined : invalid('to', 'later than the range begins')
}

function checkFilters(filters: EventFilters): Refused | undefined {
  for (const [name, value] of Object.entries(filters)) {
    if (!Object.hasOwn(FILTER_COLUMNS, name)) return invalid(name, 'no such filter')
    if (typeof value !== 'string' || value === '') return invalid(name, 'a text that is not empty')
    if (value.length > SEARCH_LIMITS.textCharactersMax) return invalid(name, 'a shorter text')
  }
  return undefined
}

type Refused = { readonly ok: false; readonly problem: Problem }

function invalid(field: string, expected: string): Refused {
  return fail({
    code: 'SEARCH_INVALID',
    message: `The parameter '${field}' does not fit: expected ${expected}.`,
    at: { field },
  })
}
