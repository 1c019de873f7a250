import { sha256Hex } from '../base/hash.ts'
import type { RuleLife } from '../model/desks.ts'
import type { CorrelationRule, MatchRule, RuleSet } from '../model/rule.ts'

/** What was set for rules, whatever their files say. */
export type Lives = ReadonlyMap<string, RuleLife>

/** A disabled rule and a draft say nothing; they still run where they feed one that does. */
export function withLives(ruleSet: RuleSet, lives: Lives): RuleSet {
  const all = [...ruleSet.matches, ...ruleSet.correlations]
  if (lives.size === 0 && !all.some(({ meta }) => meta.life === 'draft')) return ruleSet
  const disabled = ({ meta }: MatchRule | CorrelationRule): boolean => {
    const life = lives.get(meta.id) ?? meta.life
    return life === 'disabled' || life === 'draft'
  }
  const apply = <R extends MatchRule | CorrelationRule>(rule: R): R => {
    const life = lives.get(rule.meta.id)
    if (disabled(rule)) return { ...rule, alerts: false }
    if (life === undefined || life === 'disabled') return rule
    return { ...rule, meta: { ...rule.meta, life } }
  }
  let correlations = ruleSet.correlations.map(apply)
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
