import type { Correlation, CountCorrelation } from '../model/correlation.ts'
import { Absence, SourceAbsence } from './absence.ts'
import { AnchoredWindows, judgeCount, judgeRules } from './anchored.ts'
import { createChain } from './chain.ts'
import { CORRELATOR_LIMITS, type Correlator, type CorrelatorLimits } from './correlator.ts'
import { createDistinctCount } from './distinct-count.ts'
import { EventCount } from './event-count.ts'
import { FirstSeen } from './first-seen.ts'
import { createSample } from './sample.ts'
import { createSequence } from './sequence.ts'
import { createTemporal, hasNegation } from './temporal.ts'
import { leastCount, satisfies } from './threshold.ts'
import { createValueSum } from './value-sum.ts'

/** The correlator of a correlation. */
export function createCorrelator(
  correlation: Correlation,
  limits: CorrelatorLimits = CORRELATOR_LIMITS,
): Correlator {
  switch (correlation.type) {
    case 'event_count':
    case 'value_count':
    case 'value_sum':
    case 'value_avg':
    case 'value_percentile':
    case 'value_median':
      return createCount(correlation, limits)
    case 'sequence':
      return createSequence(correlation, limits)
    case 'sample':
      return createSample(correlation, limits)
    case 'first_seen':
      return new FirstSeen(correlation, limits)
    case 'temporal':
    case 'temporal_ordered': {
      const { condition, timespanMs, type } = correlation
      if (type === 'temporal_ordered' && condition === undefined) {
        return createChain(correlation, limits)
      }
      if (condition === undefined || !hasNegation(condition)) {
        return createTemporal(correlation, limits)
      }
      return new AnchoredWindows({ judge: judgeRules(correlation), timespanMs, limits })
    }
    case 'absence': {
      const options = { timespanMs: correlation.timespanMs, limits }
      return correlation.of === 'source' ? new SourceAbsence(options) : new Absence(options)
    }
  }
}

/** Lower bounds hold for good once they hold; everything else is judged window by window. */
function createCount(correlation: CountCorrelation, limits: CorrelatorLimits): Correlator {
  const { type, timespanMs, condition, cardinality = [] } = correlation
  const least = leastCount(condition)
  const leasts = cardinality
    .map((one) => leastCount(one.condition))
    .filter((one) => one !== undefined)
  const isMonotone = least !== undefined && leasts.length === cardinality.length
  if (isMonotone && type === 'value_count') {
    const options = { ownField: true, leastEvents: 1, timespanMs, limits }
    return createDistinctCount({ leasts: [least, ...leasts], ...options })
  }
  if (isMonotone && type === 'event_count') {
    if (leasts.length === 0) return new EventCount({ least, timespanMs, limits })
    return createDistinctCount({ leasts, ownField: false, leastEvents: least, timespanMs, limits })
  }
  if (isMonotone && type === 'value_sum' && leasts.length === 0) {
    const enough = (sum: number): boolean => satisfies(sum, condition)
    return createValueSum({ enough, timespanMs, limits })
  }
  return new AnchoredWindows({ judge: judgeCount(correlation), timespanMs, limits })
}
