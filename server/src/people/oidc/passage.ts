import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { openEnvelope, sealEnvelope, type SealKey } from '../../base/seal.ts'

/** What a login must come back with; kept by the browser, sealed. */
export interface Passage {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  /** Path to show afterwards. */
  readonly returnTo: string
  readonly expiresMs: number
}

export const PASSAGE_MS = 10 * 60_000
const SPENT_MAX = 10_000
const BOUND = Buffer.from('oidc-passage')

/**
 * Logins that are under way. Nothing is kept here until one comes back, so that whoever begins many takes
 * nobody's place; the seal is of this process, so a login does not survive a restart.
 */
export class Passages {
  readonly #key: SealKey = { id: randomBytes(8).toString('hex'), bytes: randomBytes(32) }
  /** States that came back, until they expire: each is good once. */
  readonly #spent = new Map<string, number>()

  begin(returnTo: string, nowMs: number): { readonly passage: Passage; readonly sealed: string } {
    const passage: Passage = {
      state: secret(),
      nonce: secret(),
      verifier: secret(),
      returnTo,
      expiresMs: nowMs + PASSAGE_MS,
    }
    const plain = Buffer.from(JSON.stringify(passage))
    const sealed = sealEnvelope({ key: this.#key, nonce: randomBytes(12), bound: BOUND }, plain)
    return { passage, sealed: Buffer.from(sealed).toString('base64url') }
  }

  /** Undefined where it is not ours, not of this browser, too old, or came back before. */
  end(sealed: string | undefined, state: string | undefined, nowMs: number): Passage | undefined {
    if (sealed === undefined || state === undefined || sealed.length > 2_048) return undefined
    const envelope = Buffer.from(sealed, 'base64url')
    const opened = openEnvelope(envelope, BOUND, (id) =>
      id === this.#key.id ? this.#key : undefined,
    )
    if (!opened.ok) return undefined
    const passage = JSON.parse(opened.bytes.toString('utf8')) as Passage
    if (!sameText(state, passage.state) || passage.expiresMs <= nowMs) return undefined
    if (this.#spent.has(passage.state)) return undefined
    this.#spend(passage, nowMs)
    return passage
  }

  #spend({ state, expiresMs }: Passage, nowMs: number): void {
    for (const [old, until] of this.#spent) {
      if (until > nowMs && this.#spent.size < SPENT_MAX) break
      this.#spent.delete(old)
    }
    this.#spent.set(state, expiresMs)
  }
}

const secret = (): string => randomBytes(32).toString('base64url')

function sameText(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
