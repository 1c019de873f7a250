import { z } from 'zod'
import type { Metrics } from '../../base/metrics.ts'
import { durationOption } from '../../model/options.ts'
import { RecentDigests } from './recent-digests.ts'
import { type OpenPage, RequestPages } from './request-pages.ts'

const CHANNELS_MAX = 10_000

/** How long and how many requests are remembered. */
export const rememberOptions = {
  remember: durationOption({ minMs: 1_000, maxMs: 86_400_000 })
    .prefault('10m')
    .describe('How long a request is known, so that it is taken once if it comes again.'),
  remember_max: z
    .int()
    .min(1_000)
    .max(20_000_000)
    .default(2_000_000)
    .describe(
      'Most requests that are known; beyond, the oldest are forgotten early, which is counted. One takes ' +
        'up to 34 bytes of memory, once there are so many.',
    ),
}

export interface MemoryOptions {
  readonly remember: number
  readonly remember_max: number
}

/**
 * Requests of the last minutes, by a digest of token, channel and body. Each is saved with its events, in
 * one transaction, so that a redelivery is recognised after a crash as well.
 */
export class RequestMemory {
  /** Ids that channels were given, the next one each; the least used go first. */
  readonly #acks = new Map<string, number>()
  readonly #seen: RecentDigests
  readonly #pages: RequestPages
  readonly #forgot: (count: number) => void
  /** Requests under way: a second one of the same digest waits for the first. */
  readonly #underWay = new Map<string, Promise<unknown>>()

  constructor(options: MemoryOptions, deps: { readonly name: string; readonly metrics: Metrics }) {
    const { remember, remember_max: max } = options
    this.#seen = new RecentDigests(remember, max)
    this.#pages = new RequestPages(remember, max)
    const forgotten = deps.metrics.counter(
      'picket_source_requests_forgotten_total',
      'Requests that were forgotten before their time because more came than are remembered.',
    )
    this.#forgot = (count) => forgotten.inc({ source: deps.name }, count)
  }

  restore(cursors: ReadonlyMap<string, string>): void {
    for (const { digest, atMs, ack } of this.#pages.restore(cursors)) {
      this.#seen.add(digest, atMs)
      if (ack === undefined || !Number.isSafeInteger(ack.id)) continue
      this.#acks.set(ack.channel, Math.max(this.#acks.get(ack.channel) ?? 0, ack.id + 1))
    }
  }

  isRepeated(digest: string, nowMs: number): boolean {
    return this.#seen.has(digest, nowMs)
  }

  /**
   * Calls `deliver` with the cursor to be saved with the request's events; where that says that they are
   * durable, the request is known from then on.
   */
  async delivering<T extends { readonly kind: string }>(
    request: {
      readonly digest: string
      readonly nowMs: number
      readonly ack?: { readonly channel: string; readonly id: number } | undefined
    },
    deliver: (cursor: OpenPage['cursor']) => Promise<T>,
  ): Promise<T> {
    const { digest, nowMs, ack } = request
    const page = this.#pages.take({ digest, atMs: nowMs, ack })
    let durable = false
    try {
      const delivery = await deliver(page.cursor)
      durable = delivery.kind === 'durable'
      return delivery
    } finally {
      page.end(durable)
      if (durable) this.#remember(digest, nowMs)
    }
  }

  /** Ids of a channel count from 0, across restarts as far as requests are remembered. */
  nextAck(channel: string): number {
    const id = this.#acks.get(channel) ?? 0
    this.#acks.delete(channel)
    this.#acks.set(channel, id + 1)
    const [oldest] = this.#acks.keys()
    if (this.#acks.size > CHANNELS_MAX && oldest !== undefined) this.#acks.delete(oldest)
    return id
  }

  isAcknowledged(channel: string, id: unknown): boolean {
    return Number.isInteger(id) && Number(id) >= 0 && Number(id) < (this.#acks.get(channel) ?? 0)
  }

  #remember(digest: string, nowMs: number): void {
    this.#seen.add(digest, nowMs)
    const { forgotten } = this.#seen
    if (forgotten === 0) return
    this.#seen.forgotten = 0
    this.#forgot(forgotten)
  }

  /** Runs one request of a digest after the other. */
  async inTurn<T>(digest: string, run: () => Promise<T>): Promise<T> {
    const before = this.#underWay.get(digest)
    const turn = (before ?? Promise.resolve()).then(run, run)
    this.#underWay.set(digest, turn)
    try {
      return await turn
    } finally {
      if (this.#underWay.get(digest) === turn) this.#underWay.delete(digest)
    }
  }
}
