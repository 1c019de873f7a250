import { ownText } from '../base/own-text.ts'
import { ALERT_SCOPE_MAX, type AlertScope } from '../model/alert.ts'
import { fieldOf, type EcsDoc } from '../model/event.ts'

/** Stands among origins for an event whose origin is not told, or for those that found no room. */
export const UNTOLD = '?'
const ORIGINS_MAX = 256
const PATHS = ['iot.site', 'device.type', 'event.dataset'] as const

/** Many events are of few origins: one text in memory for all of an origin, found by its three parts. */
type Known = Map<Part, Map<Part, Map<Part, string>>>
type Part = string | null
const known: Known = new Map()
const KNOWN_MAX = 10_000
let knownCount = 0

/** Longer than any site or type is called; a sender may write what it likes. */
const ORIGIN_CHARS_MAX = 1_024

/** Site, device type and dataset of an event as one text; undefined where one of them is many, or very long. */
export function originOf(doc: EcsDoc): string | undefined {
  const site = partOf(doc, PATHS[0])
  const type = partOf(doc, PATHS[1])
  const dataset = partOf(doc, PATHS[2])
  if (site === undefined || type === undefined || dataset === undefined) return undefined
  const found = known.get(site)?.get(type)?.get(dataset)
  if (found !== undefined) return found
  const text = JSON.stringify([site, type, dataset])
  if (text.length > ORIGIN_CHARS_MAX) return undefined
  if (knownCount >= KNOWN_MAX) {
    known.clear()
    knownCount = 0
  }
  knownCount += 1
  const types = known.get(site) ?? new Map<Part, Map<Part, string>>()
  const datasets = types.get(type) ?? new Map<Part, string>()
  known.set(ownPart(site), types)
  types.set(ownPart(type), datasets)
  datasets.set(ownPart(dataset), text)
  return text
}

/** Null where it is absent; undefined where it is many. */
function partOf(doc: EcsDoc, path: string): Part | undefined {
  const value = fieldOf(doc, path)
  if (value === undefined || value === null) return null
  return typeof value === 'string' ? value : undefined
}

const ownPart = (part: Part): Part => (part === null ? null : ownText(part))

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
