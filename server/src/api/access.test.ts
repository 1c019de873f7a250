/**
 * Goal: who may not, does not, in any read path. Every route by every role, as declared; what a
 * narrowed person gets from lists, counts, single reads, errors, searches and the live stream; and
 * whatever is sent, no route fails by a fault of ours.
 */
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { MASKED, ROLES, type Role } from '../model/access.ts'
import { alertOf } from '../state/testing/alerts.ts'
import { writeAlerts, writeHistory } from '../state/alerts.ts'
import { addDeadLetters } from '../state/dead-letters.ts'
import type { Route } from './route.ts'
import { makeWorld, serveAs, type World } from './testing/world.ts'

const worlds: World[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})
async function makeOne(...args: Parameters<typeof makeWorld>): Promise<World> {
  const one = await makeWorld(...args)
  worlds.push(one)
  return one
}

const urlOf = (route: Route): string => route.path.replaceAll(/:\w+/g, 'x')
const isStream = (route: Route): boolean => route.responseType === 'text/event-stream'

const alertAt = (id: string, sites: readonly string[], site = sites[0] ?? 'none') =>
  alertOf({
    id,
    group: { 'device.id': `pump-in-${site}`, 'user.name': `user-of-${site}` },
    matched: { 'user.name': [`user-of-${site}`], 'event.action': ['mqtt-connect'] },
    scope: { sites, deviceTypes: ['pump'], datasets: ['mosquitto'], complete: true },
  })

/** What is of no single site. */
const OF_THE_WHOLE = ['getSource', 'listDeadLetters', 'getDeadLetter', 'getConfig']

async function fill(one: World, offset = 1): Promise<void> {
  const alerts = [
    alertAt('a-oslo', ['oslo']),
    alertAt('a-bergen', ['bergen']),
    alertAt('a-both', ['oslo', 'bergen'], 'bergen'),
    alertAt('a-unknown', [], 'bergen'),
  ]
  const writes = alerts.map((alert, index) => ({
    ...{ alert, offset, index, kind: 'opened' as const },
    atMs: 1_000,
  }))
  await one.state.transact(async (db) => {
    await writeAlerts(one.state, db, writes)
    await writeHistory(one.state, db, writes)
  })
}

describe('every route by every role', () => {
  test.each(ROLES)('%s is let in exactly where it is declared', async (role: Role) => {
    const one = await makeOne()
    await fill(one)
    const app = serveAs(one, { id: 'u1', roles: [role] })
    const wrong: string[] = []
    for (const route of one.api.routes) {
      if (isStream(route) && !('public' in route) && route.roles.includes(role)) continue
      const before = one.audit.length
      const answer = await app.inject({ method: route.method, url: urlOf(route), payload: {} })
      const open = 'public' in route || route.roles.includes(role)
      const refused = answer.statusCode === 403 && answer.json().code === 'API_FORBIDDEN'
      // Changing one's own password and second factor also needs a session, which this has not.
      const ownOnly = route.path.startsWith('/api/v1/session/')
      if (refused === open && !ownOnly) wrong.push(`${route.operation} ${answer.statusCode}`)
      if (answer.statusCode >= 500) wrong.push(`${route.operation} ${answer.statusCode}`)
      if (refused && one.audit.length !== before + 1) wrong.push(`${route.operation} unrecorded`)
    }
    expect(wrong).toEqual([])
    await app.close()
  })

  test.each([
    [{ visibility: { sites: ['oslo'] } }],
    [{ visibility: { deviceTypes: ['pump'], datasets: ['mosquitto'] } }],
    [{ visibility: { sites: [] } }],
    [{ masks: ['user.name', 'device'] }],
  ])(
    '%j opens no route that the role does not, and closes only what is of the whole',
    async (scope) => {
      const one = await makeOne({ sources: { names: () => ['x'], report: () => undefined } })
      await fill(one)
      const wrong: string[] = []
      for (const role of ROLES) {
        const app = serveAs(one, { id: 'u1', roles: [role], ...scope })
        for (const route of one.api.routes) {
          const open = 'public' in route || route.roles.includes(role)
          if ((isStream(route) && open) || route.path.startsWith('/api/v1/session/')) continue
          const answer = await app.inject({ method: route.method, url: urlOf(route), payload: {} })
          const refused = answer.statusCode === 403 && answer.json().code === 'API_FORBIDDEN'
          const isWhole =
            'visibility' in scope
              ? OF_THE_WHOLE.includes(route.operation)
              : ['listAssets', 'readAsset'].includes(route.operation)
          if (refused !== (!open || isWhole))
            wrong.push(`${role} ${route.operation} ${answer.statusCode}`)
          if (answer.statusCode >= 500)
            wrong.push(`${role} ${route.operation} ${answer.statusCode}`)
        }
        await app.close()
      }
      expect(wrong).toEqual([])
    },
  )

  test('each call of one that is not public leaves one entry of the record, however it ends', async () => {
    const one = await makeOne({ sources: { names: () => ['x'], report: () => undefined } })
    await fill(one)
    const app = serveAs(one, { id: 'u1', roles: ['admin'] })
    const json = { 'content-type': 'application/json' }
    const wrong: string[] = []
    for (const route of one.api.routes) {
      if ('public' in route || isStream(route)) continue
      const [method, url] = [route.method, urlOf(route)]
      const long = `"${'x'.repeat((route.bodyBytesMax ?? 1024 * 1024) + 1)}"`
      const bodies =
        method === 'GET'
          ? [{ url: `${url}?no-such-parameter=1` }, { url }]
          : [
              { url, payload: {} },
              { url, payload: '{', headers: json },
              {
                url,
                payload: 'a=b',
                headers: { 'content-type': 'application/x-www-form-urlencoded' },
              },
              ...(long.length < 2 ** 21 ? [{ url, payload: long, headers: json }] : []),
            ]
      for (const [at, given] of bodies.entries()) {
        const before = one.audit.length
        const { statusCode } = await app.inject({ method, ...given })
        const entries = one.audit.slice(before)
        const outcome = statusCode < 400 ? 'success' : 'failure'
        // An export tells at its end how many rows went out.
        const many = route.operation === 'exportAlerts' && statusCode === 200 ? 2 : 1
        const told = entries.length === many && entries[0]?.outcome === outcome
        if (!told || entries[0]?.actor !== 'u1')
          wrong.push(`${route.operation} ${at} ${statusCode}`)
      }
    }
    expect(wrong).toEqual([])
    await app.close()
  })

  test('nobody at all is let in nowhere but where it is public', async () => {
    const one = await makeOne()
    const app = serveAs(one, { id: 'nobody', roles: [] })
    const let_in: string[] = []
    for (const route of one.api.routes) {
      const answer = await app.inject({ method: route.method, url: urlOf(route), payload: {} })
      if (answer.statusCode !== 403 && !('public' in route)) let_in.push(route.operation)
    }
    expect(let_in).toEqual([])
    await app.close()
  })
})

describe('a narrowed analyst', () => {
  const narrowed = { id: 'u-oslo', roles: ['analyst'] as const, visibility: { sites: ['oslo'] } }

  test('never hears of another site: list, pages, counts, reads, filters, errors', async () => {
    const one = await makeOne()
    await fill(one)
    const app = serveAs(one, narrowed)
    const said: string[] = []
    const ask = async (url: string) => {
      const answer = await app.inject(url)
      said.push(answer.body)
      return answer
    }
    const list = await ask('/api/v1/alerts?suppressed=with')
    expect(list.json().alerts.map((alert: { id: string }) => alert.id)).toEqual(['a-oslo'])
    const page = await ask('/api/v1/alerts?limit=1')
    expect(page.json()).not.toHaveProperty('cursor')
    const counts = await ask('/api/v1/alerts/counts')
    expect(counts.json().bySeverity).toMatchObject({ high: 1, medium: 0 })
    const facets = (await ask('/api/v1/alerts/facets')).json()
    expect(facets).toMatchObject({
      total: 1,
      open: 1,
      severity: { high: 1 },
      rules: [{ count: 1 }],
    })
    const exported = (await ask('/api/v1/alerts/export?suppressed=with')).body.split('\n')
    expect(exported.map((line) => (line === '' ? '' : JSON.parse(line).id))).toEqual(['a-oslo', ''])
    expect((await ask('/api/v1/alerts/a-oslo')).statusCode).toBe(200)
    const unknown = (await ask('/api/v1/alerts/nothing')).json()
    for (const id of ['a-bergen', 'a-both', 'a-unknown']) {
      const hidden = (await ask(`/api/v1/alerts/${id}`)).json()
      expect({ ...hidden, requestId: '' }).toEqual({ ...unknown, requestId: '' })
    }
    expect((await ask('/api/v1/dead-letters')).statusCode).toBe(403)
    await ask('/api/v1/alerts?rule=rule-1&severity=low&open=true')
    expect(said.join()).not.toContain('bergen')
    await app.close()
  })

  test('is narrowed in searches by the same scope', async () => {
    const one = await makeOne()
    const app = serveAs(one, narrowed)
    const url = '/api/v1/search/templates/device-timeline'
    await app.inject({ method: 'POST', url, payload: {} })
    await app.inject({ method: 'POST', url: `${url}/export`, payload: {} })
    const visibility = { sites: ['oslo'] }
    expect(one.searched).toMatchObject([{ visibility }, { visibility }])
    await app.close()
  })

  test.each([
    [{ sites: ['oslo'] }, ['a-oslo']],
    [{ sites: ['oslo', 'bergen'] }, ['a-both', 'a-bergen', 'a-oslo']],
    [{ deviceTypes: ['pump'] }, ['a-unknown', 'a-both', 'a-bergen', 'a-oslo']],
    [{ deviceTypes: ['lock'] }, []],
    [{ datasets: ['mosquitto', 'other'] }, ['a-unknown', 'a-both', 'a-bergen', 'a-oslo']],
    [{ datasets: ['other'] }, []],
    [{ sites: ['oslo'], deviceTypes: ['pump'], datasets: ['other'] }, []],
  ])('of %j sees what is wholly within it', async (visibility, ids) => {
    const one = await makeOne()
    await fill(one)
    const app = serveAs(one, { ...narrowed, visibility })
    const { alerts } = (await app.inject('/api/v1/alerts')).json<{ alerts: { id: string }[] }>()
    expect(alerts.map(({ id }) => id)).toEqual(ids)
    const counts = (await app.inject('/api/v1/alerts/counts')).json<{ bySeverity: object }>()
    const sum = Object.values(counts.bySeverity).reduce((all: number, n: number) => all + n, 0)
    expect(sum).toBe(ids.length)
    const facets = (await app.inject('/api/v1/alerts/facets')).json<{ total: number }>()
    expect(facets.total).toBe(ids.length)
    const lines = (await app.inject('/api/v1/alerts/export')).body.split('\n').slice(0, -1)
    expect(lines.map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(ids)
    await app.close()
  })

  test('of no site at all sees nothing', async () => {
    const one = await makeOne()
    await fill(one)
    const app = serveAs(one, { ...narrowed, visibility: { sites: [] } })
    expect((await app.inject('/api/v1/alerts')).json()).toEqual({ alerts: [] })
    await app.close()
  })
})

test('masked fields are masked in lists, reads and searches, for those with the mask', async () => {
  const one = await makeOne()
  await fill(one)
  const app = serveAs(one, { id: 'u', roles: ['analyst'], masks: ['user'] })
  const said = [
    await app.inject('/api/v1/alerts'),
    await app.inject('/api/v1/alerts/a-oslo'),
    await app.inject('/api/v1/alerts/export'),
    await app.inject({
      method: 'POST',
      url: '/api/v1/search/templates/device-timeline/export',
      payload: {},
    }),
    await app.inject({
      method: 'POST',
      url: '/api/v1/search/templates/device-timeline',
      payload: {},
    }),
  ].map((answer) => answer.body)
  expect(said.join()).not.toMatch(/user-of|lovelace/)
  expect(said[0]).toContain(`"user.name":"${MASKED}"`)
  expect(said[1]).toContain('pump-in-oslo')
  expect(said[2]).toContain(`"user.name":"${MASKED}"`)
  expect(JSON.parse(said[3] ?? '')).toEqual({
    ...{ 'user.name': MASKED, 'event.action': 'mqtt-connect', 'event.original': MASKED },
  })
  expect(JSON.parse(said[4] ?? '').rows).toEqual([[MASKED, 'mqtt-connect', MASKED]])
  const facets = (await app.inject('/api/v1/alerts/facets')).json()
  expect(facets.rules).toEqual([{ id: expect.any(String), count: 4 }])
  const probe = { values: { user: 'lovelace' } }
  const url = '/api/v1/search/templates/device-timeline'
  for (const to of [url, `${url}/export`]) {
    const guess = await app.inject({ method: 'POST', url: to, payload: probe })
    expect(guess.json()).toMatchObject({ code: 'API_FORBIDDEN' })
  }
  await app.close()
})

test('rejected input is shown to whoever sees all of the fleet, and its text to nobody with masks', async () => {
  const one = await makeOne()
  const letter = {
    ...{ id: 'd1', source: 'bergen', decoder: 'json', code: 'DECODE_JSON', receivedMs: 0 },
    ...{ message: 'not JSON: ada', raw: 'user=ada', rawEncoding: 'utf8' as const },
    facts: { peer: '192.0.2.7' },
  }
  await one.state.transact((db) => addDeadLetters(one.state, db, [{ letter, offset: 1, index: 0 }]))
  const url = '/api/v1/dead-letters/d1'
  const ask = async (change: object) => {
    const app = serveAs(one, { id: 'u', roles: ['auditor'], ...change })
    const answers = [await app.inject(url), await app.inject('/api/v1/dead-letters')]
    await app.close()
    return answers
  }
  for (const visibility of [{ sites: ['oslo'] }, { deviceTypes: ['pump'] }, { datasets: ['a'] }]) {
    for (const { statusCode, body } of await ask({ visibility })) {
      expect(statusCode).toBe(403)
      expect(body).not.toContain('bergen')
    }
  }
  const [masked, list] = await ask({ masks: ['user.name'] })
  expect(masked?.json()).toMatchObject({ message: MASKED, raw: MASKED, facts: { peer: MASKED } })
  expect(masked?.body).not.toContain('ada')
  expect(list?.json()).toMatchObject({ letters: [{ id: 'd1' }] })
  const [whole] = await ask({})
  expect(whole?.json()).toMatchObject({ raw: 'user=ada', facts: { peer: '192.0.2.7' } })
})

test('an uploaded rule file cannot leave its folder, hide, or stand twice', async () => {
  const one = await makeOne()
  const app = serveAs(one, { id: 'u', roles: ['admin'] })
  const put = async (...paths: string[]): Promise<number> => {
    const payload = { files: paths.map((path) => ({ path, text: 'x' })) }
    const url = '/api/v1/rule-folders/mine'
    return (await app.inject({ method: 'PUT', url, payload })).statusCode
  }
  expect(await put('a.yml', 'mqtt/b.yml')).toBe(200)
  for (const path of [
    '../a.yml',
    '/etc/a.yml',
    'x/../../a',
    '.hidden',
    'x/.y',
    'a\\b',
    'a//b',
    '',
  ]) {
    expect([path, await put(path)]).toEqual([path, 400])
  }
  expect(await put('a.yml', 'a.yml')).toBe(400)
  const url = '/api/v1/rule-folders/..%2Fx'
  const out = await app.inject({ method: 'PUT', url, payload: { files: [] } })
  expect(out.statusCode).toBe(400)
  await app.close()
})

describe('the live stream', () => {
  async function read(
    body: ReadableStream<Uint8Array>,
    until: (text: string) => boolean,
  ): Promise<string> {
    let text = ''
    const decoder = new TextDecoder()
    const reader = body.getReader()
    while (!until(text)) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value, { stream: true })
    }
    await reader.cancel()
    return text
  }

  test('sends what is new and visible, goes on where it broke, and ends with the session', async () => {
    const listeners = new Set<() => void>()
    const onAlerts = (listener: () => void) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    }
    const one = await makeOne({ onAlerts })
    await fill(one, 1)
    let known = true
    const visibility = { sites: ['oslo'] }
    const principal = { kind: 'user' as const, id: 'u', roles: ['analyst'] as const, visibility }
    const authenticate = async () => (known ? { principal, mustChange: false } : undefined)
    const app = serveAs(one, principal, { authenticate })
    const base = await app.listen({ host: '127.0.0.1', port: 0 })
    const stream = await fetch(`${base}/api/v1/alerts/stream`)
    expect(stream.headers.get('content-type')).toContain('text/event-stream')
    const reading = read(stream.body!, (text) => text.includes('event: alert'))
    await expect.poll(() => listeners.size).toBe(1)
    await fill(one, 7)
    for (const ring of listeners) ring()
    const text = await reading
    expect(text).toContain('id: 7-0\ndata: {"id":"a-oslo"')
    expect(text).not.toContain('bergen')
    await expect.poll(() => listeners.size).toBe(0)
    // From the beginning, as one who was there at place 0-0.
    const headers = { 'last-event-id': '0-0' }
    const again = await fetch(`${base}/api/v1/alerts/stream`, { headers })
    const seen = read(again.body!, () => false)
    await expect.poll(() => listeners.size).toBe(1)
    known = false
    for (const ring of listeners) ring()
    expect((await seen).match(/event: alert/g)).toHaveLength(1)
    await expect
      .poll(() => one.audit.filter((entry) => entry.detail?.['ended'] === true))
      .toMatchObject([{ detail: { rows: 1 } }, { detail: { rows: 1 } }])
    await app.close()
  })

  test('hides what is masked also from one that goes on where it broke', async () => {
    const one = await makeOne()
    await fill(one, 1)
    const app = serveAs(one, { id: 'u', roles: ['analyst'], masks: ['user'] })
    const base = await app.listen({ host: '127.0.0.1', port: 0 })
    const headers = { 'last-event-id': '0-0' }
    const stream = await fetch(`${base}/api/v1/alerts/stream`, { headers })
    const text = await read(stream.body!, (said) => said.includes('event: alert'))
    expect(text).toContain(`"user.name":"${MASKED}"`)
    expect(text).not.toContain('user-of')
    await app.close()
  })
})

test('whatever is sent, no route fails by a fault of ours', async () => {
  const one = await makeOne()
  await fill(one)
  const app = serveAs(one, { id: 'u1', roles: ['admin'] })
  const routes = one.api.routes.filter((route) => !isStream(route))
  const text = fc.string({ unit: 'binary', maxLength: 40 })
  const payload = fc.oneof(
    fc.json(),
    text,
    fc.record({ name: text, roles: fc.constant(['admin']), values: fc.dictionary(text, text) }),
    fc.record({
      user: text,
      password: text,
      limit: fc.integer(),
      from: text,
      old: text,
      new: text,
    }),
  )
  await fc.assert(
    fc.asyncProperty(
      ...[fc.constantFrom(...routes), text, fc.dictionary(text, text), payload],
      async (route, param, query, body) => {
        const path = route.path.replaceAll(/:\w+/g, () => encodeParam(param))
        const url = `${path}?${new URLSearchParams(query).toString()}`
        const headers = { 'content-type': 'application/json' }
        const sent = typeof body === 'string' ? body : JSON.stringify(body)
        const given = route.method === 'GET' ? {} : { headers, payload: sent }
        const answer = await app.inject({ method: route.method, url, ...given })
        expect([route.operation, answer.statusCode < 500]).toEqual([route.operation, true])
        if (answer.statusCode >= 400) expect(answer.json()).toHaveProperty('code')
      },
    ),
    { numRuns: 600 },
  )
  await app.close()
})

const encodeParam = (text: string): string => encodeURIComponent(wellFormed(text)) || 'x'
/** Addresses cannot hold lone surrogates. */
const wellFormed = (text: string): string => Buffer.from(text).toString('utf8')

test('a response that does not fit its own schema would be seen', async () => {
  const one = await makeOne()
  await fill(one)
  const app = serveAs(one, { id: 'u1', roles: ['admin'] })
  for (const route of one.api.routes.filter((each) => each.method === 'GET' && each.response)) {
    const url = route.path.replace(':id', 'a-oslo')
    const answer = await app.inject(url)
    if (answer.statusCode !== 200) continue
    expect([route.operation, route.response?.safeParse(answer.json()).error]).toEqual([
      route.operation,
      undefined,
    ])
  }
  await app.close()
})
