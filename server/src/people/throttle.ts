import ipaddr, { type IPv6 } from 'ipaddr.js'

/**
 * Slows down guessing: after some failures of one key each further one doubles the wait. Bounded:
 * at `keysMax` the key that failed longest ago is forgotten.
 */
export interface ThrottleLimits {
  /** Failures that cost nothing. */
  readonly free: number
  readonly firstWaitMs: number
  readonly waitMsMax: number
  /** Without a failure for so long, a key starts anew. */
  readonly forgetMs: number
  readonly keysMax: number
}

export const ACCOUNT_LIMITS: ThrottleLimits = {
  free: 5,
  firstWaitMs: 1_000,
  waitMsMax: 15 * 60_000,
  forgetMs: 60 * 60_000,
  keysMax: 10_000,
}
/** An address may be that of a whole company. */
export const ADDRESS_LIMITS: ThrottleLimits = { ...ACCOUNT_LIMITS, free: 20 }

interface Failures {
  count: number
  lastMs: number
}

/**
 * What counts as one sender: an IPv4 address, or the 64 bits of IPv6 that one customer is given whole
 * (RFC 6177), so that a new address for each guess is no new sender.
 */
export function senderKey(address: string): string {
  if (!ipaddr.isValid(address)) return address
  const parsed = ipaddr.process(address)
  if (parsed.kind() === 'ipv4') return parsed.toString()
  return `${(parsed as IPv6).parts.slice(0, 4).join(':')}::/64`
}

export class Throttle {
  readonly #limits: ThrottleLimits
  readonly #keys = new Map<string, Failures>()

  constructor(limits: ThrottleLimits) {
    this.#limits = limits
  }

  /** How long this key must wait from now; 0 where it need not. */
  waitMs(key: string, nowMs: number): number {
    const found = this.#keys.get(key)
    if (found === undefined) return 0
    const { free, firstWaitMs, waitMsMax, forgetMs } = this.#limits
    if (nowMs - found.lastMs > forgetMs) return 0
    const over = found.count - free
    if (over < 0) return 0
    const wait = Math.min(firstWaitMs * 2 ** Math.min(over, 30), waitMsMax)
    return Math.max(0, found.lastMs + wait - nowMs)
  }

  failed(key: string, nowMs: number): void {
    const found = this.#keys.get(key)
    const stale = found === undefined || nowMs - found.lastMs > this.#limits.forgetMs
    this.#keys.delete(key)
    this.#keys.set(key, { count: stale ? 1 : found.count + 1, lastMs: nowMs })
    if (this.#keys.size <= this.#limits.keysMax) return
    for (const oldest of this.#keys.keys()) {
      this.#keys.delete(oldest)
      break
    }
  }

  /** Takes one failure back: it was none. */
  forgive(key: string): void {
    const found = this.#keys.get(key)
    if (found === undefined) return
    if (found.count <= 1) this.#keys.delete(key)
    else found.count -= 1
  }

  succeeded(key: string): void {
    this.#keys.delete(key)
  }
}
