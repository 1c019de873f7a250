import { readFileSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { sql } from 'kysely'
import { afterEach, expect, test } from 'vitest'
import { SILENT } from '../base/log.ts'
import { ProblemError } from '../base/problems.ts'
import { alertsSince, countAlerts, isAlertVisible, listAlerts } from './alert-list.ts'
import { readAlert, readHistory, readStandings, writeAlerts, writeHistory } from './alerts.ts'
import { clearOutbox, queueOutbox, readOutbox, readPosition, savePosition } from './flow.ts'
import { openSqlite } from './sqlite.ts'
import { openState, type State } from './state.ts'
import { alertOf } from './testing/alerts.ts'
import { describeEngines, testSealer } from './testing/engines.ts'

const opened: State[] = []
afterEach(async () => {
  for (const state of opened.splice(0)) await state.close()
})

describeEngines('the state', (engine) => {
  const fresh = async (name: string): Promise<State> => {
    const state = await engine.open(name)
    opened.push(state)
    return state
  }

  test('opens twice: the migrations run once and the rows stay', async () => {
    const first = await fresh('twice')
    await first.transact((db) => savePosition(first, db, 'respond', 7))
    await first.close()
    const second = await fresh('twice')
    expect(await readPosition(second, second.db, 'respond')).toBe(7)
    expect(await readPosition(second, second.db, 'other')).toBe(0)
  })

  test('refuses what a newer version migrated', async () => {
    const state = await fresh('newer')
    await sql`insert into kysely_migration (name, timestamp) values ('9999-future', '2099')`.execute(
      state.db,
    )
    await state.close()
    await expect(engine.open('newer')).rejects.toThrow(/9999-future/)
  })

  test('a transaction that throws leaves nothing', async () => {
    const state = await fresh('rollback')
    const failing = state.transact(async (db) => {
      await savePosition(state, db, 'respond', 9)
      throw new Error('stop')
    })
    await expect(failing).rejects.toThrow('stop')
    expect(await readPosition(state, state.db, 'respond')).toBe(0)
  })

  test('keeps the current revision of an alert and its opening place', async () => {
    const state = await fresh('revisions')
    const one = alertOf()
    const two = alertOf({ revision: 4, severity: 'critical', count: 9, open: false })
    await state.transact((db) => writeAlerts(state, db, [{ alert: one, offset: 5, index: 2 }]))
    await state.transact((db) => writeAlerts(state, db, [{ alert: two, offset: 8, index: 0 }]))
    expect(await readAlert(state, state.db, one.id)).toEqual(two)
    expect((await readStandings(state, state.db, [one.id, 'x'])).get(one.id)).toEqual({
      revision: 4,
      severity: 'critical',
      state: 'provisional',
      open: false,
      suppressedBy: null,
    })
    const row = await state.db.selectFrom('alert').selectAll().executeTakeFirstOrThrow()
    expect([row.opened_offset, row.opened_index]).toEqual([5, 2])
    expect([row.updated_offset, row.updated_index]).toEqual([8, 0])
    expect(row.count).toBe(9)
  })

  test('lists newest first by cursor, without a gap or a double', async () => {
    const state = await fresh('pages')
    const writes = Array.from({ length: 7 }, (_, n) => ({
      alert: alertOf({ id: `a${n}`, severity: n % 2 === 0 ? 'low' : 'high' }),
      offset: 10 + Math.floor(n / 3),
      index: n % 3,
    }))
    await state.transact((db) => writeAlerts(state, db, writes))
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = { limit: 3, ...(cursor !== undefined && { cursor }) }
      const found = await listAlerts(state, state.db, {}, page)
      seen.push(...found.alerts.map((alert) => alert.id))
      cursor = found.cursor
    } while (cursor !== undefined)
    expect(seen).toEqual(['a6', 'a5', 'a4', 'a3', 'a2', 'a1', 'a0'])
    const high = await listAlerts(state, state.db, { severityMin: 'medium' }, { limit: 10 })
    expect(high.alerts.map((alert) => alert.id)).toEqual(['a5', 'a3', 'a1'])
    expect(await countAlerts(state, state.db, {})).toMatchObject({ low: 4, high: 3, critical: 0 })
    const since = await alertsSince(state, state.db, {}, { offset: 12, index: -1, limit: 9 })
    expect(since.map(({ alert }) => alert.id)).toEqual(['a6'])
  })

  test('filters by state, time, rule and suppression', async () => {
    const state = await fresh('filters')
    const span = (first: string, last: string) => ({
      first: `2026-03-01T${first}:00.000Z`,
      last: `2026-03-01T${last}:00.000Z`,
    })
    const alerts = [
      alertOf({ id: 'early', ...span('01:00', '02:00'), state: 'final', open: false }),
      alertOf({ id: 'late', ...span('03:00', '04:00') }),
      alertOf({ id: 'planned', ...span('03:00', '04:00'), suppressed_by: 'change-1' }),
    ]
    const writes = alerts.map((alert, index) => ({ alert, offset: 1, index }))
    await state.transact((db) => writeAlerts(state, db, writes))
    const ids = async (filter: Parameters<typeof listAlerts>[2]): Promise<string[]> =>
      (await listAlerts(state, state.db, filter, { limit: 9 })).alerts.map((alert) => alert.id)
    expect(await ids({})).toEqual(['late', 'early'])
    expect(await ids({ suppressed: 'with' })).toEqual(['planned', 'late', 'early'])
    expect(await ids({ suppressed: 'only' })).toEqual(['planned'])
    expect(await ids({ states: ['final', 'amended'] })).toEqual(['early'])
    expect(await ids({ open: true })).toEqual(['late'])
    expect(await ids({ ruleId: 'nope' })).toEqual([])
    expect(await ids({ toMs: Date.parse('2026-03-01T03:00:00Z') })).toEqual(['early'])
    expect(await ids({ fromMs: Date.parse('2026-03-01T02:00:01Z') })).toEqual(['late'])
  })

  test('shows an alert only to those who may see all of it', async () => {
    const state = await fresh('visible')
    const of = (sites: string[], complete = true) => ({
      scope: { sites, deviceTypes: ['pump'], datasets: ['mosquitto'], complete },
    })
    const alerts = [
      alertOf({ id: 'oslo', ...of(['oslo']) }),
      alertOf({ id: 'both', ...of(['oslo', 'bergen']) }),
      alertOf({ id: 'bergen', ...of(['bergen']) }),
      alertOf({ id: 'many', ...of(['oslo'], false) }),
      alertOf({ id: 'siteless', ...of([]) }),
      alertOf({ id: 'unknown' }),
    ]
    const writes = alerts.map((alert, index) => ({ alert, offset: 1, index }))
    await state.transact((db) => writeAlerts(state, db, writes))
    const ids = async (visibility: object): Promise<string[]> =>
      (await listAlerts(state, state.db, { visibility }, { limit: 9 })).alerts.map((a) => a.id)
    expect(await ids({ sites: ['oslo'] })).toEqual(['oslo'])
    expect(await ids({ sites: ['oslo', 'bergen'] })).toEqual(['bergen', 'both', 'oslo'])
    expect(await ids({ sites: [] })).toEqual([])
    expect(await ids({ sites: ['oslo'], deviceTypes: ['valve'] })).toEqual([])
    const counts = await countAlerts(state, state.db, { visibility: { sites: ['oslo'] } })
    expect(counts.high).toBe(1)
    expect(await isAlertVisible(state, state.db, 'both', { sites: ['oslo'] })).toBe(false)
    expect(await isAlertVisible(state, state.db, 'both', undefined)).toBe(true)
    // A later revision that reaches another site hides it from those who may see one only.
    const wider = alertOf({ id: 'oslo', revision: 2, ...of(['oslo', 'bergen']) })
    await state.transact((db) => writeAlerts(state, db, [{ alert: wider, offset: 2, index: 0 }]))
    expect(await ids({ sites: ['oslo'] })).toEqual([])
  })

  test('the outbox keeps order, takes a key once, and forgets what was told', async () => {
    const state = await fresh('outbox')
    const alerts = [alertOf({ id: 'b' }), alertOf({ id: 'a' }), alertOf({ id: 'a', revision: 2 })]
    const queue = alerts.map((alert, index) => ({
      outlet: 'terminal',
      alertId: alert.id,
      revision: alert.revision,
      kind: 'opened' as const,
      offset: 3,
      index,
    }))
    const history = alerts.map((alert, index) => ({
      alert,
      index,
      offset: 3,
      kind: 'opened' as const,
      atMs: 1_000,
    }))
    await state.transact(async (db) => {
      await writeHistory(state, db, history)
      await queueOutbox(state, db, queue)
      await queueOutbox(state, db, queue)
    })
    const pending = await readOutbox(state, state.db, 'terminal', 10)
    expect(pending.map(({ alert }) => `${alert.id}${alert.revision}`)).toEqual(['b1', 'a1', 'a2'])
    await state.transact((db) => clearOutbox(state, db, 'terminal', pending.slice(0, 2)))
    const rest = await readOutbox(state, state.db, 'terminal', 10)
    expect(rest.map(({ alert }) => alert.revision)).toEqual([2])
    expect(await readOutbox(state, state.db, 'file', 10)).toEqual([])
    expect(await readHistory(state, state.db, 'a')).toHaveLength(2)
  })

  test('an envelope moved to another row does not open', async () => {
    const state = await fresh('moved')
    const writes = ['x', 'y'].map((id, index) => ({ alert: alertOf({ id }), offset: 1, index }))
    await state.transact((db) => writeAlerts(state, db, writes))
    const { body } = await state.db
      .selectFrom('alert')
      .select('body')
      .where('id', '=', 'x')
      .executeTakeFirstOrThrow()
    await state.db.updateTable('alert').set({ body }).where('id', '=', 'y').execute()
    await expect(readAlert(state, state.db, 'y')).rejects.toThrow(ProblemError)
    await expect(readAlert(state, state.db, 'y')).rejects.toMatchObject({
      problem: { code: 'STATE_SEALED' },
    })
  })

  test('no name of a person lies in the clear, on disk or in a row', async () => {
    const state = await fresh('sealed')
    const alert = alertOf({ group: { 'user.name': 'lovelace' }, matched: { x: ['lovelace'] } })
    await state.transact((db) => writeAlerts(state, db, [{ alert, offset: 1, index: 0 }]))
    const row = await state.db.selectFrom('alert').selectAll().executeTakeFirstOrThrow()
    expect(Buffer.from(row.body).includes('lovelace')).toBe(false)
    expect(JSON.stringify({ ...row, body: '' })).not.toContain('lovelace')
    const path = engine.path('sealed')
    if (path === undefined) return
    const files = readdirSync(dirname(path)).filter((name) => name.startsWith('sealed'))
    expect(files.length).toBeGreaterThan(0)
    for (const name of files) {
      expect(statSync(join(dirname(path), name)).mode & 0o777).toBe(0o600)
      expect(readFileSync(join(dirname(path), name)).includes('lovelace')).toBe(false)
    }
  })

  test('what is deleted is gone from the files after a checkpoint', async () => {
    const path = engine.path('gone')
    if (path === undefined) return
    const state = await fresh('gone')
    const write = { alert: alertOf({ id: 'marker-of-a-row' }), offset: 1, index: 0 }
    await state.transact((db) => writeAlerts(state, db, [write]))
    const holds = (): boolean =>
      [path, `${path}-wal`].some((file) => readFileSync(file).includes('marker-of-a-row'))
    expect(holds()).toBe(true)
    await state.db.deleteFrom('alert').execute()
    await state.checkpoint()
    expect(holds()).toBe(false)
  })

  test('looks without writing beside a live one', async () => {
    const path = engine.path('beside')
    if (path === undefined) return
    const sealer = testSealer()
    const live = await engine.open('beside', sealer)
    opened.push(live)
    await live.transact((db) => writeAlerts(live, db, [{ alert: alertOf(), offset: 1, index: 0 }]))
    const options = { at: { sqlite: path }, sealer, log: SILENT, readOnly: true }
    const looked = await openState(options)
    if (!looked.ok) throw new Error(looked.problem.message)
    opened.push(looked.value)
    expect((await listAlerts(looked.value, looked.value.db, {}, { limit: 5 })).alerts).toHaveLength(
      1,
    )
    const write = looked.value.transact((db) => savePosition(looked.value, db, 'x', 1))
    await expect(write).rejects.toMatchObject({ problem: { code: 'STATE_UNAVAILABLE' } })
    const none = await openState({ ...options, at: { sqlite: `${path}.none` } })
    expect(none).toMatchObject({ ok: false, problem: { code: 'STATE_MISSING' } })
  })
})

test('a parameter SQLite has no type for is refused, not a crash of the process', () => {
  const db = openSqlite(':memory:', true)
  for (const wrong of [true, undefined, Number.NaN, new Date(0), {}]) {
    expect(() => db.prepare('select ?').all([wrong])).toThrow(TypeError)
  }
  expect(db.prepare('select ? as a').all([new Uint8Array([1, 2]).subarray(1)])).toEqual([
    { a: new Uint8Array([2]) },
  ])
  db.close()
})

test('a place that cannot be written is a problem, not a throw', async () => {
  const at = { sqlite: '/nonexistent/picket/state.db' }
  const opened = await openState({ at, sealer: testSealer(), log: SILENT })
  expect(opened).toMatchObject({ ok: false, problem: { code: 'STATE_UNAVAILABLE' } })
})
