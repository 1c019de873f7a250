import type { State } from './state.ts'
import type { Db } from './tables.ts'

/** How long a key stands for its answer. */
export const IDEMPOTENCY_MS = 24 * 3_600_000
/** A request that has no answer after this long died on its way; its key is free again. */
const UNDER_WAY_MS = 120_000

export interface KeptAnswer {
  readonly status: number
  readonly body: unknown
}

export type Claim =
  | { readonly kind: 'first' }
  | { readonly kind: 'again'; readonly answer: KeptAnswer }
  | { readonly kind: 'under-way' }
  /** The key was given to another request before. */
  | { readonly kind: 'other' }

export interface ClaimOf {
  readonly keyHash: string
  readonly requestHash: string
  readonly nowMs: number
}

/** Takes a key for a request, or says what became of the one that took it. */
export async function claimKey(state: State, db: Db, of: ClaimOf): Promise<Claim> {
  const { tenant } = state
  const { keyHash, requestHash, nowMs } = of
  await db
    .deleteFrom('idempotency')
    .where('tenant', '=', tenant)
    .where((eb) =>
      eb.or([
        eb('at_ms', '<', nowMs - IDEMPOTENCY_MS),
        eb.and([eb('status', 'is', null), eb('at_ms', '<', nowMs - UNDER_WAY_MS)]),
      ]),
    )
    .execute()
  const added = await db
    .insertInto('idempotency')
    .values({
      ...{ tenant, key_hash: keyHash, request_hash: requestHash, at_ms: nowMs },
      ...{ status: null, body: null },
    })
    .onConflict((conflict) => conflict.doNothing())
    .returning('key_hash')
    .execute()
  if (added.length > 0) return { kind: 'first' }
  const known = await db
    .selectFrom('idempotency')
    .select(['request_hash', 'status', 'body'])
    .where('tenant', '=', tenant)
    .where('key_hash', '=', keyHash)
    .executeTakeFirstOrThrow()
  if (known.request_hash !== requestHash) return { kind: 'other' }
  if (known.status === null || known.body === null) return { kind: 'under-way' }
  const body = state.openJson(known.body, place(state, keyHash))
  return { kind: 'again', answer: { status: known.status, body } }
}

export async function keepAnswer(
  state: State,
  db: Db,
  keyHash: string,
  answer: KeptAnswer,
): Promise<void> {
  await db
    .updateTable('idempotency')
    .set({
      status: answer.status,
      body: state.sealJson(answer.body ?? null, place(state, keyHash)),
    })
    .where('tenant', '=', state.tenant)
    .where('key_hash', '=', keyHash)
    .execute()
}

/** The request was refused: it may be tried again under the same key. */
export async function releaseKey(state: State, db: Db, keyHash: string): Promise<void> {
  await db
    .deleteFrom('idempotency')
    .where('tenant', '=', state.tenant)
    .where('key_hash', '=', keyHash)
    .execute()
}

const place = (state: State, keyHash: string): string => `idempotency/${state.tenant}/${keyHash}`
