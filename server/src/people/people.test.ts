import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import type { Role } from '../model/access.ts'
import { addSession } from '../state/sessions.ts'
import type { State } from '../state/state.ts'
import { describeEngines } from '../state/testing/engines.ts'
import { listUsers, readUser, saveUser } from '../state/users.ts'
import { changeUser, createToken, createUser, deleteUser, resetPassword } from './accounts.ts'
import { ensureFirstUser, forgetFirstRun } from './first-run.ts'
import { hashPassword, makePassword, passwordProblem, verifyPassword } from './password.ts'
import { hashOf } from './api-token.ts'
import { createPeople, SESSION_ABSOLUTE_MS, SESSION_IDLE_MS } from './people.ts'
import { Throttle } from './throttle.ts'
import { checkTotp, makeTotpSecret, totpCode } from './totp.ts'

const START_MS = Date.parse('2026-03-01T12:00:00Z')
/** The real cost is checked once, below. */
const CHEAP = { N: 16, r: 8, p: 1 }
const PASSWORD = 'a long enough one'
const opened: State[] = []
afterEach(async () => {
  for (const state of opened.splice(0)) await state.close()
})

describeEngines('people', (engine) => {
  const setUp = async (name: string) => {
    const state = await engine.open(name)
    opened.push(state)
    const clock = new ManualClock(START_MS)
    const deps = { state, clock, cost: CHEAP }
    const people = createPeople(deps)
    const login = (who: string, password: string, code?: string) =>
      people.login({ name: who, password, from: '192.0.2.1', ...(code !== undefined && { code }) })
    return { state, clock, deps, people, login }
  }
  const codeOf = (of: Promise<unknown>) =>
    of.then(
      () => 'ok',
      (error: { problem?: { code: string } }) => error.problem?.code ?? String(error),
    )

  test('a login makes a session that ends when idle, when old, at logout', async () => {
    const { clock, deps, people, login } = await setUp('session')
    const { user } = await createUser(deps, { name: 'Ada', roles: ['admin'], password: PASSWORD })
    const first = await login('ada', PASSWORD)
    const known = await people.bySession(first.secret)
    expect(known).toMatchObject({ principal: { kind: 'user', id: user.id, roles: ['admin'] } })
    expect(known?.mustChange).toBe(true)
    clock.advance(SESSION_IDLE_MS - 1)
    expect(await people.bySession(first.secret)).toBeDefined()
    clock.advance(SESSION_IDLE_MS - 1)
    expect(await people.bySession(first.secret, 'look')).toBeDefined()
    clock.advance(1)
    expect(await people.bySession(first.secret)).toBeUndefined()
    const second = await login('ADA', PASSWORD)
    const begun = clock.now()
    while (clock.now() + SESSION_IDLE_MS / 2 < begun + SESSION_ABSOLUTE_MS) {
      clock.advance(SESSION_IDLE_MS / 2)
      expect(await people.bySession(second.secret)).toBeDefined()
    }
    clock.advance(SESSION_IDLE_MS / 2)
    expect(await people.bySession(second.secret)).toBeUndefined()
    const third = await login('ada', PASSWORD)
    await people.logout(hashOf(third.secret))
    expect(await people.bySession(third.secret)).toBeUndefined()
    expect(await people.bySession('x'.repeat(43))).toBeUndefined()
  })

  test('neither names nor secrets stand in the tables', async () => {
    const { state, deps, login } = await setUp('clear')
    await createUser(deps, { name: 'lovelace', roles: ['analyst'], password: PASSWORD })
    const { secret } = await login('lovelace', PASSWORD)
    const made = await createToken(deps, { name: 'ci', roles: ['ingest'] }, 'local')
    const rows = JSON.stringify([
      await state.db.selectFrom('user').selectAll().execute(),
      await state.db.selectFrom('session').selectAll().execute(),
      await state.db.selectFrom('token').selectAll().execute(),
    ])
    for (const plain of ['lovelace', PASSWORD, secret, made.text.slice(-43)]) {
      expect(rows).not.toContain(plain)
    }
  })

  test('wrong names and wrong passwords are refused alike, and slowed down', async () => {
    const { clock, deps, login } = await setUp('wrong')
    await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
    for (const name of ['ada', 'nobody']) {
      for (let n = 0; n < 5; n++) expect(await codeOf(login(name, 'wrong'))).toBe('LOGIN_FAILED')
      expect(await codeOf(login(name, PASSWORD))).toBe('LOGIN_THROTTLED')
    }
    clock.advance(1_000)
    expect(await codeOf(login('ada', PASSWORD))).toBe('ok')
    expect(await codeOf(login('ada', 'wrong'))).toBe('LOGIN_FAILED')
  })

  test('many guesses at once do not slip through together', async () => {
    const { deps, login } = await setUp('burst')
    await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
    const guesses = await Promise.all(
      Array.from({ length: 12 }, (_, n) => codeOf(login('ada', `guess ${n}`))),
    )
    expect(guesses.filter((code) => code === 'LOGIN_FAILED')).toHaveLength(5)
    expect(guesses.filter((code) => code === 'LOGIN_THROTTLED')).toHaveLength(7)
  })

  test('the first step of a login with two counts for nobody as a failure', async () => {
    const { state, clock, deps, people } = await setUp('two steps')
    const { user } = await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
    const totp = makeTotpSecret()
    await state.transact((db) => saveUser(state, db, { ...user, totp }))
    for (let n = 0; n < 60; n += 1) {
      clock.advance(30_000)
      const login = { name: 'ada', password: PASSWORD, from: '192.0.2.7' }
      const code = totpCode(totp, Math.floor(clock.now() / 30_000))
      expect([n, await codeOf(people.login(login))]).toEqual([n, 'LOGIN_CODE'])
      expect([n, await codeOf(people.login({ ...login, code }))]).toEqual([n, 'ok'])
    }
  })

  test('what an admin changes while a password is checked stands', async () => {
    const { state, clock, deps } = await setUp('meanwhile')
    await createUser(deps, { name: 'root', roles: ['admin'], password: PASSWORD })
    const { user } = await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
    // What somebody else does after the password was found right, and before that has a consequence.
    let meanwhile: (() => Promise<unknown>) | undefined
    const slow: State = {
      ...state,
      transact: async (...given) => {
        const first = meanwhile
        meanwhile = undefined
        await first?.()
        return state.transact(...given)
      },
    }
    const people = createPeople({ state: slow, clock, cost: CHEAP })
    const now = () => state.query((db) => readUser(state, db, user.id))
    const NEXT = 'another long one'

    meanwhile = () => changeUser(deps, user.id, { grant: { roles: ['analyst'] } })
    await people.own.changePassword({ userId: user.id, password: PASSWORD }, { password: NEXT })
    expect(await now()).toMatchObject({ roles: ['analyst'], mustChange: false })

    const who = { userId: user.id, password: NEXT }
    meanwhile = () => changeUser(deps, user.id, { disabled: true })
    expect(await codeOf(people.own.removeTotp(who))).toBe('LOGIN_FAILED')
    expect(await now()).toMatchObject({ disabled: true })
    await changeUser(deps, user.id, { disabled: false })

    for (const shutOut of [
      () => changeUser(deps, user.id, { disabled: true }),
      () => resetPassword(deps, user.id),
      () => deleteUser(deps, user.id),
    ]) {
      meanwhile = shutOut
      expect(await codeOf(people.login({ name: 'ada', password: NEXT }))).toBe('LOGIN_FAILED')
      expect(await state.db.selectFrom('session').selectAll().execute()).toEqual([])
      await changeUser(deps, user.id, { disabled: false }).catch(() => undefined)
    }
  })

  test('guesses at a password from within a session are slowed down like logins', async () => {
    const { clock, deps, people, login } = await setUp('within')
    const { user } = await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
    const guess = (password: string) =>
      codeOf(people.own.removeTotp({ userId: user.id, password, from: '192.0.2.7' }))
    for (let n = 0; n < 5; n += 1) expect(await guess(`guess ${n}`)).toBe('LOGIN_FAILED')
    expect(await guess(PASSWORD)).toBe('LOGIN_THROTTLED')
    expect(await codeOf(login('ada', PASSWORD))).toBe('LOGIN_THROTTLED')
    clock.advance(1_000)
    expect(await guess(PASSWORD)).toBe('ok')
  })

  test('a second factor is asked for, and a code is good once', async () => {
    const { state, clock, deps, login } = await setUp('totp')
    const { user } = await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
    const totp = makeTotpSecret()
    await state.transact((db) => saveUser(state, db, { ...user, totp }))
    const code = (): string => totpCode(totp, Math.floor(clock.now() / 30_000))
    expect(await codeOf(login('ada', PASSWORD))).toBe('LOGIN_CODE')
    expect(await codeOf(login('ada', 'wrong', code()))).toBe('LOGIN_FAILED')
    const both = [login('ada', PASSWORD, code()), login('ada', PASSWORD, code())]
    expect((await Promise.all(both.map(codeOf))).sort()).toEqual(['LOGIN_FAILED', 'ok'])
    expect(await codeOf(login('ada', PASSWORD, code()))).toBe('LOGIN_FAILED')
    clock.advance(30_000)
    expect(await codeOf(login('ada', PASSWORD, code()))).toBe('ok')
    await changeUser(deps, user.id, { dropTotp: true })
    expect(await codeOf(login('ada', PASSWORD))).toBe('ok')
  })

  test('what is taken away is gone at once: sessions, tokens, roles', async () => {
    const { clock, deps, people, login } = await setUp('away')
    await createUser(deps, { name: 'root', roles: ['admin'], password: PASSWORD })
    const { user } = await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
    const { secret } = await login('ada', PASSWORD)
    const expiresMs = clock.now() + 1_000
    const visibility = { sites: ['oslo'] }
    const grant = { name: 'ci', roles: ['analyst'] as const, visibility }
    const token = await createToken(deps, { ...grant, expiresMs }, user.id)
    expect((await people.byToken(token.text))?.principal).toEqual({
      kind: 'token',
      id: token.token.id,
      roles: ['analyst'],
      visibility,
    })
    expect(await people.byToken(`${token.text.slice(0, -1)}!`)).toBeUndefined()
    const other = token.text.slice(0, 21) + 'A'.repeat(43)
    expect(await people.byToken(other)).toBeUndefined()
    await changeUser(deps, user.id, { disabled: true })
    expect(await people.bySession(secret)).toBeUndefined()
    expect(await people.byToken(token.text)).toBeUndefined()
    expect(await codeOf(login('ada', PASSWORD))).toBe('LOGIN_FAILED')
    await changeUser(deps, user.id, { disabled: false })
    expect(await people.byToken(token.text)).toBeDefined()
    clock.advance(1_000)
    expect(await people.byToken(token.text)).toBeUndefined()
  })

  test('a session of a user who is disabled by whatever way ends', async () => {
    const { state, deps, people, login } = await setUp('whatever')
    await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
    const { secret } = await login('ada', PASSWORD)
    await state.db.updateTable('user').set({ disabled: 1 }).execute()
    expect(await people.bySession(secret)).toBeUndefined()
    await state.db.updateTable('user').set({ disabled: 0 }).execute()
    expect(await people.bySession(secret)).toBeUndefined()
  })

  test('a token of a former admin delivers, and does nothing else', async () => {
    const { deps, people } = await setUp('former')
    await createUser(deps, { name: 'root', roles: ['admin'], password: PASSWORD })
    const { user } = await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
    const make = async (...roles: Role[]) =>
      (await createToken(deps, { name: 'ci', roles }, user.id)).text
    const texts = [await make('admin'), await make('ingest', 'analyst'), await make('ingest')]
    const known = () =>
      Promise.all(texts.map(async (text) => (await people.byToken(text)) !== undefined))
    expect(await known()).toEqual([true, true, true])
    await changeUser(deps, user.id, { grant: { roles: ['analyst'] } })
    expect(await known()).toEqual([false, false, true])
    await changeUser(deps, user.id, { grant: { roles: ['admin'] } })
    expect(await known()).toEqual([true, true, true])
  })

  test('a password reset and a change end other sessions', async () => {
    const { deps, people, login } = await setUp('reset')
    const { user } = await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
    const one = await login('ada', PASSWORD)
    const two = await login('ada', PASSWORD)
    const change = (old: string, password: string) =>
      people.own.changePassword(
        { userId: user.id, password: old },
        { password, keepHash: hashOf(two.secret) },
      )
    expect(await codeOf(change('wrong', 'another long one'))).toBe('LOGIN_FAILED')
    expect(await codeOf(change(PASSWORD, 'short'))).toBe('PASSWORD_WEAK')
    expect(await codeOf(change(PASSWORD, PASSWORD))).toBe('PASSWORD_WEAK')
    await change(PASSWORD, 'another long one')
    expect(await people.bySession(one.secret)).toBeUndefined()
    expect((await people.bySession(two.secret))?.mustChange).toBe(false)
    const { password } = await resetPassword(deps, user.id)
    expect(await people.bySession(two.secret)).toBeUndefined()
    expect((await login('ada', password)).user.mustChange).toBe(true)
  })

  test('of many users of one name that are made at once there is one', async () => {
    const { state, deps } = await setUp('twins')
    const one = (): Promise<unknown> => createUser(deps, { name: 'ada', roles: ['analyst'] })
    const codes = await Promise.all(Array.from({ length: 6 }, () => codeOf(one())))
    expect(codes.filter((code) => code === 'ok')).toHaveLength(1)
    expect(codes.filter((code) => code === 'USER_EXISTS')).toHaveLength(5)
    expect(await state.query((db) => listUsers(state, db))).toHaveLength(1)
  })

  test('there is always somebody left who can administer', async () => {
    const { state, deps } = await setUp('last')
    const { user } = await createUser(deps, { name: 'ada', roles: ['admin'] })
    const { user: other } = await createUser(deps, { name: 'bob', roles: ['analyst'] })
    expect(await codeOf(deleteUser(deps, user.id))).toBe('USER_LAST_ADMIN')
    expect(await codeOf(changeUser(deps, user.id, { disabled: true }))).toBe('USER_LAST_ADMIN')
    const lesser = { grant: { roles: ['analyst'] as const } }
    expect(await codeOf(changeUser(deps, user.id, lesser))).toBe('USER_LAST_ADMIN')
    await changeUser(deps, other.id, { grant: { roles: ['admin'] } })
    const away = { idHash: 'x', userId: user.id, createdMs: 1, seenMs: 1 }
    await state.transact((db) => addSession(state, db, away))
    expect(await codeOf(deleteUser(deps, user.id))).toBe('ok')
    expect(await state.db.selectFrom('session').selectAll().execute()).toEqual([])
    expect(await codeOf(createUser(deps, { name: 'BOB', roles: ['analyst'] }))).toBe('USER_EXISTS')
    expect(await codeOf(createUser(deps, { name: 'a b', roles: ['analyst'] }))).toBe('USER_INVALID')
    const scoped = { name: 'c', roles: ['admin'] as const, visibility: { sites: ['x'] } }
    expect(await codeOf(createUser(deps, scoped))).toBe('USER_INVALID')
  })

  test('the first run makes an admin once, and a file for its eyes only', async () => {
    const { state, clock, login } = await setUp('first')
    const dataDir = mkdtempSync(join(tmpdir(), 'picket-first-'))
    const options = { state, clock, cost: CHEAP, dataDir, url: 'http://127.0.0.1:8600' }
    const first = await ensureFirstUser(options)
    const path = join(dataDir, 'first-run.json')
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(first)
    expect(Object.keys(first ?? {})).toEqual(['url', 'user', 'password'])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect((await login('admin', first?.password ?? '')).user.mustChange).toBe(true)
    expect(await ensureFirstUser(options)).toBeUndefined()
    forgetFirstRun(dataDir)
    expect(() => statSync(path)).toThrow('ENOENT')
    expect(await state.query((db) => listUsers(state, db))).toHaveLength(1)
    rmSync(dataDir, { recursive: true })
  })

  test('old sessions are swept at the next login', async () => {
    const { state, clock, deps, login } = await setUp('sweep')
    await createUser(deps, { name: 'ada', roles: ['admin'], password: PASSWORD })
    const stale = { idHash: 'stale', userId: 'gone', createdMs: 0, seenMs: 0 }
    await state.transact((db) => addSession(state, db, stale))
    clock.advance(1)
    await login('ada', PASSWORD)
    const rows = await state.db.selectFrom('session').select('id_hash').execute()
    expect(rows).toHaveLength(1)
    expect(rows[0]?.id_hash).not.toBe('stale')
  })
})

describe('one-time codes', () => {
  // RFC 6238, appendix B: SHA-1, the last six digits of the eight.
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
  test.each([
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_111_111_111, '050471'],
    [1_234_567_890, '005924'],
    [2_000_000_000, '279037'],
    [20_000_000_000, '353130'],
  ])('at %i s', (seconds, code) => {
    expect(totpCode(secret, Math.floor(seconds / 30))).toBe(code)
    expect(checkTotp(code, secret, seconds * 1_000, 0)).toBe(Math.floor(seconds / 30))
  })
  test('count a step before and after, but not two, and none twice', () => {
    const at = 1_111_111_109
    const step = Math.floor(at / 30)
    expect(checkTotp('081804', secret, (at + 30) * 1_000, 0)).toBe(step)
    expect(checkTotp('081804', secret, (at + 60) * 1_000, 0)).toBeUndefined()
    expect(checkTotp('081804', secret, at * 1_000, step)).toBeUndefined()
    expect(checkTotp('08180４', secret, at * 1_000, 0)).toBeUndefined()
  })
})

describe('passwords', () => {
  test('are kept as salted hashes that only the password opens', async () => {
    const [one, two] = [await hashPassword(PASSWORD), await hashPassword(PASSWORD)]
    expect(one).not.toBe(two)
    expect(one).toMatch(/^scrypt\$32768\$8\$3\$/)
    expect(await verifyPassword(PASSWORD, one ?? '')).toBe(true)
    expect(await verifyPassword(`${PASSWORD} `, one ?? '')).toBe(false)
    for (const bad of ['', 'plain', 'scrypt$1', 'md5$1$2$3$4$5']) {
      expect(await verifyPassword(PASSWORD, bad)).toBe(false)
    }
  })
  test('that are short, dull or hold the name are refused', () => {
    for (const weak of ['short', 'aaaaaaaaaaaaaaaa', 'my name is Ada!', 'x'.repeat(257)]) {
      expect(passwordProblem(weak, 'ada')?.code).toBe('PASSWORD_WEAK')
    }
    expect(passwordProblem(PASSWORD, 'ada')).toBeUndefined()
    expect(passwordProblem(makePassword('admin'), 'admin')).toBeUndefined()
  })
  test('a short name refuses no good password, and none that is made up', () => {
    expect(passwordProblem(PASSWORD, 'a')).toBeUndefined()
    expect(passwordProblem(PASSWORD, 'on')).toBeUndefined()
    for (let n = 0; n < 100; n += 1) makePassword('a')
  })
})

test('a throttle doubles the wait, forgets in time, and stays small', () => {
  const limits = { free: 2, firstWaitMs: 100, waitMsMax: 350, forgetMs: 1_000, keysMax: 3 }
  const throttle = new Throttle(limits)
  const waits: number[] = []
  for (let n = 0; n < 6; n++) {
    waits.push(throttle.waitMs('a', 0))
    throttle.failed('a', 0)
  }
  expect(waits).toEqual([0, 0, 100, 200, 350, 350])
  expect(throttle.waitMs('a', 349)).toBe(1)
  expect(throttle.waitMs('a', 1_001)).toBe(0)
  for (const key of ['b', 'c', 'd']) throttle.failed(key, 0)
  expect(throttle.waitMs('a', 0)).toBe(0)
})
