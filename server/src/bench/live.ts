import type { Bench } from './report.ts'
import { EVENTS_PER_S, runLoad, tellLoad, withServer } from './rig.ts'

/** A whole server under a steady load: from the write of a line to the alert in the alerts file. */
export const liveBench: Bench = {
  name: 'live',
  summary: `latency from input to stored alert at ${EVENTS_PER_S} events/s, and memory of all processes`,
  run: (report) => withServer(async (rig) => tellLoad(report, await runLoad(rig), 100)),
}
