/**
 * Goal: what was stolen, planted or made up opens nothing. Tokens and cookies, the tables they are kept
 * in, headers that claim to be somebody else, and requests of a form that parsers disagree about.
 */
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { createToken, createUser } from '../people/accounts.ts'
import { makeWorld, type World } from './testing/world.ts'

const worlds: World[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})
const PASSWORD = 'a long enough one'

async function setUp(...args: Parameters<typeof makeWorld>) {
  const world = await makeWorld(...args)
  worlds.push(world)
  const deps = { state: world.state, clock: world.clock, cost: { N: 16, r: 8, p: 1 } }
  const { user } = await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
  await createUser(deps, { name: 'root', roles: ['admin'], password: PASSWORD })
  await world.state.db.updateTable('user').set({ must_change: 0 }).execute()
  const { app } = world.api
  const login = async (headers: Record<string, string> = {}, password = PASSWORD) => {
    const payload = { user: 'ada', password }
    const answer = await app.inject({ method: 'POST', url: '/api/v1/session', headers, payload })
    const cookie = String(answer.headers['set-cookie']).split(';')[0] ?? ''
    return { answer, cookie, csrf: String(answer.json().csrf) }
  }
  const status = async (headers: Record<string, string>, url = '/api/v1/users') =>
    (await app.inject({ url, headers })).statusCode
  return { world, app, deps, user, login, status }
}

describe('a token', () => {
  test('is of no use cut, grown, from the table, elsewhere than in its header', async () => {
    const { world, deps, user, status } = await setUp()
    const { text, token } = await createToken(deps, { name: 'ci', roles: ['admin'] }, user.id)
    const bearer = (value: string) => status({ authorization: `Bearer ${value}` })
    expect(await bearer(text)).toBe(200)
    const row = await world.state.db.selectFrom('token').selectAll().executeTakeFirstOrThrow()
    for (const bad of [
      text.slice(0, -1),
      `${text}A`,
      text.toUpperCase(),
      `pkt_${token.id}_${row.secret_hash}`,
      row.secret_hash,
      token.id,
      `pkt_${token.id}_${'A'.repeat(43)}`,
      `${text} ${text}`,
      `${text}, ${text}`,
    ]) {
      expect([bad, await bearer(bad)]).toEqual([bad, 401])
    }
    expect(await status({ authorization: `Basic ${Buffer.from(text).toString('base64')}` })).toBe(
      401,
    )
    expect(await status({ cookie: `picket_session=${text}` })).toBe(401)
    expect(await status({ 'x-api-key': text, 'proxy-authorization': `Bearer ${text}` })).toBe(401)
    expect(await status({}, `/api/v1/users?access_token=${text}`)).toBe(401)
    const seen = JSON.stringify(world.audit)
    expect(seen).not.toContain(text.slice(-43))
    expect(seen).toContain(token.id)
  })

  test('ends with its time, its revocation and its maker, at that moment', async () => {
    const { world, app, deps, user, login, status } = await setUp()
    const make = async (expiresMs?: number) => {
      const wanted = { name: 'ci', roles: ['auditor'] as const }
      const given = expiresMs === undefined ? {} : { expiresMs }
      return createToken(deps, { ...wanted, ...given }, user.id)
    }
    const bearer = (text: string) => status({ authorization: `Bearer ${text}` })
    const short = await make(world.clock.now() + 1_000)
    const long = await make()
    const other = await make()
    world.clock.advance(999)
    expect(await bearer(short.text)).toBe(200)
    world.clock.advance(1)
    expect(await bearer(short.text)).toBe(401)
    const admin = await login()
    const send = (method: 'DELETE' | 'PATCH', url: string, payload?: object) =>
      app.inject({
        method,
        url,
        headers: { cookie: admin.cookie, 'x-csrf-token': admin.csrf },
        ...(payload && { payload }),
      })
    expect((await send('DELETE', `/api/v1/tokens/${long.token.id}`)).statusCode).toBe(204)
    expect(await bearer(long.text)).toBe(401)
    expect(await bearer(other.text)).toBe(200)
    const change = await send('PATCH', `/api/v1/users/${user.id}`, { disabled: true })
    expect(change.statusCode).toBe(200)
    expect(await bearer(other.text)).toBe(401)
    expect(await status({ cookie: admin.cookie })).toBe(401)
  })

  test('cannot do what needs a person: no password, no second factor, no logout of others', async () => {
    const { app, deps, user } = await setUp()
    const { text } = await createToken(deps, { name: 'ci', roles: ['admin'] }, user.id)
    const headers = { authorization: `Bearer ${text}` }
    for (const [method, url, payload] of [
      ['POST', '/api/v1/session/password', { old: PASSWORD, new: 'another long one' }],
      ['GET', '/api/v1/session/totp', undefined],
      ['POST', '/api/v1/session/totp/remove', { password: PASSWORD }],
    ] as const) {
      const answer = await app.inject({ method, url, headers, ...(payload && { payload }) })
      expect([url, answer.statusCode]).toEqual([url, 403])
    }
  })
})

describe('a session', () => {
  test('is not opened by what the table holds, and one login ends the one before it', async () => {
    const { world, login, status } = await setUp()
    const first = await login()
    expect(await status({ cookie: first.cookie })).toBe(200)
    const rows = await world.state.db.selectFrom('session').selectAll().execute()
    for (const { id_hash: hash } of rows) {
      expect(await status({ cookie: `picket_session=${hash}` })).toBe(401)
    }
    expect(await status({ cookie: `picket_session=${first.csrf}` })).toBe(401)
    // The same browser logs in again: what somebody may have copied of it is worth nothing.
    const second = await login({ cookie: first.cookie })
    expect(second.cookie).not.toBe(first.cookie)
    expect(await status({ cookie: first.cookie })).toBe(401)
    expect(await status({ cookie: second.cookie })).toBe(200)
    // A failed login changes nothing, and gives nothing.
    const failed = await login({ cookie: second.cookie }, 'wrong')
    expect(failed.answer.headers['set-cookie']).toBeUndefined()
    expect(await status({ cookie: second.cookie })).toBe(200)
  })

  test("one session's form token is of no use in another", async () => {
    const { app, login } = await setUp()
    const mine = await login()
    const theirs = await login()
    const headers = { cookie: mine.cookie, 'x-csrf-token': theirs.csrf }
    const payload = { name: 'x', roles: ['ingest'] }
    const answer = await app.inject({ method: 'POST', url: '/api/v1/tokens', headers, payload })
    expect(answer.json()).toMatchObject({ code: 'LOGIN_CSRF' })
  })
})

describe('who asks, behind proxies', () => {
  const last = (world: World): string | undefined => world.audit.at(-1)?.from

  test('is whoever is connected, whatever they say, unless a proxy is trusted', async () => {
    const { world, login } = await setUp()
    const lies = {
      'x-forwarded-for': '192.0.2.7',
      'x-real-ip': '192.0.2.8',
      forwarded: 'for=192.0.2.9',
      'x-forwarded-proto': 'https',
    }
    const { answer } = await login(lies)
    expect(last(world)).toBe('127.0.0.1')
    expect(answer.headers['set-cookie']).toMatch(/^picket_session=/)
    for (let n = 0; n < 21; n++) {
      const headers = { 'x-forwarded-for': `192.0.2.${n}` }
      const payload = { user: `nobody-${n}`, password: 'wrong' }
      await world.api.app.inject({ method: 'POST', url: '/api/v1/session', headers, payload })
    }
    // Made-up addresses are one sender; each of another name, so that it is not the account's limit.
    const other = await world.api.app.inject({
      method: 'POST',
      url: '/api/v1/session',
      headers: { 'x-forwarded-for': '198.51.100.1' },
      payload: { user: 'root', password: PASSWORD },
    })
    expect(other.json()).toMatchObject({ code: 'LOGIN_THROTTLED' })
  })

  test('is the last address before the trusted ones; text that is none counts as the proxy', async () => {
    const trustedProxies = ['127.0.0.1', '10.0.0.0/8', '2001:db8::/32']
    const { world, login } = await setUp({ trustedProxies })
    for (const [forwarded, from] of [
      ['192.0.2.7', '192.0.2.7'],
      ['203.0.113.1, 192.0.2.7', '192.0.2.7'],
      ['203.0.113.1, 192.0.2.7, 10.1.2.3', '192.0.2.7'],
      ['192.0.2.7, 2001:db8::1', '192.0.2.7'],
      ['10.9.9.9', '10.9.9.9'],
      ['unknown', '127.0.0.1'],
      ['<script>alert(1)</script>', '127.0.0.1'],
      ['192.0.2.7:4711', '127.0.0.1'],
      ['', '127.0.0.1'],
    ] as const) {
      await login({ 'x-forwarded-for': forwarded })
      expect([forwarded, last(world)]).toEqual([forwarded, from])
    }
    // TLS ended at the proxy: the cookie is bound to it.
    const { answer } = await login({
      'x-forwarded-for': '192.0.2.7',
      'x-forwarded-proto': 'https',
    })
    expect(answer.headers['set-cookie']).toMatch(/^__Host-picket_session=.*; Secure$/)
  })

  test('is throttled apart from others, and an IPv6 customer as one', async () => {
    const { world, app } = await setUp({ trustedProxies: ['127.0.0.1'] })
    const guess = async (from: string, n: number): Promise<string> => {
      const payload = { user: `nobody-${n}`, password: 'wrong' }
      const headers = { 'x-forwarded-for': from }
      const url = '/api/v1/session'
      return (await app.inject({ method: 'POST', url, headers, payload })).json().code
    }
    for (let n = 0; n < 20; n++) await guess(`2001:db8:0:1::${n.toString(16)}`, n)
    expect(await guess('2001:db8:0:1:ffff::1', 21)).toBe('LOGIN_THROTTLED')
    expect(await guess('2001:db8:0:2::1', 22)).toBe('LOGIN_FAILED')
    for (let n = 0; n < 20; n++) await guess('192.0.2.1', 100 + n)
    expect(await guess('192.0.2.1', 121)).toBe('LOGIN_THROTTLED')
    expect(await guess('::ffff:192.0.2.1', 122)).toBe('LOGIN_THROTTLED')
    expect(await guess('192.0.2.2', 123)).toBe('LOGIN_FAILED')
    expect(world.audit.length).toBe(45)
  })
})

describe('a request on the wire', () => {
  async function wired() {
    const all = await setUp()
    const { cookie, csrf } = await all.login()
    const base = await all.app.listen({ host: '127.0.0.1', port: 0 })
    const port = Number(new URL(base).port)
    const raw = (lines: readonly string[], body = ''): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1')
        let text = ''
        socket.on('data', (chunk) => (text += chunk.toString('latin1')))
        socket.on('close', () => resolve(text))
        socket.on('error', () => resolve(text))
        socket.write(`${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n${body}`, 'latin1')
      })
    return { ...all, raw, cookie, csrf }
  }

  test('of a form that two parsers read in two ways is refused', async () => {
    const { raw, cookie, csrf } = await wired()
    const session = [`Cookie: ${cookie}`, `x-csrf-token: ${csrf}`, 'Host: picket']
    const body = '{"name":"x","roles":["ingest"]}'
    const post = ['POST /api/v1/tokens HTTP/1.1', ...session, 'Content-Type: application/json']
    const refused = [
      await raw([...post, `Content-Length: ${body.length}`, 'Transfer-Encoding: chunked'], body),
      await raw([...post, `Content-Length: ${body.length}`, 'Content-Length: 3'], body),
      await raw([...post, 'Content-Length: +31'], body),
      await raw(['GET /api/v1/users HTTP/1.1', ...session, 'X-A: b\r\n folded: c', 'A : b']),
      await raw(['GET /api/v1/users HTTP/1.1', ...session, 'X-A: a\x00b']),
      await raw([`GET /api/v1/users?a=b\tc HTTP/1.1`, ...session, 'X-A\x01: b']),
    ]
    for (const text of refused) expect(text).toMatch(/^HTTP\/1\.1 400 /)
    const right = await raw([...post, `Content-Length: ${body.length}`], body)
    expect(right).toMatch(/^HTTP\/1\.1 201 /)
  })

  test('cannot write a header or a cookie of ours', async () => {
    const { world, app, raw, cookie } = await wired()
    const evil = '%0d%0aset-cookie:%20picket_session=evil'
    for (const path of [
      `/api/v1/session/oidc?return_to=/${evil}`,
      `/api/v1/alerts/x${evil}`,
      `/nope${evil}`,
      `/api/v1/alerts?cursor=x${evil}`,
    ]) {
      const text = await raw([`GET ${path} HTTP/1.1`, 'Host: picket', `Cookie: ${cookie}`])
      const [head = ''] = text.split('\r\n\r\n')
      expect([path, head]).toEqual([path, expect.not.stringMatching(/^set-cookie/im)])
    }
    const payload = { user: 'ada\r\nset-cookie: a=b', password: 'x\r\ny' }
    const answer = await app.inject({ method: 'POST', url: '/api/v1/session', payload })
    expect([answer.statusCode, answer.headers['set-cookie']]).toEqual([401, undefined])
    expect(JSON.stringify(world.audit)).not.toContain('set-cookie: a=b')
  })

  test('with a second cookie, host or authorisation gains nothing', async () => {
    const { raw, cookie } = await wired()
    const get = 'GET /api/v1/users HTTP/1.1'
    const code = async (...headers: string[]): Promise<string | undefined> =>
      /^HTTP\/1\.1 (\d+)/.exec(await raw([get, ...headers]))?.[1]
    expect(await code('Host: picket', `Cookie: ${cookie}`)).toBe('200')
    const planted = `Cookie: picket_session=${'A'.repeat(43)}`
    expect(await code('Host: picket', planted, `Cookie: ${cookie}`)).toBe('400')
    const both = `${planted}; ${cookie}`
    expect(await code('Host: picket', both)).toBe('401')
    expect(await code('Host: picket', `Cookie: a="; ${cookie}; b="`)).toBe('200')
    expect(await code('Host: picket', `Cookie: x${cookie}`)).toBe('401')
    expect(await code('Host: picket', `Cookie: ${cookie.replace('=', ' =')}`)).toBe('401')
    expect(await code('Host: picket', 'Host: evil', `Cookie: ${cookie}`)).toBe('400')
    const other = ['Authorization: Bearer x', 'Authorization: Bearer y']
    expect(await code('Host: picket', `Cookie: ${cookie}`, ...other)).toBe('400')
  })

  test('does what its method says, whatever a header says', async () => {
    const { app, cookie } = await wired()
    const headers = { cookie, 'x-http-method-override': 'DELETE', 'x-method-override': 'DELETE' }
    expect((await app.inject({ url: '/api/v1/session', headers })).statusCode).toBe(200)
    expect((await app.inject({ url: '/api/v1/session', headers })).statusCode).toBe(200)
    const options = await app.inject({ method: 'OPTIONS', url: '/api/v1/users', headers })
    expect([options.statusCode, options.headers['access-control-allow-origin']]).toEqual([
      404,
      undefined,
    ])
  })
})
