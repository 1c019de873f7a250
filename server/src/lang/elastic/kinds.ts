import type { Problem } from '../../base/problems.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { Condition } from '../../model/condition.ts'
import type { Correlation, GroupField } from '../../model/correlation.ts'
import type { CorrelationRule, MatchRule, RuleMeta } from '../../model/rule.ts'
import { allOf } from '../conditions.ts'
import { countFault } from '../count-limit.ts'
import { compileEql } from '../eql/compile.ts'
import { compileKqlCondition } from '../kql/compile.ts'
import { compileLucene } from '../lucene/compile.ts'
import type { ElasticRuleText } from './file.ts'
import { notableFields } from './meta.ts'

/** What a rule comes to. */
export interface Lowered {
  readonly matches: readonly MatchRule[]
  readonly correlations: readonly CorrelationRule[]
}

export function eqlRule(rule: ElasticRuleText, meta: RuleMeta, around: Condition): Result<Lowered> {
  const compiled = compileEql(rule.query ?? '', {
    meta,
    ...(rule.event_category_override === undefined
      ? {}
      : { eventCategoryField: rule.event_category_override }),
  })
  if (!compiled.ok) return compiled
  const { matches, correlation, pipes } = compiled.value
  if (pipes.length > 0) {
    const names = pipes.map(({ kind, count }) => `“| ${kind} ${count}”`).join(' and ')
    return fail({
      code: 'RULE_UNSUPPORTED',
      message: `A rule sees events without end, so ${names} has no meaning in it.`,
      hint: 'leave it out: hits of one group that follow each other are one alert',
    })
  }
  const groupBy = rule.alert_suppression?.group_by ?? []
  return ok({
    matches: matches.map((match) => ({
      ...match,
      ...(match.alerts ? alertParts(rule, groupBy) : {}),
      fields: notableFields(rule),
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
    groupBy: [],
    ...(alerts ? alertParts(rule, rule.alert_suppression?.group_by ?? []) : {}),
    fields: notableFields(rule),
  })
}

/** How the alerts of a match rule are grouped, and how long they wait for more. */
function alertParts(rule: ElasticRuleText, groupBy: readonly string[]) {
  const duration = rule.alert_suppression?.duration
  const unitMs = UNIT_MS[duration?.unit ?? ''] ?? 0
  return { groupBy, ...(duration === undefined ? {} : { gapMs: duration.value * unitMs }) }
}

export function queryRule(
  rule: ElasticRuleText,
  meta: RuleMeta,
  around: Condition,
): Result<Lowered> {
  const match = matchRule(rule, meta, around, true)
  return match.ok ? ok({ matches: [match.value], correlations: [] }) : match
}

function correlated(match: Result<MatchRule>, meta: RuleMeta, of: (input: string) => Correlation) {
  if (!match.ok) return match
  const correlation = of(match.value.meta.id)
  const rule: CorrelationRule = { kind: 'correlation', meta, correlation, alerts: true }
  return ok({ matches: [match.value], correlations: [rule] })
}

export function thresholdRule(
  rule: ElasticRuleText,
  meta: RuleMeta,
  around: Condition,
): Result<Lowered> {
  const { threshold } = rule
  if (threshold === undefined) return fail(missingPart('threshold', 'rule.threshold'))
  const timespanMs = lookBackMs(rule.from)
  if (timespanMs === undefined) return fail(badTime(rule.from, 'rule.from'))
  const condition = { gte: threshold.value }
  const cardinality = threshold.cardinality.map(({ field, value }) => ({
    field,
    condition: { gte: value },
  }))
  const fault = countFault({ type: 'event_count', condition, cardinality })
  if (fault !== undefined) {
    return fail({ code: 'RULE_LIMIT', message: fault, at: { field: 'rule.threshold.value' } })
  }
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

export function newTermsRule(
  rule: ElasticRuleText,
  meta: RuleMeta,
  around: Condition,
): Result<Lowered> {
  const { new_terms: terms } = rule
  const fields = terms?.value ?? rule.new_terms_fields
  if (fields === undefined) return fail(missingPart('new_terms', 'rule.new_terms'))
  const start = terms?.history_window_start[0]?.value ?? rule.history_window_start ?? ''
  const historyMs = lookBackMs(start)
  if (historyMs === undefined) {
    const table = terms === undefined ? 'rule' : 'rule.new_terms'
    return fail(badTime(start, `${table}.history_window_start`))
  }
  return correlated(matchRule(rule, meta, around, false), meta, (input) => ({
    type: 'first_seen',
    inputs: [input],
    groupBy: [],
    fields,
    historyMs,
    learnMs: historyMs,
    perValue: true,
  }))
}

function groupField(path: string): GroupField {
  return { name: path, path }
}

function badTime(text: string, field: string): Problem {
  const message = `“${text}” is no time before now, such as now-9m.`
  return { code: 'RULE_INVALID', message, at: { field } }
}

function missingPart(type: string, table: string): Problem {
  const message = `A rule of type “${type}” has a part [${table}].`
  return { code: 'RULE_INVALID', message, at: { field: table } }
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
