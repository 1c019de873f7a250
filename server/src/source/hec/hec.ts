import { ANEW } from '../../base/anew.ts'
import { z } from 'zod'
import { shortId } from '../../base/hash.ts'
import type { RawItem } from '../../model/source.ts'
import { defineSource, type SourceDeps } from '../define.ts'
import type { BodyFault } from '../http/body.ts'
import { EVENTS_MAX, jsonTexts, linesOf, toHttpItem } from '../http/documents.ts'
import type { Call, HttpUse, Protocol } from '../http/listener.ts'
import { ProtocolSource } from '../http/protocol-source.ts'
import { type Reply, retryAfter } from '../http/listener.ts'
import { type Sender, Tokens } from '../http/tokens.ts'
import type { ListenerRoute } from '../http/routes.ts'
import { httpInTheClear, httpListenerOptions } from '../http/options.ts'
import { type Envelope, type Envelopes, type Metadata } from './envelopes.ts'
import { metadataOf, readEnvelopes, toFacts } from './envelopes.ts'
import { RequestMemory, rememberOptions } from './memory.ts'

const COLLECTOR = '/services/collector'
const EVENTS = { methods: ['POST'], role: 'ingest', record: 'batch' } as const
/** Each also with the version behind it, as Splunk has it. */
const HEC_ROUTES: readonly ListenerRoute[] = ['', '/1.0'].flatMap((version): ListenerRoute[] => [
  { ...EVENTS, path: `${COLLECTOR}${version}`, summary: 'Takes events.' },
  { ...EVENTS, path: `${COLLECTOR}/event${version}`, summary: 'Takes events.' },
  { ...EVENTS, path: `${COLLECTOR}/raw${version}`, summary: 'Takes lines of text.' },
  ...['', '/event', '/raw'].map((endpoint): ListenerRoute => ({
    methods: ['OPTIONS'],
    path: `${COLLECTOR}${endpoint}${version}`,
    summary: 'Says that it is here.',
    public: 'The log driver of Docker asks so before it starts a container; it tells nothing else.',
  })),
  {
    methods: ['POST'],
    path: `${COLLECTOR}/ack${version}`,
    summary: 'Says which deliveries are durable.',
    role: 'ingest',
    record: 'count',
  },
  {
    methods: ['GET', 'POST'],
    path: `${COLLECTOR}/health${version}`,
    summary: 'Says whether events are taken.',
    public: 'Load balancers ask it without a token, as they do of Splunk; it tells nothing else.',
  },
])

const hecOptions = z.strictObject({
  ...httpListenerOptions('127.0.0.1:8088'),
  ...rememberOptions,
  query_token: z
    .boolean()
    .default(false)
    .describe('Take the token from the query (`?token=…`) too; it then stands in logs of proxies.'),
  acknowledgement: z
    .boolean()
    .default(false)
    .describe('Indexer acknowledgement: answers carry an `ackId`, and a channel must be given.'),
  indexes: z
    .array(z.string().min(1).max(200))
    .max(1_000)
    .default([])
    .describe('Indexes that senders may name. Empty: any.'),
})
type HecOptions = z.output<typeof hecOptions>

/** Splunk's HTTP Event Collector: what ships to Splunk ships to Picket. */
export const hecSource = defineSource({
  name: 'hec',
  summary: "Takes events as Splunk's HTTP Event Collector does, under /services/collector.",
  options: hecOptions,
  routes: HEC_ROUTES,
  inTheClear: httpInTheClear,
  create: (options, deps) => new ProtocolSource(options, deps, new HecProtocol(options, deps)),
})

/** The collector's numbered answers, as Splunk gives them. */
const ANSWERS = {
  0: [200, 'Success'],
  1: [403, 'Token disabled'],
  2: [401, 'Token is required'],
  3: [401, 'Invalid authorization'],
  4: [403, 'Invalid token'],
  5: [400, 'No data'],
  6: [400, 'Invalid data format'],
  7: [400, 'Incorrect index'],
  8: [500, 'Internal server error'],
  9: [503, 'Server is busy'],
  10: [400, 'Data channel is missing'],
  11: [400, 'Invalid data channel'],
  12: [400, 'Event field is required'],
  13: [400, 'Event field cannot be blank'],
  14: [400, 'ACK is disabled'],
  15: [400, 'Error in handling indexed fields'],
  16: [400, 'Query string authorization is not enabled'],
  17: [200, 'HEC is healthy'],
  18: [503, 'HEC is unhealthy, queues are full'],
  21: [400, 'Invalid token'],
  22: [400, 'Token disabled'],
  23: [503, 'Server is shutting down'],
} as const
type Code = keyof typeof ANSWERS

function say(code: Code, more: Readonly<Record<string, unknown>> = {}): Reply {
  const [status, text] = ANSWERS[code]
  return { status, body: { text, code, ...more } }
}

const ENDPOINT = /^\/services\/collector(?:\/(event|raw|ack|health))?(?:\/1\.0)?$/
const CHANNEL = /^[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/
const BUSY_MS = 10_000

class HecProtocol implements Protocol {
  readonly routes = HEC_ROUTES
  readonly #options: HecOptions
  readonly #deps: SourceDeps
  readonly tokens = new Tokens()
  readonly #memory: RequestMemory
  #isStopped = false
  #requests = 0
  #busySinceMs = Number.NEGATIVE_INFINITY

  constructor(options: HecOptions, deps: SourceDeps) {
    this.#options = options
    this.#deps = deps
    this.#memory = new RequestMemory(options, deps)
  }

  restore(cursors: ReadonlyMap<string, string>): void {
    this.#memory.restore(cursors)
  }

  stopping(): void {
    this.#isStopped = true
  }

  async admit(call: Call): Promise<Reply | undefined> {
    const found = ENDPOINT.exec(call.path)
    if (found === null) {
      return {
        status: 404,
        body: { text: 'The requested URL was not found on this server.', code: 404 },
      }
    }
    if (this.#isStopped) return say(23)
    if (found[1] === 'health') return this.#health(call)
    if (call.method === 'OPTIONS') return { status: 200, headers: { allow: 'POST, OPTIONS' } }
    if (call.method !== 'POST') return { status: 405, headers: { allow: 'POST' } }
    const sender = await this.#senderOf(call)
    if (typeof sender === 'number') return say(sender)
    call.sender = sender
    const channel = channelOf(call)
    if (channel !== undefined && !CHANNEL.test(channel)) return say(11)
    if (found[1] === 'ack' && !this.#options.acknowledgement) return say(14)
    return this.#options.acknowledgement && channel === undefined ? say(10) : undefined
  }

  async answer(call: Call, body: Buffer, use: HttpUse): Promise<Reply> {
    const endpoint = ENDPOINT.exec(call.path)?.[1]
    if (endpoint === 'ack') return this.#acknowledged(call, body)
    // Firehose probes with an empty body and takes exactly this for a sign of life.
    if (body.length === 0) return say(5)
    const text = body.toString('utf8')
    const query = metadataOf(Object.fromEntries(call.query))
    const read = endpoint === 'raw' ? readRaw(text, query) : readEnvelopes(text, query)
    if (read.isTooMany === true) {
      use.counters.failed('too_many_events')
      return { status: 413, body: { text: `More than ${EVENTS_MAX} events`, code: 413 } }
    }
    const refused = read.events.findIndex((event) => !this.#mayIndex(event))
    const events = refused < 0 ? read.events : read.events.slice(0, refused)
    const fault = refused < 0 ? read.fault : ({ code: 7, at: refused } as const)
    if (events.length === 0 && fault === undefined) return say(5)
    // As with Splunk, what stands before a fault is taken.
    const taken = events.length === 0 ? {} : await this.#take(call, body, events, use)
    if (taken.reply !== undefined) return taken.reply
    if (fault !== undefined) {
      use.counters.failed(`code_${fault.code}`)
      return say(fault.code, { 'invalid-event-number': fault.at })
    }
    return taken.ackId === undefined ? say(0) : say(0, { ackId: taken.ackId })
  }

  broken(): Reply {
    return say(8)
  }

  refuse(fault: BodyFault): Reply {
    switch (fault) {
      case 'too_large':
        return { status: 413, body: { text: 'Content-Length is too large', code: 413 } }
      case 'pending_full':
        return { ...say(9), headers: retryAfter(1_000) }
      case 'encoding':
        return { status: 415, body: { text: 'Unsupported content encoding', code: 415 } }
      case 'broken':
        return say(6)
    }
  }

  #mayIndex(event: Envelope): boolean {
    const index = event.facts['index']
    const { indexes } = this.#options
    return index === undefined || indexes.length === 0 || indexes.includes(index)
  }

  /** Whose token it is, or the code of what is wrong with it. */
  async #senderOf(call: Call): Promise<Sender | 1 | 2 | 3 | 4 | 16> {
    const token = this.tokens.isEmpty ? '' : this.#tokenOf(call)
    if (typeof token === 'number') return token
    const standing = await this.tokens.standingOf(token)
    if (standing.kind === 'known') return standing.sender
    return standing.kind === 'disabled' ? 1 : 4
  }

  /** The token's text, or the code of why there is none. */
  #tokenOf(call: Call): string | 2 | 3 | 16 {
    const given = call.headers.authorization
    const inQuery = call.query.get('token')
    if (given === undefined) {
      if (inQuery === null) return 2
      return this.#options.query_token ? inQuery : 16
    }
    const [, scheme, value = ''] = /^(Splunk|Bearer|Basic) +(\S+)$/i.exec(given) ?? []
    if (scheme === undefined) return 3
    // Basic: any user name, the token as password.
    const isBasic = scheme.toLowerCase() === 'basic'
    const decoded = isBasic ? Buffer.from(value, 'base64').toString('utf8') : value
    return isBasic ? decoded.slice(decoded.indexOf(':') + 1) : decoded
  }

  /** Without a token it says how the collector is; with one, also whether that is good. */
  async #health(call: Call): Promise<Reply> {
    const isShown = call.headers.authorization !== undefined
    const sender = isShown ? await this.#senderOf(call) : undefined
    if (typeof sender === 'number') return say(sender === 1 ? 22 : 21)
    const isBusy = this.#deps.clock.now() - this.#busySinceMs < BUSY_MS
    return say(isBusy ? 18 : 17)
  }

  async #take(call: Call, body: Buffer, events: readonly Envelope[], use: HttpUse): Promise<Taken> {
    const channel = channelOf(call)
    if (channel === undefined) return this.#deliver(call, events, use, undefined, body.length)
    const token = call.sender?.name ?? ''
    const digest = shortId(
      token,
      channel,
      call.path,
      call.query.toString(),
      body.toString('latin1'),
    )
    return this.#memory.inTurn(digest, async () => {
      if (this.#memory.isRepeated(digest, this.#deps.clock.now())) {
        use.counters.failed('repeated_request')
        return this.#acknowledge(channel)
      }
      return this.#deliver(call, events, use, digest, body.length)
    })
  }

  async #deliver(
    call: Call,
    events: readonly Envelope[],
    use: HttpUse,
    digest: string | undefined,
    bytes: number,
  ): Promise<Taken> {
    const receivedMs = this.#deps.clock.now()
    this.#requests += 1
    const prefix = shortId(this.#deps.name, String(receivedMs), String(this.#requests)).slice(0, 16)
    const items = events.map(({ text, facts, plain }, index): RawItem => {
      const all = { peer: call.peer, transport: 'hec', ...facts }
      const stream = isRaw(call) ? prefix : streamOf(facts)
      const of = { key: `${prefix}:${index}`, receivedMs, facts: all, stream }
      const item = toHttpItem(text, of, this.#options.text_bytes_max)
      return plain ? { ...ANEW, ...item, plain } : item
    })
    const channel = channelOf(call)
    const taken = channel === undefined ? {} : this.#acknowledge(channel)
    // As with Splunk, lines of a raw body do not go on in the next one; a log driver's events do.
    const batch = { items, whole: isRaw(call) }
    const { ackId } = taken
    const ack = ackId === undefined ? undefined : { channel: channelHash(channel), id: ackId }
    const delivery =
      digest === undefined
        ? await use.sink.deliver(batch, 'refuse')
        : await this.#memory.delivering({ digest, nowMs: receivedMs, ack }, (cursor) =>
            use.sink.deliver({ ...ANEW, ...batch, cursor }, 'refuse'),
          )
    if (delivery.kind === 'busy') {
      this.#busySinceMs = receivedMs
      return { reply: { ...say(9), headers: retryAfter(delivery.retryAfterMs) } }
    }
    use.counters.received(items.length, bytes)
    return taken
  }

  /** The next id of a channel, for what is durable or will be when the id is told. */
  #acknowledge(channel: string): Taken {
    if (!this.#options.acknowledgement) return {}
    return { ackId: this.#memory.nextAck(channelHash(channel)) }
  }

  /** An id is told only once its events are durable: whichever was told is acknowledged. */
  #acknowledged(call: Call, body: Buffer): Reply {
    const ids: unknown = parse(body)?.['acks']
    if (!Array.isArray(ids) || ids.length > 10_000) return say(6)
    const channel = channelHash(channelOf(call))
    const acks = ids.map((id: unknown) => [String(id), this.#memory.isAcknowledged(channel, id)])
    return { status: 200, body: { acks: Object.fromEntries(acks) as unknown } }
  }
}

/** How a request ended: refused, or taken and acknowledged under an id where that is asked for. */
interface Taken {
  readonly reply?: Reply
  readonly ackId?: number
}

function channelOf(call: Call): string | undefined {
  const header = call.headers['x-splunk-request-channel']
  const given = Array.isArray(header) ? header[0] : header
  return given ?? call.query.get('channel') ?? undefined
}

function channelHash(channel: string | undefined): string {
  return shortId('channel', channel?.toLowerCase() ?? '').slice(0, 16)
}

/** Lines of a raw body; its metadata stands in the query. */
function readRaw(text: string, query: Metadata): Envelopes {
  const facts = toFacts(query)
  const lines = jsonTexts(text) ?? linesOf(text)
  if (lines === undefined) return { events: [], isTooMany: true }
  return { events: lines.map((line) => ({ text: line, facts, plain: true })) }
}

const isRaw = (call: Call): boolean => ENDPOINT.exec(call.path)?.[1] === 'raw'

/** Events of one log, whatever the requests that they come in. */
const streamOf = (facts: Envelope['facts']): string =>
  ['host', 'source', 'sourcetype', 'index'].map((name) => facts[name] ?? '').join('\u0000')

function parse(body: Buffer): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(body.toString('utf8'))
    const isObject = typeof parsed === 'object' && parsed !== null
    return isObject ? (parsed as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
