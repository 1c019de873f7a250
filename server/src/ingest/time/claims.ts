import { ANEW } from '../../base/anew.ts'
import type { EcsDoc } from '../../model/event.ts'
import { fieldOf } from '../../model/event.ts'
import type { Shaped } from '../../normalize/normalize.ts'
import type { Cohorts } from './cohorts.ts'

/** What tells devices of one cohort apart, the best first. */
const DEVICE_FIELDS = ['device.id', 'iot.mqtt.client_id', 'host.name', 'source.ip']

/**
 * Looks at the time that an event claims beside its cohort's. Where the whole cohort is off by an hour
 * the event is tagged, does not count as a clock that is ahead, and, where that is the policy, its time
 * is set right. Returns the event time.
 */
export function settleClaim(shaped: Shaped, source: string, cohorts: Cohorts): number {
  const { doc, time, claim, origin } = shaped
  if (claim === undefined || cohorts.settings.policy === 'off') return time
  const aheadMs = claim - origin.receivedMs
  if (!cohorts.concerns(aheadMs)) return time
  const device = DEVICE_FIELDS.map((path) => fieldOf(doc, path)).find(
    (value): value is string => typeof value === 'string' && value !== '',
  )
  if (device === undefined) return time
  const site = String(fieldOf(doc, 'iot.site') ?? '')
  const type = String(fieldOf(doc, 'device.type') ?? '')
  const shift = cohorts.shiftOf(`${source}\n${site}\n${type}`, device, aheadMs, origin.receivedMs)
  if (shift === 0) return time
  const iot = objectOf(doc['iot'])
  const { ahead: _, ...told } = objectOf(iot['time'])
  const claimed = new Date(claim).toISOString()
  doc['iot'] = { ...ANEW, ...iot, time: { ...ANEW, ...told, claimed, cohort_shift: shift / 1_000 } }
  return cohorts.settings.policy === 'correct' ? claim - shift : time
}

function objectOf(value: unknown): EcsDoc {
  const isObject = value !== null && typeof value === 'object' && !Array.isArray(value)
  return isObject ? (value as EcsDoc) : {}
}
