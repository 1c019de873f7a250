import type { CorrelationRule, MatchRule, RuleSet } from '../model/rule.ts'

/** Some rules and what feeds them; these alert, even where they otherwise only feed others, and no others do. */
export function rulesOfIds(ruleSet: RuleSet, ids: ReadonlySet<string>): RuleSet {
  const wanted = new Set(ids)
  for (let size = 0; size !== wanted.size;) {
    size = wanted.size
    for (const rule of ruleSet.correlations) {
      if (!wanted.has(rule.meta.id)) continue
      for (const input of rule.correlation.inputs) wanted.add(input)
    }
  }
  const chosen = <T extends MatchRule | CorrelationRule>(rules: readonly T[]): T[] =>
    rules
      .filter((rule) => wanted.has(rule.meta.id))
      .map((rule) => ({ ...rule, alerts: ids.has(rule.meta.id) }))
  return {
    hash: `${ruleSet.hash}/${[...ids].toSorted().join()}`,
    matches: chosen(ruleSet.matches),
    correlations: chosen(ruleSet.correlations),
  }
}
