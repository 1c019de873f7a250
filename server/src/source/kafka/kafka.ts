import { isUtf8 } from 'node:buffer'
import type { RawItem, Source, SourceSink } from '../../model/source.ts'
import { readClientTls } from '../client-tls.ts'
import { defineSource, sourceCounters, type SourceDeps } from '../define.ts'
import { Delivering, renewed, waitForEnd } from '../delivering.ts'
import { type KafkaLogin, KafkaMembership, reasonOf, type Taken } from './membership.ts'
import { type KafkaOptions, kafkaOptions } from './options.ts'
import { partitionKey, Positions } from './positions.ts'

/** Reads topics as a member of a consumer group; offsets are committed once their messages are durable. */
export const kafkaSource = defineSource({
  name: 'kafka',
  summary:
    'Reads topics of Apache Kafka (or Azure Event Hubs) in a consumer group; commits offsets once durable.',
  options: kafkaOptions,
  create: (options, deps) => new KafkaSource(options, deps),
})

const RECONNECT_MS_MIN = 500
const BATCH_MAX = 2_000
const QUEUE_MAX = 8_000
const QUEUE_BYTES_MAX = 16 * 2 ** 20
/** What goes into the journal at once, with its cursor, stays well below what that takes. */
const BATCH_BYTES_MAX = 2 ** 20

interface Queued extends Taken {
  readonly receivedMs: number
}

class KafkaSource implements Source {
  readonly #options: KafkaOptions
  readonly #deps: SourceDeps
  readonly #positions = new Positions()
  #login: KafkaLogin = { clientId: '', password: undefined, tls: {} }
  #sink: SourceSink | undefined
  #delivering: Delivering | undefined
  #membership: KafkaMembership | undefined
  #topicIds: ReadonlyMap<string, string> = new Map()
  #behind: ReadonlyMap<string, number> = new Map()
  #timer: NodeJS.Timeout | undefined
  #waitMs = RECONNECT_MS_MIN
  #queue: Queued[] = []
  #queueBytes = 0
  #draining: Promise<void> | undefined
  #isStopped = false

  constructor(options: KafkaOptions, deps: SourceDeps) {
    this.#options = options
    this.#deps = deps
  }

  /** Resolves when connecting has begun: brokers that are away are waited for. */
  async start(sink: SourceSink): Promise<void> {
    if (this.#isStopped || this.#sink !== undefined) return
    const { metrics, name } = this.#deps
    this.#sink = sink
    this.#delivering = new Delivering(sink, this.#deps, sourceCounters(metrics, name))
    this.#positions.restore(sink.cursors())
    this.#login = await this.#makeLogin()
    sink.status('down', `connecting to ${this.#options.brokers.join(', ')}`)
    void this.#join()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#delivering?.stop()
    await waitForEnd(this.#draining ?? Promise.resolve())
    await this.#membership?.leave()
  }

  behind(): readonly string[] {
    return [...this.#behind].flatMap(([key, count]) => (count > 0 ? [key] : []))
  }

  async #makeLogin(): Promise<KafkaLogin> {
    const { sasl, tls } = this.#options
    return {
      clientId: `picket-${this.#deps.name}`,
      password: sasl === undefined ? undefined : await this.#deps.secret(sasl.password),
      tls: await readClientTls(tls, this.#deps.baseDir),
    }
  }

  async #join(isFurther = false): Promise<void> {
    if (isFurther) {
      const { metrics, name } = this.#deps
      const of = { deps: this.#deps, counters: sourceCounters(metrics, name) }
      this.#login = await renewed(this.#login, () => this.#makeLogin(), of)
    }
    if (this.#isStopped) return
    const membership = new KafkaMembership(this.#options, this.#login, {
      message: (message) => this.#take(message, membership),
      lag: (behind) => this.#onLag(behind),
      lost: (messages) => this.#sink?.dropped('retention', messages),
      ended: (reason) => this.#onEnded(membership, reason),
    })
    this.#membership = membership
    try {
      this.#topicIds = await membership.topicIds()
      await membership.join()
      this.#waitMs = RECONNECT_MS_MIN
      if (!this.#isStopped) this.#sink?.status('connected')
    } catch (error) {
      await membership.leave()
      this.#onEnded(membership, reasonOf(error))
    }
  }

  #onLag(behind: ReadonlyMap<string, number>): void {
    this.#behind = behind
    let sum = 0
    for (const count of behind.values()) sum += count
    const gauge = this.#deps.metrics.gauge(
      'picket_kafka_lag',
      'Messages of the partitions read here that are not yet committed.',
    )
    gauge.set(sum, { source: this.#deps.name })
  }

  #onEnded(membership: KafkaMembership, reason: string): void {
    if (this.#isStopped || membership !== this.#membership) return
    // What was not committed comes again.
    this.#queue = []
    this.#queueBytes = 0
    this.#membership = undefined
    sourceCounters(this.#deps.metrics, this.#deps.name).failed('connection')
    this.#sink?.status('down', `${this.#options.brokers.join(', ')}: ${reason}`)
    this.#timer = setTimeout(() => void this.#join(true), this.#waitMs)
    this.#waitMs = Math.min(this.#waitMs * 2, this.#options.reconnect_max)
  }

  #take(message: Taken, membership: KafkaMembership): void {
    if (this.#isStopped || membership !== this.#membership) return
    const queued = Object.assign(message, { receivedMs: this.#deps.clock.now() })
    this.#queue.push(queued)
    this.#queueBytes += sizeOf(message)
    if (this.#queue.length >= QUEUE_MAX || this.#queueBytes > QUEUE_BYTES_MAX) membership.pause()
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined
    })
  }

  async #drain(): Promise<void> {
    // What arrives in the same turn of the event loop goes in one batch.
    await new Promise((wake) => setImmediate(wake))
    while (this.#queue.length > 0 && !this.#isStopped) {
      const membership = this.#membership
      const batch = this.#nextBatch()
      const next = await this.#deliver(batch)
      if (next === undefined) return
      if (membership !== undefined && membership === this.#membership) {
        // A commit that fails costs a redelivery, which is recognised.
        await membership.commit(next).catch((error: unknown) => this.#onCommitFailed(error))
        if (this.#queue.length < QUEUE_MAX / 2) membership.resume()
      }
    }
  }

  #nextBatch(): Queued[] {
    let count = 0
    let bytes = 0
    for (const message of this.#queue) {
      bytes += sizeOf(message)
      if (count > 0 && (count >= BATCH_MAX || bytes > BATCH_BYTES_MAX)) break
      count += 1
    }
    const batch = this.#queue.splice(0, count)
    for (const message of batch) this.#queueBytes -= sizeOf(message)
    return batch
  }

  #onCommitFailed(error: unknown): void {
    sourceCounters(this.#deps.metrics, this.#deps.name).failed('commit')
    const fields = { source: this.#deps.name, reason: reasonOf(error) }
    this.#deps.log.warn(fields, 'Offsets could not be committed.')
  }

  /** Delivers partition by partition, each with its cursor; the offsets to commit, once durable. */
  async #deliver(batch: readonly Queued[]) {
    const partitions = new Map<string, Queued[]>()
    for (const message of batch) {
      const key = partitionKey(message.topic, message.partition)
      const list = partitions.get(key)
      if (list === undefined) partitions.set(key, [message])
      else list.push(message)
    }
    const next = new Map<string, { topic: string; partition: number; offset: bigint }>()
    for (const [key, messages] of partitions) {
      const { topic, partition } = messages[0]!
      const offset = messages.at(-1)!.offset + 1n
      if (!(await this.#deliverPartition(key, messages, offset))) return undefined
      next.set(key, { topic, partition, offset })
    }
    return next
  }

  async #deliverPartition(key: string, messages: readonly Queued[], next: bigint) {
    const topicId = this.#topicIds.get(messages[0]!.topic) ?? 'unknown'
    const items: RawItem[] = []
    let bytes = 0
    let again = 0
    let empty = 0
    for (const message of messages) {
      if (this.#positions.isJournalled(key, topicId, message.offset)) again += 1
      else if (message.value === undefined || message.value === null) empty += 1
      else {
        bytes += message.value.length
        items.push(this.#toItem(message, key, topicId))
      }
    }
    if (again > 0) this.#sink?.dropped('redelivered', again)
    if (empty > 0) this.#sink?.dropped('tombstone', empty)
    if (again === messages.length) return true
    const cursor = this.#positions.cursorFor(key, topicId, next)
    const isDurable = (await this.#delivering?.deliver({ items, cursor }, bytes)) === true
    if (isDurable) this.#positions.moved(key, topicId, next)
    return isDurable
  }

  #toItem(message: Queued, key: string, topicId: string): RawItem {
    const { topic, partition, offset, value, receivedMs } = message
    const max = this.#options.message_bytes_max
    const shown = value.length > max ? value.subarray(0, max) : value
    const facts: Record<string, string> = {
      transport: 'kafka',
      topic,
      partition: String(partition),
      offset: String(offset),
    }
    const name = message.key as Buffer | undefined | null
    if (name && name.length <= 256 && isUtf8(name)) facts['message_key'] = name.toString('utf8')
    return {
      text: shown.toString('utf8'),
      ...(isUtf8(shown) ? {} : { bytes: shown }),
      ...(value.length > max ? { cut: { bytes: value.length } } : {}),
      key: `${topicId}.${key}@${offset}`,
      stream: `${topic}/${partition}/${facts['message_key'] ?? ''}`,
      receivedMs,
      facts,
    }
  }
}

const sizeOf = ({ value }: Taken): number => (value as Buffer | undefined)?.length ?? 0
