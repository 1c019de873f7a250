import { ANEW } from '../../base/anew.ts'
import { isUtf8 } from 'node:buffer'
import type { Counter } from '../../base/metrics.ts'
import type { DefenderReply } from '../../decode/aws-device-defender/reply.ts'
import type { RawItem, Source, SourceSink } from '../../model/source.ts'
import { readClientTls } from '../client-tls.ts'
import { defineSource, type SourceCounters, sourceCounters, type SourceDeps } from '../define.ts'
import { Delivering, renewed, waitForEnd } from '../delivering.ts'
import { type EndKind, type Login, MqttConnection, type Received } from './connection.ts'
import { digestOf, DurableIds } from './deliveries.ts'
import { type MqttOptions, mqttOptions } from './options.ts'
import { ReportReplies } from './replies.ts'
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
/** A connection that held so long was a good one: the next try comes soon again. */
const GOOD_MS = 5_000
const BATCH_MAX = 2_000
const QUEUE_BYTES_MAX = 16 * 2 ** 20

interface Queued extends Received {
  readonly receivedMs: number
  readonly connection: MqttConnection
  /** It came before and was durable then. */
  isKnown: boolean
}

class MqttSource implements Source {
  readonly #options: MqttOptions
  readonly #deps: SourceDeps
  readonly #templates: readonly TopicTemplate[]
  readonly #durable = new DurableIds()
  readonly #counters: SourceCounters
  readonly #replies: ReportReplies | undefined
  readonly #replyCounter: Counter
  #login: Login = { clientId: '', password: undefined, tls: {} }
  #sink: SourceSink | undefined
  #delivering: Delivering | undefined
  #connection: MqttConnection | undefined
  #timer: NodeJS.Timeout | undefined
  #waitMs = RECONNECT_MS_MIN
  #subscribedAt: number | undefined
  #isKnownToBroker = false
  /** Counts the tries; which broker is next follows from it. */
  #tries = 0
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
    this.#counters = sourceCounters(deps.metrics, deps.name)
    this.#replies = options.answer_reports
      ? new ReportReplies(options.report_interval_min)
      : undefined
    this.#replyCounter = deps.metrics.counter(
      'picket_mqtt_replies_total',
      'Answers to Device Defender reports, by status: accepted, rejected, unsent.',
    )
  }

  /** Resolves when connecting has begun: a broker that is away is waited for. */
  async start(sink: SourceSink): Promise<void> {
    if (this.#isStopped || this.#sink !== undefined) return
    this.#sink = sink
    this.#delivering = new Delivering(sink, this.#deps, this.#counters)
    this.#delivering.onTrouble = (detail) => this.#tellState(detail)
    this.#durable.restore(sink.cursors())
    this.#keyPrefix = this.#deps.clock.now().toString(36)
    this.#login = await this.#makeLogin()
    sink.status('down', `connecting to ${this.#options.broker}`)
    void this.#connect()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#delivering?.stop()
    await waitForEnd(this.#draining ?? Promise.resolve())
    this.#connection?.end('stopped', 'stopped')
    this.#dropUnasked(this.#queue.splice(0))
  }

  /** What was not acknowledged comes again; what asks for no acknowledgement does not. */
  #dropUnasked(messages: readonly Queued[]): void {
    const count = messages.filter(({ qos }) => qos === 0).length
    if (count > 0) this.#sink?.dropped('stopped', count)
  }

  async #makeLogin(): Promise<Login> {
    const { client_id: clientId, password, tls } = this.#options
    return {
      clientId: clientId ?? `picket-${this.#deps.name}`,
      password: password === undefined ? undefined : await this.#deps.secret(password),
      tls: await readClientTls(tls, this.#deps.baseDir),
    }
  }

  get #broker(): string {
    const { broker, further_brokers: further } = this.#options
    return [broker, ...further][this.#tries % (further.length + 1)] ?? broker
  }

  async #connect(): Promise<void> {
    if (this.#tries > 0) {
      const of = { deps: this.#deps, counters: this.#counters }
      this.#login = await renewed(this.#login, () => this.#makeLogin(), of)
    }
    if (this.#isStopped) return
    const connection = new MqttConnection(this.#broker, this.#options, this.#login, {
      newSession: () => this.#startSession(),
      subscribed: () => {
        this.#subscribedAt = performance.now()
        this.#isKnownToBroker = true
        this.#tellState(undefined)
      },
      message: (message) => this.#take(message, connection),
      ended: (kind, detail) => this.#onEnded(kind, detail),
    })
    this.#connection = connection
  }

  #tellState(trouble: string | undefined): void {
    if (this.#subscribedAt === undefined) return
    this.#sink?.status(trouble === undefined ? 'connected' : 'paused', trouble)
  }

  /** What the broker still had of an earlier session is lost, and its message ids mean nothing now. */
  async #startSession(): Promise<void> {
    if (this.#isKnownToBroker || !this.#durable.isEmpty) {
      this.#counters.failed('session_lost')
      const fields = { source: this.#deps.name, broker: this.#broker }
      this.#deps.log.warn(fields, 'The broker has forgotten the session; what it kept is lost.')
    }
    if (this.#durable.isEmpty) return
    await this.#delivering?.deliver({ items: [], cursor: this.#durable.startSession() }, 0)
  }

  #onEnded(kind: EndKind, detail: string): void {
    const heldMs = this.#subscribedAt === undefined ? 0 : performance.now() - this.#subscribedAt
    this.#subscribedAt = undefined
    if (this.#isStopped) return
    this.#counters.failed(kind)
    this.#sink?.status('down', `${this.#broker}: ${detail}`)
    if (heldMs >= GOOD_MS) this.#waitMs = RECONNECT_MS_MIN
    this.#tries += 1
    // What was received is delivered first, so that what comes again is known by then.
    this.#timer = setTimeout(() => void this.#drained().then(() => this.#connect()), this.#waitMs)
    this.#waitMs = Math.min(this.#waitMs * 2, this.#options.reconnect_max)
  }

  async #drained(): Promise<void> {
    await this.#draining
  }

  #take(message: Received, connection: MqttConnection): void {
    if (this.#isStopped) return
    // MQTT wants such a connection closed; a retained or kept message would then close it for ever.
    if (message.topic.includes('\u{fffd}')) this.#counters.failed('topic_invalid')
    this.#queue.push({
      ...ANEW,
      ...message,
      receivedMs: this.#deps.clock.now(),
      connection,
      isKnown: false,
    })
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
      const batch = this.#nextBatch()
      const isDurable = await this.#deliver(batch)
      if (!isDurable) return this.#dropUnasked(batch)
      this.#answer(batch)
      if (this.#queue.length < this.#options.in_flight_max / 2) this.#connection?.resume()
    }
  }

  #answer(batch: readonly Queued[]): void {
    const connection = this.#connection
    const replies = this.#replies === undefined ? [] : this.#repliesTo(batch, this.#replies)
    const ids: number[] = []
    for (const { qos, id, connection: of } of batch) {
      // An id means something on its own connection only.
      if (qos > 0 && id !== undefined && of === connection) ids.push(id)
    }
    const isSent = connection?.answer(replies, ids) === true
    for (const { accepted } of replies) {
      const status = !isSent ? 'unsent' : accepted ? 'accepted' : 'rejected'
      this.#replyCounter.inc({ source: this.#deps.name, status })
    }
  }

  #repliesTo(batch: readonly Queued[], replies: ReportReplies): DefenderReply[] {
    const own = batch.filter(({ retain }) => !retain)
    return own.flatMap((message) => replies.replyTo(message) ?? [])
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
        message.isKnown = message.dup && this.#durable.isDurable(message.id, digest)
        if (message.isKnown) continue
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
      stream: topic,
      receivedMs,
      facts,
    }
  }
}
