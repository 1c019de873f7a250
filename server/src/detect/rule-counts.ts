import { lossesOf } from './engine-stats.ts'
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
  /** Of rules that went since. */
  #gone = new Map<string, Totals>()

  /** The rule is no more: what was not told of it is with the next. */
  forget(run: MatchRun | CorrelationRun): void {
    this.#note(run, this.#gone)
  }

  /** Parts of a rule (`<id>#1`, a stage) count as the rule. */
  take(runs: Runs): readonly RuleCount[] {
    const byRule = this.#gone
    this.#gone = new Map()
    for (const run of [...runs.matches, ...runs.correlations]) this.#note(run, byRule)
    return [...byRule].map(([ruleId, counts]) => ({ ruleId, ...counts }))
  }

  #note(run: MatchRun | CorrelationRun, byRule: Map<string, Totals>): void {
    const now = totalsOf(run)
    const more = combine(now, this.#told.get(run) ?? NOTHING, -1)
    if (more.matches + more.hits + more.lost + more.spentMs === 0) return
    this.#told.set(run, now)
    const ruleId = run.rule.meta.id.replace(/#[^#]*$/, '')
    byRule.set(ruleId, combine(byRule.get(ruleId) ?? NOTHING, more, 1))
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
  const { evicted, refused, trimmed } = lossesOf(run)
  const lost = evicted + refused + trimmed
  const [matches, hits] = 'correlator' in run ? [0, run.hits] : [run.matches, 0]
  return { matches, hits, lost, spentMs: run.spentMs }
}
