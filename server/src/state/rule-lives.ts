import type { RuleLife } from '../model/desks.ts'
import type { State } from './state.ts'
import type { Db } from './tables.ts'

export async function readRuleLives(state: State, db: Db): Promise<ReadonlyMap<string, RuleLife>> {
  const rows = await db
    .selectFrom('rule_life')
    .select(['rule_id', 'life'])
    .where('tenant', '=', state.tenant)
    .execute()
  return new Map(rows.map((row) => [row.rule_id, row.life as RuleLife]))
}

/** Undefined: as the rule's file says. */
export async function saveRuleLife(
  state: State,
  db: Db,
  change: {
    readonly ruleId: string
    readonly life: RuleLife | undefined
    readonly by: string
    readonly atMs: number
  },
): Promise<void> {
  const { ruleId, life, by, atMs } = change
  if (life === undefined) {
    await db
      .deleteFrom('rule_life')
      .where('tenant', '=', state.tenant)
      .where('rule_id', '=', ruleId)
      .execute()
    return
  }
  const values = { life, changed_by: by, changed_ms: atMs }
  await db
    .insertInto('rule_life')
    .values({ tenant: state.tenant, rule_id: ruleId, ...values })
    .onConflict((conflict) => conflict.columns(['tenant', 'rule_id']).doUpdateSet(values))
    .execute()
}
