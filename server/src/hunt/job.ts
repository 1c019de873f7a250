import { fail, ok, type Result } from '../base/result.ts'
import { rulesOfIds } from '../detect/rule-subset.ts'
import { type PackedRules, unpackRules } from '../detect/rules-control.ts'
import { compileEql } from '../lang/eql/compile.ts'
import { compileKql } from '../lang/kql/compile.ts'
import { readRules } from '../library/library.ts'
import type { Visibility } from '../model/access.ts'
import type { Asset, IdentifierKind } from '../model/asset.ts'
import type { CompiledQuery } from '../model/query.ts'
import type { RuleProblem, RuleSet } from '../model/rule.ts'
import type { HuntRules } from './desk.ts'
import { rulesNeed, type RulesNeed } from './rules-need.ts'

/** What a hunt is but for its rules; plain data, for whichever thread does it. */
export interface JobRange {
  readonly fromMs: number
  readonly toMs: number
  readonly nowMs: number
  readonly asOfNow?: {
    readonly assets: readonly Asset[]
    readonly precedence: readonly IdentifierKind[]
  }
  readonly visibility?: Visibility
  /** Alerts that are told, or compared. */
  readonly alertsMax: number
  /** Checkpoints are told, of no more bytes than this. */
  readonly keepBytesMax?: number
  /** A checkpoint that another hunt of the same rules and range told. */
  readonly resume?: Uint8Array
}

export interface HuntJob extends JobRange {
  readonly rules: HuntRules
  readonly against?: HuntRules | 'current'
  /** The rules in force, where they are compared with. */
  readonly current?: PackedRules
}

export interface CompiledJob {
  readonly ruleSet: RuleSet
  readonly tell: 'alerts' | 'matches'
  readonly against: RuleSet | undefined
  readonly need: RulesNeed
  readonly problems: readonly RuleProblem[]
}

/** Fails with the problem of the rules where none of them runs. */
export function compileJob(job: HuntJob): Result<CompiledJob> {
  const rules = compileRules(job.rules, job.nowMs)
  if (!rules.ok) return rules
  const { ruleSet, adHoc } = rules.value
  const against = againstOf(job, ruleSet)
  if (against !== undefined && !against.ok) return against
  const other = against?.value.ruleSet
  return ok({
    ruleSet,
    tell: adHoc && other === undefined ? 'matches' : 'alerts',
    against: other,
    need: rulesNeed(ruleSet, ...(other === undefined ? [] : [other])),
    problems: [...rules.value.problems, ...(against?.value.problems ?? [])],
  })
}

function againstOf(job: HuntJob, proposed: RuleSet): Result<CompiledRules> | undefined {
  const { against, current, nowMs } = job
  if (against === undefined) return undefined
  if (against !== 'current') return compileRules(against, nowMs)
  const found = currentOf(proposed, current && unpackRules(current))
  return ok({ ...found, adHoc: false })
}

/** Of the rules in force those that are proposed anew, by their ids; and what is said of the others. */
export function currentOf(
  proposed: RuleSet,
  inForce: RuleSet | undefined,
): { readonly ruleSet: RuleSet; readonly problems: readonly RuleProblem[] } {
  const running = [...(inForce?.matches ?? []), ...(inForce?.correlations ?? [])]
  const known = new Set(running.filter(({ alerts }) => alerts).map(({ meta }) => meta.id))
  const told = [...proposed.matches, ...proposed.correlations].filter(({ alerts }) => alerts)
  const ids = told.map(({ meta }) => meta.id)
  const problems = ids
    .filter((id) => !known.has(id))
    .map((id): RuleProblem => ({
      code: 'RULE_UNKNOWN',
      message: `No rule of the id "${id}" is running: all that it finds counts as added.`,
      severity: 'warning',
    }))
  const none: RuleSet = { hash: '', matches: [], correlations: [] }
  return { ruleSet: rulesOfIds(inForce ?? none, new Set(ids)), problems }
}

interface CompiledRules {
  readonly ruleSet: RuleSet
  readonly adHoc: boolean
  readonly problems: readonly RuleProblem[]
}

function compileRules(rules: HuntRules, nowMs: number): Result<CompiledRules> {
  if (rules.eql !== undefined) return ofQuery(compileEql(rules.eql, { id: 'eql' }))
  if (rules.kql !== undefined) return ofQuery(compileKql(rules.kql, { id: 'kql', nowMs }))
  const { pipeline, ignoreLogsource, adHoc } = rules
  const { ruleSet, reports, problems } = readRules(rules.files ?? [], { pipeline, ignoreLogsource })
  const found = [
    ...problems,
    ...reports.flatMap((report) =>
      report.problems.map((one) => ({ ...one, at: { file: report.path, ...one.at } })),
    ),
  ].filter(({ severity }) => severity === 'error')
  if (ruleSet.matches.length + ruleSet.correlations.length > 0) {
    return ok({ ruleSet, adHoc, problems: found })
  }
  return fail(found[0] ?? { code: 'RULE_INVALID', message: 'There is no rule to hunt with.' })
}

function ofQuery(compiled: Result<CompiledQuery>): Result<CompiledRules> {
  if (!compiled.ok) return compiled
  const { matches, correlation } = compiled.value
  const correlations = correlation === undefined ? [] : [correlation]
  return ok({ ruleSet: { hash: 'ad-hoc', matches, correlations }, adHoc: true, problems: [] })
}
