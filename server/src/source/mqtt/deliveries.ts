import { shortId } from '../../base/hash.ts'

/** Batches whose message ids are kept: acknowledgements of so many may be lost with a connection. */
const BATCHES_KEPT = 64
const SESSION_KEY = 'session'

/**
 * Which message of each id was made durable last. A message that a broker sends again (DUP) because an
 * acknowledgement was lost is recognised by id and content. Saved as cursors with the events of each
 * batch, in one transaction, so that it holds after a crash too.
 */
export class DurableIds {
  readonly #digests = new Map<number, string>()
  #batches = 0

  restore(cursors: ReadonlyMap<string, string>): void {
    const batches: { number: number; ids: string }[] = []
    const sessionFrom = Number(cursors.get(SESSION_KEY) ?? 0)
    this.#batches = sessionFrom
    for (const [key, value] of cursors) {
      const [number, ids] = value.split(' ')
      if (/^b\d{1,2}$/.test(key) && ids !== undefined && Number(number) >= sessionFrom)
        batches.push({ number: Number(number), ids })
    }
    for (const { number, ids } of batches.sort((a, b) => a.number - b.number)) {
      this.#batches = number + 1
      for (const pair of ids.split(',')) {
        const [id, digest] = pair.split(':')
        if (digest !== undefined) this.#digests.set(Number(id), digest)
      }
    }
  }

  get isEmpty(): boolean {
    return this.#digests.size === 0
  }

  /**
   * The broker has begun a new session: what it sends under a used id is another message, even where it
   * reads the same. The cursor says so, and must be durable before anything of the session comes.
   */
  startSession(): { key: string; value: string } {
    this.#digests.clear()
    return { key: SESSION_KEY, value: String(this.#batches) }
  }

  isDurable(id: number, digest: string): boolean {
    return this.#digests.get(id) === digest
  }

  /** The cursor of a batch of QoS 1 messages. */
  cursorFor(messages: readonly { id: number; digest: string }[]): { key: string; value: string } {
    const ids = messages.map(({ id, digest }) => `${id}:${digest}`).join(',')
    const number = this.#batches
    this.#batches += 1
    return { key: `b${number % BATCHES_KEPT}`, value: `${number} ${ids}` }
  }

  remember(messages: readonly { id: number; digest: string }[]): void {
    for (const { id, digest } of messages) this.#digests.set(id, digest)
  }
}

export function digestOf(topic: string, payload: Buffer): string {
  return shortId(topic, payload.toString('latin1')).slice(0, 11)
}
