import ipaddr from 'ipaddr.js'
import { VERSION } from '../base/version.ts'
import type { AlertRecord, Severity } from '../model/alert.ts'
import { objectOf, type OcsfObject } from './objects.ts'
import { OCSF_VERSION } from './project.ts'

const CLASS = 2004
const NAME = 'Detection Finding'
const ACTIVITIES = { 1: 'Create', 2: 'Update', 3: 'Close' } as const

const SEVERITIES: Readonly<Record<Severity, readonly [number, string]>> = {
  informational: [1, 'Informational'],
  low: [2, 'Low'],
  medium: [3, 'Medium'],
  high: [4, 'High'],
  critical: [5, 'Critical'],
}

/** `observable.type_id` of the fields that people look for. */
const OBSERVABLES: readonly (readonly [RegExp, number, string])[] = [
  [/^(?:source|destination|client|server|host|related)\.(?:nat\.)?ip$/, 2, 'IP Address'],
  [/\.mac$/, 3, 'MAC Address'],
  [/^(?:related\.)?user(?:\.name)?$/, 4, 'User Name'],
  [/\.email$/, 5, 'Email Address'],
  [
    /^(?:host\.(?:name|hostname)|(?:source|destination)\.domain|dns\.question\.name)$/,
    1,
    'Hostname',
  ],
  [/^url\.(?:full|original)$/, 6, 'URL String'],
  [/^file\.name$/, 7, 'File Name'],
  [/\.hash\.\w+$|^iot\.firmware\.hash$/, 8, 'Hash'],
  [/^process\.name$/, 9, 'Process Name'],
  [/^device\.id$/, 47, 'Device Object: uid'],
  [/^iot\.credential\.id$/, 19, 'User Credential ID'],
]
const OBSERVABLES_MAX = 100

/** Where its events came from is for our own lists alone. */
type Told = Omit<AlertRecord, 'scope'> & { readonly scope?: unknown }

/**
 * An alert as OCSF's Detection Finding (class 2004). Nothing of it is lost: what has no attribute there
 * stands in `unmapped`. A revision is an event of its own (`metadata.uid`) about one finding
 * (`finding_info.uid`).
 */
export function toFinding(alert: Told, more?: OcsfObject): OcsfObject {
  const activity = alert.open ? (alert.revision > 1 ? 2 : 1) : 3
  const severity = SEVERITIES[alert.severity]
  const status = statusOf(alert)
  const first = Date.parse(alert.first)
  const last = Date.parse(alert.last)
  const { rule, group, matched } = alert
  return objectOf({
    category_uid: 2,
    category_name: 'Findings',
    class_uid: CLASS,
    class_name: NAME,
    activity_id: activity,
    activity_name: ACTIVITIES[activity],
    type_uid: CLASS * 100 + activity,
    type_name: `${NAME}: ${ACTIVITIES[activity]}`,
    time: last,
    start_time: first,
    end_time: last,
    duration: last - first,
    count: Math.min(alert.count, 2_147_483_647),
    severity_id: severity[0],
    severity: severity[1],
    status_id: status[0],
    status: status[1],
    status_detail: alert.open ? `${alert.state}, open` : alert.state,
    is_alert: rule.life !== 'shadow' && rule.life !== 'draft',
    message: messageOf(alert),
    metadata: {
      version: OCSF_VERSION,
      product: { name: 'Picket', vendor_name: 'Picket', version: VERSION },
      uid: `${alert.id}:${alert.revision}`,
      correlation_uid: alert.id,
    },
    finding_info: findingInfo(alert, first, last),
    // Of an alert without a group and without values there is only that it is one.
    evidences: [{ name: 'what matched', data: { group, matched: matched ?? {} } }],
    observables: observablesOf(alert),
    device: deviceOf(group),
    remediation: rule.response?.length
      ? objectOf({ desc: rule.response.join('\n'), references: rule.references })
      : undefined,
    unmapped: restOf(alert, more),
  })!
}

function statusOf(alert: Told): readonly [number, string] {
  if (alert.state === 'retracted') return [99, 'Retracted']
  if (alert.suppressed_by !== null) return [3, 'Suppressed']
  return [1, 'New']
}

function messageOf({ rule, group, count }: Told): string {
  const who = Object.entries(group).map(([field, value]) => `${field}=${value}`)
  return [`${rule.name}: ${count}`, ...who].join(' ')
}

function findingInfo(alert: Told, first: number, last: number): OcsfObject | undefined {
  const { rule, events, eventsTotal } = alert
  const isShadow = rule.life === 'shadow' || rule.life === 'draft'
  return objectOf({
    uid: alert.id,
    title: rule.name,
    types: [rule.kind],
    analytic: objectOf({
      uid: rule.id,
      name: rule.name,
      type_id: 1,
      type: 'Rule',
      version: rule.version,
      category: rule.kind,
      state_id: isShadow ? 3 : 1,
      state: isShadow ? 'Experimental' : 'Active',
    }),
    attacks: attacksOf(rule.tags ?? []),
    first_seen_time: first,
    last_seen_time: last,
    related_events: events.length === 0 ? undefined : events.map((uid) => ({ uid })),
    related_events_count: eventsTotal,
  })
}

/** Sigma's tags: `attack.t1110.001` a technique and its part, `attack.credential_access` a tactic. */
function attacksOf(tags: readonly string[]): readonly OcsfObject[] | undefined {
  const names = tags.filter((tag) => tag.startsWith('attack.')).map((tag) => tag.slice(7))
  const found = names.flatMap((name): OcsfObject[] => {
    const [, technique, part] = /^(t\d{4})(?:\.(\d{3}))?$/i.exec(name) ?? []
    if (technique !== undefined) {
      const uid = technique.toUpperCase()
      const whole = { technique: { uid } }
      return [part === undefined ? whole : { ...whole, sub_technique: { uid: `${uid}.${part}` } }]
    }
    if (/^[gs]\d{4}$/i.test(name)) return []
    return [{ tactic: { name: name.split(/[_-]/).map(capital).join(' ') } }]
  })
  return found.length === 0 ? undefined : found
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)

function observablesOf({ group, matched = {} }: Told): readonly OcsfObject[] | undefined {
  const found = new Map<string, OcsfObject>()
  const all = Object.entries({ ...matched }).concat(
    Object.entries(group).map(([field, value]) => [field, [value]]),
  )
  for (const [name, values] of all) {
    const kind = OBSERVABLES.find(([pattern]) => pattern.test(name))
    if (kind === undefined) continue
    for (const value of values) {
      if (kind[1] === 2 && !ipaddr.isValid(value)) continue
      if (found.size < OBSERVABLES_MAX) {
        found.set(`${name} ${value}`, { name, value, type_id: kind[1], type: kind[2] })
      }
    }
  }
  return found.size === 0 ? undefined : [...found.values()]
}

/** OCSF 1.8, `device.type_id` 7: IOT. */
function deviceOf(group: AlertRecord['group']): OcsfObject | undefined {
  const uid = group['device.id']
  return uid === undefined ? undefined : { uid, type_id: 7, type: 'IOT' }
}

function restOf(alert: Told, more: OcsfObject = {}): OcsfObject | undefined {
  const { id: _id, first: _first, last: _last, severity: _severity, events: _e, ...rest } = alert
  return objectOf({ ...rest, ...more })
}
