import { afterEach, expect, test } from 'vitest'
import { createToken, createUser } from '../people/accounts.ts'
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
