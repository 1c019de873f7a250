import { randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import { ProblemError } from '../../base/problems.ts'
import { isDuplicate } from '../../state/duplicate.ts'
import {
  addIdentity,
  findIdentity,
  hasIdentity,
  type Subject,
} from '../../state/oidc-identities.ts'
import { endSessionsOf } from '../../state/sessions.ts'
import type { State } from '../../state/state.ts'
import type { Db } from '../../state/tables.ts'
import {
  addUser,
  findUser,
  type Grant,
  NO_PASSWORD,
  readUser,
  saveUser,
  type User,
} from '../../state/users.ts'
import { isUserName } from '../accounts.ts'
import { claimValues, grantFor, isElsewhere } from './grants.ts'
import type { Claims, OidcSettings } from './settings.ts'

export interface SignIn {
  readonly state: State
  readonly clock: Clock
  readonly settings: OidcSettings
}

/**
 * The user whom these claims are of, made or brought up to date. Who it is follows from issuer and
 * subject alone; a name only ever finds a user that an admin added for it. Rejects with OIDC_FORBIDDEN.
 */
export async function userOf(
  signIn: SignIn,
  claims: Claims & { readonly sub: string },
): Promise<User> {
  try {
    return await settle(signIn, claims)
  } catch (error) {
    // Made meanwhile by another login of the same person: now there is somebody to find.
    if (isDuplicate(error)) return settle(signIn, claims)
    throw error
  }
}

async function settle(
  { state, clock, settings }: SignIn,
  claims: Claims & { readonly sub: string },
): Promise<User> {
  const subject: Subject = { issuer: settings.issuer, subject: claims.sub }
  const grant = grantOf(claims, settings)
  return state.transact(async (db) => {
    const nowMs = clock.now()
    const linked = await findIdentity(state, db, subject)
    const found = linked === undefined ? undefined : await readUser(state, db, linked)
    const user =
      found ?? (await newcomer({ state, settings, nowMs }, db, { claims, subject, grant }))
    if (user.disabled) throw forbidden('This user is disabled.')
    if (grant === undefined || sameGrant(user, grant)) return user
    const { roles: _r, visibility: _v, masks: _m, ...rest } = user
    const changed: User = { ...rest, ...grant, changedMs: nowMs }
    await saveUser(state, db, changed)
    // What was taken away there is gone here at once.
    await endSessionsOf(state, db, user.id)
    return changed
  })
}

interface Newcomer {
  readonly claims: Claims
  readonly subject: Subject
  readonly grant: Grant | undefined
}

async function newcomer(
  { state, settings, nowMs }: Pick<SignIn, 'state' | 'settings'> & { readonly nowMs: number },
  db: Db,
  { claims, subject, grant }: Newcomer,
): Promise<User> {
  const name = nameOf(claims, settings)
  const there = await findUser(state, db, name)
  if (there !== undefined) {
    // Committed between the two looks.
    if ((await findIdentity(state, db, subject)) === there.id) return there
    const isFor = there.password === NO_PASSWORD && !(await hasIdentity(state, db, there.id))
    if (!isFor || settings.provision !== 'known') {
      throw forbidden('There is another user of this name already.')
    }
    await addIdentity(state, db, { subject, userId: there.id, nowMs })
    return there
  }
  if (settings.provision === 'known' || grant === undefined) {
    throw forbidden('Nobody has added this user to Picket.')
  }
  const user: User = {
    id: `u-${randomBytes(9).toString('base64url')}`,
    name,
    ...grant,
    password: NO_PASSWORD,
    mustChange: false,
    disabled: false,
    totpStep: 0,
    createdMs: nowMs,
    changedMs: nowMs,
  }
  await addUser(state, db, user)
  await addIdentity(state, db, { subject, userId: user.id, nowMs })
  return user
}

function nameOf(claims: Claims, { nameClaim }: OidcSettings): string {
  const [name] = claimValues(claims, nameClaim) ?? []
  if (name === undefined) throw forbidden(`The OpenID provider sent no claim "${nameClaim}".`)
  // Who can set any address as theirs could take the place of another.
  if (nameClaim === 'email' && claims['email_verified'] === false) {
    throw forbidden('The OpenID provider has not verified this e-mail address.')
  }
  if (isUserName(name)) return name
  throw forbidden(`The claim "${nameClaim}" holds no name that a user can have here.`)
}

/** Undefined where roles are administered in Picket. */
function grantOf(claims: Claims, { grants }: OidcSettings): Grant | undefined {
  if (grants.length === 0) return undefined
  const grant = grantFor(claims, grants)
  if (grant !== undefined) return grant
  const names = [...new Set(grants.map(({ claim }) => claim))]
  const missing = names.filter((name) => claimValues(claims, name) === undefined)
  if (missing.some((name) => isElsewhere(claims, name))) {
    throw forbidden('The OpenID provider has too many groups of this user to send them.')
  }
  if (missing.length === names.length) {
    throw forbidden(`The OpenID provider sent no claim "${names.join('", "')}".`)
  }
  throw forbidden('Nothing that the OpenID provider says of this user gives a role here.')
}

function sameGrant(user: User, grant: Grant): boolean {
  const text = ({ roles, visibility, masks }: Grant): string =>
    JSON.stringify([roles, visibility ?? null, masks ?? null])
  return text(user) === text(grant)
}

function forbidden(message: string): ProblemError {
  return new ProblemError({ code: 'OIDC_FORBIDDEN', message })
}
