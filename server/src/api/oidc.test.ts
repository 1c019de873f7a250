/**
 * Goal: a login by an OpenID provider, end to end against a real one; and against one that lies, where
 * every lie is answered with a problem that a person can read, never by a fault of ours.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { changeUser, createUser } from '../people/accounts.ts'
import type { OidcSettings } from '../people/oidc/settings.ts'
import { findUser } from '../state/users.ts'
import { type Liar, lyingProvider, PUBLIC_URL, realProvider, type Rig } from './testing/oidc-rig.ts'
import { settingsOf, WebBrowser } from './testing/oidc-rig.ts'
import { makeWorld, type World } from './testing/world.ts'

const open: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})
const CHEAP = { N: 16, r: 8, p: 1 }
const START = '/api/v1/session/oidc'

async function worldFor(rig: Rig, change: Partial<OidcSettings> = {}): Promise<World> {
  const world = await makeWorld({ oidc: settingsOf(rig.issuer, change) })
  world.clock.set(Date.now())
  open.push(world)
  return world
}

async function real(groups: Record<string, string[]>): Promise<Rig> {
  const rig = await realProvider(groups)
  open.push(rig)
  return rig
}

async function me(world: World, browser: WebBrowser) {
  const headers = { cookie: browser.cookieHeader(PUBLIC_URL) }
  const answer = await world.api.app.inject({ url: '/api/v1/session', headers })
  return { status: answer.statusCode, body: answer.json() as Record<string, unknown> }
}

describe('by a real provider', () => {
  test('a login makes the user with the roles and the scope that the groups give', async () => {
    const rig = await real({ ada: ['staff', 'soc-oslo'] })
    const world = await worldFor(rig)
    const browser = new WebBrowser(world.api.app, 'ada')
    const page = await browser.go(`${START}?return_to=%2Falerts%3Fopen%3Dtrue`)
    expect(page.status).toBe(200)
    expect(page.body).toContain('content="0;url=/alerts?open=true"')
    const jar = browser.cookies.get(PUBLIC_URL)
    expect([...(jar?.keys() ?? [])]).toEqual(['picket_session'])
    const known = await me(world, browser)
    expect(known).toMatchObject({
      status: 200,
      body: {
        name: 'ada',
        roles: ['analyst'],
        visibility: { sites: ['oslo'] },
        mustChangePassword: false,
      },
    })
    expect(String(known.body['endSession'])).toContain(`${rig.issuer}/session/end?client_id=picket`)
    const login = world.audit.find(({ action }) => action === 'login')
    expect(login).toMatchObject({
      actor: known.body['id'],
      outcome: 'success',
      detail: { way: 'oidc' },
    })
    expect(JSON.stringify(world.audit)).not.toMatch(/sub-ada|"ada"/)
    // Such a user has no password to guess, to change, or to protect by a code.
    const post = (url: string, payload: object) =>
      world.api.app.inject({
        method: 'POST',
        url,
        payload,
        headers: {
          cookie: browser.cookieHeader(PUBLIC_URL),
          'x-csrf-token': String(known.body['csrf']),
        },
      })
    for (const password of ['', 'none', 'x'].filter((text) => text !== '')) {
      const guess = await post('/api/v1/session', { user: 'ada', password })
      expect(guess.json()).toMatchObject({ code: 'LOGIN_FAILED' })
    }
    const change = { old: 'none', new: 'a long enough one' }
    expect((await post('/api/v1/session/password', change)).statusCode).toBe(401)
    const out = await world.api.app.inject({
      method: 'DELETE',
      url: '/api/v1/session',
      headers: {
        cookie: browser.cookieHeader(PUBLIC_URL),
        'x-csrf-token': String(known.body['csrf']),
      },
    })
    expect(out.statusCode).toBe(204)
    expect((await me(world, browser)).status).toBe(401)
  })

  test('each login is a new session; roles follow the groups, and what was taken is gone at once', async () => {
    const groups = { ada: ['soc-admins'] }
    const world = await worldFor(await real(groups))
    const browser = new WebBrowser(world.api.app, 'ada')
    browser.cookies.set(PUBLIC_URL, new Map([['picket_session', 'A'.repeat(43)]]))
    await browser.go(START)
    const first = browser.cookieHeader(PUBLIC_URL)
    expect(first).not.toContain('A'.repeat(43))
    expect((await me(world, browser)).body).toMatchObject({ roles: ['admin'] })
    await browser.go(START)
    expect(browser.cookieHeader(PUBLIC_URL)).not.toBe(first)
    const old = await world.api.app.inject({ url: '/api/v1/session', headers: { cookie: first } })
    expect(old.statusCode).toBe(401)
    const elsewhere = new WebBrowser(world.api.app, 'ada')
    await elsewhere.go(START)
    groups.ada = ['soc-oslo']
    await browser.go(START)
    expect((await me(world, browser)).body).toMatchObject({ roles: ['analyst'] })
    expect((await me(world, elsewhere)).status).toBe(401)
    groups.ada = ['gardening']
    const refused = await browser.go(START)
    expect(refused.status).toBe(403)
    expect(refused.body).toContain('OIDC_FORBIDDEN')
    expect(refused.body).toContain('gives a role here')
  })

  test('a callback counts once, in the browser that began, for ten minutes', async () => {
    const world = await worldFor(await real({ ada: ['soc-oslo'] }))
    const stop = (url: URL): boolean => url.pathname.endsWith('/callback')
    const back = async () => {
      const browser = new WebBrowser(world.api.app, 'ada')
      const { url } = await browser.go(START, stop)
      return { browser, url, cookie: browser.cookieHeader(PUBLIC_URL) }
    }
    const send = async (url: string, cookie: string, accept = 'application/json') => {
      const { pathname, search } = new URL(url)
      const headers = { cookie, accept }
      return world.api.app.inject({ url: pathname + search, headers })
    }
    const mine = await back()
    const theirs = await back()
    // Another's code planted on me, and mine taken to another browser.
    for (const [url, cookie] of [
      [theirs.url, mine.cookie],
      [mine.url, theirs.cookie],
      [mine.url, ''],
      [mine.url, `${mine.cookie}; ${theirs.cookie}`],
      [mine.url, 'picket_passage=AAAA'],
      [mine.url.replace(/state=[^&]+/, 'state=x'), mine.cookie],
      [mine.url.replace(/state=[^&]+&?/, ''), mine.cookie],
    ] as const) {
      const answer = await send(url, cookie)
      expect(answer.json()).toMatchObject({ code: 'OIDC_STATE', status: 400 })
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
    expect((await send(mine.url, mine.cookie)).statusCode).toBe(200)
    expect((await send(mine.url, mine.cookie)).json()).toMatchObject({ code: 'OIDC_STATE' })
    // The code again, under a login of its own: the provider knows it was used.
    const again = await back()
    const code = new URL(mine.url).searchParams.get('code') ?? ''
    const replay = again.url.replace(/code=[^&]+/, `code=${code}`)
    expect((await send(replay, again.cookie)).json()).toMatchObject({ code: 'OIDC_REFUSED' })
    world.clock.advance(600_000)
    expect((await send(theirs.url, theirs.cookie)).json()).toMatchObject({ code: 'OIDC_STATE' })
    const page = await send(theirs.url, theirs.cookie, 'text/html,*/*')
    expect(page.headers['content-type']).toContain('text/html')
    expect(page.body).toContain('begin again from the login page')
  })

  test('known users are found by name once, then by subject; no other is taken over', async () => {
    const rig = await real({})
    const world = await worldFor(rig, { provision: 'known', grants: [] })
    const deps = { state: world.state, clock: world.clock, cost: CHEAP }
    await createUser(deps, { name: 'root', roles: ['admin'], password: 'a long enough one' })
    const wanted = { name: 'ada', roles: ['responder'] as const, oidc: true }
    const { user } = await createUser(deps, wanted)
    const browser = new WebBrowser(world.api.app, 'ada')
    expect((await browser.go(START)).status).toBe(200)
    expect((await me(world, browser)).body).toMatchObject({ id: user.id, roles: ['responder'] })
    const page = await new WebBrowser(world.api.app, 'eve').go(START)
    expect([page.status, page.body]).toEqual([403, expect.stringContaining('Nobody has added')])
    const root = await new WebBrowser(world.api.app, 'root').go(START)
    expect([root.status, root.body]).toEqual([403, expect.stringContaining('another user')])
    await changeUser(deps, user.id, { disabled: true })
    expect((await me(world, browser)).status).toBe(401)
    const disabled = await new WebBrowser(world.api.app, 'ada').go(START)
    expect([disabled.status, disabled.body]).toEqual([403, expect.stringContaining('disabled')])
  })
})

describe('by a provider that lies', () => {
  async function lying(change: Partial<OidcSettings> = {}) {
    const liar = await lyingProvider()
    open.push(liar)
    const world = await worldFor(liar, change)
    return { liar, world, login: () => loginAt(world, liar) }
  }

  async function loginAt(world: World, liar: Liar, query: Record<string, string> = {}) {
    const begun = await world.api.app.inject(START)
    if (begun.statusCode !== 302) return begun
    const sent = new URL(String(begun.headers['location'])).searchParams
    liar.nonce = sent.get('nonce') ?? ''
    const cookie = String(begun.headers['set-cookie']).split(';')[0] ?? ''
    const parameters = new URLSearchParams({ code: 'c', state: sent.get('state') ?? '', ...query })
    const url = `${START}/callback?${parameters.toString()}`
    return world.api.app.inject({ url, headers: { cookie } })
  }

  test('what is asked of it is what the standards ask', async () => {
    const { world, login } = await lying()
    expect((await login()).statusCode).toBe(200)
    const begun = await world.api.app.inject(START)
    const sent = new URL(String(begun.headers['location'])).searchParams
    expect(Object.fromEntries(sent)).toMatchObject({
      response_type: 'code',
      client_id: 'picket',
      redirect_uri: `${PUBLIC_URL}/api/v1/session/oidc/callback`,
      scope: 'openid profile groups',
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    })
    expect(begun.headers['set-cookie']).toMatch(
      /^picket_passage=[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/,
    )
    const cookie = String(begun.headers['set-cookie'])
    for (const name of ['state', 'nonce']) expect(cookie).not.toContain(sent.get(name))
  })

  const now = Math.floor(Date.now() / 1_000)
  test.each([
    ['a wrong nonce', { claims: { nonce: 'other' } }],
    ['no nonce', { claims: { nonce: undefined } }],
    ['an expired token', { claims: { iat: now - 900, exp: now - 600 } }],
    ['a token of the future', { claims: { nbf: now + 900 } }],
    ['a token for another client', { claims: { aud: 'other' } }],
    ['two clients without a party', { claims: { aud: ['picket', 'other'] } }],
    ['a token of another issuer', { claims: { iss: 'https://evil.example' } }],
    ['no subject', { claims: { sub: undefined } }],
    ['alg none', { header: { alg: 'none' }, signature: '' }],
    ['alg HS256', { header: { alg: 'HS256' } }],
    ['an unknown key', { header: { kid: 'k2' } }],
    ['a forged signature', { signature: 'AAAA' }],
    ['no token at all', { answers: { '/token': { status: 200, body: '{}' } } }],
    ['a token that is none', { answers: { '/token': { status: 200, body: '{"id_token":1}' } } }],
    ['no JSON', { answers: { '/token': { status: 200, body: '<html>' } } }],
    [
      'an error of its own',
      { answers: { '/token': { status: 400, body: '{"error":"invalid_grant"}' } } },
    ],
    [
      'that the client is unknown',
      { answers: { '/token': { status: 401, body: '{"error":"invalid_client"}' } } },
    ],
  ])('%s is refused, in words, without a session', async (_, lies) => {
    const { liar, world, login } = await lying()
    liar.lies = lies
    const answer = await login()
    expect(answer.json()).toMatchObject({ code: 'OIDC_REFUSED', status: 401 })
    expect(answer.headers['set-cookie']).toBeUndefined()
    expect(await world.state.db.selectFrom('session').selectAll().execute()).toEqual([])
    expect(await world.state.query((db) => findUser(world.state, db, 'ada'))).toBeUndefined()
    const entry = { action: 'login', outcome: 'failure', detail: { code: 'OIDC_REFUSED' } }
    expect(world.audit.at(-1)).toMatchObject(entry)
  })

  test.each([
    ['no groups', { groups: undefined }, 'no claim "groups"'],
    ['groups of a strange form', { groups: { a: 1 } }, 'gives a role here'],
    ['groups elsewhere', { groups: undefined, _claim_names: { groups: 'x' } }, 'too many groups'],
    ['no name', { preferred_username: undefined }, 'no claim "preferred_username"'],
    ['a name that is none', { preferred_username: 'a b\r\nset-cookie: x=y' }, 'holds no name'],
    ['a name of markup', { preferred_username: '<script>' }, 'holds no name'],
  ])('%s: refused, and said which claim', async (_, claims, words) => {
    const { liar, login } = await lying()
    liar.lies = { claims }
    const answer = await login()
    expect(answer.json()).toMatchObject({
      code: 'OIDC_FORBIDDEN',
      status: 403,
      detail: expect.stringContaining(words),
    })
    expect(answer.headers['set-cookie']).toBeUndefined()
  })

  test('an address that is not verified names nobody', async () => {
    const { liar, login } = await lying({ nameClaim: 'email' })
    liar.lies = { claims: { email: 'ada@example.com', email_verified: false } }
    expect((await login()).json()).toMatchObject({ code: 'OIDC_FORBIDDEN' })
    liar.lies = { claims: { email: 'ada@example.com', email_verified: true } }
    expect((await login()).statusCode).toBe(200)
  })

  test('an issuer is not taken for another (RFC 9207)', async () => {
    const { liar, world } = await lying()
    const mixed = await loginAt(world, liar, { iss: 'https://evil.example' })
    expect(mixed.json()).toMatchObject({ code: 'OIDC_REFUSED' })
    expect(liar.asked).not.toContain('/token')
    const named = await lying()
    named.liar.lies = { discovery: { authorization_response_iss_parameter_supported: true } }
    expect((await named.login()).json()).toMatchObject({ code: 'OIDC_REFUSED' })
    const right = await loginAt(named.world, named.liar, { iss: named.liar.issuer })
    expect(right.statusCode).toBe(200)
  })

  test('clocks may differ as far as the configuration says', async () => {
    const { liar, login } = await lying({ clockSkewMs: 120_000 })
    liar.lies = { claims: { exp: Math.floor(Date.now() / 1_000) - 60 } }
    expect((await login()).statusCode).toBe(200)
  })

  test('one that says it is another, or sends browsers astray, is not used', async () => {
    for (const discovery of [
      { issuer: 'https://evil.example' },
      { authorization_endpoint: 'javascript:alert(1)' },
      { authorization_endpoint: undefined },
    ]) {
      const { liar, world } = await lying()
      liar.lies = { discovery }
      const answer = await world.api.app.inject(START)
      expect(answer.json()).toMatchObject({ code: 'OIDC_UNAVAILABLE', status: 503 })
      expect(answer.headers['location']).toBeUndefined()
    }
  })

  test('is asked about itself once an hour, and left alone for a moment when it fails', async () => {
    const { liar, world } = await lying()
    const path = '/.well-known/openid-configuration'
    const asked = (): number => liar.asked.filter((one) => one === path).length
    liar.lies = { answers: { [path]: { status: 500, body: 'no' } } }
    const many = await Promise.all(Array.from({ length: 10 }, () => world.api.app.inject(START)))
    expect(many.map((one) => one.statusCode)).toEqual(Array(10).fill(503))
    expect(asked()).toBe(1)
    expect((await world.api.app.inject(START)).statusCode).toBe(503)
    expect(asked()).toBe(1)
    liar.lies = {}
    world.clock.advance(5_000)
    for (let n = 0; n < 3; n++) expect((await world.api.app.inject(START)).statusCode).toBe(302)
    expect(asked()).toBe(2)
    world.clock.advance(3_600_000)
    // Out for a while: what it said an hour ago still counts.
    liar.lies = { answers: { [path]: { status: 500, body: 'no' } } }
    expect((await world.api.app.inject(START)).statusCode).toBe(302)
    expect(asked()).toBe(3)
  })

  test('away during the login: unavailable, and nobody is throttled for it', async () => {
    const { liar, world } = await lying()
    liar.lies = { answers: { '/token': { status: 500, body: 'no' } } }
    for (let n = 0; n < 25; n++) {
      const answer = await loginAt(world, liar)
      expect(answer.json()).toMatchObject({ code: 'OIDC_UNAVAILABLE', status: 503 })
    }
    liar.lies = { answers: { '/token': { status: 400, body: '{"error":"invalid_grant"}' } } }
    const codes: string[] = []
    for (let n = 0; n < 25; n++) codes.push((await loginAt(world, liar)).json().code)
    expect(codes.slice(0, 20)).toEqual(Array(20).fill('OIDC_REFUSED'))
    expect(codes.at(-1)).toBe('LOGIN_THROTTLED')
  })

  test('what it says of an error is not shown, and a denied login is named', async () => {
    const { liar, world } = await lying()
    const query = { error: 'access_denied', error_description: '<script>alert(1)</script>' }
    const answer = await loginAt(world, liar, query)
    expect(answer.json()).toMatchObject({
      code: 'OIDC_REFUSED',
      detail: expect.stringContaining('denied'),
    })
    expect(answer.body).not.toContain('script')
  })
})

test('nobody is sent to another site afterwards', async () => {
  const liar = await lyingProvider()
  open.push(liar)
  const world = await worldFor(liar)
  for (const path of [
    '//evil.example',
    'https://evil.example',
    '/\\evil.example',
    '/a\\b',
    '/a\r\nb',
    '',
  ]) {
    const answer = await world.api.app.inject({ url: START, query: { return_to: path } })
    expect([path, answer.statusCode]).toEqual([path, 400])
  }
})

test('over TLS the cookies are bound to the host; without a provider there is none', async () => {
  const world = await makeWorld()
  open.push(world)
  expect((await world.api.app.inject(START)).json()).toMatchObject({ code: 'OIDC_OFF' })
  expect((await world.api.app.inject('/api/v1/session/ways')).json()).toMatchObject({
    ways: [{ kind: 'password' }],
  })
  const { passageCookie } = await import('./cookies.ts')
  expect(passageCookie('x', true)).toBe(
    '__Host-picket_passage=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=600; Secure',
  )
})
