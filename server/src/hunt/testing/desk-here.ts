import type { HuntDesk } from '../desk.ts'
import { huntHere } from '../here.ts'
import type { PackedRules } from '../../detect/rules-control.ts'
import type { HuntJob } from '../job.ts'
import type { JobPorts } from '../run-job.ts'

/** Hunts in the thread of the test. */
export function deskHere(
  ports: Pick<JobPorts, 'events' | 'rollups'>,
  options: {
    readonly atOnce?: number
    readonly alertsMax?: number
    readonly nowMs?: number
    readonly current?: PackedRules
  } = {},
): HuntDesk {
  const { atOnce = 2, alertsMax = 1_000, nowMs = 0, current } = options
  return {
    atOnce,
    start: async (request, signal) => {
      const { rules, against, fromMs, toMs, visibility, asOf, keep, resume } = request
      const job: HuntJob = {
        ...{ rules, fromMs, toMs, nowMs: nowMs || toMs, alertsMax },
        ...(against !== undefined && { against }),
        ...(current !== undefined && { current }),
        ...(visibility !== undefined && { visibility }),
        ...(asOf === 'now' && { asOfNow: { assets: [], precedence: [] } }),
        ...(keep === true && { keepBytesMax: Number.POSITIVE_INFINITY }),
        ...(resume !== undefined && { resume: Buffer.from(resume, 'base64') }),
      }
      return huntHere(job, ports, signal)
    },
  }
}
