import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, expect, test } from 'vitest'
import { SILENT } from '../base/log.ts'
import type { Principal } from '../model/access.ts'
import { lastAlertPlace } from '../state/alert-list.ts'
import { writeAlerts } from '../state/alerts.ts'
import { createOpenedAlerts } from '../state/opened-alerts.ts'
import { openState, type State } from '../state/state.ts'
import { alertOf } from '../state/testing/alerts.ts'
import { testSealer } from '../state/testing/engines.ts'
import { type AlertFeed, createAlertFeed, type Place } from './alert-feed.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

async function open(): Promise<State> {
  const folder = mkdtempSync(join(tmpdir(), 'picket-feed-'))
  folders.push(folder)
  const at = { sqlite: join(folder, 'state.db') }
  const opened = await openState({ at, sealer: testSealer(), log: SILENT })
  if (!opened.ok) throw new Error(opened.problem.message)
  return opened.value
}

function world(state: State) {
  const rings = new Set<() => void>()
  let offset = 0
  const feed = createAlertFeed({
    state,
    paceMs: 1,
    onAlerts: (ring) => {
      rings.add(ring)
      return () => void rings.delete(ring)
    },
    last: () => state.query((db) => lastAlertPlace(state, db)),
  })
  /** One more revision of an alert of a site. */
  const write = async (id: number, site: string): Promise<void> => {
    offset += 1
    const scope = { sites: [site], deviceTypes: [], datasets: [], complete: true }
    const alert = alertOf({ id: `a${id}`, revision: offset, scope, group: { 'user.name': 'ada' } })
    await state.transact((db) => writeAlerts(state, db, [{ alert, offset, index: 0 }]))
    for (const ring of rings) ring()
  }
  return { feed, write, rings, offset: () => offset }
}

const principalOf = (change: Partial<Principal> = {}): Principal => {
  return { kind: 'user', id: 'u', roles: ['analyst'], ...change }
}

/** Follows a feed as a stream does, and keeps what it is shown. */
async function follow(feed: AlertFeed, principal: Principal, place: Place) {
  const { visibility } = principal
  const filter = visibility === undefined ? {} : { visibility }
  const channel = await feed.join({ filter, principal }, () => undefined)
  let at = place
  const texts: string[] = []
  return {
    channel,
    texts,
    /** False where the state would have to be asked. */
    take: (): boolean => {
      const news = channel.after(at)
      for (const one of news ?? []) {
        texts.push(one.text)
        at = { offset: one.offset, index: one.index }
      }
      return news !== undefined
    },
  }
}

const sitesOf = (texts: readonly string[]): string[] =>
  texts.map((text) => String(/"id":"(a\d+)"/.exec(text)?.[1]))

test('each is shown in order and once what they may see, however they are interleaved', async () => {
  const step = fc.record({
    id: fc.nat(5),
    site: fc.constantFrom('oslo', 'bergen'),
    look: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(10), async (steps, joinAt) => {
      const state = await open()
      const { feed, write, offset } = world(state)
      const siteOf = new Map<number, string>()
      const narrow = principalOf({ visibility: { sites: ['oslo'] } })
      const all = await follow(feed, principalOf(), { offset: 0, index: -1 })
      const oslo = await follow(feed, narrow, { offset: 0, index: -1 })
      const late: Awaited<ReturnType<typeof follow>>[] = []
      let joined = 0
      for (const [at, { id, site, look }] of steps.entries()) {
        const own = siteOf.get(id) ?? site
        siteOf.set(id, own)
        await write(id, own)
        if (at === joinAt) {
          joined = offset()
          late.push(await follow(feed, principalOf(), { offset: joined, index: 0 }))
        }
        if (look) for (const one of [all, oslo]) expect(one.take()).toBe(true)
      }
      for (const one of [all, oslo, ...late]) {
        await one.channel.look()
        await one.channel.look()
        expect(one.take()).toBe(true)
        const places = one.texts.map((text) => Number(/id: (\d+)-0/.exec(text)?.[1]))
        expect(places).toEqual([...new Set(places)].toSorted((a, b) => a - b))
      }
      const ids = new Set(steps.map(({ id }) => `a${id}`))
      expect(new Set(sitesOf(all.texts))).toEqual(ids)
      const inOslo = [...siteOf].flatMap(([id, site]) => (site === 'oslo' ? [`a${id}`] : []))
      expect(new Set(sitesOf(oslo.texts))).toEqual(new Set(inOslo))
      const after = new Set(steps.slice(joinAt + 1).map(({ id }) => `a${id}`))
      if (late.length > 0) expect(new Set(sitesOf(late[0]?.texts ?? []))).toEqual(after)
      await state.close()
    }),
    { numRuns: 15 },
  )
})

test('what is hidden from one is not shown because another may see it', async () => {
  const state = await open()
  const { feed, write } = world(state)
  const start = { offset: 0, index: -1 }
  const open_ = await follow(feed, principalOf(), start)
  const masked = await follow(feed, principalOf({ masks: ['user'] }), start)
  await write(1, 'oslo')
  for (const one of [open_, masked]) {
    await one.channel.look()
    one.take()
  }
  expect(open_.texts.join('')).toContain('"ada"')
  expect(masked.texts).toHaveLength(1)
  expect(masked.texts.join('')).not.toContain('ada')
  await state.close()
})

test('one that went on from before has to ask, one that fell behind too; the last to leave ends it', async () => {
  const state = await open()
  const { feed, write, rings } = world(state)
  await write(1, 'oslo')
  const before = await follow(feed, principalOf(), { offset: 0, index: -1 })
  expect(before.take()).toBe(false)
  const start = { offset: 1, index: 0 }
  const slow = await follow(feed, principalOf(), start)
  expect(slow.take()).toBe(true)
  for (let more = 0; more < 1_100; more += 1) await write(more % 1_060, 'oslo')
  await slow.channel.look()
  await slow.channel.look()
  expect(slow.take()).toBe(false)
  expect(rings.size).toBe(1)
  before.channel.leave()
  expect(rings.size).toBe(1)
  slow.channel.leave()
  expect(rings.size).toBe(0)
  await state.close()
}, 60_000)

test('opened alerts are kept by revision, and no more than allowed', () => {
  const opened = createOpenedAlerts(2)
  for (const id of ['a', 'b']) opened.put(id, 1, alertOf({ id }))
  expect(opened.get('a', 1)?.id).toBe('a')
  expect(opened.get('a', 2)).toBeUndefined()
  opened.put('c', 1, alertOf({ id: 'c' }))
  expect([opened.get('b', 1), opened.get('a', 1)?.id]).toEqual([undefined, 'a'])
  opened.forget('a')
  expect(opened.get('a', 1)).toBeUndefined()
})
