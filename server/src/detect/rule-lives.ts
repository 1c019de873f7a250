import { sha256Hex } from '../base/hash.ts'
import type { RuleLife } from '../model/desks.ts'
import type { CorrelationRule, MatchRule, RuleSet } from '../model/rule.ts'

/** What was set for rules, whatever their files say. */
export type Lives = ReadonlyMap<string, RuleLife>

/** A disabled rule says nothing; it still runs where it feeds one that does. */
export function withLives(ruleSet: RuleSet, lives: Lives): RuleSet {
  if (lives.size === 0) return ruleSet
  const apply = <R extends MatchRule | CorrelationRule>(rule: R): R => {
    const life = lives.get(rule.meta.id)
    if (life === undefined) return rule
    if (life === 'disabled') return { ...rule, alerts: false }
    return { ...rule, meta: { ...rule.meta, life } }
  }
  let correlations = ruleSet.correlations.map(apply)
  const disabled = (rule: MatchRule | CorrelationRule): boolean =>
    lives.get(rule.meta.id) === 'disabled'
  // From the end of each chain backwards: what is disabled and feeds nothing goes.
  for (;;) {
    const fed = new Set(correlations.flatMap(({ correlation }) => correlation.inputs))
    const left = correlations.filter((rule) => !disabled(rule) || fed.has(rule.meta.id))
    if (left.length === correlations.length) break
    correlations = left
  }
  const fed = new Set(correlations.flatMap(({ correlation }) => correlation.inputs))
  const matches = ruleSet.matches
    .map(apply)
    .filter((rule) => !disabled(rule) || fed.has(rule.meta.id))
  const hash = sha256Hex(
    `${ruleSet.hash} ${JSON.stringify([...lives].sort(([a], [b]) => (a < b ? -1 : 1)))}`,
  )
  return { hash, matches, correlations }
}
