import { z } from 'zod'
import { sha256Hex, shortId } from '../../base/hash.ts'
import type { RawItem, Source } from '../../model/source.ts'
import { defineSource, type SourceDeps } from '../define.ts'
import { RequestMemory, rememberOptions } from '../hec/memory.ts'
import type { BodyFault } from '../http/body.ts'
import { toHttpItem } from '../http/documents.ts'
import type { Call, HttpUse, Protocol } from '../http/listener.ts'
import { ProtocolSource } from '../http/protocol-source.ts'
import { type Reply, retryAfter } from '../http/listener.ts'
import { Tokens } from '../http/tokens.ts'
import type { ListenerRoute } from '../http/routes.ts'
import { httpInTheClear, httpListenerOptions } from '../http/options.ts'
import { type FetchText, fetchText } from './fetch-text.ts'
import { attributeFacts, readRequest, readTexts } from './records.ts'
import { readSnsMessage, SnsVerifier } from './sns-message.ts'
import { SnsTopics } from './sns.ts'

const firehoseOptions = z.strictObject({
  ...httpListenerOptions('127.0.0.1:8443'),
  ...rememberOptions,
  split: z
    .enum(['auto', 'record'])
    .default('auto')
    .describe(
      'What is one event: each JSON object or line inside of a record (`auto`), or each record.',
    ),
  topics: z
    .array(z.string().regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w.-]{1,256}$/))
    .max(1_000)
    .default([])
    .describe(
      'ARNs of the SNS topics whose subscription is confirmed and whose messages are taken.',
    ),
})
type FirehoseOptions = z.output<typeof firehoseOptions>

const FIREHOSE_ROUTES: readonly ListenerRoute[] = [
  {
    methods: ['POST'],
    path: '/firehose',
    summary: 'Takes records of a stream.',
    role: 'ingest',
    record: 'batch',
  },
  {
    methods: ['POST'],
    path: '/sns',
    summary: 'Takes messages of the configured topics.',
    public: 'SNS sends no token: a message is let in by its signature and its topic.',
  },
]

/** https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html */
export const firehoseSource = defineSource({
  name: 'firehose',
  summary:
    'Takes what Amazon Data Firehose delivers to an HTTP endpoint (`POST /firehose`), and messages ' +
    'of Amazon SNS (`POST /sns`).',
  options: firehoseOptions,
  routes: FIREHOSE_ROUTES,
  inTheClear: httpInTheClear,
  create: (options, deps) => createFirehose(options, deps, fetchText),
})

/** As the registry makes it; `fetch` gets certificates and confirms subscriptions. */
export function createFirehose(
  options: FirehoseOptions,
  deps: SourceDeps,
  fetch: FetchText,
): Source {
  return new ProtocolSource(options, deps, new FirehoseProtocol(options, deps, fetch))
}

const SNS_PATH = '/sns'
const FIREHOSE_PATH = '/firehose'
const REQUEST_ID = /^[\w.:-]{1,200}$/
/** Fifty attributes of 256 and 1,024 characters, which Firehose sends in one header. */
const HEADER_BYTES_MAX = 98_304

class FirehoseProtocol implements Protocol {
  readonly routes = FIREHOSE_ROUTES
  readonly headerBytesMax = HEADER_BYTES_MAX
  readonly #options: FirehoseOptions
  readonly #deps: SourceDeps
  readonly tokens = new Tokens()
  readonly #memory: RequestMemory
  readonly #sns: SnsTopics

  constructor(options: FirehoseOptions, deps: SourceDeps, fetch: FetchText) {
    this.#options = options
    this.#deps = deps
    this.#memory = new RequestMemory(options, deps)
    this.#sns = new SnsTopics(options.topics, new SnsVerifier(fetch), fetch)
  }

  restore(cursors: ReadonlyMap<string, string>): void {
    this.#memory.restore(cursors)
  }

  async admit(call: Call): Promise<Reply | undefined> {
    if (call.path !== FIREHOSE_PATH && call.path !== SNS_PATH) {
      return { status: 404, body: { error: `there is ${FIREHOSE_PATH} and ${SNS_PATH} here` } }
    }
    if (call.method !== 'POST') return { status: 405, headers: { allow: 'POST' } }
    // Messages of SNS are let in by their signature, which stands in the body.
    if (call.path === SNS_PATH) return this.#sns.admit(call)
    if (!REQUEST_ID.test(headerOf(call, 'x-amz-firehose-request-id') ?? '')) {
      return this.#say(call, 400, 'X-Amz-Firehose-Request-Id is missing')
    }
    const standing = await this.tokens.standingOf(headerOf(call, 'x-amz-firehose-access-key'))
    if (standing.kind === 'forbidden')
      return this.#say(call, 403, 'this token may not deliver here')
    if (standing.kind !== 'known') {
      return this.#say(call, 401, 'the access key is none of those configured')
    }
    call.sender = standing.sender
    return undefined
  }

  async answer(call: Call, body: Buffer, use: HttpUse): Promise<Reply> {
    const text = body.toString('utf8')
    return call.path === SNS_PATH
      ? this.#answerSns(call, text, use)
      : this.#answerFirehose(call, text, use)
  }

  refuse(fault: BodyFault, call: Call): Reply {
    switch (fault) {
      case 'too_large':
        return this.#say(call, 413, 'the body is larger than is taken')
      case 'encoding':
        return this.#say(call, 415, 'content-encoding must be identity, gzip or deflate')
      case 'pending_full':
        return this.#say(call, 429, 'too much is under way', 1_000)
      case 'broken':
        return this.#say(call, 400, 'the body could not be read')
    }
  }

  async #answerFirehose(call: Call, text: string, use: HttpUse): Promise<Reply> {
    const request = readRequest(text)
    if ('fault' in request) return this.#say(call, 400, request.fault)
    if (request.requestId !== headerOf(call, 'x-amz-firehose-request-id')) {
      return this.#say(call, 400, 'requestId is not that of the header')
    }
    const { split, body_bytes_max: bytesMax } = this.#options
    const texts = readTexts(request.records, split, bytesMax)
    if ('fault' in texts) return this.#say(call, texts.tooLarge ? 413 : 400, texts.fault)
    if (texts.length === 0) return this.#say(call, 200)
    const stream = headerOf(call, 'x-amz-firehose-source-arn')
    const facts = {
      ...attributeFacts(headerOf(call, 'x-amz-firehose-common-attributes')),
      ...(stream === undefined ? {} : { source_arn: stream.slice(0, 2_048) }),
      peer: call.peer,
      transport: 'firehose',
      request_id: request.requestId,
    }
    const content = sha256Hex(request.records.join(','))
    const digest = shortId(call.sender?.name ?? '', request.requestId, content)
    return this.#take(call, { digest, texts, facts, bytes: text.length }, use)
  }

  async #answerSns(call: Call, text: string, use: HttpUse): Promise<Reply> {
    const message = readSnsMessage(text)
    if (message === undefined) return this.#say(call, 400, 'the body is no message of SNS')
    const outcome = await this.#sns.check(message, this.#deps.clock.now())
    if (outcome.kind === 'refused') {
      use.counters.failed(`sns_${outcome.reason}`)
      const detail = { source: this.#deps.name, reason: outcome.reason }
      this.#deps.log.warn(detail, 'A message of SNS was refused.')
      return this.#say(call, outcome.status, outcome.message)
    }
    if (outcome.kind === 'done') {
      const detail = { source: this.#deps.name, topic: message.topic, type: message.type }
      this.#deps.log.info(detail, 'SNS changed a subscription.')
      return { status: 200 }
    }
    const facts = {
      peer: call.peer,
      transport: 'sns',
      topic_arn: message.topic,
      message_type: message.type,
      message_id: message.id,
      ...(message.subject === undefined ? {} : { subject: message.subject.slice(0, 256) }),
    }
    const digest = shortId('sns', message.topic, message.id)
    return this.#take(call, { digest, texts: [message.message], facts, bytes: text.length }, use)
  }

  /** Delivers once, however often it is sent while it is remembered. */
  async #take(call: Call, taken: Taken, use: HttpUse): Promise<Reply> {
    const { digest, texts, facts, bytes } = taken
    return this.#memory.inTurn(digest, async () => {
      const receivedMs = this.#deps.clock.now()
      if (this.#memory.isRepeated(digest, receivedMs)) {
        use.counters.failed('repeated_request')
        return this.#say(call, 200)
      }
      const items = texts.map((text, index): RawItem => {
        const of = { key: `${digest}:${index}`, receivedMs, facts }
        return toHttpItem(text, of, this.#options.text_bytes_max)
      })
      const delivery = await this.#memory.delivering({ digest, nowMs: receivedMs }, (cursor) =>
        use.sink.deliver({ items, cursor }, 'refuse'),
      )
      if (delivery.kind === 'busy') {
        return this.#say(call, 503, delivery.problem.message, delivery.retryAfterMs)
      }
      use.counters.received(items.length, bytes)
      return this.#say(call, 200)
    })
  }

  /** Firehose takes an answer only with the request's id, a time, and this very content type. */
  #say(call: Call, status: number, errorMessage?: string, retryMs?: number): Reply {
    const requestId = (headerOf(call, 'x-amz-firehose-request-id') ?? '').slice(0, 200)
    const timestamp = this.#deps.clock.now()
    const body = {
      ...(call.path === SNS_PATH ? {} : { requestId }),
      timestamp,
      ...(errorMessage === undefined ? {} : { errorMessage }),
    }
    const wait = retryMs === undefined ? {} : retryAfter(retryMs)
    return { status, headers: { 'content-type': 'application/json', ...wait }, body }
  }
}

interface Taken {
  readonly digest: string
  readonly texts: readonly string[]
  readonly facts: Readonly<Record<string, string>>
  readonly bytes: number
}

function headerOf(call: Call, name: string): string | undefined {
  const header = call.headers[name]
  return Array.isArray(header) ? header[0] : header
}
