import { statSync } from 'node:fs'
import { ProblemError } from '../../base/problems.ts'
import type { Result } from '../../base/result.ts'
import { compileEql } from '../../lang/eql/compile.ts'
import { compileKql } from '../../lang/kql/compile.ts'
import { loadRules, type LoadedRules } from '../../library/library.ts'
import type { CompiledQuery, QueryPipe } from '../../model/query.ts'
import type { RuleProblem, RuleSet } from '../../model/rule.ts'
import type { PipelineFlag } from '../input/pipelines.ts'

export interface RuleFlags {
  readonly rules: readonly string[]
  readonly eql?: string
  readonly kql?: string
  readonly sigma?: string
  readonly pipeline?: PipelineFlag
  readonly ignoreLogsource?: boolean
  readonly timestampField?: string
  readonly eventCategoryField?: string
  /** New terms learn for as long as their history before they speak, as on a server. */
  readonly learning?: boolean
}

export interface ChosenRules {
  readonly ruleSet: RuleSet
  /** One rule, given for this run: every match is told. */
  readonly adHoc: boolean
  readonly pipes: readonly QueryPipe[]
  /** Errors among them mean that a rule does not run. */
  readonly problems: readonly RuleProblem[]
}

/** The rules that the flags name, `now` in dates being `nowMs`; throws USAGE, or the problem of an ad-hoc rule. */
export function chooseRules(flags: RuleFlags, nowMs: number): ChosenRules {
  const ways = [flags.rules.length > 0, flags.eql, flags.kql, flags.sigma].filter(
    (way) => way !== undefined && way !== false,
  )
  if (ways.length !== 1) {
    const message = 'Say which rules to run: one of --rules, --eql, --kql and --sigma.'
    throw new ProblemError({ code: 'USAGE', message })
  }
  const { eql, kql, sigma, timestampField, eventCategoryField } = flags
  const fields = {
    ...(timestampField !== undefined && { timestampField }),
    ...(eventCategoryField !== undefined && { eventCategoryField }),
  }
  if (eql !== undefined) return queryRules(compileEql(eql, { id: 'eql', ...fields }))
  if (kql !== undefined) return queryRules(compileKql(kql, { id: 'kql', nowMs, ...fields }))
  return fileRules(sigma === undefined ? flags.rules : [sigma], flags, sigma !== undefined)
}

function queryRules(compiled: Result<CompiledQuery>): ChosenRules {
  if (!compiled.ok) throw new ProblemError(compiled.problem)
  const { matches, correlation, pipes } = compiled.value
  const correlations = correlation === undefined ? [] : [correlation]
  const ruleSet = { hash: 'ad-hoc', matches, correlations }
  return { ruleSet, adHoc: true, pipes, problems: [] }
}

function fileRules(paths: readonly string[], flags: RuleFlags, adHoc: boolean): ChosenRules {
  const loaded = loadRules(paths, {
    ...(flags.pipeline !== undefined && { pipeline: flags.pipeline }),
    ignoreLogsource: flags.ignoreLogsource === true,
  })
  const problems = problemsOf(loaded)
  const ruleSet = flags.learning === true ? loaded.ruleSet : withoutLearning(loaded.ruleSet)
  const first = problems.find(({ severity }) => severity === 'error')
  if (ruleSet.matches.length + ruleSet.correlations.length === 0) {
    const message = `There is no rule in ${paths.join(', ')}.`
    throw new ProblemError(first ?? { code: 'USAGE', message })
  }
  // Of a folder, what compiles runs, and the rest is told of.
  const isFolder = paths.some((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory())
  if (adHoc && !isFolder && first !== undefined) throw new ProblemError(first)
  return { ruleSet, adHoc, pipes: [], problems }
}

/**
 * Elastic's new terms learn for as long as their history before they speak, so that a server that
 * was just set up is not flooded. Input that is given whole is all the history there is: here they
 * speak of the first sight of a value, as Elasticsearch does where its history is empty.
 */
function withoutLearning(ruleSet: RuleSet): RuleSet {
  const correlations = ruleSet.correlations.map((rule) => {
    const { correlation, meta } = rule
    if (correlation.type !== 'first_seen' || meta.language === 'sigma') return rule
    return { ...rule, correlation: { ...correlation, learnMs: 0 } }
  })
  return { ...ruleSet, correlations }
}

function problemsOf({ problems, reports }: LoadedRules): RuleProblem[] {
  return [
    ...problems,
    ...reports.flatMap((report) =>
      report.problems.map((problem) => ({
        ...problem,
        at: { file: report.path, ...problem.at },
      })),
    ),
  ]
}
