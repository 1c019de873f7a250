import type { HuntDesk } from '../desk.ts'
import { huntHere } from '../here.ts'
import type { JobPorts } from '../job.ts'

/** Hunts in the thread of the test. */
export function deskHere(
  ports: Pick<JobPorts, 'events' | 'rollups'>,
  options: { readonly atOnce?: number; readonly alertsMax?: number; readonly nowMs?: number } = {},
): HuntDesk {
  const { atOnce = 2, alertsMax = 1_000, nowMs = 0 } = options
  return {
    atOnce,
    start: async (request, signal) => {
      const { asOf, ...rest } = request
      const asOfNow = asOf === 'now' ? { assets: [], precedence: [] } : undefined
      const job = { ...rest, nowMs: nowMs || request.toMs, alertsMax, ...(asOfNow && { asOfNow }) }
      return huntHere(job, ports, signal)
    },
  }
}
