import { ANEW } from '../base/anew.ts'
import type { Asset } from '../model/asset.ts'
import type { EcsDoc } from '../model/event.ts'
import { resolve, type Resolution, type ResolveOptions } from './resolve.ts'

/**
 * Joins an event to the asset it is of: sets what the asset table knows, and by which rule it was
 * found. Copies what it changes: what hangs below the top level is not the event's own. Returns the
 * resolution; undefined where nothing of the event is known.
 */
export function joinAsset(
  doc: EcsDoc,
  timeMs: number,
  options: ResolveOptions,
): Resolution | undefined {
  const resolution = resolve(doc, timeMs, options)
  if (resolution === undefined) return undefined
  if (resolution.state !== 'resolved') {
    const { state, candidates, rules } = resolution
    addIot(doc, { identity: { state, rule: [...rules], candidates: [...candidates] } })
    return resolution
  }
  const asset = options.assets.get(resolution.id)
  if (asset !== undefined) applyAsset(doc, asset, resolution.rule)
  return resolution
}

function applyAsset(doc: EcsDoc, asset: Asset, rule: string): void {
  const before = objectAt(doc, 'device')
  const claimed = before?.['id']
  const device: EcsDoc = { ...ANEW, ...before, id: asset.id }
  if (asset.type !== undefined) device['type'] = asset.type
  if (asset.manufacturer !== undefined) device['manufacturer'] = asset.manufacturer
  if (asset.model !== undefined) {
    device['model'] = { ...ANEW, ...objectAt(device, 'model'), identifier: asset.model }
  }
  doc['device'] = device
  const identity: EcsDoc = { state: 'resolved', rule }
  // The name that the cloud or the device itself gave.
  if (typeof claimed === 'string' && claimed !== asset.id) identity['claimed'] = claimed
  const iot: EcsDoc = { identity }
  if (asset.name !== undefined) iot['device_name'] = asset.name
  if (asset.class !== undefined) iot['device_class'] = asset.class
  if (asset.site !== undefined) iot['site'] = asset.site
  if (asset.zone !== undefined) iot['zone'] = asset.zone
  if (asset.owner !== undefined) iot['owner'] = asset.owner
  if (asset.criticality !== undefined) iot['criticality'] = asset.criticality
  addIot(doc, iot)
}

function addIot(doc: EcsDoc, more: EcsDoc): void {
  doc['iot'] = { ...ANEW, ...objectAt(doc, 'iot'), ...more }
}

function objectAt(doc: EcsDoc, name: string): EcsDoc | undefined {
  const value = doc[name]
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined
  return value as EcsDoc
}
