import type { IdentifierKind, ListedKind } from '../model/asset.ts'
import { type EcsDoc, fieldOf } from '../model/event.ts'
import type { AssetIndex } from './asset-index.ts'
import type { LeaseTable } from './leases.ts'

/** Where an event says by what its device is known. */
const FIELDS: Readonly<Record<ListedKind, readonly string[]>> = {
  device: ['device.id'],
  serial: ['device.serial_number'],
  certificate: [
    'iot.credential.id',
    'tls.client.hash.sha256',
    'tls.client.hash.sha1',
    'tls.client.x509.serial_number',
    'tls.client.x509.subject.common_name',
  ],
  client_id: ['iot.mqtt.client_id'],
  mac: ['source.mac', 'client.mac'],
  ip: ['source.ip', 'client.ip'],
  host: ['host.name', 'host.hostname'],
  user: ['user.name'],
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
  readonly leases: LeaseTable
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

function candidatesOf(
  doc: EcsDoc,
  timeMs: number,
  rule: IdentifierKind,
  { assets, leases }: ResolveOptions,
): readonly string[] {
  if (rule === 'lease') {
    const ids = new Set<string>()
    for (const ip of valuesAt(doc, FIELDS.ip)) {
      const mac = leases.holder(ip, timeMs)
      if (mac !== undefined) for (const id of assets.named('mac', mac)) ids.add(id)
    }
    return [...ids]
  }
  let first: readonly string[] = []
  for (const value of valuesAt(doc, FIELDS[rule])) {
    const ids = assets.named(rule, value)
    if (ids.length === 0) continue
    // Two addresses or fingerprints of one device name it twice.
    first = first.length === 0 ? ids : [...new Set([...first, ...ids])].sort()
  }
  return first
}

function valuesAt(doc: EcsDoc, paths: readonly string[]): string[] {
  const values: string[] = []
  for (const path of paths) {
    const value = fieldOf(doc, path)
    if (typeof value === 'string') {
      if (value !== '') values.push(value)
    } else if (Array.isArray(value)) {
      for (const one of value.slice(0, VALUES_MAX)) if (typeof one === 'string') values.push(one)
    }
  }
  return values
}
