import { ANEW } from '../../base/anew.ts'
import { z } from 'zod'
import { shortId } from '../../base/hash.ts'
import type { RawItem } from '../../model/source.ts'
import { defineSource, type SourceDeps } from '../define.ts'
import type { BodyFault } from '../http/body.ts'
import { toHttpItem } from '../http/documents.ts'
import type { Call, HttpUse, Protocol } from '../http/listener.ts'
import { ProtocolSource } from '../http/protocol-source.ts'
import type { Reply } from '../http/listener.ts'
import { bearerOf, Tokens } from '../http/tokens.ts'
import type { ListenerRoute } from '../http/routes.ts'
import { type HttpListenerOptions, httpInTheClear, httpListenerOptions } from '../http/options.ts'
import { accepted, type Encoding, encodingOf, failed } from './answers.ts'
import { type Signal, SIGNALS } from './messages.ts'
import { type OtlpItem, type OtlpItems, readRecords } from './records.ts'
import { readWire, WireFault } from './wire.ts'

const OTLP_ROUTES: readonly ListenerRoute[] = [...SIGNALS.keys()].map((path) => ({
  methods: ['POST'],
  path,
  summary: 'Takes a signal of OpenTelemetry.',
  role: 'ingest',
  record: 'batch',
}))

/** https://opentelemetry.io/docs/specs/otlp/#otlphttp */
export const otlpSource = defineSource({
  name: 'otlp',
  summary:
    'Takes logs, spans and metrics of OpenTelemetry over HTTP (`/v1/logs`, `/v1/traces`, `/v1/metrics`).',
  options: z.strictObject(httpListenerOptions('127.0.0.1:4318')),
  routes: OTLP_ROUTES,
  inTheClear: httpInTheClear,
  create: (options, deps) => new ProtocolSource(options, deps, new OtlpProtocol(options, deps)),
})

class OtlpProtocol implements Protocol {
  readonly routes = OTLP_ROUTES
  readonly #options: HttpListenerOptions
  readonly #deps: SourceDeps
  readonly tokens = new Tokens()
  #calls = 0

  constructor(options: HttpListenerOptions, deps: SourceDeps) {
    this.#options = options
    this.#deps = deps
  }

  async admit(call: Call): Promise<Reply | undefined> {
    const encoding = encodingOf(call.headers['content-type'])
    const inJson = encoding ?? 'json'
    if (!SIGNALS.has(call.path))
      return failed(inJson, 404, 'there is /v1/logs, /v1/traces and /v1/metrics here')
    if (call.method !== 'POST') return { status: 405, headers: { allow: 'POST' } }
    const standing = await this.tokens.standingOf(bearerOf(call))
    if (standing.kind === 'forbidden') return failed(inJson, 403, 'this token may not deliver here')
    if (standing.kind !== 'known') return failed(inJson, 401, 'a bearer token is needed')
    call.sender = standing.sender
    if (encoding !== undefined) return undefined
    return failed('json', 415, 'content-type must be application/json or application/x-protobuf')
  }

  async answer(call: Call, body: Buffer, use: HttpUse): Promise<Reply> {
    const encoding = encodingOf(call.headers['content-type']) ?? 'json'
    const signal = SIGNALS.get(call.path)
    if (signal === undefined) return failed(encoding, 404, 'no such path')
    const read = readBody(body, encoding, signal)
    if (!read.ok) {
      use.counters.failed('request_unreadable')
      return failed(encoding, 400, read.fault)
    }
    if (read.items.length === 0) return accepted(encoding, NOTHING_REJECTED)
    const { items } = read
    const raw = this.#items(call, items)
    const delivery = await use.sink.deliver({ items: raw }, 'refuse')
    if (delivery.kind === 'busy') {
      return failed(encoding, 503, delivery.problem.message, delivery.retryAfterMs)
    }
    use.counters.received(items.length, body.length)
    const { refused = [] } = delivery
    if (refused.length === 0) return accepted(encoding, NOTHING_REJECTED)
    // A span with two events that cannot be read is one span.
    const keys = new Set(refused.map(({ key }) => key))
    const records = new Set(
      items.filter((_, at) => keys.has(raw[at]?.key ?? '')).map((one) => one.record),
    )
    const message = refused[0]?.message ?? ''
    const rejected = { name: signal.rejected, rejected: records.size }
    return accepted(encoding, { ...rejected, message: message.slice(0, 1_000) })
  }

  refuse(fault: BodyFault, call: Call): Reply {
    const encoding = encodingOf(call.headers['content-type']) ?? 'json'
    switch (fault) {
      case 'too_large':
        return failed(encoding, 413, 'the body is larger than is taken')
      case 'encoding':
        return failed(encoding, 415, 'content-encoding must be identity, gzip or deflate')
      case 'pending_full':
        return failed(encoding, 429, 'too much is under way', 1_000)
      case 'broken':
        return failed(encoding, 400, 'the body could not be read')
    }
  }

  #items(call: Call, items: readonly OtlpItem[]): RawItem[] {
    this.#calls += 1
    const receivedMs = this.#deps.clock.now()
    const prefix = shortId(this.#deps.name, String(receivedMs), String(this.#calls)).slice(0, 16)
    const facts = { peer: call.peer, transport: 'otlp' }
    return items.map(({ text, unreadable }, index) => {
      const of = { key: `${prefix}:${index}`, receivedMs, facts }
      const item = toHttpItem(text, of, this.#options.text_bytes_max)
      return unreadable === undefined ? item : { ...ANEW, ...item, unreadable }
    })
  }
}

const NOTHING_REJECTED = { name: '', rejected: 0, message: '' } as const

function readBody(body: Buffer, encoding: Encoding, signal: Signal): OtlpItems {
  try {
    const request: unknown =
      encoding === 'json' ? JSON.parse(body.toString('utf8')) : readWire(body, signal.request)
    if (typeof request !== 'object' || request === null || Array.isArray(request)) {
      return { ok: false, fault: 'the body is no JSON object' }
    }
    const given = request as Record<string, unknown>
    // A body of another signal would be read as an empty one.
    const isEmpty = encoding === 'json' ? Object.keys(given).length === 0 : body.length === 0
    if (given[signal.resources] === undefined && !isEmpty) {
      return { ok: false, fault: `it has no ${signal.resources}` }
    }
    return readRecords(given, signal)
  } catch (error) {
    const isDeep = error instanceof RangeError
    const plain = isDeep ? 'it is nested too deeply' : 'the body is no JSON'
    const fault = error instanceof WireFault ? error.message : plain
    return { ok: false, fault: `it cannot be read: ${fault}` }
  }
}
