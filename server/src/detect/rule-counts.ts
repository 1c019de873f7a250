import type { CorrelationRun, MatchRun, Runs } from './rule-runs.ts'

/** What came of one rule since it was last asked. */
export interface RuleCount {
  readonly ruleId: string
  /** Events that it matched; for a sequence those of its stages, for a correlation none of its own. */
  readonly matches: number
  /** Hits of a correlation: counts reached, sequences completed, silences. */
  readonly hits: number
  /** Group keys evicted, observations refused and entries trimmed, for want of room. */
  readonly lost: number
}

type Totals = Omit<RuleCount, 'ruleId'>

/** Per-rule counts as differences, so that only rules of which there is news are told of. */
export class RuleCounts {
  readonly #told = new WeakMap<MatchRun | CorrelationRun, Totals>()

  /** Parts of a rule (`<id>#1`, a stage) count as the rule. */
  take(runs: Runs): readonly RuleCount[] {
    const byRule = new Map<string, { matches: number; hits: number; lost: number }>()
    for (const run of [...runs.matches, ...runs.correlations]) {
      const now = totalsOf(run)
      const before = this.#told.get(run)
      const matches = now.matches - (before?.matches ?? 0)
      const hits = now.hits - (before?.hits ?? 0)
      const lost = now.lost - (before?.lost ?? 0)
      if (matches + hits + lost === 0) continue
      this.#told.set(run, now)
      const ruleId = run.rule.meta.id.replace(/#[^#]*$/, '')
      const sum = byRule.get(ruleId) ?? { matches: 0, hits: 0, lost: 0 }
      byRule.set(ruleId, {
        matches: sum.matches + matches,
        hits: sum.hits + hits,
        lost: sum.lost + lost,
      })
    }
    return [...byRule].map(([ruleId, counts]) => ({ ruleId, ...counts }))
  }
}

function totalsOf(run: MatchRun | CorrelationRun): Totals {
  if (!('correlator' in run)) return { matches: run.matches, hits: 0, lost: 0 }
  const { evicted, refused, trimmed } = run.correlator.table.losses
  return { matches: 0, hits: run.hits, lost: evicted + refused + trimmed }
}
