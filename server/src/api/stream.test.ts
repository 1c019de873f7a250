import { afterEach, expect, test } from 'vitest'
import { createToken, createUser } from '../people/accounts.ts'
import type { Route } from './route.ts'
import { streamRoutes } from './routes/stream.ts'
import { makeWorld, type World } from './testing/world.ts'

const PASSWORD = 'correct horse battery staple'
const worlds: World[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

test('a live stream ends as soon as its token is revoked, with no alert and no beat between', async () => {
  const world = await makeWorld({ onAlerts: () => () => undefined })
  worlds.push(world)
  const deps = { state: world.state, clock: world.clock, cost: { N: 16, r: 8, p: 1 } }
  const { user } = await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
  await world.state.db.updateTable('user').set({ must_change: 0 }).execute()
  const follower = await createToken(deps, { name: 'wall', roles: ['analyst'] }, user.id)
  const admin = await createToken(deps, { name: 'ops', roles: ['admin'] }, 'local')
  const { app } = world.api
  const base = await app.listen({ host: '127.0.0.1', port: 0 })
  const headers = { authorization: `Bearer ${follower.text}` }
  const stream = await fetch(`${base}/api/v1/alerts/stream`, { headers })
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = (await reader.read()).value ?? ''
  expect(text).toContain(': following')
  const revoked = await app.inject({
    method: 'DELETE',
    url: `/api/v1/tokens/${follower.token.id}`,
    headers: { authorization: `Bearer ${admin.text}` },
  })
  expect(revoked.statusCode).toBe(204)
  for (;;) {
    const { done, value = '' } = await reader.read()
    if (done) break
    text += value
  }
  expect(text).toBe(': following\n\n')
})

test('only streams that are read take a place, and give it back', async () => {
  const world = await makeWorld()
  worlds.push(world)
  const recorder = { record: async () => undefined, drain: async () => undefined }
  const { state } = world
  const deps = { state, recorder, onAlerts: undefined, onChange: undefined, streamsMax: 2 }
  const [{ handle }] = streamRoutes(deps) as [Route]
  const open = async (signal = new AbortController().signal) => {
    const principal = { kind: 'user', id: 'u', roles: ['analyst'] } as const
    const asked = { query: {}, principal, lastEventId: undefined, signal }
    const given = { ...asked, stillKnown: async () => true } as unknown
    const answer = await handle(given as Parameters<Route['handle']>[0])
    return ('stream' in answer ? answer.stream : undefined) as AsyncGenerator<string>
  }
  // Answers that nobody reads: the record was refused, or the asker had gone.
  for (let n = 0; n < 5; n += 1) await (await open()).return(undefined)
  expect(await (await open(AbortSignal.abort())).next()).toMatchObject({ done: true })
  const [one, two, late] = [await open(), await open(), await open()]
  for (const stream of [one, two]) expect(await stream.next()).toMatchObject({ done: false })
  await expect(open()).rejects.toMatchObject({ problem: { code: 'API_UNAVAILABLE' } })
  // It came before there were too many, and begins after.
  expect(await late.next()).toMatchObject({ done: true })
  await one.return(undefined)
  const three = await open()
  expect(await three.next()).toMatchObject({ done: false })
  for (const stream of [two, three]) await stream.return(undefined)
})
