import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { type ErrorCode, ProblemError } from '../base/problems.ts'
import type { Principal } from '../model/access.ts'
import {
  addSession,
  endSession,
  endSessionsOf,
  readSession,
  sweepSessions,
  touchSession,
} from '../state/sessions.ts'
import type { State } from '../state/state.ts'
import type { Db } from '../state/tables.ts'
import {
  findUser,
  NO_PASSWORD,
  readUser,
  saveUser,
  spendTotpStep,
  type User,
} from '../state/users.ts'
import { checkToken, hashOf, STAMP_MS } from './api-token.ts'
import { hashPassword, passwordProblem, type ScryptCost, verifyPassword } from './password.ts'
import { ACCOUNT_LIMITS, ADDRESS_LIMITS, senderKey, Throttle } from './throttle.ts'
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
  /** Rejects with LOGIN_FAILED, PASSWORD_WEAK. Ends the user's other sessions. */
  changePassword(change: {
    readonly userId: string
    readonly old: string
    readonly password: string
    readonly keepHash?: string
  }): Promise<void>
}

export const SESSION_IDLE_MS = 30 * 60_000
export const SESSION_ABSOLUTE_MS = 12 * 60 * 60_000
const SECRET = /^[\w-]{43}$/

/** Who may come in: passwords, second factors, sessions, tokens. */
export function createPeople(options: PeopleOptions): People {
  const door = new Door(options)
  return {
    login: (login) => door.login(login),
    vouched: (from, who) => door.vouched(from, who),
    logout: (idHash) => options.state.transact((db) => endSession(options.state, db, idHash)),
    replaced: async (secret) => {
      if (secret === undefined || !SECRET.test(secret)) return
      await options.state.transact((db) => endSession(options.state, db, hashOf(secret)))
    },
    bySession: (secret, use) => door.bySession(secret, use),
    byToken: (token) => door.byToken(token),
    changePassword: (change) => door.changePassword(change),
  }
}

class Door {
  readonly #state: State
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #absoluteMs: number
  readonly #accounts = new Throttle(ACCOUNT_LIMITS)
  readonly #addresses = new Throttle(ADDRESS_LIMITS)
  /** Checked for names that do not exist, so that they take as long as others. */
  readonly #decoy: Promise<string | undefined>
  readonly #cost: ScryptCost | undefined

  constructor(options: PeopleOptions) {
    this.#state = options.state
    this.#clock = options.clock
    this.#idleMs = options.idleMs ?? SESSION_IDLE_MS
    this.#cost = options.cost
    this.#decoy = hashPassword(randomBytes(16).toString('hex'), options.cost)
    this.#absoluteMs = options.absoluteMs ?? SESSION_ABSOLUTE_MS
  }

  async login(login: Login): Promise<LoggedIn> {
    const state = this.#state
    const now = this.#clock.now()
    const account = state.digest(login.name.normalize('NFKC').toLowerCase(), 'throttle')
    this.#mayTry(account, login.from, now)
    // Counted before it is known, so that many at once do not slip through together.
    this.#failed(account, login.from, now)
    const user = await state.query((db) => findUser(state, db, login.name))
    // Work is done also where it cannot succeed, so that time does not tell who is there.
    const real = user === undefined || user.password === NO_PASSWORD ? undefined : user.password
    const kept = real ?? (await this.#decoy) ?? ''
    const right = await verifyPassword(login.password, kept)
    if (right === undefined) throw refusal('LOGIN_THROTTLED', 'Too many logins at once.')
    if (!right || real === undefined || user === undefined || user.disabled) {
      throw refusal('LOGIN_FAILED', 'Name or password is wrong.')
    }
    const step = this.#secondFactor(user, login, now)
    this.#accounts.succeeded(account)
    if (login.from !== undefined) this.#addresses.forgive(senderKey(login.from))
    const secret = await this.#begin(user, now, step)
    return { user, secret }
  }

  async vouched(from: string | undefined, who: () => Promise<User>): Promise<LoggedIn> {
    const now = this.#clock.now()
    if (from !== undefined) {
      this.#mayTry('', from, now)
      this.#addresses.failed(senderKey(from), now)
    }
    const user = await who().catch((error: unknown) => {
      const silent = error instanceof ProblemError && error.problem.code === 'OIDC_UNAVAILABLE'
      if (silent && from !== undefined) this.#addresses.forgive(senderKey(from))
      throw error
    })
    if (from !== undefined) this.#addresses.forgive(senderKey(from))
    return { user, secret: await this.#begin(user, now) }
  }

  /** A session of its own for each login: what was in the browser before is worth nothing. */
  async #begin(user: User, now: number, step?: number): Promise<string> {
    const state = this.#state
    const secret = randomBytes(32).toString('base64url')
    await state.transact(async (db) => {
      const stale = { createdMs: now - this.#absoluteMs, seenMs: now - this.#idleMs }
      await sweepSessions(state, db, stale)
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

  async changePassword(change: Parameters<People['changePassword']>[0]): Promise<void> {
    const state = this.#state
    const user = await state.query((db) => readUser(state, db, change.userId))
    const right = user !== undefined && (await verifyPassword(change.old, user.password))
    if (user === undefined || right !== true) {
      throw refusal('LOGIN_FAILED', 'The old password is wrong.')
    }
    const password = await acceptedHash(change.password, user.name, this.#cost)
    if (change.password === change.old) {
      throw refusal('PASSWORD_WEAK', 'The new password is the old one.')
    }
    const changed = { ...user, password, mustChange: false, changedMs: this.#clock.now() }
    await state.transact(async (db) => {
      await saveUser(state, db, changed)
      await endSessionsOf(state, db, user.id, change.keepHash)
    })
  }

  #mayTry(account: string, from: string | undefined, now: number): void {
    const wait = Math.max(
      this.#accounts.waitMs(account, now),
      from === undefined ? 0 : this.#addresses.waitMs(senderKey(from), now),
    )
    if (wait === 0) return
    const seconds = Math.ceil(wait / 1_000)
    throw refusal('LOGIN_THROTTLED', `Too many failed logins; try again in ${seconds} s.`)
  }

  #failed(account: string, from: string | undefined, now: number): void {
    this.#accounts.failed(account, now)
    if (from !== undefined) this.#addresses.failed(senderKey(from), now)
  }

  /** Again inside the transaction: the same code in two logins at once is good for one. */
  async #spendCode(db: Db, id: string, step: number): Promise<void> {
    if (await spendTotpStep(this.#state, db, id, step)) return
    throw refusal('LOGIN_FAILED', 'The one-time code was used before.')
  }

  #secondFactor(user: User, login: Login, now: number): number | undefined {
    if (user.totp === undefined) return undefined
    if (login.code === undefined) {
      throw refusal('LOGIN_CODE', 'A one-time code is needed too.')
    }
    const step = checkTotp(login.code, user.totp, now, user.totpStep)
    if (step !== undefined) return step
    throw refusal('LOGIN_FAILED', 'The one-time code is wrong, or was used before.')
  }
}

/** The hash to keep. Rejects with PASSWORD_WEAK, LOGIN_THROTTLED. */
export async function acceptedHash(
  password: string,
  name: string,
  cost?: ScryptCost,
): Promise<string> {
  const weak = passwordProblem(password, name)
  if (weak !== undefined) throw new ProblemError(weak)
  const hash = await hashPassword(password, cost)
  if (hash === undefined) throw refusal('LOGIN_THROTTLED', 'Too many password changes at once.')
  return hash
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
