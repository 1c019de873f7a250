import { ownText } from '../base/own-text.ts'
import type { Condition, Expr } from '../model/condition.ts'
import type { Correlation, CountCondition } from '../model/correlation.ts'
import type { EcsDoc } from '../model/event.ts'
import type { MatchRule } from '../model/rule.ts'
import { textsOf } from './group-key.ts'

const FIELDS_MAX = 16
const VALUES_MAX = 8
const VALUE_CHARS_MAX = 256

export type Why = Readonly<Record<string, readonly string[]>>

/** The fields that a rule names as notable or looks at, with what the event holds there. */
export function whyMatched(rule: MatchRule, doc: EcsDoc): Why {
  const paths = new Set<string>()
  for (const path of rule.fields) paths.add(path)
  collectPaths(rule.condition, paths)
  const why: Record<string, readonly string[]> = {}
  for (const path of paths) {
    if (Object.keys(why).length >= FIELDS_MAX) break
    const texts = textsOf(doc, path)
    if (texts.length > 0) why[path] = texts.slice(0, VALUES_MAX).map(short)
  }
  return why
}

function short(text: string): string {
  return text.length <= VALUE_CHARS_MAX ? ownText(text) : `${text.slice(0, VALUE_CHARS_MAX)}…`
}

/** Paths named by the condition, outside negations (what must not hold explains nothing). */
function collectPaths(condition: Condition, paths: Set<string>): void {
  switch (condition.kind) {
    case 'field':
      paths.add(condition.path)
      return
    case 'nested':
      paths.add(condition.path)
      return
    case 'expr':
      collectExpr(condition.expr, paths)
      return
    case 'and':
    case 'or':
      for (const part of condition.parts) collectPaths(part, paths)
      return
    case 'not':
    case 'anywhere':
    case 'fields':
    case 'always':
    case 'never':
      return
  }
}

function collectExpr(expr: Expr, paths: Set<string>): void {
  if (expr.kind === 'path') paths.add(expr.path)
  else if (expr.kind === 'condition') collectPaths(expr.condition, paths)
  else if (expr.kind === 'call') for (const part of expr.args) collectExpr(part, paths)
}

/** A correlation in words: `event_count gte 10 within 5m`. */
export function describeCorrelation(correlation: Correlation): string {
  switch (correlation.type) {
    case 'event_count':
    case 'value_count':
    case 'value_sum':
    case 'value_avg':
    case 'value_percentile':
    case 'value_median': {
      const of = correlation.fields.length > 0 ? ` of ${correlation.fields.join(', ')}` : ''
      const more = (correlation.cardinality ?? []).map(
        ({ field, condition }) => `, distinct ${field} ${conditionText(condition)}`,
      )
      const limit = conditionText(correlation.condition)
      return `${correlation.type}${of} ${limit}${more.join('')} ${within(correlation.timespanMs)}`
    }
    case 'temporal':
    case 'temporal_ordered':
      return `${correlation.type} ${within(correlation.timespanMs)}`
    case 'sequence': {
      const span = correlation.maxspanMs
      const of = `sequence of ${correlation.stages.length}`
      return span === undefined ? of : `${of} ${within(span)}`
    }
    case 'sample':
      return `sample of ${correlation.stages.length}`
    case 'first_seen':
      return `first seen in ${duration(correlation.historyMs)}: ${correlation.fields.join(', ')}`
    case 'absence':
      return `nothing for ${duration(correlation.timespanMs)}`
  }
}

function conditionText(condition: CountCondition): string {
  return Object.entries(condition)
    .map(([op, value]) => `${op} ${value as number}`)
    .join(' and ')
}

function within(ms: number): string {
  return `within ${duration(ms)}`
}

export function duration(ms: number): string {
  if (ms % 86_400_000 === 0) return `${ms / 86_400_000}d`
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000}h`
  if (ms % 60_000 === 0) return `${ms / 60_000}m`
  return `${ms / 1_000}s`
}
