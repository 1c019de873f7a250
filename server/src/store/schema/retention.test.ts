import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { p, sql } from '../sql.ts'
import { TEST_DAY_MS, openStoreFixture } from '../testing/store-fixture.ts'
import type { StoreFixture } from '../testing/store-fixture.ts'
import { prepareSchema } from './migrate.ts'
import { dropExpired } from './retention.ts'

const DAY_MS = 86_400_000
let store: StoreFixture
beforeAll(async () => {
  store = await openStoreFixture()
})
afterAll(() => store.close())
beforeEach(async () => {
  const admin = store.engine.client('admin')
  await admin.command(sql`TRUNCATE TABLE picket.events`)
  for (const ago of [0, 1, 2, 30]) {
    const ms = p('Int64', TEST_DAY_MS - ago * DAY_MS)
    await admin.command(sql`INSERT INTO picket.events (id, ingest_day)
      SELECT 'x', toDate(fromUnixTimestamp64Milli(${ms}, 'UTC'))`)
  }
})

async function days(): Promise<unknown[]> {
  const found = await store.engine.client('reader').query(sql`
    SELECT toString(ingest_day) FROM picket.events ORDER BY ingest_day`)
  return found.rows.map((row) => row[0])
}

test('whole days of ingest expire', async () => {
  const admin = store.engine.client('admin')
  const dropped = await dropExpired(admin, { keepDays: 1, nowMs: TEST_DAY_MS + 5_000 })
  expect(dropped).toEqual([
    { table: 'events', day: '20261023', rows: 1 },
    { table: 'events', day: '20261120', rows: 1 },
  ])
  expect(await days()).toEqual(['2026-11-21', '2026-11-22'])
  expect(await dropExpired(admin, { keepDays: 1, nowMs: TEST_DAY_MS })).toEqual([])
})

test('a clock that leaps ahead makes nothing expire before its time', async () => {
  await dropExpired(store.engine.client('admin'), {
    keepDays: 2,
    nowMs: TEST_DAY_MS + 900 * DAY_MS,
  })
  expect(await days()).toEqual(['2026-11-21', '2026-11-22'])
})

test('the tables of a newer version are left alone', async () => {
  const admin = store.engine.client('admin')
  await prepareSchema(admin)
  await admin.command(sql`INSERT INTO picket.migrations (version, name) VALUES (999, 'later')`)
  await expect(prepareSchema(admin)).rejects.toMatchObject({
    problem: { code: 'STORE_SCHEMA_NEWER' },
  })
  await admin.command(sql`DELETE FROM picket.migrations WHERE version = 999`)
})
