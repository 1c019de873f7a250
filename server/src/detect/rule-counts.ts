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
  /** Time that it took for itself, in ms: an estimate, see rule-times.ts. */
  readonly spentMs: number
}

type Totals = Omit<RuleCount, 'ruleId'>

/** Per-rule counts as differences, so that only rules of which there is news are told of. */
export class RuleCounts {
  readonly #told = new WeakMap<MatchRun | CorrelationRun, Totals>()

  /** Parts of a rule (`<id>#1`, a stage) count as the rule. */
  take(runs: Runs): readonly RuleCount[] {
    const byRule = new Map<string, Totals>()
    for (const run of [...runs.matches, ...runs.correlations]) {
      const now = totalsOf(run)
      const more = combine(now, this.#told.get(run) ?? NOTHING, -1)
      if (more.matches + more.hits + more.lost + more.spentMs === 0) continue
      this.#told.set(run, now)
      const ruleId = run.rule.meta.id.replace(/#[^#]*$/, '')
      byRule.set(ruleId, combine(byRule.get(ruleId) ?? NOTHING, more, 1))
    }
    return [...byRule].map(([ruleId, counts]) => ({ ruleId, ...counts }))
  }
}

const NOTHING: Totals = { matches: 0, hits: 0, lost: 0, spentMs: 0 }

function combine(a: Totals, b: Totals, sign: 1 | -1): Totals {
  return {
    matches: a.matches + sign * b.matches,
    hits: a.hits + sign * b.hits,
    lost: a.lost + sign * b.lost,
    spentMs: a.spentMs + sign * b.spentMs,
  }
}

function totalsOf(run: MatchRun | CorrelationRun): Totals {
  const { spentMs } = run
  if (!('correlator' in run)) return { matches: run.matches, hits: 0, lost: 0, spentMs }
  const { evicted, refused, trimmed } = run.correlator.table.losses
  return { matches: 0, hits: run.hits, lost: evicted + refused + trimmed, spentMs }
}
