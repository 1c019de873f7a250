import type { State } from './state.ts'
import type { Db } from './tables.ts'

/** Adds to a count that outlives the process. */
export async function addTally(
  state: State,
  db: Db,
  name: string,
  counts: Readonly<Record<string, number>>,
): Promise<void> {
  for (const [label, count] of Object.entries(counts)) {
    if (count === 0) continue
    await db
      .insertInto('tally')
      .values({ tenant: state.tenant, name, label, count })
      .onConflict((conflict) =>
        conflict
          .columns(['tenant', 'name', 'label'])
          .doUpdateSet((eb) => ({ count: eb('tally.count', '+', count) })),
      )
      .execute()
  }
}

export async function readTally(
  state: State,
  db: Db,
  name: string,
): Promise<ReadonlyMap<string, number>> {
  const rows = await db
    .selectFrom('tally')
    .select(['label', 'count'])
    .where('tenant', '=', state.tenant)
    .where('name', '=', name)
    .execute()
  return new Map(rows.map((row) => [row.label, row.count]))
}
