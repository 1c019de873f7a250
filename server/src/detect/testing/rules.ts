import type { Condition } from '../../model/condition.ts'
import type { Correlation } from '../../model/correlation.ts'
import type { SecurityEvent } from '../../model/event.ts'
import type { CorrelationRule, MatchRule, RuleMeta, RuleSet } from '../../model/rule.ts'

export function meta(id: string, hash = `hash of ${id}`): RuleMeta {
  return {
    id,
    title: `Rule ${id}`,
    language: 'sigma',
    author: 'Picket',
    severity: 'high',
    life: 'live',
    hash,
    tags: [],
    references: [],
    falsepositives: [],
    response: [],
  }
}

/** Matches events whose `event.action` is the given word. */
export function actionRule(
  id: string,
  action: string,
  options: Partial<MatchRule> = {},
): MatchRule {
  const condition: Condition = {
    kind: 'field',
    path: 'event.action',
    test: { kind: 'equals', value: action, cased: true },
  }
  return {
    kind: 'match',
    meta: meta(id),
    condition,
    alerts: false,
    groupBy: [],
    fields: [],
    ...options,
  }
}

export function correlationRule(id: string, correlation: Correlation): CorrelationRule {
  return { kind: 'correlation', meta: meta(id), correlation, alerts: true }
}

export function ruleSet(
  matches: readonly MatchRule[],
  correlations: readonly CorrelationRule[] = [],
  hash = 'set',
): RuleSet {
  return { hash, matches, correlations }
}

export const bySource = [{ name: 'source.ip', path: 'source.ip' }]

export function eventOf(
  id: string,
  timeMs: number,
  fields: { readonly action: string; readonly ip?: string; readonly client?: string },
): SecurityEvent {
  const { action, ip, client } = fields
  return {
    id,
    time: timeMs,
    doc: {
      '@timestamp': new Date(timeMs).toISOString(),
      event: { id, action },
      ...(ip !== undefined && { source: { ip } }),
      ...(client !== undefined && { iot: { mqtt: { client_id: client } } }),
    },
  }
}
