import type { Clock } from '../base/clock.ts'
import { ProblemError } from '../base/problems.ts'
import { claimKey, keepAnswer, releaseKey } from '../state/idempotency.ts'
import type { State } from '../state/state.ts'
import type { Answer } from './route.ts'

export interface OnceOptions {
  readonly state: State
  readonly clock: Clock
}

export interface OnceOf {
  readonly actor: string
  /** As the caller gave it (the header Idempotency-Key). */
  readonly key: string
  /** Method, address and body. */
  readonly request: string
}

export type Once = (of: OnceOf, work: () => Promise<Answer<unknown>>) => Promise<Answer<unknown>>

/**
 * Does a write once for a key: the same request again gets the answer of the first, also after a
 * restart (draft-ietf-httpapi-idempotency-key-header). What was refused may be tried again.
 */
export function createOnce({ state, clock }: OnceOptions): Once {
  return async ({ actor, key, request }, work) => {
    if (!/^[\x21-\x7e]{1,128}$/.test(key)) {
      const message = 'An Idempotency-Key has 1 to 128 visible ASCII characters.'
      throw new ProblemError({ code: 'API_INVALID', message })
    }
    // Keyed: a request may hold a password, and what is kept must not help to guess it.
    const keyHash = state.digest(`${actor}\n${key}`, 'idempotency-key')
    const requestHash = state.digest(request, 'idempotency-request')
    const of = { keyHash, requestHash, nowMs: clock.now() }
    const claim = await state.transact((db) => claimKey(state, db, of))
    switch (claim.kind) {
      case 'again': {
        const { status, body } = claim.answer
        const headers = { 'idempotency-replayed': 'true' }
        return { body: body ?? undefined, status, headers, record: { replayed: true } }
      }
      case 'other':
        throw conflict('The Idempotency-Key was given to another request before.')
      case 'under-way':
        throw conflict('The request of this Idempotency-Key is still under way.')
      case 'first':
        break
    }
    let answer: Answer<unknown>
    try {
      answer = await work()
    } catch (error) {
      await state.transact((db) => releaseKey(state, db, keyHash))
      throw error
    }
    if ('body' in answer) {
      const status = answer.status ?? (answer.body === undefined ? 204 : 200)
      const kept = { status, body: answer.body }
      await state.transact((db) => keepAnswer(state, db, keyHash, kept))
    }
    return answer
  }
}

function conflict(message: string): ProblemError {
  return new ProblemError({ code: 'API_CONFLICT', message })
}
