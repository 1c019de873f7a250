import { isUtf8 } from 'node:buffer'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { RawItem, Source, SourceSink } from '../../model/source.ts'
import { defineSource, sourceCounters, type SourceDeps } from '../define.ts'
import { Delivering, waitForEnd } from '../delivering.ts'
import { type Login, MqttConnection, type Received } from './connection.ts'
import { digestOf, DurableIds } from './deliveries.ts'
import { type MqttOptions, mqttOptions } from './options.ts'
import { captured, parseTemplate, type TopicTemplate } from './topics.ts'

/** Subscribes to a broker. A message of QoS 1 is acknowledged once it is durable, and not before. */
export const mqttSource = defineSource({
  name: 'mqtt',
  summary:
    'Subscribes to topics of an MQTT 3.1.1 or 5 broker; acknowledges each message once it is durable.',
  options: mqttOptions,
  create: (options, deps) => new MqttSource(options, deps),
})

const RECONNECT_MS_MIN = 500
const BATCH_MAX = 2_000
const QUEUE_BYTES_MAX = 16 * 2 ** 20

interface Queued extends Received {
  readonly receivedMs: number
  readonly connection: MqttConnection
}

class MqttSource implements Source {
  readonly #options: MqttOptions
  readonly #deps: SourceDeps
  readonly #templates: readonly TopicTemplate[]
  readonly #durable = new DurableIds()
  #login: Login = { clientId: '', password: undefined, tls: {} }
  #sink: SourceSink | undefined
  #delivering: Delivering | undefined
  #connection: MqttConnection | undefined
  #timer: NodeJS.Timeout | undefined
  #waitMs = RECONNECT_MS_MIN
  #queue: Queued[] = []
  #queueBytes = 0
  #draining: Promise<void> | undefined
  #isStopped = false
  #keyPrefix = ''
  #keys = 0

  constructor(options: MqttOptions, deps: SourceDeps) {
    this.#options = options
    this.#deps = deps
    this.#templates = options.topics.flatMap((text) => parseTemplate(text) ?? [])
  }

  /** Resolves when connecting has begun: a broker that is away is waited for. */
  async start(sink: SourceSink): Promise<void> {
    if (this.#isStopped || this.#sink !== undefined) return
    const { deps } = { deps: this.#deps }
    this.#sink = sink
    this.#delivering = new Delivering(sink, deps, sourceCounters(deps.metrics, deps.name))
    this.#durable.restore(sink.cursors())
    this.#keyPrefix = deps.clock.now().toString(36)
    this.#login = await this.#makeLogin()
    sink.status('down', `connecting to ${this.#options.broker}`)
    this.#connect()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#delivering?.stop()
    await waitForEnd(this.#draining ?? Promise.resolve())
    this.#connection?.end('stopped', true)
  }

  async #makeLogin(): Promise<Login> {
    const { client_id: clientId, password, tls } = this.#options
    const at = (path: string): Promise<Buffer> => readFile(resolve(this.#deps.baseDir, path))
    return {
      clientId: clientId ?? `picket-${this.#deps.name}`,
      password: password === undefined ? undefined : await this.#deps.secret(password),
      tls: {
        ...(tls?.ca_file === undefined ? {} : { ca: await at(tls.ca_file) }),
        ...(tls?.cert_file === undefined ? {} : { cert: await at(tls.cert_file) }),
        ...(tls?.key_file === undefined ? {} : { key: await at(tls.key_file) }),
      },
    }
  }

  #connect(): void {
    if (this.#isStopped) return
    const connection = new MqttConnection(this.#options, this.#login, {
      subscribed: () => {
        this.#waitMs = RECONNECT_MS_MIN
        this.#sink?.status('connected')
      },
      message: (message) => this.#take(message, connection),
      ended: (reason) => this.#onEnded(reason),
    })
    this.#connection = connection
  }

  #onEnded(reason: string): void {
    // What was not acknowledged comes again; delivering it twice would be waste.
    this.#queue = []
    this.#queueBytes = 0
    if (this.#isStopped) return
    sourceCounters(this.#deps.metrics, this.#deps.name).failed('connection')
    this.#sink?.status('down', `${this.#options.broker}: ${reason}`)
    this.#timer = setTimeout(() => this.#connect(), this.#waitMs)
    this.#waitMs = Math.min(this.#waitMs * 2, this.#options.reconnect_max)
  }

  #take(message: Received, connection: MqttConnection): void {
    if (this.#isStopped) return
    this.#queue.push({ ...message, receivedMs: this.#deps.clock.now(), connection })
    this.#queueBytes += message.payload.length
    const isFull =
      this.#queue.length >= this.#options.in_flight_max || this.#queueBytes > QUEUE_BYTES_MAX
    if (isFull) connection.pause()
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined
    })
  }

  async #drain(): Promise<void> {
    // What arrives in the same turn of the event loop goes in one batch.
    await new Promise((wake) => setImmediate(wake))
    while (this.#queue.length > 0 && !this.#isStopped) {
      const connection = this.#connection
      const batch = this.#nextBatch()
      const isDurable = await this.#deliver(batch)
      if (!isDurable) return
      const ids = batch.flatMap(({ qos, id }) => (qos > 0 && id !== undefined ? [id] : []))
      // An id means something on its own connection only.
      if (batch[0]?.connection === connection) connection?.acknowledge(ids)
      if (this.#queue.length < this.#options.in_flight_max / 2) this.#connection?.resume()
    }
  }

  /** Messages sent again are batched by themselves, so that their batch can say so. */
  #nextBatch(): Queued[] {
    const isDup = this.#queue[0]?.dup ?? false
    let end = 1
    while (end < this.#queue.length && end < BATCH_MAX && this.#queue[end]?.dup === isDup) end += 1
    const batch = this.#queue.splice(0, end)
    for (const { payload } of batch) this.#queueBytes -= payload.length
    return batch
  }

  async #deliver(batch: readonly Queued[]): Promise<boolean> {
    const items: RawItem[] = []
    const ids: { id: number; digest: string }[] = []
    let bytes = 0
    for (const message of batch) {
      if (message.qos > 0 && message.id !== undefined) {
        const digest = digestOf(message.topic, message.payload)
        if (message.dup && this.#durable.isDurable(message.id, digest)) continue
        ids.push({ id: message.id, digest })
      }
      bytes += message.payload.length
      items.push(this.#toItem(message))
    }
    if (items.length === 0) return true
    const cursor = ids.length === 0 ? {} : { cursor: this.#durable.cursorFor(ids) }
    const again = batch[0]?.dup === true ? { redelivered: true } : {}
    const isDurable = await this.#delivering?.deliver({ items, ...cursor, ...again }, bytes)
    if (isDurable === true) this.#durable.remember(ids)
    return isDurable === true
  }

  #toItem({ topic, payload, cutBytes, receivedMs, retain }: Queued): RawItem {
    this.#keys += 1
    const facts: Record<string, string> = { transport: 'mqtt', topic }
    for (const [name, value] of Object.entries(captured(this.#templates, topic))) {
      facts[`ecs.${name}`] = value
    }
    if (retain) facts['retain'] = 'true'
    const max = this.#options.message_bytes_max
    const length = payload.length + cutBytes
    const shown = payload.length > max ? payload.subarray(0, max) : payload
    return {
      text: shown.toString('utf8'),
      ...(isUtf8(shown) ? {} : { bytes: shown }),
      ...(length > max ? { cut: { bytes: length } } : {}),
      key: `${this.#keyPrefix}.${this.#keys}`,
      receivedMs,
      facts,
    }
  }
}
