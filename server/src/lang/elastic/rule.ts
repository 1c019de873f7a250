import { countFault } from '../count-limit.ts'
import type { Problem } from '../../base/problems.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { Condition } from '../../model/condition.ts'
import type { Correlation, GroupField } from '../../model/correlation.ts'
import type { CorrelationRule, MatchRule, RuleMeta, RuleTest } from '../../model/rule.ts'
import { allOf, notOf } from '../conditions.ts'
import { compileEql } from '../eql/compile.ts'
import { compileKqlCondition } from '../kql/compile.ts'
import { compileLucene } from '../lucene/compile.ts'
import { QueryError } from '../syntax.ts'
import { elasticCases } from './cases.ts'
import { exceptionCondition } from './exceptions.ts'
import { readElasticFile, type ElasticRuleText, type ExceptionItem } from './file.ts'
import { filterCondition } from './filters.ts'
import { elasticMeta } from './meta.ts'

/** A rule file of Elastic's repository, read: what runs, or why it does not. */
export interface ElasticRule {
  /** Undefined for a file of exceptions only. */
  readonly meta: RuleMeta | undefined
  readonly matches: readonly MatchRule[]
  readonly correlations: readonly CorrelationRule[]
  readonly problems: readonly Problem[]
  readonly tests: readonly RuleTest[]
  /** Exceptions kept in a file of their own, for the rules of these ids. */
  readonly exceptions: readonly {
    readonly ruleIds: readonly string[]
    readonly except: Condition
  }[]
}

const NOT_HERE: Readonly<Record<string, string>> = {
  esql: 'ES|QL needs Elasticsearch’s own engine',
  machine_learning: 'it reads the results of a machine learning job of Elasticsearch',
  threat_match: 'it joins events with an index of threat indicators',
}

/**
 * Reads a rule file as Elastic publishes it: types `eql`, `query` (KQL, Lucene), `threshold` with
 * cardinality and `new_terms`; severity, risk, ATT&CK, exceptions, look-back. What cannot run comes
 * back with its reason as a problem (RULE_UNSUPPORTED); nothing is thrown.
 */
export function parseElasticRule(text: string, path: string): ElasticRule {
  const none = { matches: [], correlations: [], exceptions: [], tests: [] }
  const read = readElasticFile(text, path)
  if (!read.ok) return { ...none, meta: undefined, problems: [read.problem] }
  const file = read.value
  const problems: Problem[] = []
  const exceptions = file.exceptions.flatMap(({ items }) =>
    items.flatMap((item) => {
      const except = attempt(() => exceptionCondition(item))
      if (except.ok) return [{ ruleIds: file.metadata.rule_ids, except: except.value }]
      problems.push({ ...except.problem, at: { file: path } })
      return []
    }),
  )
  const { rule } = file
  if (rule === undefined) {
    if (exceptions.length === 0 && problems.length === 0) {
      problems.push({
        code: 'RULE_INVALID',
        message: 'No rule is in the file.',
        at: { file: path },
      })
    }
    return { ...none, meta: undefined, problems, exceptions }
  }
  const meta = elasticMeta(rule, file, { text, path })
  const lowered = lowerRule(rule, meta)
  if (lowered.ok) {
    const cases = elasticCases(file.tests, lowered.value, { text, path })
    problems.push(...cases.problems)
    return { meta, ...lowered.value, problems, exceptions, tests: cases.tests }
  }
  problems.push(placed(lowered.problem, text, path))
  return { ...none, meta, problems, exceptions }
}

interface Lowered {
  readonly matches: readonly MatchRule[]
  readonly correlations: readonly CorrelationRule[]
}

function lowerRule(rule: ElasticRuleText, meta: RuleMeta): Result<Lowered> {
  const reason = NOT_HERE[rule.type] ?? (rule.language === 'esql' ? NOT_HERE['esql'] : undefined)
  if (reason !== undefined) {
    const message = `Rules of type “${rule.type}” do not run here: ${reason}.`
    return fail({ code: 'RULE_UNSUPPORTED', message })
  }
  const around = attempt(() => surroundings(rule))
  if (!around.ok) return around
  switch (rule.type) {
    case 'eql':
      return eqlRule(rule, meta, around.value)
    case 'query':
    case 'saved_query':
      return queryRule(rule, meta, around.value)
    case 'threshold':
      return thresholdRule(rule, meta, around.value)
    case 'new_terms':
      return newTermsRule(rule, meta, around.value)
    default:
      return fail({
        code: 'RULE_UNSUPPORTED',
        message: `Rules of type “${rule.type}” are not known.`,
      })
  }
}

function attempt<T>(work: () => T): Result<T> {
  try {
    return ok(work())
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    return fail({ code: 'RULE_UNSUPPORTED', message: error.message })
  }
}

/** What holds besides the query: the filters, and none of the exceptions. */
function surroundings(rule: ElasticRuleText): Condition {
  const items: ExceptionItem[] = rule.exceptions_list.flatMap(({ items: list }) => list ?? [])
  const filters = rule.filters.map(filterCondition)
  return allOf([...filters, ...items.map((item) => notOf(exceptionCondition(item)))])
}

function eqlRule(rule: ElasticRuleText, meta: RuleMeta, around: Condition): Result<Lowered> {
  const compiled = compileEql(rule.query ?? '', {
    meta,
    ...(rule.event_category_override === undefined
      ? {}
      : { eventCategoryField: rule.event_category_override }),
  })
  if (!compiled.ok) return compiled
  const { matches, correlation, pipes } = compiled.value
  if (pipes.length > 0) {
    return fail({ code: 'RULE_UNSUPPORTED', message: 'A rule that is deployed has no pipes.' })
  }
  const groupBy = rule.alert_suppression?.group_by ?? []
  return ok({
    matches: matches.map((match) => ({
      ...match,
      groupBy: match.alerts ? groupBy : [],
      condition: allOf([match.condition, around]),
    })),
    correlations: correlation === undefined ? [] : [correlation],
  })
}

function queryCondition(rule: ElasticRuleText): Result<Condition> {
  const query = rule.query ?? ''
  return rule.language === 'lucene' ? compileLucene(query) : compileKqlCondition(query)
}

function matchRule(
  rule: ElasticRuleText,
  meta: RuleMeta,
  around: Condition,
  alerts: boolean,
): Result<MatchRule> {
  const condition = queryCondition(rule)
  if (!condition.ok) return condition
  return ok({
    kind: 'match',
    meta: alerts ? meta : { ...meta, id: `${meta.id}#1` },
    condition: allOf([condition.value, around]),
    alerts,
    groupBy: alerts ? (rule.alert_suppression?.group_by ?? []) : [],
    fields: [],
  })
}

function queryRule(rule: ElasticRuleText, meta: RuleMeta, around: Condition): Result<Lowered> {
  const match = matchRule(rule, meta, around, true)
  return match.ok ? ok({ matches: [match.value], correlations: [] }) : match
}

function correlated(match: Result<MatchRule>, meta: RuleMeta, of: (input: string) => Correlation) {
  if (!match.ok) return match
  const correlation = of(match.value.meta.id)
  const rule: CorrelationRule = { kind: 'correlation', meta, correlation, alerts: true }
  return ok({ matches: [match.value], correlations: [rule] })
}

function thresholdRule(rule: ElasticRuleText, meta: RuleMeta, around: Condition): Result<Lowered> {
  const { threshold } = rule
  if (threshold === undefined) {
    return fail({ code: 'RULE_INVALID', message: 'A threshold rule has a part [rule.threshold].' })
  }
  const timespanMs = lookBackMs(rule.from)
  if (timespanMs === undefined) return fail(badTime(rule.from))
  const condition = { gte: threshold.value }
  const cardinality = threshold.cardinality.map(({ field, value }) => ({
    field,
    condition: { gte: value },
  }))
  const fault = countFault({ type: 'event_count', condition, cardinality })
  if (fault !== undefined) return fail({ code: 'RULE_LIMIT', message: fault })
  return correlated(matchRule(rule, meta, around, false), meta, (input) => ({
    type: 'event_count',
    inputs: [input],
    groupBy: threshold.field.filter((path) => path !== '').map(groupField),
    timespanMs,
    condition,
    fields: [],
    ...(cardinality.length === 0 ? {} : { cardinality }),
  }))
}

function newTermsRule(rule: ElasticRuleText, meta: RuleMeta, around: Condition): Result<Lowered> {
  const { new_terms: terms } = rule
  if (terms === undefined) {
    return fail({ code: 'RULE_INVALID', message: 'A new terms rule has a part [rule.new_terms].' })
  }
  const start = terms.history_window_start[0]?.value ?? ''
  const historyMs = lookBackMs(start)
  if (historyMs === undefined) return fail(badTime(start))
  return correlated(matchRule(rule, meta, around, false), meta, (input) => ({
    type: 'first_seen',
    inputs: [input],
    groupBy: [],
    fields: terms.value,
    historyMs,
    learnMs: historyMs,
    perValue: true,
  }))
}

function groupField(path: string): GroupField {
  return { name: path, path }
}

function badTime(text: string): Problem {
  return { code: 'RULE_INVALID', message: `“${text}” is no time before now, such as now-9m.` }
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
  M: 2_592_000_000,
}

/** How far back `now-9m` reaches, rounding left out. */
function lookBackMs(text: string): number | undefined {
  const found = /^now-(\d{1,6})([smhdwM])(?:\/[smhdwM])?$/.exec(text.trim())
  const unitMs = UNIT_MS[found?.[2] ?? '']
  return found === null || unitMs === undefined ? undefined : Number(found[1]) * unitMs
}

/** Places in the query are places in the file. */
function placed(problem: Problem, text: string, path: string): Problem {
  const line = problem.at?.line
  const start = queryLine(text)
  if (line === undefined || start === undefined) {
    return { ...problem, at: { ...problem.at, file: path, ...(start && { line: start }) } }
  }
  return { ...problem, at: { ...problem.at, file: path, line: line + start - 1 } }
}

/** The line that the query's text begins on. */
function queryLine(text: string): number | undefined {
  const lines = text.split('\n')
  const at = lines.findIndex((line) => /^\s*query\s*=/.test(line))
  if (at < 0) return undefined
  return /=\s*('''|""")\s*$/.test(lines[at] ?? '') ? at + 2 : at + 1
}
