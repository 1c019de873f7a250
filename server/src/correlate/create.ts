import type { Correlation } from '../model/correlation.ts'
import { Absence, SourceAbsence } from './absence.ts'
import { CORRELATOR_LIMITS, type Correlator, type CorrelatorLimits } from './correlator.ts'
import { EventCount } from './event-count.ts'
import { leastCount } from './threshold.ts'

/** The correlator of a correlation; undefined for a type that nothing here runs. */
export function createCorrelator(
  correlation: Correlation,
  limits: CorrelatorLimits = CORRELATOR_LIMITS,
): Correlator | undefined {
  switch (correlation.type) {
    case 'event_count': {
      const least = leastCount(correlation.condition)
      if (least === undefined) return undefined
      return new EventCount({ least, timespanMs: correlation.timespanMs, limits })
    }
    case 'value_count':
    case 'value_sum':
    case 'value_avg':
    case 'value_percentile':
    case 'value_median':
    case 'temporal':
    case 'temporal_ordered':
    case 'sequence':
    case 'sample':
    case 'first_seen':
      return undefined
    case 'absence': {
      const options = { timespanMs: correlation.timespanMs, limits }
      return correlation.of === 'source' ? new SourceAbsence(options) : new Absence(options)
    }
  }
}
