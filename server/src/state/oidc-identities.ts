import type { State } from './state.ts'
import type { Db } from './tables.ts'

/** A subject is unique and never given again within its issuer (OpenID Connect Core 1.0, 2). */
export interface Subject {
  readonly issuer: string
  readonly subject: string
}

/** Kept as a keyed hash: a copy of the table names nobody. */
const subjectKey = (state: State, { issuer, subject }: Subject): string =>
  state.digest(JSON.stringify([issuer, subject]), 'oidc-subject')

export async function findIdentity(
  state: State,
  db: Db,
  subject: Subject,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('oidc_identity')
    .select('user_id')
    .where('tenant', '=', state.tenant)
    .where('subject_key', '=', subjectKey(state, subject))
    .executeTakeFirst()
  return row?.user_id
}

export async function hasIdentity(state: State, db: Db, userId: string): Promise<boolean> {
  const row = await db
    .selectFrom('oidc_identity')
    .select('subject_key')
    .where('tenant', '=', state.tenant)
    .where('user_id', '=', userId)
    .executeTakeFirst()
  return row !== undefined
}

export async function addIdentity(
  state: State,
  db: Db,
  link: { readonly subject: Subject; readonly userId: string; readonly nowMs: number },
): Promise<void> {
  await db
    .insertInto('oidc_identity')
    .values({
      tenant: state.tenant,
      subject_key: subjectKey(state, link.subject),
      user_id: link.userId,
      created_ms: link.nowMs,
    })
    .execute()
}
