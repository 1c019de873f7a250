import type { StateLosses } from '../correlate/correlator.ts'
import type { MatcherStats } from '../rule/matcher.ts'
import type { Runs } from './rule-runs.ts'

export interface EngineStats extends StateLosses {
  readonly events: number
  readonly matches: number
  readonly hits: number
  /** Events that came later than the lateness: matched, but kept away from correlations. */
  readonly late: number
  readonly keys: number
  readonly openAlerts: number
  /** Hits that went to an overflow alert because too many were open. */
  readonly overflowed: number
  readonly matcher: MatcherStats
  /** Rules that cannot run here, with the reason. */
  readonly left: readonly { readonly ruleId: string; readonly reason: string }[]
}

type Sums = StateLosses & Pick<EngineStats, 'keys' | 'openAlerts' | 'overflowed'>

/** What the rules in force hold and have lost, taken together. */
export function sumRuns(runs: Runs): Sums {
  const losses: StateLosses = { evicted: 0, refused: 0, trimmed: 0 }
  let keys = 0
  let openAlerts = 0
  let overflowed = 0
  for (const run of [...runs.matches, ...runs.correlations]) {
    openAlerts += run.episodes?.table.size ?? 0
    overflowed += run.episodes?.overflowed ?? 0
    losses.trimmed += run.episodes?.table.losses.trimmed ?? 0
  }
  for (const { correlator } of runs.correlations) {
    keys += correlator.table.size
    losses.evicted += correlator.table.losses.evicted
    losses.refused += correlator.table.losses.refused
    losses.trimmed += correlator.table.losses.trimmed
  }
  return { ...losses, keys, openAlerts, overflowed }
}
