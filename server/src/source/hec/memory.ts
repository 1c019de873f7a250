/** How long a channel's request is recognised when it comes again. */
export const WINDOW_MS = 600_000
const SLOTS = 10_000

/**
 * Requests of the last ten minutes, by a digest of token, channel and body. Each is saved as a cursor
 * with its events, in one transaction, so that a redelivery is recognised after a crash as well.
 */
export class RequestMemory {
  /** Ids that channels were given, the next one each; the least used go first. */
  readonly #acks = new Map<string, number>()
  readonly #seen = new Map<string, { atMs: number; slot: number }>()
  /** Requests under way: a second one of the same digest waits for the first. */
  readonly #underWay = new Map<string, Promise<unknown>>()
  #nextSlot = 0

  restore(cursors: ReadonlyMap<string, string>): void {
    const found: { digest: string; atMs: number; slot: number }[] = []
    for (const [key, value] of cursors) {
      const [, digits] = /^d(\d{1,6})$/.exec(key) ?? []
      const [digest, ms, channel, ackId] = value.split(' ')
      const atMs = Number(ms)
      if (digits === undefined || digest === undefined || !Number.isFinite(atMs)) continue
      found.push({ digest, atMs, slot: Number(digits) })
      if (channel === undefined || ackId === undefined) continue
      this.#acks.set(channel, Math.max(this.#acks.get(channel) ?? 0, Number(ackId) + 1))
    }
    for (const one of found.sort((a, b) => a.atMs - b.atMs)) {
      this.#seen.set(one.digest, one)
      this.#nextSlot = (one.slot + 1) % SLOTS
    }
  }

  isRepeated(digest: string, nowMs: number): boolean {
    const seen = this.#seen.get(digest)
    return seen !== undefined && nowMs - seen.atMs < WINDOW_MS
  }

  /** The cursor to be saved with the request's events. */
  cursorFor(
    digest: string,
    nowMs: number,
    given?: { readonly channel: string; readonly ackId: number | undefined },
  ): { key: string; value: string } {
    const slot = this.#nextSlot
    this.#nextSlot = (slot + 1) % SLOTS
    const ack = given?.ackId === undefined ? '' : ` ${given.channel} ${given.ackId}`
    return { key: `d${slot}`, value: `${digest} ${nowMs}${ack}` }
  }

  /** Ids of a channel count from 0, across restarts as far as requests are remembered. */
  nextAck(channel: string): number {
    const id = this.#acks.get(channel) ?? 0
    this.#acks.delete(channel)
    this.#acks.set(channel, id + 1)
    const [oldest] = this.#acks.keys()
    if (this.#acks.size > SLOTS && oldest !== undefined) this.#acks.delete(oldest)
    return id
  }

  isAcknowledged(channel: string, id: unknown): boolean {
    return Number.isInteger(id) && Number(id) >= 0 && Number(id) < (this.#acks.get(channel) ?? 0)
  }

  /** Called once durable. */
  remember(digest: string, nowMs: number, cursor: { readonly key: string }): void {
    this.#seen.delete(digest)
    this.#seen.set(digest, { atMs: nowMs, slot: Number(cursor.key.slice(1)) })
    for (const [old, { atMs }] of this.#seen) {
      if (this.#seen.size <= SLOTS && nowMs - atMs < WINDOW_MS) break
      this.#seen.delete(old)
    }
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
