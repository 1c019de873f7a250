import { afterEach, expect, test } from 'vitest'
import { ProblemError } from '../base/problems.ts'
import { assetSchema, type KeptAsset } from '../model/asset.ts'
import type { AssetDesk } from '../model/desks.ts'
import { makeWorld, serveAs, type World } from './testing/world.ts'

const kept = (id: string, more: object = {}): KeptAsset => ({
  asset: assetSchema.parse({ id, ...more }),
  ...{ revision: 3, changedMs: Date.UTC(2026, 2, 1), origin: 'api' as const },
})

const said: unknown[] = []
const all = [kept('a', { site: 'n', owner: 'Ada' }), kept('b', { site: 's' })]
const assets: AssetDesk = {
  list: async (filter, page) => {
    said.push({ filter, page })
    return all.slice(page.after === undefined ? 0 : 1, page.limit)
  },
  get: async (id) => all.find(({ asset }) => asset.id === id),
  put: async (asset, expected) => {
    said.push({ asset, expected })
    if (expected === 2) throw new ProblemError({ code: 'ASSET_CHANGED', message: 'It changed.' })
    return { ...kept(asset.id), asset }
  },
  remove: async (id, expected) => void said.push({ id, expected }),
  import: async (given, replace) => {
    said.push({ ids: given.map(({ id }) => id), replace })
    return { added: given.length, changed: 0, removed: 0, unchanged: 0, shared: 0 }
  },
}

const open: World[] = []
afterEach(async () => {
  said.length = 0
  for (const one of open.splice(0)) await one.close()
})

async function as(who: Parameters<typeof serveAs>[1]) {
  const one = await makeWorld({ assets })
  open.push(one)
  return { app: serveAs(one, who), audit: one.audit }
}
const ADMIN = { id: 'u1', roles: ['admin'] as const }

test('lists by page and says where to go on', async () => {
  const { app, audit } = await as(ADMIN)
  const first = await app.inject('/api/v1/assets?limit=1&site=n')
  expect(first.json()).toMatchObject({
    assets: [{ id: 'a', revision: 3, origin: 'api' }],
    cursor: 'a',
  })
  expect((await app.inject('/api/v1/assets?cursor=a')).json()).not.toHaveProperty('cursor')
  expect(said[0]).toEqual({ filter: { site: 'n' }, page: { limit: 2 } })
  expect(audit[0]).toMatchObject({ action: 'asset-list', actor: 'u1', outcome: 'success' })
})

test('reads one with its version, and changes only the version that is meant', async () => {
  const { app, audit } = await as(ADMIN)
  const { headers } = await app.inject('/api/v1/assets/a')
  expect(headers['etag']).toBe('"r3"')
  const again = { 'if-none-match': '"r3"' }
  expect((await app.inject({ url: '/api/v1/assets/a', headers: again })).statusCode).toBe(304)
  const put = (version: string): Promise<{ statusCode: number }> =>
    app.inject({
      ...{ method: 'PUT', url: '/api/v1/assets/a', headers: { 'if-match': version } },
      payload: { type: 'pump', identifiers: { client_id: ['c'] } },
    })
  expect((await put('"r3"')).statusCode).toBe(200)
  expect((await put('"r2"')).statusCode).toBe(412)
  await put('"something"')
  await app.inject({ method: 'DELETE', url: '/api/v1/assets/a' })
  expect(said).toMatchObject([
    { asset: { id: 'a', type: 'pump', identifiers: { client_id: ['c'] } }, expected: 3 },
    { expected: 2 },
    { expected: -1 },
    { id: 'a', expected: undefined },
  ])
  expect(audit.map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
    ...['asset-read success', 'asset-read success', 'asset-change success'],
    ...['asset-change failure', 'asset-change success', 'asset-delete success'],
  ])
})

test('takes a table over, and refuses one with an id that stands twice or a strange field', async () => {
  const { app } = await as(ADMIN)
  const send = async (list: readonly object[]): Promise<number> => {
    const payload = { assets: list, replace: true }
    const answer = await app.inject({ method: 'POST', url: '/api/v1/assets/import', payload })
    return answer.statusCode
  }
  expect(await send([{ id: 'x' }, { id: 'y' }])).toBe(200)
  expect(await send([{ id: 'x' }, { id: 'x' }])).toBe(400)
  expect(await send([{ id: 'x', colour: 'red' }])).toBe(400)
  expect(said).toEqual([{ ids: ['x', 'y'], replace: true }])
})

test('shows each what they may see, and lets nobody but an admin change anything', async () => {
  const some = { id: 'u2', roles: ['analyst'] as const, visibility: { sites: ['s'] }, masks: [] }
  const { app } = await as(some)
  expect((await app.inject('/api/v1/assets/a')).statusCode).toBe(404)
  expect((await app.inject('/api/v1/assets/b')).statusCode).toBe(200)
  await app.inject('/api/v1/assets')
  expect(said).toMatchObject([{ filter: { visibility: { sites: ['s'] } } }])
  expect((await app.inject({ method: 'DELETE', url: '/api/v1/assets/b' })).statusCode).toBe(403)
  const { app: masked } = await as({ id: 'u3', roles: ['auditor'], masks: ['iot.owner'] })
  expect((await masked.inject('/api/v1/assets/a')).body).not.toContain('Ada')
})
