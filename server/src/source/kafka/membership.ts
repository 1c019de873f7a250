import { Consumer, type Message, type MessagesStream, type Offsets } from '@platformatic/kafka'
import type { ConnectionOptions } from 'node:tls'
import type { KafkaOptions } from './options.ts'
import { partitionKey } from './positions.ts'

export interface KafkaLogin {
  readonly clientId: string
  readonly password: string | undefined
  readonly tls: ConnectionOptions
}

export type Taken = Message<Buffer, Buffer, Buffer, Buffer>
type Stream = MessagesStream<Buffer, Buffer, Buffer, Buffer>

export interface MembershipEvents {
  message(message: Taken): void
  /** Messages not yet read, by partition key; asked now and then. */
  lag(behind: ReadonlyMap<string, number>): void
  /** The broker no longer has so many messages that were not yet read: its retention went over them. */
  lost(messages: number): void
  ended(reason: string): void
}

const LAG_MS = 5_000
const EARLIEST = -2n
const LATEST = -1n

/** One membership in the consumer group, from joining until something ends it. */
export class KafkaMembership {
  readonly #options: KafkaOptions
  readonly #events: MembershipEvents
  readonly #consumer: Consumer
  #stream: Stream | undefined
  #hasEnded = false

  constructor(options: KafkaOptions, login: KafkaLogin, events: MembershipEvents) {
    this.#options = options
    this.#events = events
    const { sasl, tls } = options
    this.#consumer = new Consumer({
      clientId: login.clientId,
      groupId: options.group,
      bootstrapBrokers: [...options.brokers],
      retries: 0,
      timeout: 10_000,
      connectTimeout: 10_000,
      sessionTimeout: options.session_timeout,
      heartbeatInterval: Math.floor(options.session_timeout / 3),
      rebalanceTimeout: 2 * options.session_timeout,
      metadataMaxAge: 60_000,
      ...(tls && { tls: login.tls }),
      ...(sasl && {
        sasl: {
          mechanism: sasl.mechanism,
          username: sasl.username,
          password: login.password ?? '',
        },
      }),
    })
    this.#consumer.on('consumer:lag', (lag) => this.#events.lag(this.#behind(lag)))
    this.#consumer.on('consumer:heartbeat:error', ({ error }) => this.#end(reasonOf(error)))
  }

  /** Joins the group and begins to read. Rejects where no broker can be reached or refuses. */
  async join(): Promise<void> {
    const { offsets, lost } = await this.#begin()
    const stream = (await this.#consumer.consume({
      topics: [...this.#options.topics],
      autocommit: false,
      maxWaitTime: 500,
      minBytes: 1,
      maxBytes: 8 * 2 ** 20,
      maxBytesPerPartition: 2 ** 20,
      ...(offsets === undefined
        ? { mode: 'committed' as const, fallbackMode: this.#options.from }
        : { mode: 'manual' as const, offsets }),
    })) as unknown as Stream
    this.#stream = stream
    // Told once it is read on from there: a join that fails would count it again.
    if (lost > 0) this.#events.lost(lost)
    stream.on('error', (error) => this.#end(reasonOf(error)))
    stream.on('close', () => this.#end('the stream was closed'))
    stream.on('data', (message) => this.#events.message(message as Taken))
    this.#consumer.startLagMonitoring({ topics: [...this.#options.topics] }, LAG_MS)
  }

  async topicIds(): Promise<ReadonlyMap<string, string>> {
    const metadata = await this.#consumer.metadata({ topics: [...this.#options.topics] })
    return new Map([...metadata.topics].map(([name, { id }]) => [name, id]))
  }

  pause(): void {
    this.#stream?.pause()
  }

  resume(): void {
    this.#stream?.resume()
  }

  async commit(next: ReadonlyMap<string, { topic: string; partition: number; offset: bigint }>) {
    const offsets = [...next.values()].map((one) => ({ ...one, leaderEpoch: -1 }))
    await this.#consumer.commit({ offsets })
  }

  async leave(): Promise<void> {
    this.#hasEnded = true
    await this.#close()
  }

  /**
   * Where to begin if the committed offsets cannot be used: of a partition whose log no longer holds
   * its committed offset the oldest message is next, and what lies between is lost and counted.
   */
  async #begin() {
    const topics = [...this.#options.topics]
    const metadata = await this.#consumer.metadata({ topics })
    const parts = topics.map((topic) => ({
      topic,
      partitions: Array.from(
        { length: metadata.topics.get(topic)?.partitionsCount ?? 0 },
        (_, n) => n,
      ),
    }))
    const committed = await this.#consumer.listCommittedOffsets({ topics: parts })
    const oldest = await this.#consumer.listOffsets({ topics, timestamp: EARLIEST })
    const newest = await this.#consumer.listOffsets({ topics, timestamp: LATEST })
    let isBroken = false
    let lost = 0n
    const offsets = parts.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => {
        const at = (of: Offsets): bigint => of.get(topic)?.[partition] ?? -1n
        const [next, first, end] = [at(committed), at(oldest), at(newest)]
        const fallback = this.#options.from === 'earliest' ? first : end
        if (next < 0n) return { topic, partition, offset: fallback }
        if (next >= first && next <= end) return { topic, partition, offset: next }
        isBroken = true
        if (next < first) lost += first - next
        return { topic, partition, offset: first }
      }),
    )
    return { offsets: isBroken ? offsets : undefined, lost: Number(lost) }
  }

  #behind(lag: Offsets): ReadonlyMap<string, number> {
    const behind = new Map<string, number>()
    for (const [topic, partitions] of lag) {
      for (const [partition, count] of partitions.entries()) {
        // -1: another member reads it.
        if (count >= 0n) behind.set(partitionKey(topic, partition), Number(count))
      }
    }
    return behind
  }

  /** Leaves the group; what fails on the way out changes nothing. */
  #close(): Promise<void> {
    return new Promise((resolve) => this.#consumer.close(true, () => resolve()))
  }

  #end(reason: string): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#consumer.stopLagMonitoring()
    void this.#close()
    this.#events.ended(reason)
  }
}

/** What a fault of the client says, without what it carries along (it may hold a login). */
export function reasonOf(error: unknown): string {
  const words: string[] = []
  let at: unknown = error
  for (let depth = 0; depth < 4 && at instanceof Error; depth += 1) {
    words.push(at.message)
    at = (at as { errors?: unknown[] }).errors?.[0] ?? at.cause
  }
  return [...new Set(words)].join(': ').slice(0, 300) || 'unknown'
}
