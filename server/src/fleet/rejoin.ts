import type { EcsDoc } from '../model/event.ts'
import { type IdentifierKind, IDENTIFIER_KINDS } from '../model/asset.ts'
import type { AssetIndex } from './asset-index.ts'
import { joinAsset } from './enrich.ts'

export interface RejoinOptions {
  readonly assets: AssetIndex
  readonly precedence?: readonly IdentifierKind[]
}

/** What joining sets under `device` and `iot`, beside `device.id`. */
const DEVICE = ['type', 'manufacturer']
const IOT = ['device_name', 'device_class', 'site', 'zone', 'owner', 'criticality']

/** Whether joining may change what stands at the path, or what is found beneath it. */
export function joiningChanges(path: string): boolean {
  return TOUCHED.some((one) => one === path || inside(one, path) || inside(path, one))
}

const TOUCHED = [
  'device.id',
  'device.model.identifier',
  ...DEVICE.map((name) => `device.${name}`),
  'iot.identity',
  ...IOT.map((name) => `iot.${name}`),
]

function inside(path: string, folder: string): boolean {
  return path.startsWith(`${folder}.`)
}

/**
 * An event that was joined to an asset before, as joining it now gives it; the event given stays as it
 * is. Of the same asset, what the table says today stands over what it said then, and what it does
 * not say stays; where it is another asset or none, what the join before had set is taken away. Who
 * held an address is a matter of then: what was joined by a lease keeps its asset, as it is now.
 */
export function rejoin(doc: EcsDoc, timeMs: number, options: RejoinOptions): EcsDoc {
  const { assets, precedence = IDENTIFIER_KINDS } = options
  const before = identityOf(doc)
  const own = before === undefined ? { ...doc } : withoutIdentity(doc, before)
  const mac = before?.byLease === true ? macOf(assets, before.ids) : undefined
  const leases = { size: mac === undefined ? 0 : 1, holder: () => mac }
  const joining = { assets, leases, precedence }
  const now: EcsDoc = { ...own }
  const found = joinAsset(now, timeMs, joining)
  if (before?.state !== 'resolved') return now
  if (found?.state === 'resolved' && found.id === before.ids[0]) return now
  const bare = withoutAsset(own)
  joinAsset(bare, timeMs, joining)
  return bare
}

interface Before {
  readonly state: string
  /** Its asset, or those that it may have been. */
  readonly ids: readonly string[]
  readonly byDevice: boolean
  readonly byLease: boolean
  readonly claimed: string | undefined
}

function identityOf(doc: EcsDoc): Before | undefined {
  const identity = objectAt(objectAt(doc, 'iot'), 'identity')
  const state = identity?.['state']
  if (identity === undefined || typeof state !== 'string') return undefined
  const rules = [identity['rule']].flat()
  const id = state === 'resolved' ? objectAt(doc, 'device')?.['id'] : identity['candidates']
  const claimed = identity['claimed']
  return {
    state,
    ids: [id].flat().filter((one) => typeof one === 'string'),
    byDevice: rules.includes('device'),
    byLease: rules.includes('lease'),
    claimed: typeof claimed === 'string' ? claimed : undefined,
  }
}

/** A MAC address by which one of them is known today. */
function macOf(assets: AssetIndex, ids: readonly string[]): string | undefined {
  for (const id of ids) {
    const mac = assets.get(id)?.identifiers.mac?.[0]
    if (mac !== undefined) return mac
  }
  return undefined
}

/** With the name that the event itself gave, or none. */
function withoutIdentity(doc: EcsDoc, before: Before): EcsDoc {
  const own: EcsDoc = { ...doc }
  set(own, 'iot', without(objectAt(doc, 'iot'), ['identity']))
  if (before.state !== 'resolved') return own
  const device = objectAt(doc, 'device')
  if (before.claimed !== undefined) own['device'] = { ...device, id: before.claimed }
  else if (!before.byDevice) set(own, 'device', without(device, ['id']))
  return own
}

function withoutAsset(doc: EcsDoc): EcsDoc {
  const bare: EcsDoc = { ...doc }
  const device = without(objectAt(doc, 'device'), DEVICE)
  const model = objectAt(device, 'model')
  if (model !== undefined) set(device, 'model', without(model, ['identifier']))
  set(bare, 'device', device)
  set(bare, 'iot', without(objectAt(doc, 'iot'), IOT))
  return bare
}

function without(object: EcsDoc | undefined, names: readonly string[]): EcsDoc {
  const left: EcsDoc = { ...object }
  for (const name of names) delete left[name]
  return left
}

/** An object that is left empty goes. */
function set(doc: EcsDoc, name: string, object: EcsDoc): void {
  if (Object.keys(object).length > 0) doc[name] = object
  else delete doc[name]
}

function objectAt(doc: EcsDoc | undefined, name: string): EcsDoc | undefined {
  const value = doc?.[name]
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  return value as EcsDoc
}
