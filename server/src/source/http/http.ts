import { z } from 'zod'
import { shortId } from '../../base/hash.ts'
import type { RawItem } from '../../model/source.ts'
import { defineSource, type SourceDeps } from '../define.ts'
import type { Call, HttpUse, Protocol, Reply } from './listener.ts'
import { ProtocolSource } from './protocol-source.ts'
import { retryAfter } from './listener.ts'
import { bearerOf, Tokens } from './tokens.ts'
import type { ListenerRoute } from './routes.ts'
import { type HttpListenerOptions, httpInTheClear, httpListenerOptions } from './options.ts'
import { splitDocuments, toHttpItem } from './documents.ts'
import type { BodyFault } from './body.ts'

const HTTP_ROUTES: readonly ListenerRoute[] = [
  {
    methods: ['POST'],
    path: '/api/v1/events',
    summary: 'Takes events.',
    role: 'ingest',
    record: 'batch',
  },
]

const httpOptions = z.strictObject(httpListenerOptions('127.0.0.1:8601'))

export const httpSource = defineSource({
  name: 'http',
  summary:
    'Takes events over HTTP: `POST /api/v1/events` with one JSON object a line, a JSON array, or ' +
    'CloudEvents.',
  options: httpOptions,
  routes: HTTP_ROUTES,
  inTheClear: httpInTheClear,
  create: (options, deps) => new ProtocolSource(options, deps, new EventsProtocol(options, deps)),
})

const PATH = '/api/v1/events'
const RESULTS_MAX = 1_000

class EventsProtocol implements Protocol {
  readonly routes = HTTP_ROUTES
  readonly #options: HttpListenerOptions
  readonly #deps: SourceDeps
  readonly tokens = new Tokens()
  #calls = 0

  constructor(options: HttpListenerOptions, deps: SourceDeps) {
    this.#options = options
    this.#deps = deps
  }

  async admit(call: Call): Promise<Reply | undefined> {
    if (call.path !== PATH) return { status: 404, body: { error: `there is only ${PATH} here` } }
    if (call.method !== 'POST') return { status: 405, headers: { allow: 'POST' } }
    const standing = await this.tokens.standingOf(bearerOf(call))
    if (standing.kind === 'known') {
      call.sender = standing.sender
      return undefined
    }
    if (standing.kind !== 'forbidden')
      return { status: 401, headers: { 'www-authenticate': 'Bearer' } }
    return { status: 403, body: { error: 'this token may not deliver here' } }
  }

  async answer(call: Call, body: Buffer, use: HttpUse): Promise<Reply> {
    this.#calls += 1
    const receivedMs = this.#deps.clock.now()
    const prefix = shortId(this.#deps.name, String(receivedMs), String(this.#calls)).slice(0, 16)
    const documents = splitDocuments(body, call.headers)
    if (!documents.ok) {
      const { message: error, isTooMany = false } = documents
      return { status: isTooMany ? 413 : 400, body: { error } }
    }
    if (documents.texts.length === 0) return { status: 400, body: { error: 'the body is empty' } }
    const facts = { peer: call.peer, transport: 'http' }
    const items = documents.texts.map((text, index): RawItem => {
      const of = { key: `${prefix}:${index + 1}`, receivedMs, facts }
      return toHttpItem(text, of, this.#options.text_bytes_max)
    })
    const delivery = await use.sink.deliver({ items, whole: true }, 'refuse')
    if (delivery.kind === 'busy') {
      const error = delivery.problem.message
      return { status: 503, headers: retryAfter(delivery.retryAfterMs), body: { error } }
    }
    use.counters.received(items.length, body.length)
    const results = (delivery.refused ?? []).slice(0, RESULTS_MAX).map(({ key, code, message }) => {
      return { line: Number(key.slice(prefix.length + 1)), status: 'rejected', code, message }
    })
    const rejected = delivery.rejects
    return { status: 200, body: { accepted: items.length - rejected, rejected, results } }
  }

  refuse(fault: BodyFault): Reply {
    switch (fault) {
      case 'too_large':
        return { status: 413, body: { error: 'the body is larger than is taken' } }
      case 'encoding':
        return {
          status: 415,
          body: { error: 'content-encoding must be identity, gzip or deflate' },
        }
      case 'pending_full':
        return { status: 429, headers: retryAfter(1_000), body: { error: 'too much is under way' } }
      case 'broken':
        return { status: 400, body: { error: 'the body could not be read' } }
    }
  }
}
