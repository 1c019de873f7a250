/**
 * Goal: who may see a part of the fleet, or not every field, learns nothing of the rest by any way of
 * reading: on the real engine, over every route that an analyst may call, bodies and headers alike. The
 * foreign name is planted wherever a device can be named; the same calls by somebody who sees everything
 * show it, or this test would prove nothing. A route that is not in the table below fails it.
 */
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Route } from '../../src/api/route.ts'
import { makeWorld, serveAs, type World } from '../../src/api/testing/world.ts'
import { templateSearch } from '../../src/app/template-search.ts'
import type { Principal } from '../../src/model/access.ts'
import { assetSchema, type KeptAsset } from '../../src/model/asset.ts'
import type { AssetDesk } from '../../src/model/desks.ts'
import type { AlertScope } from '../../src/model/alert.ts'
import type { EcsDoc } from '../../src/model/event.ts'
import { listAssets, readAsset, saveAssets } from '../../src/state/assets.ts'
import type { State } from '../../src/state/state.ts'
import type { Db } from '../../src/state/tables.ts'
import { writeAlerts, writeHistory } from '../../src/state/alerts.ts'
import { addDeadLetters } from '../../src/state/dead-letters.ts'
import { alertOf } from '../../src/state/testing/alerts.ts'
import { deskHere } from '../../src/hunt/testing/desk-here.ts'
import { createSearch } from '../../src/store/search/search.ts'
import { sql } from '../../src/store/sql.ts'
import { fillStore } from '../../src/store/testing/fill.ts'
import {
  brokerEvent,
  openStoreFixture,
  type StoreFixture,
  TEST_DAY_MS,
} from '../../src/store/testing/store-fixture.ts'
import { RollupBlock } from '../../src/store/write/rollup-block.ts'

const FOREIGN = 'pump-bergen-7731'
const PERSON = 'lovelace-7731'
const HOUR_MS = 3_600_000
const from = new Date(TEST_DAY_MS - HOUR_MS).toISOString()
const to = new Date(TEST_DAY_MS + 24 * HOUR_MS).toISOString()

let store: StoreFixture
let world: World
const bells = new Set<() => void>()

/** Everything of an event that can name its device or its person. */
function docOf(site: string, device: string, user: string): EcsDoc {
  return {
    device: { id: device, type: site === 'oslo' ? 'valve' : 'pump' },
    host: { name: device },
    user: { name: user },
    related: { user: [user], hosts: [device] },
    message: `client ${device} of ${user} refused`,
    iot: { site, mqtt: { client_id: `${device}-${user}`, topic: [`d/${device}/${user}`] } },
    event: {
      kind: 'event',
      category: ['authentication'],
      type: ['start'],
      action: site === 'oslo' ? 'mqtt-connect' : 'mqtt-takeover',
      outcome: 'failure',
      module: 'mosquitto',
      dataset: site === 'oslo' ? 'mosquitto.oslo' : 'mosquitto.bergen',
      reason: `${device} ${user}`,
      original: `raw ${device} ${user}`,
    },
  }
}
const OSLO = docOf('oslo', 'valve-oslo-1', PERSON)
const BERGEN = docOf('bergen', FOREIGN, 'somebody')
const scopeOf = (sites: string[], complete = true): AlertScope => ({
  sites,
  deviceTypes: sites.map((site) => (site === 'oslo' ? 'valve' : 'pump')),
  datasets: sites.map((site) => `mosquitto.${site}`),
  complete,
})

function alertAt(id: string, doc: EcsDoc, scope: AlertScope | undefined) {
  const { device, user, message } = doc as { [name: string]: { id: string; name: string } }
  const [of, person] = [String(device?.id), String(user?.name)]
  return alertOf({
    id,
    rule: {
      id: 'rule-1',
      name: `Brute force by ${of === FOREIGN ? FOREIGN : person}`,
      kind: 'match',
    },
    group: { 'device.id': of, who: person },
    matched: {
      value: [person],
      'user.name': [person],
      'device.id': [of],
      'related.user': [person],
      'iot.mqtt.client_id': [`${of}-${person}`],
      message: [String(message)],
    },
    events: ['e-oslo'],
    ...(scope && { scope }),
  })
}

async function putAlerts(offset: number): Promise<void> {
  const alerts = [
    alertAt('a-oslo', OSLO, scopeOf(['oslo'])),
    alertAt('a-bergen', BERGEN, scopeOf(['bergen'])),
    alertAt('a-both', BERGEN, scopeOf(['oslo', 'bergen'])),
    alertAt('a-cut', BERGEN, scopeOf(['oslo'], false)),
    alertAt('a-unknown', BERGEN, undefined),
  ]
  const writes = alerts.map((alert, index) => ({
    ...{ alert, offset, index, kind: 'opened' as const, atMs: 1_000 },
  }))
  const { state } = world
  await state.transact(async (db) => {
    await writeAlerts(state, db, writes)
    if (offset === 1) await writeHistory(state, db, writes)
  })
}

/** Reads as the real desk does, from the state. */
function assetsOf(of: () => World): AssetDesk {
  const never = async (): Promise<never> => Promise.reject(new Error('not asked here'))
  const query = <T>(work: (state: State, db: Db) => Promise<T>): Promise<T> => {
    const { state } = of()
    return state.query((db) => work(state, db))
  }
  return {
    list: (filter, page) => query((state, db) => listAssets(state, db, filter, page)),
    get: (id) => query((state, db) => readAsset(state, db, id)),
    ...{ put: never, remove: never, import: never },
  }
}

const assetOf = (id: string, user: string, more: object): KeptAsset => ({
  asset: assetSchema.parse({ id, ...more, identifiers: { client_id: [id], user: [user] } }),
  ...{ revision: 1, changedMs: 1_000, origin: 'api' as const },
})

beforeAll(async () => {
  store = await openStoreFixture()
  const reader = createSearch(store.engine)
  const search = templateSearch(reader)
  const hunts = deskHere({
    events: (how) => reader.streamEvents(how),
    rollups: (range) => reader.streamRollups(range),
  })
  const inputs = [{ receivedMs: 0, text: `${FOREIGN} ${PERSON}`, outcome: 'events' as const }]
  const counts = { deliveries: 7_731, events: 1, routine: 0, rejects: 0, dropped: 0 }
  const report = {
    name: 'gateway',
    state: 'connected' as const,
    detail: FOREIGN,
    ...counts,
    inputs,
  }
  world = await makeWorld({
    ...{ search, hunts },
    sources: {
      names: () => ['gateway', FOREIGN],
      report: (name) => (name === 'gateway' ? report : undefined),
    },
    assets: assetsOf(() => world),
    onAlerts: (listener) => {
      bells.add(listener)
      return () => void bells.delete(listener)
    },
  })
  world.clock.set(TEST_DAY_MS + 12 * HOUR_MS)
  const at = (n: number): number => TEST_DAY_MS + n * 60_000
  await fillStore(store.engine, [
    brokerEvent('e-oslo', at(1), {
      ...OSLO,
      event: { ...(OSLO['event'] as EcsDoc), id: 'e-oslo' },
    }),
    brokerEvent('e-bergen', at(2), {
      ...BERGEN,
      event: { ...(BERGEN['event'] as EcsDoc), id: 'e-bergen' },
    }),
    brokerEvent('e-none', at(3), { device: { id: FOREIGN } }),
    brokerEvent('e-two', at(4), { device: { id: FOREIGN }, iot: { site: ['oslo', 'bergen'] } }),
  ])
  const block = new RollupBlock('default')
  const row = { fromMs: TEST_DAY_MS, toMs: TEST_DAY_MS + HOUR_MS, messages: 3, bytes: 30 }
  const place = { partition: 0, epoch: 0, offset: 900, index: 0, ingestedMs: TEST_DAY_MS }
  const lastSeenMs = TEST_DAY_MS + 9
  const oslo = { site: 'oslo', deviceType: 'valve', dataset: 'mosquitto.oslo' }
  const named = { device: PERSON, deviceField: 'user.name', topics: [`d/${PERSON}`] }
  block.add({ ...row, lastSeenMs, ...oslo, ...named }, place, 'b')
  const bergen = { site: 'bergen', deviceType: 'pump', dataset: 'mosquitto.bergen' }
  block.add(
    { ...row, lastSeenMs, ...bergen, device: FOREIGN, topics: [FOREIGN] },
    { ...place, index: 1 },
    'b',
  )
  block.add({ ...row, lastSeenMs, device: FOREIGN }, { ...place, index: 2 }, 'b')
  await store.engine
    .client('writer')
    .insert(sql`INSERT INTO picket.rollups FORMAT Native`, [block.take()])
  await putAlerts(1)
  const assets = [
    assetOf(FOREIGN, 'somebody', { site: 'bergen', type: 'pump' }),
    assetOf('no-site', FOREIGN, {}),
    assetOf('valve-oslo-1', PERSON, { site: 'oslo', type: 'valve' }),
  ]
  await world.state.transact((db) => saveAssets(world.state, db, assets))
  const letter = {
    ...{
      id: 'l1',
      source: 'gateway',
      decoder: 'mosquitto',
      code: 'DECODE_SYNTAX',
      message: FOREIGN,
    },
    ...{ receivedMs: 1_000, raw: `${FOREIGN} ${PERSON}`, rawEncoding: 'utf8' as const },
  }
  await world.state.transact((db) =>
    addDeadLetters(world.state, db, [{ letter, offset: 1, index: 0 }]),
  )
}, 60_000)
afterAll(async () => {
  await world.close()
  await store.close()
})

type Ask = readonly [path: string, payload?: object]
const search = (name: string, values: Record<string, string> = {}): Ask => [
  `/api/v1/search/templates/${name}`,
  { values, from, to, limit: 1_000 },
]
const BY_KEY = `title: Gone
id: gone
logsource: { category: x }
detection: { it: { event.action: '*' }, condition: it }
---
title: Gone
id: silence
correlation: { type: absence, rules: [gone], group-by: [device.id], timespan: 10m }
---
title: Seen
id: seen
correlation: { type: event_count, rules: [gone], group-by: [user.name], timespan: 10m, condition: { gte: 1 } }
`
const hunted = (rules: object, more: object = {}): Ask => [
  '/api/v1/hunts',
  { ...{ from, to, rules }, ...more },
]
const every = (...asks: Ask[]): readonly Ask[] => asks

/** How each operation that an analyst may call is asked; streams are read below. */
const ASKS: Readonly<Record<string, readonly Ask[]>> = {
  listAlerts: every(
    ['/api/v1/alerts?suppressed=with'],
    ['/api/v1/alerts?limit=1'],
    ['/api/v1/alerts?rule=rule-1&open=true'],
  ),
  facetAlerts: every(['/api/v1/alerts/facets'], ['/api/v1/alerts/facets?suppressed=with']),
  exportAlerts: every(['/api/v1/alerts/export?suppressed=with']),
  countAlerts: every(['/api/v1/alerts/counts?suppressed=with']),
  getAlert: every(
    ...['a-oslo', 'a-bergen', 'a-both', 'a-cut', 'a-unknown', 'none'].map((id): Ask => [
      `/api/v1/alerts/${id}`,
    ]),
  ),
  listAssets: every(['/api/v1/assets'], ['/api/v1/assets?limit=1'], ['/api/v1/assets?site=bergen']),
  readAsset: every(
    ...[FOREIGN, 'valve-oslo-1', 'no-site', 'none'].map((id): Ask => [`/api/v1/assets/${id}`]),
  ),
  listRules: every(['/api/v1/rules']),
  listSearchTemplates: every(['/api/v1/search/templates']),
  runSearchTemplate: every(
    search('recent', { documents: 'true' }),
    search('recent', { order: 'oldest', action: 'mqtt-takeover' }),
    search('counts', { step: '1h' }),
    search('events', { ids: 'e-oslo,e-bergen,e-none,e-two' }),
    search('rollups'),
    search('last-seen'),
    search('nothing'),
    search('recent', { nothing: 'x' }),
  ),
  exportSearchTemplate: every(
    ...['recent', 'events', 'rollups', 'last-seen'].map((name): Ask => {
      const values = name === 'events' ? { ids: 'e-oslo,e-bergen,e-none,e-two' } : {}
      return [`/api/v1/search/templates/${name}/export`, { values, from, to }]
    }),
  ),
  runHunt: every(
    hunted({ eql: 'any where true' }),
    hunted({ kql: 'bergen' }),
    hunted({
      files: [{ path: 'gone.yml', text: BY_KEY }],
      pipeline: 'none',
      ignore_logsource: true,
    }),
    hunted({ eql: 'any where true' }, { as_of: 'now' }),
    hunted({ eql: 'any where true' }, { against: { eql: 'any where event.outcome == "failure"' } }),
  ),
  endHunt: every(['/api/v1/hunts/x']),
  getSource: every(['/api/v1/sources/gateway'], ['/api/v1/sources/gatewax']),
  whoAmI: every(['/api/v1/session']),
}
/** Of the session itself: they take nothing that is stored of the fleet. */
const OWN = new Set(['logout', 'changePassword', 'proposeTotp', 'setTotp', 'removeTotp'])

async function saidTo(who: Omit<Principal, 'kind'>): Promise<ReadonlyMap<string, string>> {
  const app = serveAs(world, who)
  const said = new Map<string, string>()
  const note = (operation: string, text: string): void => {
    said.set(operation, (said.get(operation) ?? '') + text)
  }
  for (const route of world.api.routes) {
    const open = 'public' in route || route.roles.includes('analyst')
    if (!open || OWN.has(route.operation) || route.responseType === 'text/event-stream') continue
    const asks = ASKS[route.operation] ?? ('public' in route ? every([route.path]) : undefined)
    if (asks === undefined) throw new Error(`${route.operation} is not in the table of this test`)
    for (const [url, payload] of asks) {
      const answer = await app.inject({ method: route.method, url, ...(payload && { payload }) })
      expect([url, answer.statusCode < 500]).toEqual([url, true])
      note(route.operation, JSON.stringify(answer.headers) + answer.body)
    }
  }
  note('followAlerts', await streamed(app))
  await app.close()
  return said
}

let offset = 10
/** From the beginning, and what comes while it is followed. */
async function streamed(app: FastifyInstance): Promise<string> {
  const base = await app.listen({ host: '127.0.0.1', port: 0 })
  const abort = new AbortController()
  const headers = { 'last-event-id': '0-0' }
  const answer = await fetch(`${base}/api/v1/alerts/stream`, { headers, signal: abort.signal })
  let text = JSON.stringify([...answer.headers])
  const reader = answer.body!.getReader()
  const decoder = new TextDecoder()
  offset += 1
  await expect.poll(() => bells.size).toBe(1)
  await putAlerts(offset)
  for (const ring of bells) ring()
  while (!text.includes(`id: ${offset}-`)) {
    const { done, value } = await reader.read()
    if (done) break
    text += decoder.decode(value, { stream: true })
  }
  await reader.cancel()
  abort.abort()
  return text
}

const SHOWN_TO_ALL = [
  ...['exportAlerts', 'exportSearchTemplate', 'followAlerts', 'getAlert'],
  ...['getSource', 'listAlerts', 'listAssets', 'readAsset', 'runHunt', 'runSearchTemplate'],
]
const holders = (said: ReadonlyMap<string, string>, name: string): string[] =>
  [...said]
    .flatMap(([operation, text]) => (text.toLowerCase().includes(name) ? [operation] : []))
    .sort()

/** Where a name must be met. Facets name one alert of each rule: whose, is a matter of order. */
const showing = (said: ReadonlyMap<string, string>, name: string): string[] =>
  holders(said, name).filter((operation) => operation !== 'facetAlerts')

describe('by every way of reading', () => {
  test('somebody who sees everything meets both names: else this test would prove nothing', async () => {
    const said = await saidTo({ id: 'u', roles: ['analyst'] })
    expect(showing(said, FOREIGN)).toEqual(SHOWN_TO_ALL)
    expect(showing(said, PERSON)).toEqual(SHOWN_TO_ALL)
  })

  test.each([
    [{ sites: ['oslo'] }],
    [{ deviceTypes: ['valve'] }],
    [{ datasets: ['mosquitto.oslo'] }],
    [{ sites: ['oslo'], deviceTypes: ['valve'], datasets: ['mosquitto.oslo'] }],
    [{ sites: ['oslo', "x') OR 1=1 --"] }],
  ])('an analyst of %j never meets a device of another site', async (visibility) => {
    const said = await saidTo({ id: 'u-oslo', roles: ['analyst'], visibility })
    expect(holders(said, FOREIGN)).toEqual([])
    expect(holders(said, 'bergen')).toEqual([])
    // And does see their own.
    expect(showing(said, 'valve-oslo-1')).toEqual(
      SHOWN_TO_ALL.filter((operation) => {
        if (operation === 'getSource') return false
        return !('datasets' in visibility) || !operation.includes('Asset')
      }),
    )
  })

  test('counts are of what is seen, and pages do not end early', async () => {
    const app = serveAs(world, { id: 'u', roles: ['analyst'], visibility: { sites: ['oslo'] } })
    const ask = async ([url, payload]: Ask) =>
      (
        await app.inject({ method: payload ? 'POST' : 'GET', url, ...(payload && { payload }) })
      ).json()
    const counts = await ask(['/api/v1/alerts/counts'])
    expect(counts.bySeverity).toMatchObject({ high: 1 })
    expect((await ask(['/api/v1/alerts?limit=1'])).cursor).toBeUndefined()
    expect((await ask(search('counts', { step: '1h' }))).rows).toEqual([
      [expect.any(String), 'mqtt-connect', 'failure', 1],
    ])
    // Asking for a foreign device is answered as asking for one that does not exist.
    for (const name of ['recent', 'counts', 'rollups', 'last-seen']) {
      const foreign = await ask(search(name, { device: FOREIGN }))
      expect([name, foreign]).toEqual([name, await ask(search(name, { device: 'no-such-one' }))])
    }
    const hidden = await ask(['/api/v1/alerts/a-bergen'])
    const unknown = await ask(['/api/v1/alerts/no-such-one'])
    expect({ ...hidden, requestId: '' }).toEqual({ ...unknown, requestId: '' })
    await app.close()
  })

  test('one of no site sees nothing of the fleet', async () => {
    const said = await saidToNobody()
    for (const name of [FOREIGN, PERSON, 'valve-oslo-1']) expect(holders(said, name)).toEqual([])
  })

  test.each([[['user.name']], [['user']], [['user.name', 'source.ip']]])(
    'one with the mask %j never meets the value, nor a copy of it',
    async (masks) => {
      const said = await saidTo({ id: 'u', roles: ['analyst'], masks })
      expect(holders(said, PERSON)).toEqual([])
      expect(holders(said, 'mqtt-connect')).toContain('runSearchTemplate')
    },
  )
})

/** As `saidTo`, without the stream, which would wait for an alert that is never theirs. */
async function saidToNobody(): Promise<ReadonlyMap<string, string>> {
  const app = serveAs(world, { id: 'u', roles: ['analyst'], visibility: { sites: [] } })
  const said = new Map<string, string>()
  const isRead = (route: Route): boolean => ASKS[route.operation] !== undefined
  for (const route of world.api.routes.filter(isRead)) {
    for (const [url, payload] of ASKS[route.operation] ?? []) {
      const answer = await app.inject({ method: route.method, url, ...(payload && { payload }) })
      said.set(route.operation, (said.get(route.operation) ?? '') + answer.body)
    }
  }
  await app.close()
  return said
}
