import { ALERT_SCOPE_MAX, type AlertScope } from '../model/alert.ts'
import { fieldOf, type EcsDoc } from '../model/event.ts'

/** Stands among origins for an event whose origin is not told, or for those that found no room. */
export const UNTOLD = '?'
const ORIGINS_MAX = 256
const PATHS = ['iot.site', 'device.type', 'event.dataset'] as const

/** Many events are of few origins: one text in memory for all of an origin. */
const known = new Map<string, string>()
const KNOWN_MAX = 10_000

/** Longer than any site or type is called; a sender may write what it likes. */
const ORIGIN_CHARS_MAX = 1_024

/** Site, device type and dataset of an event as one text; undefined where one of them is many, or very long. */
export function originOf(doc: EcsDoc): string | undefined {
  const parts: (string | null)[] = []
  for (const path of PATHS) {
    const value = fieldOf(doc, path)
    if (value === undefined || value === null) parts.push(null)
    else if (typeof value === 'string') parts.push(value)
    else return undefined
  }
  const text = JSON.stringify(parts)
  if (text.length > ORIGIN_CHARS_MAX) return undefined
  const found = known.get(text)
  if (found !== undefined) return found
  if (known.size >= KNOWN_MAX) known.clear()
  known.set(text, text)
  return text
}

/** Distinct origins of both; more than fit end in UNTOLD. Adds to `origins`. */
export function addOrigins(origins: string[], more: Iterable<string | undefined>): void {
  for (const one of more) {
    const origin = origins.length >= ORIGINS_MAX ? UNTOLD : (one ?? UNTOLD)
    if (!origins.includes(origin)) origins.push(origin)
  }
}

/** What an alert tells of where its events came from; undefined where it has no events. */
export function scopeOf(origins: readonly string[]): AlertScope | undefined {
  if (origins.length === 0) return undefined
  const sets = PATHS.map(() => new Set<string>())
  let complete = !origins.includes(UNTOLD)
  const absent = PATHS.map(() => false)
  for (const origin of origins) {
    if (origin === UNTOLD) continue
    for (const [index, value] of (JSON.parse(origin) as (string | null)[]).entries()) {
      if (value === null) absent[index] = true
      else sets[index]?.add(value)
    }
  }
  // An event of no site beside one of a site: not all of the alert is of that site.
  for (const [index, set] of sets.entries()) {
    if ((absent[index] === true && set.size > 0) || set.size > ALERT_SCOPE_MAX) complete = false
  }
  const [sites = [], deviceTypes = [], datasets = []] = sets.map((set) =>
    [...set].sort().slice(0, ALERT_SCOPE_MAX),
  )
  return { sites, deviceTypes, datasets, complete }
}
