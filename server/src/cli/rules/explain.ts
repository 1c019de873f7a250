import { decodeKey } from '../../correlate/group-key.ts'
import { groupNames, namedGroup, projection } from '../../correlate/project.ts'
import { describeCorrelation } from '../../correlate/why.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { CorrelationRule, MatchRule, RuleSet } from '../../model/rule.ts'
import { explain, type Explanation } from '../../rule/explain.ts'

/** Why one rule does or does not look at an event; `holds`: it does. */
export interface RuleExplanation {
  readonly rule: string
  readonly title: string
  readonly kind: string
  readonly holds: boolean
  readonly parts: readonly Explanation[]
}

/**
 * Every rule of a set on one event: match rules clause by clause, correlations by their inputs, with
 * the group and the value that the event would be counted under, or the field that it lacks.
 */
export function explainRules(ruleSet: RuleSet, event: EcsDoc): RuleExplanation[] {
  const matching = new Map<string, boolean | 'correlation'>()
  const explained = ruleSet.matches.map((rule) => {
    const explanation = explain(rule.condition, event)
    matching.set(rule.meta.id, explanation.holds)
    return of(rule, 'match', [explanation])
  })
  for (const rule of ruleSet.correlations) {
    const explanation = explainCorrelation(rule, event, matching)
    matching.set(rule.meta.id, 'correlation')
    explained.push(of(rule, rule.correlation.type, [explanation]))
  }
  return explained
}

function of(
  rule: MatchRule | CorrelationRule,
  kind: string,
  parts: readonly Explanation[],
): RuleExplanation {
  const holds = parts.every((part) => part.holds)
  return { rule: rule.meta.id, title: rule.meta.title, kind, holds, parts }
}

function explainCorrelation(
  rule: CorrelationRule,
  event: EcsDoc,
  matching: ReadonlyMap<string, boolean | 'correlation'>,
): Explanation {
  const { correlation } = rule
  const inputs = [...new Set(correlation.inputs)]
  const parts = inputs.map((input) => explainInput(rule, input, { event, matching }))
  const holds = parts.some((part) => part.holds)
  return { text: describeCorrelation(correlation), holds, parts }
}

function explainInput(
  { correlation }: CorrelationRule,
  input: string,
  on: { readonly event: EcsDoc; readonly matching: ReadonlyMap<string, boolean | 'correlation'> },
): Explanation {
  const role = roleOf(correlation, input)
  const leaf = (text: string, holds: boolean): Explanation => {
    return { text: `${text}${role}`, holds, parts: [] }
  }
  const matches = on.matching.get(input)
  if (matches === undefined) return leaf(`${input} is no rule here`, false)
  if (matches === 'correlation') return leaf(`${input} is made of several events`, false)
  if (!matches) return leaf(`${input} does not match`, false)
  const counted = projection(correlation, input)(on.event)
  if (counted.length === 0) {
    const paths = keyPaths(correlation, input)
    return leaf(`${input} matches, but the event has no ${paths.join(', ')} to group by`, false)
  }
  const names = groupNames(correlation)
  const groups = counted.map(({ key }) => JSON.stringify(namedGroup(names, decodeKey(key))))
  const group = names.length === 0 ? 'all events together' : `group ${groups.join(', ')}`
  const fields = 'fields' in correlation ? correlation.fields : []
  if (fields.length === 0) return leaf(`${input} matches; ${group}`, true)
  const values = counted[0]?.values ?? []
  if (values.length === 0) {
    return leaf(`${input} matches, but the event has no ${fields.join(', ')} to measure`, false)
  }
  return leaf(`${input} matches; ${group}; value ${values.join(', ')}`, true)
}

function untilOf(correlation: CorrelationRule['correlation']) {
  return correlation.type === 'sequence' && correlation.until !== undefined
    ? [correlation.until]
    : []
}

/** What it means for a sequence that the rule matches, where it is not what is looked for. */
function roleOf(correlation: CorrelationRule['correlation'], input: string): string {
  if (correlation.type !== 'sequence') return ''
  if (correlation.until?.input === input) return ' (it would end what is under way)'
  const stage = correlation.stages.find((one) => one.input === input)
  return stage?.missing === true ? ' (it must not occur)' : ''
}

function keyPaths(correlation: CorrelationRule['correlation'], input: string): string[] {
  if (correlation.type === 'sequence' || correlation.type === 'sample') {
    const stages = [...correlation.stages, ...untilOf(correlation)]
    const stage = stages.find((one) => one.input === input)
    return (stage?.by ?? []).filter(({ optional }) => !optional).map(({ path }) => path)
  }
  return correlation.groupBy.map(({ path, paths }) => paths?.[input] ?? path)
}
