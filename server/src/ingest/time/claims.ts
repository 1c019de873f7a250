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
 * is set right. Where that is not known yet it is tagged as such for ten minutes. Returns the event time.
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
  const cohort = `${source}\n${site}\n${type}`
  const shift = cohorts.shiftOf(cohort, device, aheadMs, origin.receivedMs)
  const iot = objectOf(doc['iot'])
  const { ahead, ...told } = objectOf(iot['time'])
  if (shift === 0) {
    if (ahead !== true || !cohorts.isPending(cohort, device, origin.receivedMs)) return time
    doc['iot'] = { ...ANEW, ...iot, time: { ...ANEW, ...told, cohort_pending: true } }
    return time
  }
  const claimed = new Date(claim).toISOString()
  doc['iot'] = { ...ANEW, ...iot, time: { ...ANEW, ...told, claimed, cohort_shift: shift / 1_000 } }
  return cohorts.settings.policy === 'correct' ? claim - shift : time
}

function objectOf(value: unknown): EcsDoc {
  const isObject = value !== null && typeof value === 'object' && !Array.isArray(value)
  return isObject ? (value as EcsDoc) : {}
}
