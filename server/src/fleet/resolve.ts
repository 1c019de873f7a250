import type { IdentifierKind, ListedKind } from '../model/asset.ts'
import { type EcsDoc, fieldOf } from '../model/event.ts'
import type { AssetIndex } from './asset-index.ts'
import type { LeaseTable } from './leases.ts'

interface Path {
  readonly path: string
  readonly parts: readonly string[]
}

const split = (paths: readonly string[]): readonly Path[] =>
  paths.map((path) => ({ path, parts: path.split('.') }))

/** Where an event says by what its device is known. */
const FIELDS: Readonly<Record<ListedKind, readonly Path[]>> = {
  device: split(['device.id']),
  serial: split(['device.serial_number']),
  certificate: split([
    'iot.credential.id',
    'tls.client.hash.sha256',
    'tls.client.hash.sha1',
    'tls.client.x509.serial_number',
    'tls.client.x509.subject.common_name',
  ]),
  client_id: split(['iot.mqtt.client_id']),
  mac: split(['source.mac', 'client.mac']),
  ip: split(['source.ip', 'client.ip']),
  host: split(['host.name', 'host.hostname']),
  user: split(['user.name']),
}

/**
 * These name a device whatever way it comes. An address is that of a gateway as well, and a name can
 * be shared: they never contradict one of these.
 */
const STRONG: ReadonlySet<IdentifierKind> = new Set([
  'device',
  'serial',
  'certificate',
  'client_id',
])

const VALUES_MAX = 16

/**
 * `resolved`: one asset, by `rule`. `ambiguous`: what the event says fits several, and nothing in it
 * tells which. `conflict`: two things that name a device name different ones, by both rules.
 */
export type Resolution =
  | { readonly state: 'resolved'; readonly id: string; readonly rule: IdentifierKind }
  | {
      readonly state: 'ambiguous' | 'conflict'
      readonly candidates: readonly string[]
      readonly rules: readonly IdentifierKind[]
    }

export interface ResolveOptions {
  readonly assets: AssetIndex
  readonly leases: Pick<LeaseTable, 'size' | 'holder'>
  /** What is looked at, the most trusted first; others are not. */
  readonly precedence: readonly IdentifierKind[]
}

/** Which asset an event is of; undefined where nothing in it is known. Never guesses. */
export function resolve(
  doc: EcsDoc,
  timeMs: number,
  options: ResolveOptions,
): Resolution | undefined {
  let found: { readonly id: string; readonly rule: IdentifierKind } | undefined
  let unclear: { readonly ids: readonly string[]; readonly rule: IdentifierKind } | undefined
  for (const rule of options.precedence) {
    if (found !== undefined && !STRONG.has(rule)) continue
    const ids = candidatesOf(doc, timeMs, rule, options)
    if (ids.length === 0) continue
    if (found !== undefined) {
      if (ids.includes(found.id)) continue
      const candidates = [...new Set([found.id, ...ids])].sort()
      return { state: 'conflict', candidates, rules: [found.rule, rule] }
    }
    if (unclear === undefined) {
      const [id, another] = ids
      if (id !== undefined && another === undefined) found = { id, rule }
      else unclear = { ids, rule }
      continue
    }
    // What fits several is settled by what else the event says, if that fits one of them.
    const { ids: before, rule: by } = unclear
    const both = before.filter((id) => ids.includes(id))
    const [id, another] = both
    if (id !== undefined && another === undefined) found = { id, rule }
    else if (both.length > 0) unclear = { ids: both, rule: by }
    else if (STRONG.has(rule)) {
      const candidates = [...new Set([...before, ...ids])].sort()
      return { state: 'conflict', candidates, rules: [by, rule] }
    }
  }
  if (found !== undefined) return { state: 'resolved', ...found }
  if (unclear === undefined) return undefined
  return { state: 'ambiguous', candidates: unclear.ids, rules: [unclear.rule] }
}

/** What was looked at for one rule: what the event says, and which assets list it. */
export interface Looked {
  readonly rule: IdentifierKind
  readonly values: readonly string[]
  readonly ids: readonly string[]
}

/** Every rule in the order in which `resolve` looks at them, for a person who asks why. */
export function lookedAt(doc: EcsDoc, timeMs: number, options: ResolveOptions): readonly Looked[] {
  return options.precedence.map((rule) => ({
    rule,
    values: valuesAt(doc, FIELDS[rule === 'lease' ? 'ip' : rule]),
    ids: candidatesOf(doc, timeMs, rule, options),
  }))
}

function candidatesOf(
  doc: EcsDoc,
  timeMs: number,
  rule: IdentifierKind,
  { assets, leases }: ResolveOptions,
): readonly string[] {
  if (rule === 'lease') {
    if (leases.size === 0 || !assets.lists('mac')) return NONE
    const ids = new Set<string>()
    for (const ip of valuesAt(doc, FIELDS.ip)) {
      const mac = leases.holder(ip, timeMs)
      if (mac !== undefined) for (const id of assets.named('mac', mac)) ids.add(id)
    }
    return [...ids]
  }
  if (!assets.lists(rule)) return NONE
  let first = NONE
  for (const value of valuesAt(doc, FIELDS[rule])) {
    const ids = assets.named(rule, value)
    if (ids.length === 0) continue
    // Two addresses or fingerprints of one device name it twice.
    first = first.length === 0 ? ids : [...new Set([...first, ...ids])].sort()
  }
  return first
}

const NONE: readonly string[] = []

function valuesAt(doc: EcsDoc, paths: readonly Path[]): readonly string[] {
  let values: string[] | undefined
  for (const path of paths) {
    const value = valueAt(doc, path)
    if (typeof value === 'string') {
      if (value !== '') (values ??= []).push(value)
    } else if (Array.isArray(value)) {
      values ??= []
      for (const one of value.slice(0, VALUES_MAX)) if (typeof one === 'string') values.push(one)
    }
  }
  return values ?? NONE
}

/** As `fieldOf`, for nested documents and paths that were split before; this runs for every event. */
function valueAt(doc: EcsDoc, { path, parts }: Path): unknown {
  let at: unknown = doc
  for (const part of parts) {
    if (at === null || typeof at !== 'object' || Array.isArray(at)) return fieldOf(doc, path)
    at = (at as EcsDoc)[part]
    if (at === undefined) return Object.hasOwn(doc, path) ? doc[path] : undefined
  }
  return at
}
