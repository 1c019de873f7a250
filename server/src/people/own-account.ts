import type { Clock } from '../base/clock.ts'
import { type ErrorCode, ProblemError } from '../base/problems.ts'
import { endSessionsOf } from '../state/sessions.ts'
import type { State } from '../state/state.ts'
import type { Db } from '../state/tables.ts'
import { nameKey, readUser, saveUser, type User } from '../state/users.ts'
import type { Guesses } from './guesses.ts'
import { acceptedHash, type ScryptCost, verifyPassword } from './password.ts'
import { checkTotp } from './totp.ts'

export interface OwnAccountDeps {
  readonly state: State
  readonly clock: Clock
  readonly guesses: Guesses
  readonly cost: ScryptCost | undefined
}

/** Who asks, with the password they have now: a stolen session must not change how its owner logs in. */
export interface Reassurance {
  readonly userId: string
  readonly password: string
  readonly from?: string | undefined
}

export interface OwnAccount {
  /** Rejects with LOGIN_FAILED, LOGIN_THROTTLED, PASSWORD_WEAK. Ends the user's other sessions. */
  changePassword(
    who: Reassurance,
    change: { readonly password: string; readonly keepHash?: string },
  ): Promise<void>
  /** Rejects with LOGIN_FAILED, also where the code is not of the secret; LOGIN_THROTTLED. */
  setTotp(who: Reassurance, totp: { readonly secret: string; readonly code: string }): Promise<void>
  /** Rejects with LOGIN_FAILED, LOGIN_THROTTLED. */
  removeTotp(who: Reassurance): Promise<void>
}

/** What a logged-in user may change of how they log in. Guesses at the password count as those at logins do. */
export function createOwnAccount(deps: OwnAccountDeps): OwnAccount {
  const { state, clock } = deps
  return {
    changePassword: async (who, { password, keepHash }) => {
      const known = await reassured(deps, who)
      const hash = await acceptedHash(password, known.name, deps.cost)
      if (password === who.password) {
        throw refusal('PASSWORD_WEAK', 'The new password is the old one.')
      }
      await change(deps, known, async (db, user) => {
        const changed = { ...user, password: hash, mustChange: false, changedMs: clock.now() }
        await saveUser(state, db, changed)
        await endSessionsOf(state, db, user.id, keepHash)
      })
    },
    setTotp: async (who, { secret, code }) => {
      const known = await reassured(deps, who)
      const step = checkTotp(code, secret, clock.now(), 0)
      if (step === undefined) throw refusal('LOGIN_FAILED', 'The one-time code is wrong.')
      await change(deps, known, (db, user) =>
        saveUser(state, db, { ...user, totp: secret, totpStep: step }),
      )
    },
    removeTotp: async (who) => {
      const known = await reassured(deps, who)
      await change(deps, known, (db, { totp: _gone, ...rest }) => saveUser(state, db, rest))
    },
  }
}

async function reassured(deps: OwnAccountDeps, who: Reassurance): Promise<User> {
  const { state, clock, guesses } = deps
  const user = await state.query((db) => readUser(state, db, who.userId))
  if (user === undefined) throw refusal('LOGIN_FAILED', 'The password is wrong.')
  const guess = { account: nameKey(state, user.name), from: who.from }
  guesses.begin(guess, clock.now())
  const right = await verifyPassword(who.password, user.password)
  if (right === false) throw refusal('LOGIN_FAILED', 'The password is wrong.')
  guesses.takeBack(guess)
  if (right === undefined) throw refusal('LOGIN_THROTTLED', 'Too many logins at once.')
  return user
}

/** On what stands there now: while the password was checked an admin may have changed the user. */
async function change(
  { state }: OwnAccountDeps,
  known: User,
  work: (db: Db, user: User) => Promise<void>,
): Promise<void> {
  await state.transact(async (db) => {
    const user = await readUser(state, db, known.id)
    if (!isStill(user, known)) throw refusal('LOGIN_FAILED', 'The password was changed meanwhile.')
    await work(db, user)
  })
}

/** The user whose password was checked is there, may log in, and has that password. */
export function isStill(user: User | undefined, checked: User): user is User {
  return user !== undefined && !user.disabled && user.password === checked.password
}

function refusal(code: ErrorCode, message: string): ProblemError {
  return new ProblemError({ code, message })
}
