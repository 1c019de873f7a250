import { hasNegation } from '../correlate/temporal.ts'
import { leastCount } from '../correlate/threshold.ts'
import type { Correlation } from '../model/correlation.ts'
import type { CorrelationRule, RuleSet } from '../model/rule.ts'

/** Longest that is read before the range, however long a rule looks back, and after it. */
export const WARM_UP_MS_MAX = 30 * 86_400_000
/** A rule without a span of its own: as long as an episode may be open. */
const UNBOUNDED_MS = 86_400_000
/** Without a hit for this long, an episode of a rule without a timespan ends. */
const EPISODE_GAP_MS = 300_000

/** How long before a range events can matter for alerts within it. */
export function warmUpMs(ruleSet: RuleSet): number {
  const backMs = alongChains(ruleSet, spanMs)
  let longest = EPISODE_GAP_MS
  for (const rule of ruleSet.correlations) {
    // What is counted must be there, and the episode that the range begins in.
    longest = Math.max(longest, backMs(rule) + spanMs(rule.correlation))
  }
  return Math.min(longest, WARM_UP_MS_MAX)
}

/** How long after a range events can still undo what was found in it. */
export function lookAheadMs(ruleSet: RuleSet): number {
  const aheadMs = alongChains(ruleSet, openMs)
  return Math.min(WARM_UP_MS_MAX, Math.max(0, ...ruleSet.correlations.map(aheadMs)))
}

/** Adds up over a rule and those that feed it, along the longest way. */
function alongChains(
  { correlations }: RuleSet,
  ofOne: (correlation: Correlation) => number,
): (rule: CorrelationRule) => number {
  const byId = new Map(correlations.map((rule) => [rule.meta.id, rule]))
  const known = new Map<string, number>()
  const sumOf = (rule: CorrelationRule): number => {
    const { id } = rule.meta
    const before = known.get(id)
    if (before !== undefined) return before
    // A ring of rules does not run; here it must end.
    known.set(id, 0)
    const inputs = rule.correlation.inputs.map((input) => byId.get(input))
    const fed = inputs.map((input) => (input === undefined ? 0 : sumOf(input)))
    const sum = ofOne(rule.correlation) + Math.max(0, ...fed)
    known.set(id, sum)
    return sum
  }
  return sumOf
}

function spanMs(correlation: Correlation): number {
  switch (correlation.type) {
    case 'sequence':
      return correlation.maxspanMs ?? UNBOUNDED_MS
    case 'sample':
      return UNBOUNDED_MS
    case 'first_seen':
      return Math.max(correlation.historyMs, correlation.learnMs)
    case 'absence':
    case 'temporal':
    case 'temporal_ordered':
    case 'event_count':
    case 'value_count':
    case 'value_sum':
    case 'value_avg':
    case 'value_percentile':
    case 'value_median':
      return correlation.timespanMs
  }
}

/** How long something that was seen may wait for what undoes it. */
function openMs(correlation: Correlation): number {
  switch (correlation.type) {
    case 'sequence':
      return correlation.stages.some(({ missing }) => missing) ? (correlation.maxspanMs ?? 0) : 0
    case 'temporal':
    case 'temporal_ordered':
      return correlation.condition !== undefined && hasNegation(correlation.condition)
        ? correlation.timespanMs
        : 0
    case 'event_count':
    case 'value_count':
    case 'value_sum': {
      const { condition, cardinality = [], timespanMs } = correlation
      const conditions = [condition, ...cardinality.map((one) => one.condition)]
      return conditions.every((one) => leastCount(one) !== undefined) ? 0 : timespanMs
    }
    case 'value_avg':
    case 'value_percentile':
    case 'value_median':
      return correlation.timespanMs
    case 'sample':
    case 'first_seen':
    case 'absence':
      return 0
  }
}
