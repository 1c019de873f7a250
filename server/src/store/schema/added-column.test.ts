import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSearch } from '../search/search.ts'
import { column, orUnfit } from '../search/where.ts'
import { p, sql } from '../sql.ts'
import { fillStore } from '../testing/fill.ts'
import { brokerEvent, openStoreFixture, TEST_DAY_MS } from '../testing/store-fixture.ts'
import type { StoreFixture } from '../testing/store-fixture.ts'
import { prepareSchema } from './migrate.ts'

let store: StoreFixture
beforeAll(async () => {
  store = await openStoreFixture()
})
afterAll(() => store.close())

test('rows that were written before a column are found by it, also what it cannot hold', async () => {
  const admin = store.engine.client('admin')
  const trace = '5b8aa5a2d2c872e8321cf37308d69df2'
  const old = [
    brokerEvent('old', TEST_DAY_MS, { trace: { id: trace } }),
    brokerEvent('old-list', TEST_DAY_MS, { trace: { id: [trace, 'b'] } }),
    brokerEvent('old-other', TEST_DAY_MS, { trace: { id: 'c' } }),
  ]
  const fresh = [
    brokerEvent('new', TEST_DAY_MS, { trace: { id: trace } }),
    brokerEvent('new-list', TEST_DAY_MS, { trace: { id: ['b', trace] } }),
    brokerEvent('new-none', TEST_DAY_MS),
  ]
  await fillStore(store.engine, [...old, ...fresh])
  // As the program before this one left them.
  await admin.command(
    sql`ALTER TABLE picket.events DROP COLUMN trace_id SETTINGS mutations_sync = 2`,
  )
  await admin.command(sql`ALTER TABLE picket.events UPDATE schema_version = 1,
    unfit = arrayFilter(name -> name != 'trace_id', unfit) WHERE startsWith(id, 'old') SETTINGS mutations_sync = 2`)
  await admin.command(sql`DELETE FROM picket.migrations WHERE version = 3`)
  await prepareSchema(admin)
  const search = createSearch(store.engine)
  const range = { fromMs: TEST_DAY_MS, toMs: TEST_DAY_MS + 1_000 }
  const found = await search.run({ template: 'recent', ...range, filters: { trace } })
  if (!found.ok) throw new Error(found.problem.message)
  const at = found.value.columns.indexOf('event.id')
  expect(
    found.value.rows
      .map((row) => row[at])
      .map(String)
      .toSorted(),
  ).toEqual([...['new', 'new-list', 'old', 'old-list']])

  const where = orUnfit('trace_id', sql`${column('trace_id')} = ${p('String', trace)}`)
  const seen: string[] = []
  for await (const batch of search.streamEvents({ ...range, where })) {
    seen.push(...batch.map(({ id }) => id))
  }
  expect(seen).toEqual(expect.arrayContaining(['new', 'new-list', 'old', 'old-list']))
  expect(seen).not.toContain('new-none')
})
