import type { Correlation } from '../../model/correlation.ts'
import type { RuleProblem } from '../../model/rule.ts'
import { countFault } from '../count-limit.ts'
import { nearest } from '../nearest.ts'
import type { Aggregation, ConditionTree } from './condition.ts'
import type { SigmaRule } from './documents.ts'
import type { FieldPaths } from './lower.ts'
import { PathChoices } from './path-choices.ts'

/** Old functions after `|` and the correlation types that do the same. */
const FUNCTIONS = {
  count: 'event_count',
  sum: 'value_sum',
  avg: 'value_avg',
} as const

/** A day: what the old converters searched over when a rule named no time. */
const DEFAULT_TIMEFRAME_MS = 86_400_000

type Legacy = Exclude<Aggregation, { readonly kind: 'near' }>

/**
 * `… | count(field) by key > n` of Sigma 1, as a correlation over the part before the bar.
 * Undefined, with a problem, where the meaning is not clear (`min`, `max`, a missing field).
 */
export function lowerAggregation(
  rule: SigmaRule,
  legacy: Legacy,
  { input, paths }: { readonly input: string; readonly paths: FieldPaths },
): Correlation | undefined {
  const at = rule.conditions[0]?.place ?? rule.place
  const refuse = (message: string, hint?: string): undefined => {
    const problem: RuleProblem = {
      code: 'RULE_UNSUPPORTED',
      message,
      at,
      ...(hint === undefined ? {} : { hint }),
      severity: 'error',
    }
    rule.problems.push(problem)
    return undefined
  }
  const name = Object.keys(FUNCTIONS).find((each) => each === legacy.name)
  if (name === undefined) {
    const guess = nearest(legacy.name, Object.keys(FUNCTIONS))
    const hint = guess === undefined ? undefined : `did you mean "${guess}"?`
    return refuse(`The old function "${legacy.name}" is not translated.`, hint)
  }
  if (name !== 'count' && legacy.field === null) return refuse(`"${name}" needs a field.`)
  const counted = name === 'count' && legacy.field !== null
  const type = counted ? 'value_count' : FUNCTIONS[name as keyof typeof FUNCTIONS]
  const condition = { [legacy.op]: legacy.bound }
  const fault = countFault({ type, condition })
  if (fault !== undefined) return refuse(fault)
  const choices = new PathChoices()
  const pathOf = (field: string): string => choices.first(paths(field), field)
  const correlation: Correlation = {
    type,
    inputs: [input],
    groupBy: legacy.by.map((field) => ({ name: field, path: pathOf(field) })),
    timespanMs: rule.timeframeMs ?? DEFAULT_TIMEFRAME_MS,
    condition,
    fields: legacy.field === null ? [] : [pathOf(legacy.field)],
  }
  return { ...correlation, ...choices.toField() }
}

/** What `… | near a and b` asks for besides the part before the bar: names that must all occur. */
export function nearNames(tree: ConditionTree): readonly string[] | undefined {
  if (tree.kind === 'name') return [tree.name]
  if (tree.kind !== 'and') return undefined
  const names: string[] = []
  for (const part of tree.parts) {
    if (part.kind !== 'name') return undefined
    names.push(part.name)
  }
  return names
}

export function nearCorrelation(rule: SigmaRule, inputs: readonly string[]): Correlation {
  return {
    type: 'temporal',
    inputs,
    groupBy: [],
    timespanMs: rule.timeframeMs ?? DEFAULT_TIMEFRAME_MS,
  }
}
