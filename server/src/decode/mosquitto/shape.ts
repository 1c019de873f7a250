import { ANEW } from '../../base/anew.ts'
import type { StateChange } from '../../model/decoder.ts'
import { KeptMap } from '../kept-map.ts'
import { ownText } from '../../base/own-text.ts'

const CLIENTS_MAX = 100_000
const ID_MAX = 512
const CLIENT_AGE_MAX_MS = 24 * 3_600_000
const SHARED_CLIENTS_MIN = 5
const SHARED_SHARE_MIN = 0.5

export interface Sharing {
  /** Distinct client ids that came from the address within a day. */
  readonly clients: number
  /** Their share of all distinct client ids of the broker, 0 to 1, two digits. */
  readonly share: number
  readonly shared: boolean
}

const ALONE: Sharing = { clients: 0, share: 0, shared: false }

/**
 * Which address stands for most of the fleet: a NAT gateway, Docker's proxy, a TLS proxy. Counted
 * are distinct client ids whose connections the broker *accepted* within the last day, each at the
 * address it came from last. A flood of failing ids cannot make an address look shared; one who
 * holds a valid login can, once more than half of the broker's ids are his.
 */
export class AddressShape {
  readonly #clients = new KeptMap<{ readonly ip: string; readonly timeMs: number }>(
    'c:',
    CLIENTS_MAX,
    (_, seen) => this.#leave(seen.ip),
  )
  readonly #counts = new Map<string, number>()

  connected(ip: string, id: string, timeMs: number): void {
    this.#expire(timeMs)
    if (id.length > ID_MAX) return
    const before = this.#clients.get(id)
    if (before?.ip !== ip) {
      if (before !== undefined) this.#leave(before.ip)
      this.#counts.set(ownText(ip), (this.#counts.get(ip) ?? 0) + 1)
    } else if (timeMs - before.timeMs < CLIENT_AGE_MAX_MS / 24 && timeMs >= before.timeMs) {
      return
    }
    this.#clients.set(id, { ip: ownText(ip), timeMs })
  }

  of(ip: string): Sharing {
    const clients = this.#counts.get(ip)
    if (clients === undefined) return ALONE
    const exact = clients / this.#clients.size
    const shared = clients >= SHARED_CLIENTS_MIN && exact >= SHARED_SHARE_MIN
    return { clients, share: Math.round(exact * 100) / 100, shared }
  }

  get evicted(): number {
    return this.#clients.evicted
  }

  get size(): number {
    return this.#clients.size
  }

  takeChanges(into: StateChange[]): void {
    this.#clients.takeChanges(into)
  }

  restore(entries: readonly (readonly [string, string])[]): void {
    this.#clients.restore(entries)
    for (const [, { ip }] of this.#clients) this.#counts.set(ip, (this.#counts.get(ip) ?? 0) + 1)
  }

  #leave(ip: string): void {
    const left = (this.#counts.get(ip) ?? 0) - 1
    if (left > 0) this.#counts.set(ip, left)
    else this.#counts.delete(ip)
  }

  #expire(timeMs: number): void {
    for (let key = this.#clients.oldestKey; key !== undefined; key = this.#clients.oldestKey) {
      const oldest = this.#clients.get(key)
      if (oldest === undefined || timeMs - oldest.timeMs <= CLIENT_AGE_MAX_MS) return
      this.#clients.delete(key)
      this.#leave(oldest.ip)
    }
  }
}

const BEATS_MAX = 20_000
const REGULAR_MIN = 5
const TOLERANCE = 0.2
const INTERVAL_MIN_MS = 900
const SECOND_MS = 1_000

interface Run {
  readonly lastMs: number
  readonly meanMs: number
  /** Intervals in a row that were alike. */
  readonly count: number
  readonly reason: string
}

export interface Retry {
  readonly regular: boolean
  /** Mean of the run, in whole ms; 0 for a first failure. */
  readonly intervalMs: number
  /** Failures in the run, this one included. */
  readonly count: number
}

/**
 * The beat at which one client fails again and again with the same reason: a device with a wrong
 * password retries at its fixed delay. A run goes on while each interval is within 20 % of its mean
 * (a second more where stamps have no fraction); from five such intervals on it is called regular.
 * Faster than 0.9 s is never called regular.
 */
export class RetryBeats {
  readonly #runs = new KeptMap<Run>('b:', BEATS_MAX)

  failed(key: string, reason: string, timeMs: number, wholeSeconds: boolean): Retry {
    const before = this.#runs.get(key)
    const run = nextRun(before, reason, timeMs, wholeSeconds)
    this.#runs.set(key, run)
    return {
      regular: run.count >= REGULAR_MIN && run.meanMs >= INTERVAL_MIN_MS,
      intervalMs: Math.round(run.meanMs),
      count: run.count + 1,
    }
  }

  succeeded(key: string): void {
    if (this.#runs.size > 0) this.#runs.delete(key)
  }

  get evicted(): number {
    return this.#runs.evicted
  }

  get size(): number {
    return this.#runs.size
  }

  takeChanges(into: StateChange[]): void {
    this.#runs.takeChanges(into)
  }

  restore(entries: readonly (readonly [string, string])[]): void {
    this.#runs.restore(entries)
  }
}

function nextRun(
  before: Run | undefined,
  reason: string,
  timeMs: number,
  wholeSeconds: boolean,
): Run {
  const fresh = { lastMs: timeMs, meanMs: 0, count: 0, reason: reason.slice(0, 200) }
  if (before === undefined || before.reason !== reason.slice(0, 200) || timeMs < before.lastMs)
    return fresh
  const interval = timeMs - before.lastMs
  if (before.count === 0) return { ...ANEW, ...fresh, meanMs: interval, count: 1 }
  const slack = Math.max(before.meanMs * TOLERANCE, wholeSeconds ? SECOND_MS : 0)
  if (Math.abs(interval - before.meanMs) > slack)
    return { ...ANEW, ...fresh, meanMs: interval, count: 1 }
  const count = before.count + 1
  return { ...ANEW, ...fresh, meanMs: before.meanMs + (interval - before.meanMs) / count, count }
}
