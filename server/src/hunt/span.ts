import type { Correlation } from '../model/correlation.ts'
import type { RuleSet } from '../model/rule.ts'

/** Longest that is read before the range, however long a rule looks back. */
export const WARM_UP_MS_MAX = 30 * 86_400_000
/** A rule without a span of its own: as long as an episode may be open. */
const UNBOUNDED_MS = 86_400_000
/** Without a hit for this long, an episode of a rule without a timespan ends. */
const EPISODE_GAP_MS = 300_000

/** How long before a range events can matter for alerts within it. */
export function warmUpMs(ruleSet: RuleSet): number {
  let longest = EPISODE_GAP_MS
  for (const { correlation } of ruleSet.correlations) {
    // What is counted must be there, and the episode that the range begins in.
    longest = Math.max(longest, 2 * spanMs(correlation))
  }
  return Math.min(longest, WARM_UP_MS_MAX)
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
