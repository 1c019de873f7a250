import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import type { AlertRecord } from '../model/alert.ts'
import { listAlerts } from '../state/alert-list.ts'
import { readAlert, readHistory } from '../state/alerts.ts'
import { type Pending, readPosition } from '../state/flow.ts'
import { openState, type State } from '../state/state.ts'
import { alertOf } from '../state/testing/alerts.ts'
import { describeEngines, testSealer } from '../state/testing/engines.ts'
import { announcementOf, standingOf } from './announce.ts'
import { STATE_READER } from './follower.ts'
import { createFileOutlet, toJsonLine } from './json-lines.ts'
import type { Outlet } from './outlet.ts'
import { createResponder, type Responder } from './respond.ts'
import { MemoryJournal } from './testing/memory-journal.ts'

const folder = mkdtempSync(join(tmpdir(), 'picket-respond-'))
const sealer = testSealer()
const running: (Responder | State)[] = []
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(async () => {
  for (const one of running.splice(0).reverse()) await ('stop' in one ? one.stop() : one.close())
})

const batchOf = (...alerts: AlertRecord[]) => ({ source: 'detector', ingestedMs: 1, alerts })

function recorder(name = 'test'): Outlet & { told: string[]; fail: boolean } {
  const told: string[] = []
  const outlet = {
    name,
    told,
    fail: false,
    wants: () => true,
    tell: async (pending: readonly Pending[]) => {
      if (outlet.fail) throw new Error('the outlet is away')
      for (const { alert, kind } of pending) told.push(`${kind} ${alert.id}.${alert.revision}`)
    },
  }
  return outlet
}

function start(state: State, journal: MemoryJournal, outlets: readonly Outlet[]) {
  const metrics = new MetricsRegistry()
  const clock = new ManualClock(5_000)
  const responder = createResponder({ journal, state, outlets, log: SILENT, metrics, clock })
  running.push(responder)
  return { responder, metrics }
}

describeEngines('the responder', (engine) => {
  const openOne = async (name: string): Promise<State> => {
    const state = await engine.open(name)
    running.push(state)
    return state
  }

  test('turns journalled revisions into rows, and tells only what is news', async () => {
    const state = await openOne('news')
    const journal = new MemoryJournal()
    const outlet = recorder()
    const { responder, metrics } = start(state, journal, [outlet])
    await responder.start()
    await journal.append({ source: 'file:x', ingestedMs: 1, events: [] })
    await journal.append(batchOf(alertOf(), alertOf({ revision: 2, count: 6 })))
    await journal.append(batchOf(alertOf({ revision: 3, count: 7 })))
    await journal.append(batchOf(alertOf({ revision: 4, severity: 'critical' })))
    await journal.append(batchOf(alertOf({ revision: 5, severity: 'critical', count: 40 })))
    const last = alertOf({ revision: 6, severity: 'critical', state: 'final', open: false })
    await journal.append(batchOf(last))
    await responder.settled()
    expect(outlet.told).toEqual(['opened alert-1.1', 'raised alert-1.4', 'ended alert-1.6'])
    expect(await readAlert(state, state.db, 'alert-1')).toEqual(last)
    const history = await readHistory(state, state.db, 'alert-1')
    expect(history.map((entry) => [entry.kind, entry.revision])).toEqual([
      ['opened', 1],
      ['raised', 4],
      ['ended', 6],
    ])
    expect(metrics.value('picket_alerts_total', { severity: 'high', suppressed: 'false' })).toBe(1)
    expect(await readPosition(state, state.db, STATE_READER)).toBe(6)
    expect(responder.health()).toEqual({ ok: true, lagEntries: 0, problems: [] })
  })

  test('a rule on trial is kept, and told to nobody', async () => {
    const state = await openOne('shadow')
    const journal = new MemoryJournal()
    const outlet = recorder()
    const { responder } = start(state, journal, [outlet])
    await responder.start()
    const rule = { ...alertOf().rule, life: 'shadow' as const }
    await journal.append(batchOf(alertOf({ id: 'trial', rule }), alertOf({ id: 'real' })))
    await responder.settled()
    expect(outlet.told).toEqual(['opened real.1'])
    const list = await listAlerts(state, state.db, {}, { limit: 9 })
    expect(list.alerts.map((alert) => alert.id)).toEqual(['real', 'trial'])
  })

  test('reading the same entries again changes and tells nothing', async () => {
    const state = await openOne('again')
    const journal = new MemoryJournal()
    const outlet = recorder()
    await journal.append(batchOf(alertOf(), alertOf({ id: 'other' })))
    await journal.append(batchOf(alertOf({ revision: 2, open: false })))
    const first = start(state, journal, [outlet])
    await first.responder.start()
    await first.responder.settled()
    await first.responder.stop()
    expect(journal.readerOffset(STATE_READER)).toBe(2)
    await state.db.updateTable('reader').set({ journal_offset: 0 }).execute()
    const second = start(state, journal, [outlet])
    await second.responder.start()
    await second.responder.settled()
    expect(outlet.told).toEqual(['opened alert-1.1', 'opened other.1', 'ended alert-1.2'])
    expect(second.metrics.value('picket_alert_revisions_total', { outcome: 'stale' })).toBe(3)
    const list = await listAlerts(state, state.db, {}, { limit: 9 })
    expect(list.alerts.map((alert) => alert.id)).toEqual(['other', 'alert-1'])
  })

  test('what an outlet could not tell waits for it, also across a restart', async () => {
    const state = await openOne('away')
    const journal = new MemoryJournal()
    const [broken, well] = [recorder('broken'), recorder('well')]
    broken.fail = true
    const first = start(state, journal, [broken, well])
    await first.responder.start()
    await journal.append(batchOf(alertOf()))
    await expect.poll(() => first.responder.health().problems).toHaveLength(1)
    await expect.poll(() => well.told).toEqual(['opened alert-1.1'])
    expect(first.responder.health().problems[0]).toContain('broken: the outlet is away')
    await first.responder.stop()
    broken.fail = false
    const second = start(state, journal, [broken, well])
    await second.responder.start()
    await second.responder.settled()
    expect(broken.told).toEqual(['opened alert-1.1'])
    expect(well.told).toEqual(['opened alert-1.1'])
  })

  test('a journal that begins later is a counted gap; one that is shorter is read anew', async () => {
    const state = await openOne('gap')
    const journal = new MemoryJournal()
    const outlet = recorder()
    for (const id of ['a', 'b', 'c']) await journal.append(batchOf(alertOf({ id })))
    journal.trimmedTo = 2
    const first = start(state, journal, [outlet])
    await first.responder.start()
    await first.responder.settled()
    expect(outlet.told).toEqual(['opened c.1'])
    expect(first.metrics.value('picket_state_gap_entries_total')).toBe(2)
    await first.responder.stop()
    const replaced = new MemoryJournal()
    await replaced.append(batchOf(alertOf({ id: 'd' })))
    const second = start(state, replaced, [outlet])
    await second.responder.start()
    await second.responder.settled()
    expect(outlet.told).toEqual(['opened c.1', 'opened d.1'])
  })
})

describe('the alert file', () => {
  test('after a crash between line and note it has every line once, and no torn one', async () => {
    const at = { sqlite: join(folder, 'crash.db') }
    const path = join(folder, 'alerts.jsonl')
    const opened = await openState({ at, sealer, log: SILENT })
    if (!opened.ok) throw new Error(opened.problem.message)
    const state = opened.value
    running.push(state)
    const journal = new MemoryJournal()
    const alerts = ['a', 'b', 'c'].map((id) => alertOf({ id }))
    await journal.append(batchOf(...alerts))
    // The run that died: rows and outbox are committed, one line and a half are in the file.
    const silent: Outlet = { ...recorder('file'), tell: () => Promise.reject(new Error('died')) }
    const died = start(state, journal, [silent])
    await died.responder.start()
    await expect.poll(() => died.responder.health().ok).toBe(false)
    await died.responder.stop()
    const lines = alerts.map((alert) => toJsonLine({ kind: 'opened', alert }))
    appendFileSync(path, `${lines[0]}${lines[1]?.slice(0, 40)}`, { mode: 0o600 })
    const next = start(state, journal, [createFileOutlet({ path })])
    await next.responder.start()
    await next.responder.settled()
    await next.responder.stop()
    expect(readFileSync(path, 'utf8')).toBe(lines.join(''))
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })
})

describe('what is news', () => {
  const before = standingOf(alertOf({ state: 'provisional' }))
  const after = (change: Partial<AlertRecord>) => announcementOf(before, alertOf(change))
  test.each([
    ['a further hit', { count: 99 }, undefined],
    ['a lower severity', { severity: 'low' as const }, undefined],
    ['a higher one', { severity: 'critical' as const }, 'raised'],
    ['final', { state: 'final' as const }, 'changed'],
    ['retracted at its end', { state: 'retracted' as const, open: false }, 'changed'],
    ['the end', { open: false, state: 'final' as const }, 'ended'],
    ['now explained by a change', { suppressed_by: 'change-1' }, 'changed'],
  ])('%s', (_, change, kind) => expect(after(change)).toBe(kind))
  test('a new one, and one that a change explains no more', () => {
    expect(announcementOf(undefined, alertOf())).toBe('opened')
    const explained = standingOf(alertOf({ suppressed_by: 'change-1' }))
    expect(announcementOf(explained, alertOf())).toBe('opened')
    expect(announcementOf(explained, alertOf({ suppressed_by: 'change-1' }))).toBeUndefined()
  })
})
