import { sha256Hex } from '../base/hash.ts'
import { type PackedRules, packRules, unpackRules } from '../detect/rules-control.ts'
import type { RuleReport } from '../library/format.ts'
import { loadRules } from '../library/library.ts'
import type { RuleLife } from '../model/desks.ts'
import type { CorrelationRule, MatchRule, RuleProblem, RuleSet } from '../model/rule.ts'

export type Lives = ReadonlyMap<string, RuleLife>

/** What takes seconds with thousands of rules: reading files, and making a rule set of them. */
export type RuleWork =
  | { readonly kind: 'read'; readonly paths: readonly string[]; readonly lives: Lives }
  /** The same rules with other lives, whatever has become of the files. */
  | { readonly kind: 'lives'; readonly read: PackedRules; readonly lives: Lives }

export interface RuleWorkDone {
  /** The rules as the files have them; undefined after `lives`. */
  readonly files: ReadFiles | undefined
  /** The rules with their lives, ready for the journal. */
  readonly rules: PackedRules
}

export interface ReadFiles {
  /** Without their tests. */
  readonly reports: readonly RuleReport[]
  readonly problems: readonly RuleProblem[]
  readonly rules: PackedRules
}

export function doRuleWork(work: RuleWork): RuleWorkDone {
  if (work.kind === 'lives') {
    return { files: undefined, rules: packRules(withLives(unpackRules(work.read), work.lives)) }
  }
  const { ruleSet, reports, problems } = loadRules(work.paths)
  const rules = packRules(ruleSet)
  const lived = withLives(ruleSet, work.lives)
  const files = { rules, problems, reports: reports.map((report) => ({ ...report, tests: [] })) }
  return { files, rules: lived === ruleSet ? rules : packRules(lived) }
}

/** A disabled rule says nothing; it still runs where it feeds one that does. */
export function withLives(ruleSet: RuleSet, lives: Lives): RuleSet {
  if (lives.size === 0) return ruleSet
  const apply = <R extends MatchRule | CorrelationRule>(rule: R): R => {
    const life = lives.get(rule.meta.id)
    if (life === undefined) return rule
    if (life === 'disabled') return { ...rule, alerts: false }
    return { ...rule, meta: { ...rule.meta, life } }
  }
  let correlations = ruleSet.correlations.map(apply)
  const disabled = (rule: MatchRule | CorrelationRule): boolean =>
    lives.get(rule.meta.id) === 'disabled'
  // From the end of each chain backwards: what is disabled and feeds nothing goes.
  for (;;) {
    const fed = new Set(correlations.flatMap(({ correlation }) => correlation.inputs))
    const left = correlations.filter((rule) => !disabled(rule) || fed.has(rule.meta.id))
    if (left.length === correlations.length) break
    correlations = left
  }
  const fed = new Set(correlations.flatMap(({ correlation }) => correlation.inputs))
  const matches = ruleSet.matches
    .map(apply)
    .filter((rule) => !disabled(rule) || fed.has(rule.meta.id))
  const hash = sha256Hex(
    `${ruleSet.hash} ${JSON.stringify([...lives].sort(([a], [b]) => (a < b ? -1 : 1)))}`,
  )
  return { hash, matches, correlations }
}
