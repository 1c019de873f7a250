import { type Lives, withLives } from '../detect/rule-lives.ts'
import { type PackedRules, packRules, unpackRules } from '../detect/rules-control.ts'
import type { RuleReport } from '../library/format.ts'
import { loadRules } from '../library/library.ts'
import type { RuleProblem } from '../model/rule.ts'

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
