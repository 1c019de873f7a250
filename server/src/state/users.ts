import type { Role, Visibility } from '../model/access.ts'
import type { State } from './state.ts'
import type { Db, UserRow } from './tables.ts'

/** What somebody may do and see: of a user, or of a token. */
export interface Grant {
  readonly roles: readonly Role[]
  readonly visibility?: Visibility
  readonly masks?: readonly string[]
}

export interface User extends Grant {
  readonly id: string
  readonly name: string
  /** See `people/password.ts`. */
  readonly password: string
  readonly mustChange: boolean
  readonly disabled: boolean
  /** Base32 secret; absent where no second factor is set up. */
  readonly totp?: string
  readonly totpStep: number
  readonly createdMs: number
  readonly changedMs: number
}

/** In place of a password: who is let in by the OpenID provider alone. */
export const NO_PASSWORD = 'none'

export const USERS_MAX = 10_000

const place = (state: State, id: string, column: string): string =>
  `user/${state.tenant}/${id}/${column}`

/** Login names are compared without case and in one Unicode form. */
export function nameKey(state: State, name: string): string {
  return state.digest(name.normalize('NFKC').toLowerCase(), 'login-name')
}

/** Throws where the name is taken; check with `findUser` in the same transaction. */
export async function addUser(state: State, db: Db, user: User): Promise<void> {
  await db.insertInto('user').values(toRow(state, user)).execute()
}

/** Replaces all that may change of a user. */
export async function saveUser(state: State, db: Db, user: User): Promise<void> {
  const { tenant: _t, id: _i, created_ms: _c, ...changed } = toRow(state, user)
  await db
    .updateTable('user')
    .set(changed)
    .where('tenant', '=', state.tenant)
    .where('id', '=', user.id)
    .execute()
}

export async function findUser(state: State, db: Db, name: string): Promise<User | undefined> {
  const row = await db
    .selectFrom('user')
    .selectAll()
    .where('tenant', '=', state.tenant)
    .where('name_key', '=', nameKey(state, name))
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(state, row)
}

export async function readUser(state: State, db: Db, id: string): Promise<User | undefined> {
  const row = await db
    .selectFrom('user')
    .selectAll()
    .where('tenant', '=', state.tenant)
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : fromRow(state, row)
}

/** Oldest first. */
export async function listUsers(state: State, db: Db): Promise<readonly User[]> {
  const rows = await db
    .selectFrom('user')
    .selectAll()
    .where('tenant', '=', state.tenant)
    .orderBy('created_ms')
    .orderBy('id')
    .limit(USERS_MAX)
    .execute()
  return rows.map((row) => fromRow(state, row))
}

/**
 * Marks the one-time codes up to this step as used; false where they were already. One statement, so
 * that of two logins at once with one code only one finds it unused, on PostgreSQL too.
 */
export async function spendTotpStep(
  state: State,
  db: Db,
  id: string,
  step: number,
): Promise<boolean> {
  const done = await db
    .updateTable('user')
    .set({ totp_step: step })
    .where('tenant', '=', state.tenant)
    .where('id', '=', id)
    .where('totp_step', '<', step)
    .executeTakeFirst()
  return done.numUpdatedRows === 1n
}

export async function removeUser(state: State, db: Db, id: string): Promise<void> {
  const { tenant } = state
  await db.deleteFrom('session').where('tenant', '=', tenant).where('user_id', '=', id).execute()
  await db
    .deleteFrom('oidc_identity')
    .where('tenant', '=', tenant)
    .where('user_id', '=', id)
    .execute()
  await db.deleteFrom('user').where('tenant', '=', tenant).where('id', '=', id).execute()
}

function toRow(state: State, user: User): UserRow {
  return {
    tenant: state.tenant,
    id: user.id,
    name_key: nameKey(state, user.name),
    ...grantColumns(user),
    password: user.password,
    must_change: user.mustChange ? 1 : 0,
    disabled: user.disabled ? 1 : 0,
    totp_step: user.totpStep,
    totp: user.totp === undefined ? null : state.sealJson(user.totp, place(state, user.id, 'totp')),
    created_ms: user.createdMs,
    changed_ms: user.changedMs,
    body: state.sealJson({ name: user.name }, place(state, user.id, 'body')),
  }
}

function fromRow(state: State, row: UserRow): User {
  const { name } = state.openJson(row.body, place(state, row.id, 'body')) as { name: string }
  return {
    id: row.id,
    name,
    ...readGrant(row),
    password: row.password,
    mustChange: row.must_change === 1,
    disabled: row.disabled === 1,
    totpStep: row.totp_step,
    ...(row.totp !== null && {
      totp: state.openJson(row.totp, place(state, row.id, 'totp')) as string,
    }),
    createdMs: row.created_ms,
    changedMs: row.changed_ms,
  }
}

interface GrantColumns {
  roles: string
  visibility: string | null
  masks: string | null
}

export function grantColumns(grant: Grant): GrantColumns {
  return {
    roles: JSON.stringify(grant.roles),
    visibility: grant.visibility === undefined ? null : JSON.stringify(grant.visibility),
    masks: grant.masks === undefined ? null : JSON.stringify(grant.masks),
  }
}

export function readGrant(row: GrantColumns): Grant {
  return {
    roles: JSON.parse(row.roles) as Role[],
    ...(row.visibility !== null && { visibility: JSON.parse(row.visibility) as Visibility }),
    ...(row.masks !== null && { masks: JSON.parse(row.masks) as string[] }),
  }
}
