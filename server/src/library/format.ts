import type { CorrelationRule, MatchRule, RuleMeta, RuleProblem, RuleTest } from '../model/rule.ts'

export interface RuleFileText {
  readonly path: string
  readonly text: string
}

/** What became of one rule (or filter, list, macro) of a file. */
export interface RuleReport {
  readonly path: string
  readonly kind: 'rule' | 'correlation' | 'filter' | 'list' | 'macro'
  readonly meta: RuleMeta
  /** Whether it runs. A mistake in its cases keeps it from passing a check, not from running. */
  readonly ok: boolean
  readonly problems: readonly RuleProblem[]
  readonly tests: readonly RuleTest[]
}

/** Whether the rule and its cases are without mistakes. */
export function isFine({ problems }: Pick<RuleReport, 'problems'>): boolean {
  return !problems.some(({ severity }) => severity === 'error')
}

export interface FormatResult {
  readonly matches: readonly MatchRule[]
  readonly correlations: readonly CorrelationRule[]
  readonly reports: readonly RuleReport[]
  /** Problems of files as wholes, such as text that is no YAML. */
  readonly problems: readonly RuleProblem[]
}

export interface LoadOptions {
  /** Sigma's field mapping: `default`, `none`, the path of a pipeline file, or the file itself. */
  readonly pipeline?: string | RuleFileText
  readonly ignoreLogsource?: boolean
}

/** A language that rules are kept in: reads all its files at once, since rules refer to others. */
export interface RuleFormat {
  readonly name: string
  /** File names end with one of these. */
  readonly extensions: readonly string[]
  read(files: readonly RuleFileText[], options: LoadOptions): FormatResult
}
