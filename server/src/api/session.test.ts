import { afterEach, expect, test } from 'vitest'
import { sha256Hex } from '../base/hash.ts'
import { createToken, createUser } from '../people/accounts.ts'
import { totpCode } from '../people/totp.ts'
import { makeWorld, type World } from './testing/world.ts'

const worlds: World[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

const PASSWORD = 'a long enough one'
const NEXT = 'another long enough one'

/** A browser of sorts: keeps its cookie, sends its token. */
class Browser {
  readonly world: World
  cookie = ''
  csrf = ''
  constructor(world: World) {
    this.world = world
  }
  async ask(method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, payload?: object) {
    const headers = {
      ...(this.cookie !== '' && { cookie: this.cookie }),
      ...(this.csrf !== '' && { 'x-csrf-token': this.csrf }),
    }
    const given = payload === undefined ? {} : { payload }
    const answer = await this.world.api.app.inject({ method, url, headers, ...given })
    const set = answer.headers['set-cookie']
    if (typeof set === 'string') this.cookie = set.split(';')[0] ?? ''
    const body: unknown = answer.body === '' ? undefined : answer.json()
    return {
      status: answer.statusCode,
      body,
      set: String(set),
      code: (body as { code?: string })?.code,
    }
  }
  async login(user: string, password: string, code?: string) {
    const answer = await this.ask('POST', '/api/v1/session', {
      user,
      password,
      ...(code && { code }),
    })
    this.csrf = (answer.body as { csrf?: string }).csrf ?? ''
    return answer
  }
}

async function setUp(): Promise<{ world: World; browser: Browser; id: string }> {
  const world = await makeWorld()
  worlds.push(world)
  const deps = { state: world.state, clock: world.clock, cost: { N: 16, r: 8, p: 1 } }
  const made = await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
  return { world, browser: new Browser(world), id: made.user.id }
}

async function settled(browser: Browser): Promise<void> {
  await browser.login('ada', PASSWORD)
  await browser.ask('POST', '/api/v1/session/password', { old: PASSWORD, new: NEXT })
}

test('the first login can do nothing but change the password', async () => {
  const { world, browser, id } = await setUp()
  const login = await browser.login('Ada', PASSWORD)
  expect(login).toMatchObject({
    status: 200,
    body: { id, name: 'ada', roles: ['admin'], mustChangePassword: true, totp: false },
  })
  expect(login.set).toMatch(/^picket_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
  expect((await browser.ask('GET', '/api/v1/alerts')).code).toBe('PASSWORD_CHANGE')
  expect((await browser.ask('GET', '/api/v1/session')).status).toBe(200)
  const weak = await browser.ask('POST', '/api/v1/session/password', { old: PASSWORD, new: 'x' })
  expect(weak.code).toBe('PASSWORD_WEAK')
  const done = await browser.ask('POST', '/api/v1/session/password', { old: PASSWORD, new: NEXT })
  expect(done.status).toBe(204)
  expect((await browser.ask('GET', '/api/v1/alerts')).status).toBe(200)
  const said = world.audit.map((entry) => `${entry.actor} ${entry.action} ${entry.outcome}`)
  expect(said).toEqual([
    `${id} login success`,
    `${id} alert-list failure`,
    `${id} session-read success`,
    `${id} password-change failure`,
    `${id} password-change success`,
    `${id} alert-list success`,
  ])
  expect(JSON.stringify(world.audit)).not.toMatch(/"ada"|long enough/i)
})

test('a failed login is recorded, with where it came from', async () => {
  const { world, browser } = await setUp()
  expect(await browser.login('ada', 'wrong')).toMatchObject({ status: 401, code: 'LOGIN_FAILED' })
  expect(await browser.login('eve', 'wrong')).toMatchObject({ status: 401, code: 'LOGIN_FAILED' })
  expect(world.audit).toMatchObject([
    { action: 'login', outcome: 'failure', from: '127.0.0.1', detail: { code: 'LOGIN_FAILED' } },
    { action: 'login', outcome: 'failure' },
  ])
  for (let n = 0; n < 6; n++) await browser.login('ada', 'wrong')
  expect(await browser.login('ada', PASSWORD)).toMatchObject({
    status: 429,
    code: 'LOGIN_THROTTLED',
  })
})

test('what changes something needs the token of the session, and our own origin', async () => {
  const { world, browser } = await setUp()
  await settled(browser)
  const { cookie, csrf } = browser
  const post = (headers: Record<string, string>) =>
    world.api.app.inject({
      method: 'POST',
      url: '/api/v1/tokens',
      headers: { host: 'picket.example:8600', cookie, ...headers },
      payload: { name: 'x', roles: ['ingest'] },
    })
  const token = { 'x-csrf-token': csrf }
  expect((await post({})).json()).toMatchObject({ code: 'LOGIN_CSRF', status: 403 })
  expect((await post({ 'x-csrf-token': csrf.replace(/^./, '!') })).statusCode).toBe(403)
  const foreign = { ...token, origin: 'https://evil.example' }
  expect((await post(foreign)).json()).toMatchObject({ code: 'LOGIN_CSRF' })
  expect((await post({ ...token, origin: 'null' })).statusCode).toBe(403)
  expect((await post({ ...token, origin: 'http://picket.example:8600' })).statusCode).toBe(201)
  // A form of another site cannot send JSON; nor does a login take anything else.
  const form = await world.api.app.inject({
    method: 'POST',
    url: '/api/v1/session',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: 'user=ada&password=x',
  })
  expect(form.json()).toMatchObject({ code: 'API_MEDIA_TYPE', status: 415 })
})

test('a session cannot be fixed, planted or reused', async () => {
  const { world, browser } = await setUp()
  browser.cookie = `picket_session=${'A'.repeat(43)}`
  await settled(browser)
  expect(browser.cookie).not.toContain('A'.repeat(43))
  const { cookie } = browser
  const get = async (sent: string): Promise<number> =>
    (await world.api.app.inject({ url: '/api/v1/alerts', headers: { cookie: sent } })).statusCode
  expect(await get(cookie)).toBe(200)
  expect(await get(`picket_session=${'A'.repeat(43)}; ${cookie}`)).toBe(401)
  expect(await get(`${cookie}x`)).toBe(401)
  expect(await get(`${'y'.repeat(9_000)}=1; ${cookie}`)).toBe(401)
  // A wrong token is not made up for by a right cookie.
  const headers = { cookie, authorization: 'Bearer nonsense' }
  const both = await world.api.app.inject({ url: '/api/v1/alerts', headers })
  expect(both.statusCode).toBe(401)
  const second = new Browser(world)
  await second.login('ada', NEXT)
  expect(second.cookie).not.toBe(cookie)
  const out = await browser.ask('DELETE', '/api/v1/session')
  expect([out.status, out.set]).toEqual([204, expect.stringContaining('Max-Age=0')])
  expect(await get(cookie)).toBe(401)
  expect(await get(second.cookie)).toBe(200)
})

test('a second factor needs the password to be set or taken away', async () => {
  const { world, browser } = await setUp()
  await settled(browser)
  const { secret } = (await browser.ask('GET', '/api/v1/session/totp')).body as { secret: string }
  const code = (): string => totpCode(secret, Math.floor(world.clock.now() / 30_000))
  const set = (password: string, given: string) =>
    browser.ask('PUT', '/api/v1/session/totp', { password, secret, code: given })
  expect((await set('wrong', code())).code).toBe('LOGIN_FAILED')
  expect((await set(NEXT, '000000')).code).toBe('LOGIN_FAILED')
  expect((await set(NEXT, code())).status).toBe(204)
  const other = new Browser(world)
  expect((await other.login('ada', NEXT)).code).toBe('LOGIN_CODE')
  expect((await other.login('ada', NEXT, code())).code).toBe('LOGIN_FAILED') // spent by the set-up
  world.clock.advance(30_000)
  expect((await other.login('ada', NEXT, code())).status).toBe(200)
  const remove = (password: string) =>
    browser.ask('POST', '/api/v1/session/totp/remove', { password })
  expect((await remove('wrong')).code).toBe('LOGIN_FAILED')
  expect((await remove(NEXT)).status).toBe(204)
  expect((await other.login('ada', NEXT)).status).toBe(200)
})

test('users and tokens are made, changed and taken away', async () => {
  const { world, browser } = await setUp()
  await settled(browser)
  const visibility = { sites: ['oslo'] }
  const made = await browser.ask('POST', '/api/v1/users', {
    name: 'bob',
    roles: ['analyst'],
    visibility,
    masks: ['user.name'],
  })
  expect(made).toMatchObject({ status: 201, body: { user: { name: 'bob', visibility } } })
  const { user, password } = made.body as { user: { id: string }; password: string }
  const bob = new Browser(world)
  expect((await bob.login('bob', password)).status).toBe(200)
  await bob.ask('POST', '/api/v1/session/password', { old: password, new: NEXT })
  expect((await bob.ask('GET', '/api/v1/alerts')).status).toBe(200)
  expect((await bob.ask('GET', '/api/v1/users')).code).toBe('API_FORBIDDEN')
  const change = { grant: { roles: ['auditor'] } }
  expect((await browser.ask('PATCH', `/api/v1/users/${user.id}`, change)).status).toBe(200)
  expect((await bob.ask('GET', '/api/v1/alerts')).status).toBe(401)
  await bob.login('bob', NEXT)
  expect((await bob.ask('GET', '/api/v1/users')).status).toBe(200)
  const expires = new Date(world.clock.now() + 60_000).toISOString()
  const wanted = { name: 'ci', roles: ['auditor'], expires }
  const token = (await browser.ask('POST', '/api/v1/tokens', wanted)).body as {
    text: string
    token: { id: string }
  }
  const headers = { authorization: `Bearer ${token.text}` }
  const ask = async (): Promise<number> =>
    (await world.api.app.inject({ url: '/api/v1/users', headers })).statusCode
  expect(await ask()).toBe(200)
  const list = (await browser.ask('GET', '/api/v1/tokens')).body
  expect(list).toMatchObject({ tokens: [{ name: 'ci', expires, lastUsed: expect.any(String) }] })
  expect(JSON.stringify(list)).not.toContain(token.text.slice(-43))
  expect((await browser.ask('DELETE', `/api/v1/tokens/${token.token.id}`)).status).toBe(204)
  expect(await ask()).toBe(401)
  expect((await browser.ask('DELETE', '/api/v1/tokens/none')).code).toBe('TOKEN_UNKNOWN')
  expect((await browser.ask('DELETE', `/api/v1/users/${user.id}`)).status).toBe(204)
  expect((await bob.ask('GET', '/api/v1/users')).status).toBe(401)
  const me = (await browser.ask('GET', '/api/v1/session')).body as { id: string }
  expect((await browser.ask('DELETE', `/api/v1/users/${me.id}`)).code).toBe('USER_LAST_ADMIN')
})

test('a write that is named is done once, and answered alike again', async () => {
  const { world, browser } = await setUp()
  await settled(browser)
  const { cookie, csrf } = browser
  const post = async (key: string, name: string) => {
    const headers = { cookie, 'x-csrf-token': csrf, 'idempotency-key': key }
    const payload = { name, roles: ['ingest'] }
    return world.api.app.inject({ method: 'POST', url: '/api/v1/tokens', headers, payload })
  }
  const first = await post('k1', 'ci')
  const again = await post('k1', 'ci')
  expect([again.statusCode, again.json()]).toEqual([201, first.json()])
  expect(again.headers['idempotency-replayed']).toBe('true')
  expect((await post('k1', 'other')).json()).toMatchObject({ code: 'API_CONFLICT', status: 409 })
  expect((await post('k2', 'ci')).json().text).not.toBe(first.json().text)
  expect((await post('bad key', 'ci')).statusCode).toBe(400)
  // What was refused is not kept.
  const user = async (roles: string[]) => {
    const headers = { cookie, 'x-csrf-token': csrf, 'idempotency-key': 'k3' }
    const payload = { name: 'bob', roles, visibility: { sites: ['x'] } }
    return world.api.app.inject({ method: 'POST', url: '/api/v1/users', headers, payload })
  }
  expect((await user(['admin'])).statusCode).toBe(422)
  expect((await user(['analyst'])).statusCode).toBe(201)
  const all = await Promise.all(Array.from({ length: 8 }, () => post('k4', 'burst')))
  const codes = all.map((answer) => answer.statusCode)
  expect(codes.every((code) => code === 201 || code === 409)).toBe(true)
  const tokens = (await browser.ask('GET', '/api/v1/tokens')).body as { tokens: { name: string }[] }
  expect(tokens.tokens.filter((one) => one.name === 'burst')).toHaveLength(1)
  const rows = await world.state.db.selectFrom('idempotency').selectAll().execute()
  // Neither the key, nor what was answered, nor a hash that a guess at the request could be held against.
  const request = `POST /api/v1/tokens\n${JSON.stringify({ name: 'ci', roles: ['ingest'] })}`
  for (const told of ['"k1"', first.json<{ text: string }>().text, sha256Hex(request)]) {
    expect(JSON.stringify(rows)).not.toContain(told)
  }
  // Somebody else's key of the same name is another key.
  const deps = { state: world.state, clock: world.clock, cost: { N: 16, r: 8, p: 1 } }
  const { text } = await createToken(deps, { name: 'ops', roles: ['admin'] }, 'local')
  const headers = { authorization: `Bearer ${text}`, 'idempotency-key': 'k1' }
  const payload = { name: 'ci', roles: ['ingest'] }
  const own = await world.api.app.inject({
    method: 'POST',
    url: '/api/v1/tokens',
    headers,
    payload,
  })
  expect([own.statusCode, own.headers['idempotency-replayed']]).toEqual([201, undefined])
  expect(own.json().text).not.toBe(first.json().text)
  // A day later the key is free.
  world.clock.advance(25 * 3_600_000)
  const later = await world.api.app.inject({
    method: 'POST',
    url: '/api/v1/tokens',
    headers,
    payload,
  })
  expect([later.statusCode, later.headers['idempotency-replayed']]).toEqual([201, undefined])
})
