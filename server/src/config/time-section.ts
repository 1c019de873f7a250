import { z } from 'zod'
import { COHORT_DEFAULTS, COHORT_POLICIES } from '../ingest/time/cohorts.ts'
import { durationOption } from '../model/options.ts'

/** Clocks of devices that are wrong together. */
export const timeSection = z.strictObject({
  cohort_shift: z
    .enum(COHORT_POLICIES)
    .default(COHORT_DEFAULTS.policy)
    .describe(
      'Several devices of one source, site and type whose clocks are off by exactly one hour. ' +
        '`correct`: tag their events, set the time right, raise no signal. `tag`: leave the time as ' +
        'it is. `off`: treat each as a wrong clock of its own.',
    ),
  cohort_devices: z
    .int()
    .min(2)
    .max(10_000)
    .default(COHORT_DEFAULTS.devicesMin)
    .describe('So many devices make a cohort.'),
  cohort_tolerance: durationOption({ minMs: 1_000, maxMs: 900_000 })
    .prefault('2m')
    .describe('How far from the whole hour a claim may be.'),
})
