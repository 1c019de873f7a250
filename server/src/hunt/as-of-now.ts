import { rollupDoc } from '../detect/rollup-doc.ts'
import { joiningChanges, rejoin, type RejoinOptions } from '../fleet/rejoin.ts'
import type { EcsDoc } from '../model/event.ts'
import type { Rollup } from '../model/journal.ts'
import type { StoredEvent } from '../store/search/stream.ts'
import type { Ground } from './push-down.ts'

/** What the store cannot be asked for where events are joined anew. */
export const AS_OF_NOW: Ground = { changes: joiningChanges, whole: false }

export function eventNow(event: StoredEvent, assets: RejoinOptions): StoredEvent {
  return { ...event, doc: rejoin(event.doc, event.time, assets) }
}

/** A rollup tells by what its device is known, not how it was joined: its name is its own. */
export function rollupNow(rollup: Rollup, assets: RejoinOptions): Rollup {
  const doc = rejoin(rollupDoc(rollup), rollup.lastSeenMs, assets)
  const iot = doc['iot'] as EcsDoc | undefined
  const identity = iot?.['identity'] as EcsDoc | undefined
  if (identity?.['state'] !== 'resolved') return rollup
  const device = doc['device'] as EcsDoc
  const { deviceField: _, ...rest } = rollup
  const [site, deviceType] = [iot?.['site'], device['type']]
  return {
    ...rest,
    device: String(device['id']),
    ...(typeof site === 'string' && { site }),
    ...(typeof deviceType === 'string' && { deviceType }),
  }
}
