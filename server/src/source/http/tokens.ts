import { timingSafeEqual } from 'node:crypto'
import { sha256Hex } from '../../base/hash.ts'
import type { SenderScope } from '../../model/source.ts'
import type { SourceDeps } from '../define.ts'
import type { Call } from './listener.ts'
import type { HttpListenerOptions } from './options.ts'

/** Who sends, and what their input may be of. */
export interface Sender {
  readonly name: string
  readonly scope?: SenderScope
}

export type Standing =
  | { readonly kind: 'known'; readonly sender: Sender }
  /** `disabled`: it was ours and is revoked or expired. `forbidden`: it may not deliver here. */
  | { readonly kind: 'unknown' | 'disabled' | 'forbidden' }

/** The token of an `Authorization: Bearer` header. */
export function bearerOf(call: Pick<Call, 'headers'>): string | undefined {
  return /^Bearer +(\S+)$/i.exec(call.headers.authorization ?? '')?.[1]
}

const ANYONE: Standing = { kind: 'known', sender: { name: 'none' } }
const UNKNOWN: Standing = { kind: 'unknown' }

/**
 * The tokens that senders may show: those of the configuration, compared in constant time, and API tokens
 * with the role `ingest`, which are looked up at every request, so that a revocation holds at once.
 */
export class Tokens {
  readonly #hashes: { name: string; hash: Buffer }[] = []
  #lookUp: SourceDeps['apiTokens']
  #isDemanded = false

  /** Rejects with ProblemError CONFIG_SECRET. */
  async load(
    { tokens, api_tokens: api }: Pick<HttpListenerOptions, 'tokens' | 'api_tokens'>,
    deps: SourceDeps,
  ): Promise<void> {
    for (const [name, ref] of Object.entries(tokens)) {
      this.#hashes.push({ name, hash: Buffer.from(sha256Hex(await deps.secret(ref))) })
    }
    this.#isDemanded = this.#hashes.length > 0 || api === true
    if (api !== false) this.#lookUp = deps.apiTokens
  }

  /** No token is asked for: whoever reaches the address may send. */
  get isEmpty(): boolean {
    return !this.#isDemanded
  }

  async standingOf(token: string | undefined): Promise<Standing> {
    if (this.isEmpty) return ANYONE
    if (token === undefined) return UNKNOWN
    const hash = Buffer.from(sha256Hex(token))
    let name: string | undefined
    for (const one of this.#hashes) if (timingSafeEqual(one.hash, hash)) name = one.name
    if (name !== undefined) return { kind: 'known', sender: { name } }
    const found = await this.#lookUp?.(token)
    if (found === undefined || found.kind !== 'known') return found ?? UNKNOWN
    const { id, scope } = found
    return { kind: 'known', sender: { name: `token ${id}`, ...(scope !== undefined && { scope }) } }
  }
}
