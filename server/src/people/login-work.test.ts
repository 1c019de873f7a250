/**
 * Goal: how long a refused login takes does not tell who is there. Time itself is too noisy to assert on,
 * so what is compared is the work: every refusal does the same derivation, at the same cost, on the same
 * sizes, and asks the state as often.
 */
import { afterEach, expect, test, vi } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import type { State } from '../state/state.ts'
import { describeEngines } from '../state/testing/engines.ts'
import { changeUser, createUser } from './accounts.ts'
import { createPeople } from './people.ts'

const work = vi.hoisted(() => ({ derivations: [] as string[] }))
vi.mock('node:crypto', async (original) => {
  const real = await original<typeof import('node:crypto')>()
  const scrypt = (...given: Parameters<typeof real.scrypt>): void => {
    const [password, salt, length, cost] = given as unknown as [string, Buffer, number, object]
    const sizes = [Buffer.byteLength(password), salt.length, length]
    work.derivations.push(JSON.stringify([sizes, cost]))
    real.scrypt(...given)
  }
  return { ...real, scrypt }
})

const opened: State[] = []
afterEach(async () => {
  for (const state of opened.splice(0)) await state.close()
})
const COST = { N: 64, r: 8, p: 2 }
const PASSWORD = 'a long enough one'

describeEngines('the work of a refused login', (engine) => {
  test('is the same for a wrong password, an unknown, a disabled and a passwordless user', async () => {
    const state = await engine.open('work')
    opened.push(state)
    const deps = { state, clock: new ManualClock(1_000_000), cost: COST }
    const people = createPeople(deps)
    await createUser(deps, { name: 'root', roles: ['admin'], password: PASSWORD })
    await createUser(deps, { name: 'ada', roles: ['analyst'], password: PASSWORD })
    const { user } = await createUser(deps, { name: 'bob', roles: ['analyst'], password: PASSWORD })
    await changeUser(deps, user.id, { disabled: true })
    await createUser(deps, { name: 'eve', roles: ['analyst'], oidc: true })
    const refusal = async (name: string, password: string) => {
      work.derivations.length = 0
      const asked = [vi.spyOn(state, 'query'), vi.spyOn(state, 'transact')]
      const said = await people.login({ name, password }).then(
        () => 'in',
        (error: Error) => error.message,
      )
      const calls = asked.map((spy) => spy.mock.calls.length)
      for (const spy of asked) spy.mockRestore()
      return { said, calls, derivations: [...work.derivations] }
    }
    const wrong = await refusal('ada', 'a long enough two')
    expect(wrong.derivations).toHaveLength(1)
    expect(wrong.derivations[0]).toContain('"N":64')
    const right = PASSWORD
    for (const [name, password] of [
      ['nobody', 'a long enough two'],
      ['bob', 'a long enough two'],
      ['bob', right],
      ['eve', 'a long enough two'],
      ['eve', 'none of any use.'.padEnd(right.length, '.')],
      ['', right],
      ["x' or 1=1 --", right],
    ] as const) {
      expect({ name, ...(await refusal(name, password)) }).toEqual({ name, ...wrong })
    }
    expect((await refusal('ada', right)).said).toBe('in')
  })
})
