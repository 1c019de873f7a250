import type { Correlation, CountCorrelation } from '../model/correlation.ts'
import { Absence, SourceAbsence } from './absence.ts'
import { CORRELATOR_LIMITS, type Correlator, type CorrelatorLimits } from './correlator.ts'
import { createDistinctCount } from './distinct-count.ts'
import { EventCount } from './event-count.ts'
import { createSample } from './sample.ts'
import { createSequence } from './sequence.ts'
import { createTemporal, hasNegation } from './temporal.ts'
import { leastCount } from './threshold.ts'

/** The correlator of a correlation; undefined for a type that nothing here runs. */
export function createCorrelator(
  correlation: Correlation,
  limits: CorrelatorLimits = CORRELATOR_LIMITS,
): Correlator | undefined {
  switch (correlation.type) {
    case 'event_count':
    case 'value_count':
      return createCount(correlation, limits)
    case 'sequence':
      return createSequence(correlation, limits)
    case 'sample':
      return createSample(correlation, limits)
    case 'value_sum':
    case 'value_avg':
    case 'value_percentile':
    case 'value_median':
    case 'first_seen':
      return undefined
    case 'temporal':
    case 'temporal_ordered': {
      const { condition } = correlation
      if (condition !== undefined && hasNegation(condition)) return undefined
      return createTemporal(correlation, limits)
    }
    case 'absence': {
      const options = { timespanMs: correlation.timespanMs, limits }
      return correlation.of === 'source' ? new SourceAbsence(options) : new Absence(options)
    }
  }
}

function createCount(
  correlation: CountCorrelation,
  limits: CorrelatorLimits,
): Correlator | undefined {
  const { timespanMs, condition, cardinality = [] } = correlation
  const least = leastCount(condition)
  const distinct = cardinality.map((one) => leastCount(one.condition))
  if (least === undefined || distinct.includes(undefined)) return undefined
  const leasts = distinct.map((one) => one ?? 1)
  if (correlation.type === 'value_count') {
    return createDistinctCount({
      leasts: [least, ...leasts],
      ownField: true,
      leastEvents: 1,
      timespanMs,
      limits,
    })
  }
  if (leasts.length === 0) return new EventCount({ least, timespanMs, limits })
  return createDistinctCount({ leasts, ownField: false, leastEvents: least, timespanMs, limits })
}
