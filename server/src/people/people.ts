import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { type ErrorCode, ProblemError } from '../base/problems.ts'
import type { Principal } from '../model/access.ts'
import {
  addSession,
  endSession,
  readSession,
  sweepSessions,
  touchSession,
} from '../state/sessions.ts'
import type { State } from '../state/state.ts'
import type { Db } from '../state/tables.ts'
import {
  findUser,
  nameKey,
  NO_PASSWORD,
  readUser,
  spendTotpStep,
  type User,
} from '../state/users.ts'
import { checkToken, hashOf, STAMP_MS } from './api-token.ts'
import { Guesses } from './guesses.ts'
import { createOwnAccount, isStill, type OwnAccount } from './own-account.ts'
import { hashPassword, type ScryptCost, verifyPassword } from './password.ts'
import { checkTotp } from './totp.ts'

export interface PeopleOptions {
  readonly state: State
  readonly clock: Clock
  readonly idleMs?: number
  readonly absoluteMs?: number
  /** What a check of a password costs; less only in tests. */
  readonly cost?: ScryptCost
}

export interface Login {
  readonly name: string
  readonly password: string
  readonly code?: string
  readonly from?: string
}

export interface LoggedIn {
  readonly user: User
  /** The cookie's value; kept nowhere. */
  readonly secret: string
}

/** Whoever a request is of, and what it came with. */
export interface Known {
  readonly principal: Principal
  /** May do nothing but change the password. */
  readonly mustChange: boolean
  /** Of a session: what a form must send along; and the hash it is kept under. */
  readonly session?: { readonly csrf: string; readonly idHash: string; readonly userId: string }
}

export interface People {
  /** Rejects with ProblemError LOGIN_FAILED, LOGIN_CODE (a second factor is due) or LOGIN_THROTTLED. */
  login(login: Login): Promise<LoggedIn>
  /**
   * A session for whom another party vouches for: `who` asks it. Failures count for the address they
   * come from. Rejects with what `who` rejects with, and LOGIN_THROTTLED.
   */
  vouched(from: string | undefined, who: () => Promise<User>): Promise<LoggedIn>
  logout(idHash: string): Promise<void>
  /** Ends the session of a cookie's value that a new login takes the place of. */
  replaced(secret: string | undefined): Promise<void>
  /** By the value of the session's cookie. To `look` is no use of it: it does not put off its end. */
  bySession(secret: string, use?: 'use' | 'look'): Promise<Known | undefined>
  /** By the text after `Bearer`. */
  byToken(token: string): Promise<Known | undefined>
  readonly own: OwnAccount
}

export const SESSION_IDLE_MS = 30 * 60_000
export const SESSION_ABSOLUTE_MS = 12 * 60 * 60_000
const SECRET = /^[\w-]{43}$/

/** Who may come in: passwords, second factors, sessions, tokens. */
export function createPeople(options: PeopleOptions): People {
  const guesses = new Guesses()
  const door = new Door(options, guesses)
  const { state, clock, cost } = options
  return {
    own: createOwnAccount({ state, clock, cost, guesses }),
    login: (login) => door.login(login),
    vouched: (from, who) => door.vouched(from, who),
    logout: (idHash) => options.state.transact((db) => endSession(options.state, db, idHash)),
    replaced: async (secret) => {
      if (secret === undefined || !SECRET.test(secret)) return
      await options.state.transact((db) => endSession(options.state, db, hashOf(secret)))
    },
    bySession: (secret, use) => door.bySession(secret, use),
    byToken: (token) => door.byToken(token),
  }
}

class Door {
  readonly #state: State
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #absoluteMs: number
  readonly #guesses: Guesses
  /** Checked for names that do not exist, so that they take as long as others. */
  readonly #decoy: Promise<string | undefined>

  constructor(options: PeopleOptions, guesses: Guesses) {
    this.#guesses = guesses
    this.#state = options.state
    this.#clock = options.clock
    this.#idleMs = options.idleMs ?? SESSION_IDLE_MS
    this.#decoy = hashPassword(randomBytes(16).toString('hex'), options.cost)
    this.#absoluteMs = options.absoluteMs ?? SESSION_ABSOLUTE_MS
  }

  async login(login: Login): Promise<LoggedIn> {
    const state = this.#state
    const now = this.#clock.now()
    const guess = { account: nameKey(state, login.name), from: login.from }
    this.#guesses.begin(guess, now)
    const user = await state.query((db) => findUser(state, db, login.name))
    // Work is done also where it cannot succeed, so that time does not tell who is there.
    const real = user === undefined || user.password === NO_PASSWORD ? undefined : user.password
    const kept = real ?? (await this.#decoy) ?? ''
    const right = await verifyPassword(login.password, kept)
    if (right === undefined) {
      this.#guesses.takeBack(guess)
      throw refusal('LOGIN_THROTTLED', 'Too many logins at once.')
    }
    if (!right || real === undefined || user === undefined || user.disabled) {
      throw refusal('LOGIN_FAILED', 'Name or password is wrong.')
    }
    if (user.totp !== undefined && login.code === undefined) {
      // The first of the two steps of a login that goes well: no guess.
      this.#guesses.takeBack(guess)
      throw refusal('LOGIN_CODE', 'A one-time code is needed too.')
    }
    const step = secondFactor(user, login, now)
    const secret = await this.#begin(user, now, step)
    this.#guesses.succeeded(guess)
    return { user, secret }
  }

  async vouched(from: string | undefined, who: () => Promise<User>): Promise<LoggedIn> {
    const now = this.#clock.now()
    this.#guesses.begin({ from }, now)
    const user = await who().catch((error: unknown) => {
      const silent = error instanceof ProblemError && error.problem.code === 'OIDC_UNAVAILABLE'
      if (silent) this.#guesses.takeBack({ from })
      throw error
    })
    this.#guesses.succeeded({ from })
    return { user, secret: await this.#begin(user, now) }
  }

  /** A session of its own for each login: what was in the browser before is worth nothing. */
  async #begin(user: User, now: number, step?: number): Promise<string> {
    const state = this.#state
    const secret = randomBytes(32).toString('base64url')
    await state.transact(async (db) => {
      const stale = { createdMs: now - this.#absoluteMs, seenMs: now - this.#idleMs }
      await sweepSessions(state, db, stale)
      // While the password was checked an admin may have given another, or shut the user out.
      if (!isStill(await readUser(state, db, user.id), user)) {
        throw refusal('LOGIN_FAILED', 'Name or password is wrong.')
      }
      if (step !== undefined) await this.#spendCode(db, user.id, step)
      const session = { idHash: hashOf(secret), userId: user.id, createdMs: now, seenMs: now }
      await addSession(state, db, session)
    })
    return secret
  }

  async bySession(secret: string, use: 'use' | 'look' = 'use'): Promise<Known | undefined> {
    if (!SECRET.test(secret)) return undefined
    const state = this.#state
    const now = this.#clock.now()
    const idHash = hashOf(secret)
    const session = await state.query((db) => readSession(state, db, idHash))
    if (session === undefined) return undefined
    const { userId, createdMs, seenMs } = session
    const over = now - createdMs >= this.#absoluteMs || now - seenMs >= this.#idleMs
    const user = over ? undefined : await state.query((db) => readUser(state, db, userId))
    if (user === undefined || user.disabled) {
      await state.transact((db) => endSession(state, db, idHash))
      return undefined
    }
    if (use === 'use' && now - seenMs >= STAMP_MS) {
      await state.transact((db) => touchSession(state, db, idHash, now))
    }
    return {
      principal: principalOf('user', user),
      mustChange: user.mustChange,
      session: { csrf: hashOf(`csrf ${secret}`), idHash, userId },
    }
  }

  async byToken(text: string): Promise<Known | undefined> {
    const checked = await checkToken(this.#state, this.#clock.now(), text)
    if (checked.kind !== 'known') return undefined
    return { principal: principalOf('token', checked.token), mustChange: false }
  }

  /** Again inside the transaction: the same code in two logins at once is good for one. */
  async #spendCode(db: Db, id: string, step: number): Promise<void> {
    if (await spendTotpStep(this.#state, db, id, step)) return
    throw refusal('LOGIN_FAILED', 'The one-time code was used before.')
  }
}

/** The step of the one-time code; undefined where none is set up. */
function secondFactor(user: User, login: Login, now: number): number | undefined {
  if (user.totp === undefined) return undefined
  const step = checkTotp(login.code ?? '', user.totp, now, user.totpStep)
  if (step !== undefined) return step
  throw refusal('LOGIN_FAILED', 'The one-time code is wrong, or was used before.')
}

function principalOf(
  kind: 'user' | 'token',
  of: Pick<Principal, 'id' | 'roles' | 'visibility' | 'masks'>,
): Principal {
  return {
    kind,
    id: of.id,
    roles: of.roles,
    ...(of.visibility && { visibility: of.visibility }),
    ...(of.masks && { masks: of.masks }),
  }
}

function refusal(code: ErrorCode, message: string): ProblemError {
  return new ProblemError({ code, message })
}
