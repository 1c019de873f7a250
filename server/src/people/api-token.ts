import { createHash, timingSafeEqual } from 'node:crypto'
import { type ApiToken, readToken, stampToken } from '../state/sessions.ts'
import type { State } from '../state/state.ts'
import { readUser } from '../state/users.ts'

const TOKEN = /^pkt_([\w-]{16})_([\w-]{43})$/
/** Marks of use are written this often, so that a read is not a write each time. */
export const STAMP_MS = 60_000

export type CheckedToken =
  | { readonly kind: 'known'; readonly token: ApiToken }
  /** `disabled`: the secret is right, and the token is revoked, expired, or its maker is gone. */
  | { readonly kind: 'unknown' | 'disabled' }

/** Looks a token up by its text, and marks its use. Nothing is remembered: a revocation holds at once. */
export async function checkToken(state: State, now: number, text: string): Promise<CheckedToken> {
  const [, id, secret] = TOKEN.exec(text) ?? []
  if (id === undefined || secret === undefined) return { kind: 'unknown' }
  const token = await state.query((db) => readToken(state, db, id))
  const kept = Buffer.from(token?.secretHash ?? hashOf('none'))
  const same = timingSafeEqual(kept, Buffer.from(hashOf(secret)))
  if (token === undefined || !same) return { kind: 'unknown' }
  const isOver = token.expiresMs !== undefined && token.expiresMs <= now
  if (token.revokedMs !== undefined || isOver || !(await standsBehind(state, token))) {
    return { kind: 'disabled' }
  }
  if (now - (token.lastUsedMs ?? 0) >= STAMP_MS) {
    await state.transact((db) => stampToken(state, db, id, { last_used_ms: now }))
  }
  return { kind: 'known', token }
}

/**
 * A token is worth no more than the user who made it: it ends with them, and one that may do more than
 * deliver events also when they are no admin any more.
 */
async function standsBehind(state: State, { createdBy, roles }: ApiToken): Promise<boolean> {
  if (createdBy === 'local') return true
  const user = await state.query((db) => readUser(state, db, createdBy))
  if (user === undefined || user.disabled) return false
  return user.roles.includes('admin') || roles.every((role) => role === 'ingest')
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
