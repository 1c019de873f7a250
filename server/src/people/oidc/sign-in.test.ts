import { afterEach, describe, expect, test } from 'vitest'
import { ManualClock } from '../../base/clock.ts'
import type { State } from '../../state/state.ts'
import { describeEngines } from '../../state/testing/engines.ts'
import { listUsers } from '../../state/users.ts'
import { createUser, deleteUser } from '../accounts.ts'
import { claimValues, grantFor, isElsewhere, missingClaims } from './grants.ts'
import { Passages } from './passage.ts'
import type { OidcSettings } from './settings.ts'
import { userOf } from './sign-in.ts'

const SETTINGS: OidcSettings = {
  issuer: 'https://id.example',
  clientId: 'picket',
  scopes: ['openid'],
  label: 'Company',
  nameClaim: 'name',
  provision: 'just-in-time',
  grants: [{ claim: 'groups', values: ['soc'], grant: { roles: ['analyst'] } }],
  clockSkewMs: 0,
  publicUrl: 'https://picket.example',
}
const opened: State[] = []
afterEach(async () => {
  for (const state of opened.splice(0)) await state.close()
})

describeEngines('whom claims are of', (engine) => {
  const setUp = async (name: string) => {
    const state = await engine.open(name)
    opened.push(state)
    const clock = new ManualClock(1_000_000)
    const signIn = (claims: Record<string, unknown>, change: Partial<OidcSettings> = {}) =>
      userOf(
        { state, clock, settings: { ...SETTINGS, ...change } },
        { sub: 's1', name: 'ada', groups: ['soc'], ...claims },
      )
    return { state, clock, signIn, deps: { state, clock, cost: { N: 16, r: 8, p: 1 } } }
  }

  test('many first logins at once make one user', async () => {
    const { state, signIn } = await setUp('once')
    const all = await Promise.allSettled(Array.from({ length: 6 }, () => signIn({})))
    const made = all.flatMap((one) => (one.status === 'fulfilled' ? [one.value.id] : []))
    const why = all.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))
    expect([new Set(made).size, why]).toEqual([1, []])
    expect(await state.query((db) => listUsers(state, db))).toHaveLength(1)
  })

  test('it is issuer and subject that say who it is, whatever the name', async () => {
    const { state, signIn, deps } = await setUp('subject')
    const { id } = await signIn({})
    expect((await signIn({ name: 'renamed' })).id).toBe(id)
    await expect(signIn({ sub: 's2' })).rejects.toThrow('another user of this name')
    await expect(signIn({}, { issuer: 'https://other.example' })).rejects.toThrow('another user')
    const other = await signIn({ sub: 's2', name: 'bob' })
    expect(other.id).not.toBe(id)
    const rows = JSON.stringify(await state.db.selectFrom('oidc_identity').selectAll().execute())
    // With their quotes: two letters also occur in random ids.
    expect(rows).not.toMatch(/"s1"|"s2"|id\.example/)
    // Removed and back again: a new user, with nothing of the old one.
    await createUser(deps, { name: 'root', roles: ['admin'] })
    await deleteUser(deps, id)
    expect((await signIn({})).id).not.toBe(id)
  })
})

describe('claims', () => {
  test('are texts, lists, numbers and flags, by name or by path', () => {
    const claims = { a: 'x', n: 7, 'a.b': ['whole'], o: { p: ['y', 1, null, {}] }, z: null }
    expect(claimValues(claims, 'a')).toEqual(['x'])
    expect(claimValues(claims, 'n')).toEqual(['7'])
    expect(claimValues(claims, 'a.b')).toEqual(['whole'])
    expect(claimValues(claims, 'o.p')).toEqual(['y', '1'])
    for (const name of ['z', 'o.q', 'a.x.y', 'constructor', 'o.__proto__', 'toString']) {
      expect([name, claimValues(claims, name)]).toEqual([name, undefined])
    }
    expect(missingClaims(claims, ['a', 'b', 'b'])).toEqual(['b'])
    expect(isElsewhere({ _claim_names: { groups: 'src1' } }, 'groups')).toBe(true)
  })

  test('give what the first fitting rule gives', () => {
    const rules = [
      { claim: 'g', values: ['a', 'b'], grant: { roles: ['admin'] as const } },
      { claim: 'g', values: ['c'], grant: { roles: ['auditor'] as const } },
    ]
    expect(grantFor({ g: ['c', 'b'] }, rules)?.roles).toEqual(['admin'])
    expect(grantFor({ g: 'c' }, rules)?.roles).toEqual(['auditor'])
    expect(grantFor({ g: ['B', 'ab'] }, rules)).toBeUndefined()
  })
})

test('a passage is good once, for its state, until it expires, whoever begins how many', () => {
  const passages = new Passages()
  const one = passages.begin('/a', 0)
  for (let n = 0; n < 20_000; n++) passages.begin('/', 0)
  const { state } = one.passage
  const bent = `${one.sealed.slice(0, -2)}AA`
  expect(passages.end(bent, state, 1)).toBeUndefined()
  expect(passages.end(one.sealed, 'x', 1)).toBeUndefined()
  expect(new Passages().end(one.sealed, state, 1)).toBeUndefined()
  expect(passages.end(one.sealed, state, 600_000)).toBeUndefined()
  expect(passages.end(one.sealed, state, 599_999)?.returnTo).toBe('/a')
  expect(passages.end(one.sealed, state, 599_999)).toBeUndefined()
  expect(passages.end('AAAA', state, 1)).toBeUndefined()
  expect(passages.end(undefined, state, 1)).toBeUndefined()
})
