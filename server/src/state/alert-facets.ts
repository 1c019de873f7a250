import { type AlertState, SEVERITIES, type Severity } from '../model/alert.ts'
import { type AlertFilter, filteredAlerts } from './alert-list.ts'
import type { State } from './state.ts'
import type { Db } from './tables.ts'

const RULES_MAX = 100

export interface AlertFacets {
  readonly total: number
  readonly open: number
  readonly severity: Readonly<Record<Severity, number>>
  readonly state: Readonly<Record<AlertState, number>>
  /** Those with the most alerts first. */
  readonly rules: readonly { readonly id: string; readonly name: string; readonly count: number }[]
  /** There are more rules than are listed. */
  readonly moreRules: boolean
}

/** How the alerts of a filter are spread; what the filter leaves out is in no number. */
export async function facetAlerts(state: State, db: Db, filter: AlertFilter): Promise<AlertFacets> {
  const spread = await filteredAlerts(state, db, filter)
    .select((eb) => ['severity', 'state', 'open', eb.fn.countAll<number>().as('count')])
    .groupBy(['severity', 'state', 'open'])
    .execute()
  const severity = { informational: 0, low: 0, medium: 0, high: 0, critical: 0 }
  const states = { provisional: 0, final: 0, amended: 0, retracted: 0 }
  let [total, open] = [0, 0]
  for (const row of spread) {
    const count = Number(row.count)
    total += count
    if (row.open === 1) open += count
    severity[SEVERITIES[row.severity] ?? 'medium'] += count
    states[row.state as AlertState] += count
  }
  const rules = await filteredAlerts(state, db, filter)
    .select((eb) => [
      'rule_id as id',
      eb.fn.max('rule_name').as('name'),
      eb.fn.countAll<number>().as('count'),
    ])
    .groupBy('rule_id')
    .orderBy('count', 'desc')
    .orderBy('rule_id')
    .limit(RULES_MAX + 1)
    .execute()
  return {
    ...{ total, open, severity, state: states, moreRules: rules.length > RULES_MAX },
    rules: rules.slice(0, RULES_MAX).map((rule) => ({ ...rule, count: Number(rule.count) })),
  }
}
