import { type Grant, grantColumns, readGrant } from './users.ts'
import type { State } from './state.ts'
import type { Db } from './tables.ts'

export interface Session {
  /** SHA-256 of the cookie's value: a copy of the table logs nobody in. */
  readonly idHash: string
  readonly userId: string
  readonly createdMs: number
  readonly seenMs: number
}

export interface ApiToken extends Grant {
  readonly id: string
  readonly secretHash: string
  readonly name: string
  readonly createdBy: string
  readonly createdMs: number
  readonly expiresMs?: number
  readonly lastUsedMs?: number
  readonly revokedMs?: number
}

export async function addSession(state: State, db: Db, session: Session): Promise<void> {
  await db
    .insertInto('session')
    .values({
      tenant: state.tenant,
      id_hash: session.idHash,
      user_id: session.userId,
      created_ms: session.createdMs,
      seen_ms: session.seenMs,
    })
    .execute()
}

export async function readSession(
  state: State,
  db: Db,
  idHash: string,
): Promise<Session | undefined> {
  const row = await db
    .selectFrom('session')
    .selectAll()
    .where('tenant', '=', state.tenant)
    .where('id_hash', '=', idHash)
    .executeTakeFirst()
  if (row === undefined) return undefined
  return { idHash, userId: row.user_id, createdMs: row.created_ms, seenMs: row.seen_ms }
}

export async function touchSession(
  state: State,
  db: Db,
  idHash: string,
  seenMs: number,
): Promise<void> {
  await db
    .updateTable('session')
    .set({ seen_ms: seenMs })
    .where('tenant', '=', state.tenant)
    .where('id_hash', '=', idHash)
    .execute()
}

export async function endSession(state: State, db: Db, idHash: string): Promise<void> {
  await db
    .deleteFrom('session')
    .where('tenant', '=', state.tenant)
    .where('id_hash', '=', idHash)
    .execute()
}

/** All of a user's, but one where it is named. */
export async function endSessionsOf(
  state: State,
  db: Db,
  userId: string,
  exceptHash?: string,
): Promise<void> {
  let query = db
    .deleteFrom('session')
    .where('tenant', '=', state.tenant)
    .where('user_id', '=', userId)
  if (exceptHash !== undefined) query = query.where('id_hash', '!=', exceptHash)
  await query.execute()
}

/** Those that timed out: begun or last seen before these times. */
export async function sweepSessions(
  state: State,
  db: Db,
  before: { readonly createdMs: number; readonly seenMs: number },
): Promise<void> {
  await db
    .deleteFrom('session')
    .where('tenant', '=', state.tenant)
    .where((eb) =>
      eb.or([eb('created_ms', '<', before.createdMs), eb('seen_ms', '<', before.seenMs)]),
    )
    .execute()
}

export async function addToken(state: State, db: Db, token: ApiToken): Promise<void> {
  await db
    .insertInto('token')
    .values({
      tenant: state.tenant,
      id: token.id,
      secret_hash: token.secretHash,
      name: token.name,
      ...grantColumns(token),
      created_by: token.createdBy,
      created_ms: token.createdMs,
      expires_ms: token.expiresMs ?? null,
      last_used_ms: null,
      revoked_ms: null,
    })
    .execute()
}

export async function readToken(state: State, db: Db, id: string): Promise<ApiToken | undefined> {
  const row = await db
    .selectFrom('token')
    .selectAll()
    .where('tenant', '=', state.tenant)
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : toToken(row)
}

/** Oldest first, revoked ones included. */
export async function listTokens(state: State, db: Db): Promise<readonly ApiToken[]> {
  const rows = await db
    .selectFrom('token')
    .selectAll()
    .where('tenant', '=', state.tenant)
    .orderBy('created_ms')
    .orderBy('id')
    .limit(10_000)
    .execute()
  return rows.map(toToken)
}

export async function stampToken(
  state: State,
  db: Db,
  id: string,
  stamp: { readonly last_used_ms: number } | { readonly revoked_ms: number },
): Promise<void> {
  await db
    .updateTable('token')
    .set(stamp)
    .where('tenant', '=', state.tenant)
    .where('id', '=', id)
    .execute()
}

function toToken(row: {
  id: string
  secret_hash: string
  name: string
  roles: string
  visibility: string | null
  masks: string | null
  created_by: string
  created_ms: number
  expires_ms: number | null
  last_used_ms: number | null
  revoked_ms: number | null
}): ApiToken {
  return {
    id: row.id,
    secretHash: row.secret_hash,
    name: row.name,
    ...readGrant(row),
    createdBy: row.created_by,
    createdMs: row.created_ms,
    ...(row.expires_ms !== null && { expiresMs: row.expires_ms }),
    ...(row.last_used_ms !== null && { lastUsedMs: row.last_used_ms }),
    ...(row.revoked_ms !== null && { revokedMs: row.revoked_ms }),
  }
}
