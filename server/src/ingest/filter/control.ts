import type { ControlRecord } from '../../model/journal.ts'
import type { FilterSettings } from './filter.ts'

/** Type of the control record that tells by which policy input is folded from there on. */
export const FILTER_CONTROL = 'filter'

export function filterControl(settings: FilterSettings, atMs: number): ControlRecord {
  const { policy, intervalMs, keysMax, topicsMax } = settings
  const entries = policy.entries.map(({ name, when, keep, reason }) => ({
    name,
    when,
    keep,
    reason,
  }))
  const body = { hash: policy.hash, intervalMs, keysMax, topicsMax, entries }
  return { type: FILTER_CONTROL, atMs, body }
}
