import type { StateLosses } from '../correlate/correlator.ts'
import type { MatcherStats } from '../rule/matcher.ts'
import type { CorrelationRun, MatchRun, Runs } from './rule-runs.ts'

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

type Losses = StateLosses & Pick<EngineStats, 'overflowed'>

export const NO_LOSSES: Losses = { evicted: 0, refused: 0, trimmed: 0, overflowed: 0 }

/** What one rule has lost since it runs. */
export function lossesOf(run: MatchRun | CorrelationRun): Losses {
  const tables = 'correlator' in run ? [run.correlator.table.losses, run.passage.table.losses] : []
  const losses = { ...NO_LOSSES }
  for (const { evicted, refused, trimmed } of tables) {
    losses.evicted += evicted
    losses.refused += refused
    losses.trimmed += trimmed
  }
  // An alert that finds no room is no loss: it goes into one with others.
  losses.trimmed += run.episodes?.table.losses.trimmed ?? 0
  losses.overflowed = run.episodes?.overflowed ?? 0
  return losses
}

export function addLosses(a: Losses, b: Losses): Losses {
  return {
    evicted: a.evicted + b.evicted,
    refused: a.refused + b.refused,
    trimmed: a.trimmed + b.trimmed,
    overflowed: a.overflowed + b.overflowed,
  }
}

/** What the rules in force hold and have lost, taken together; `before`: what others had lost. */
export function sumRuns(
  runs: Runs,
  before: Losses,
): Losses & Pick<EngineStats, 'keys' | 'openAlerts'> {
  let losses = before
  let keys = 0
  let openAlerts = 0
  for (const run of [...runs.matches, ...runs.correlations]) {
    losses = addLosses(losses, lossesOf(run))
    openAlerts += run.episodes?.table.size ?? 0
    if ('correlator' in run) keys += run.correlator.table.size
  }
  return { ...losses, keys, openAlerts }
}
