import { randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { asArgument } from '../base/hash.ts'
import { type ErrorCode, ProblemError } from '../base/problems.ts'
import { addToken, type ApiToken, endSessionsOf } from '../state/sessions.ts'
import { isDuplicate } from '../state/duplicate.ts'
import type { State } from '../state/state.ts'
import type { Db } from '../state/tables.ts'
import {
  addUser,
  findUser,
  type Grant,
  listUsers,
  NO_PASSWORD,
  readUser,
  removeUser,
  saveUser,
  type User,
} from '../state/users.ts'
import { acceptedHash, makePassword, type ScryptCost } from './password.ts'
import { hashOf } from './api-token.ts'

export interface AccountDeps {
  readonly state: State
  readonly clock: Clock
  /** What a check of a password costs; less only in tests. */
  readonly cost?: ScryptCost
}

export interface NewUser extends Grant {
  readonly name: string
  /** Made up and returned where none is given; must be changed at the first login either way. */
  readonly password?: string
  /** By the OpenID provider alone: the user has no password. */
  readonly oidc?: boolean
}

export interface MadeUser {
  readonly user: User
  /** To be told to the person, once. Empty for a user without one. */
  readonly password: string
}

const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._@+-]{0,127}$/u

/** Rejects with USER_EXISTS, USER_INVALID, PASSWORD_WEAK. */
export async function createUser(deps: AccountDeps, wanted: NewUser): Promise<MadeUser> {
  const { state, clock } = deps
  checkName(wanted.name)
  checkGrant(wanted)
  const oidc = wanted.oidc === true
  if (oidc && wanted.password !== undefined) {
    throw refusal('USER_INVALID', 'A user of the OpenID provider has no password.')
  }
  const password = oidc ? '' : (wanted.password ?? makePassword(wanted.name))
  const now = clock.now()
  const user: User = {
    id: `u-${randomBytes(9).toString('base64url')}`,
    name: wanted.name,
    ...grantOf(wanted),
    password: oidc ? NO_PASSWORD : await acceptedHash(password, wanted.name, deps.cost),
    mustChange: !oidc,
    disabled: false,
    totpStep: 0,
    createdMs: now,
    changedMs: now,
  }
  const taken = refusal('USER_EXISTS', 'There is a user of this name already.')
  await state
    .transact(async (db) => {
      if ((await findUser(state, db, wanted.name)) !== undefined) throw taken
      await addUser(state, db, user)
    })
    .catch((error: unknown) => {
      throw isDuplicate(error) ? taken : error
    })
  return { user, password }
}

export interface UserChange {
  readonly grant?: Grant
  readonly disabled?: boolean
  /** Takes the second factor away: the person lost it. */
  readonly dropTotp?: boolean
}

/**
 * Ends the user's sessions, so that what was taken away is gone at once. Rejects with USER_UNKNOWN,
 * USER_INVALID, or USER_LAST_ADMIN where nobody would be left who can log in and administer.
 */
export async function changeUser(deps: AccountDeps, id: string, change: UserChange): Promise<User> {
  const { state, clock } = deps
  if (change.grant !== undefined) checkGrant(change.grant)
  return state.transact(async (db) => {
    const before = await mustRead(state, db, id)
    const { roles: _r, visibility: _v, masks: _m, totp, ...rest } = before
    const after: User = {
      ...rest,
      ...grantOf(change.grant ?? before),
      ...(totp !== undefined && change.dropTotp !== true && { totp }),
      disabled: change.disabled ?? before.disabled,
      changedMs: clock.now(),
    }
    await saveUser(state, db, after)
    await endSessionsOf(state, db, id)
    await keepAnAdmin(state, db)
    return after
  })
}

/** Gives a password to be changed at the next login. Rejects with USER_UNKNOWN, PASSWORD_WEAK. */
export async function resetPassword(
  deps: AccountDeps,
  id: string,
  given?: string,
): Promise<MadeUser> {
  const { state, clock } = deps
  const known = await state.query((db) => mustRead(state, db, id))
  const password = given ?? makePassword(known.name)
  const hash = await acceptedHash(password, known.name, deps.cost)
  return state.transact(async (db) => {
    const before = await mustRead(state, db, id)
    const user = { ...before, password: hash, mustChange: true, changedMs: clock.now() }
    await saveUser(state, db, user)
    await endSessionsOf(state, db, id)
    return { user, password }
  })
}

/** Rejects with USER_UNKNOWN, USER_LAST_ADMIN. */
export async function deleteUser(deps: AccountDeps, id: string): Promise<void> {
  const { state } = deps
  await state.transact(async (db) => {
    await mustRead(state, db, id)
    await removeUser(state, db, id)
    await keepAnAdmin(state, db)
  })
}

export interface NewToken extends Grant {
  readonly name: string
  readonly expiresMs?: number
}

export interface MadeToken {
  readonly token: ApiToken
  /** `pkt_…`, to be told once: only its hash is kept. */
  readonly text: string
}

/** Rejects with USER_INVALID. */
export async function createToken(
  deps: AccountDeps,
  wanted: NewToken,
  createdBy: string,
): Promise<MadeToken> {
  const { state, clock } = deps
  checkGrant(wanted)
  const id = asArgument(randomBytes(12).toString('base64url'))
  const secret = randomBytes(32).toString('base64url')
  const token: ApiToken = {
    id,
    secretHash: hashOf(secret),
    name: wanted.name,
    ...grantOf(wanted),
    createdBy,
    createdMs: clock.now(),
    ...(wanted.expiresMs !== undefined && { expiresMs: wanted.expiresMs }),
  }
  await state.transact((db) => addToken(state, db, token))
  return { token, text: `pkt_${id}_${secret}` }
}

export async function mustRead(state: State, db: Db, id: string): Promise<User> {
  const user = await readUser(state, db, id)
  if (user === undefined) throw refusal('USER_UNKNOWN', 'There is no user of this id.')
  return user
}

async function keepAnAdmin(state: State, db: Db): Promise<void> {
  const users = await listUsers(state, db)
  if (users.some((user) => !user.disabled && user.roles.includes('admin'))) return
  throw refusal('USER_LAST_ADMIN', 'Nobody would be left who can administer.')
}

/** Who administers sees everything: else what they grant would be more than they have. */
function checkGrant(grant: Grant): void {
  if (grant.roles.length === 0) throw refusal('USER_INVALID', 'At least one role is needed.')
  const narrowed = grant.visibility !== undefined || (grant.masks?.length ?? 0) > 0
  if (grant.roles.includes('admin') && narrowed) {
    throw refusal('USER_INVALID', 'An admin sees everything; give a lesser role with a scope.')
  }
}

export const isUserName = (name: string): boolean => NAME.test(name.normalize('NFKC'))

function checkName(name: string): void {
  if (isUserName(name)) return
  throw refusal('USER_INVALID', 'A name has letters, digits and . _ @ + -, at most 128.')
}

function grantOf({ roles, visibility, masks }: Grant): Grant {
  return {
    roles,
    ...(visibility && { visibility }),
    ...(masks && masks.length > 0 && { masks }),
  }
}

function refusal(code: ErrorCode, message: string): ProblemError {
  return new ProblemError({ code, message })
}
