import { afterEach, expect, test } from 'vitest'
import { writeAlerts } from '../state/alerts.ts'
import { alertOf } from '../state/testing/alerts.ts'
import type { Route } from './route.ts'
import { exportRoutes } from './routes/exports.ts'
import { makeWorld, serveAs, type World } from './testing/world.ts'

const worlds: World[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})
const COUNT = 1_201

async function filled(): Promise<World> {
  const world = await makeWorld()
  worlds.push(world)
  const writes = Array.from({ length: COUNT }, (_, n) => ({
    ...{ alert: alertOf({ id: `a${n}` }), offset: 1, index: n, kind: 'opened' as const },
    atMs: 0,
  }))
  await world.state.transact((db) => writeAlerts(world.state, db, writes))
  return world
}

test('all alerts go out once, newest first, and the record says how many', async () => {
  const world = await filled()
  const app = serveAs(world, { id: 'u', roles: ['auditor'] })
  const answer = await app.inject('/api/v1/alerts/export')
  expect(answer.headers['content-type']).toBe('application/x-ndjson; charset=utf-8')
  const ids = answer.body.split('\n').map((line) => (line === '' ? '' : JSON.parse(line).id))
  expect(ids).toEqual([...Array.from({ length: COUNT }, (_, n) => `a${COUNT - 1 - n}`), ''])
  expect(world.audit).toMatchObject([
    { action: 'alert-export', outcome: 'success', detail: { query: {} } },
    { action: 'alert-export', outcome: 'success', detail: { ended: true, rows: COUNT } },
  ])
  await app.close()
})

test('an export that breaks off does not look whole, nor does its record', async () => {
  const world = await filled()
  let asked = 0
  const query: World['state']['query'] = (work) => {
    asked += 1
    if (asked > 2) throw new Error('the state is away')
    return world.state.query(work)
  }
  const { stream, audit } = await open({ ...world.state, query })
  const read = async (): Promise<number> => {
    let bytes = 0
    for await (const text of stream) bytes += text.length
    return bytes
  }
  await expect(read()).rejects.toThrow('the state is away')
  expect(audit).toEqual([['failure', { ended: true, rows: 1_000 }]])
})

test('a few at once, as long as they are read', async () => {
  const { state } = await filled()
  const { again } = await open(state)
  // What nobody reads takes no place.
  for (let n = 0; n < 9; n += 1) await (await again()).return(undefined)
  const running = await Promise.all(Array.from({ length: 4 }, () => again()))
  for (const one of running) expect(await one.next()).toMatchObject({ done: false })
  await expect(again()).rejects.toMatchObject({ problem: { code: 'API_UNAVAILABLE' } })
  await running[0]?.return(undefined)
  expect(await (await again()).next()).toMatchObject({ done: false })
  for (const one of running) await one.return(undefined)
})

async function open(state: World['state']) {
  const audit: unknown[] = []
  const record = async (entry: { outcome: string; detail?: unknown }): Promise<void> => {
    audit.push([entry.outcome, entry.detail])
  }
  const [{ handle }] = exportRoutes({
    state,
    recorder: { record, drain: async () => undefined },
  }) as [Route]
  const again = async (): Promise<AsyncGenerator<string>> => {
    const principal = { kind: 'user', id: 'u', roles: ['analyst'] } as const
    const given = { query: {}, principal, signal: new AbortController().signal } as unknown
    const answer = await handle(given as Parameters<Route['handle']>[0])
    return ('stream' in answer ? answer.stream : undefined) as AsyncGenerator<string>
  }
  return { audit, again, stream: await again() }
}
