import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { isLoopback } from '../../base/net.ts'
import { ProblemError } from '../../base/problems.ts'
import type { SenderScope, SourceSink } from '../../model/source.ts'
import { type SourceCounters, sourceCounters, type SourceDeps } from '../define.ts'
import { waitForEnd } from '../delivering.ts'
import { listen } from '../listen.ts'
import { openServerTls } from '../server-tls.ts'
import { type BodyFault, PendingBytes, readBody } from './body.ts'
import type { HttpListenerOptions } from './options.ts'
import { type ListenerRoute, routeOf } from './routes.ts'
import type { Sender, Tokens } from './tokens.ts'

export interface Call {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly peer: string
  /** Set by the protocol when it lets the call in. */
  sender?: Sender
}

export interface Reply {
  readonly status: number
  /** Bytes are sent as they are, anything else as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** How one protocol answers; the listener does the rest. */
export interface Protocol {
  /** All that it answers to; what is not in it does not exist. */
  readonly routes: readonly ListenerRoute[]
  /** Of its senders; the listener loads them. */
  readonly tokens: Tokens
  /** Called before the listener opens, with the cursors that were saved. */
  restore?(cursors: ReadonlyMap<string, string>): void
  /** Called when the source is to stop, before the listener closes. */
  stopping?(): void
  /** Looked at before the body is read: a reply ends the call there. */
  admit(call: Call): Promise<Reply | undefined> | Reply | undefined
  answer(call: Call, body: Buffer, use: HttpUse): Promise<Reply>
  /** The protocol's own words for what is wrong with a body. */
  refuse(fault: BodyFault, call: Call): Reply
  /** What is answered where a call failed through our own fault; an empty 500 unless said. */
  broken?(call: Call): Reply
  readonly headers?: Readonly<Record<string, string>>
  /** Most bytes of a request's headers; 16 KiB unless said. */
  readonly headerBytesMax?: number
}

/** What a protocol works with while it runs. */
export interface HttpUse {
  readonly sink: SourceSink
  readonly counters: SourceCounters
}

const ANSWER_MS_MIN = 2_000

/** What Node calls faults of a request, and what we count them as. */
const CLIENT_FAULTS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'headers_too_large',
  ECONNRESET: 'connection',
}

/** An HTTP server of one protocol, bounded in connections, bodies and time. */
export class HttpListener {
  readonly #options: HttpListenerOptions
  readonly #deps: SourceDeps
  readonly #protocol: Protocol
  readonly #counters: SourceCounters
  readonly #pending: PendingBytes
  readonly #calls = new Set<Promise<void>>()
  /** Whose requests are not answered to the end. */
  readonly #answering = new Set<Socket>()
  #server: Server | undefined
  #unwatch: (() => Promise<void>) | undefined

  constructor(options: HttpListenerOptions, deps: SourceDeps, protocol: Protocol) {
    this.#options = options
    this.#deps = deps
    this.#protocol = protocol
    this.#counters = sourceCounters(deps.metrics, deps.name)
    this.#pending = new PendingBytes(options.pending_bytes_max)
  }

  /** Rejects with ProblemError SOURCE_LISTEN, or CONFIG_INVALID for an open door to the network. */
  async open(sink: SourceSink): Promise<void> {
    const { listen: address } = this.#options
    const { tokens } = this.#protocol
    await tokens.load(this.#options, this.#deps)
    if (tokens.isEmpty && !isLoopback(address.host)) throw openDoor(this.#deps.name, address.host)
    const use = { sink, counters: this.#counters }
    const server = await this.#makeServer((request, response) => {
      const { socket } = request
      this.#answering.add(socket)
      response.on('close', () => this.#answering.delete(socket))
      const call = this.#serve(request, response, use).finally(() => this.#calls.delete(call))
      this.#calls.add(call)
    })
    server.maxConnections = this.#options.connections_max
    // Who does not read a long answer holds it here.
    server.setTimeout(Math.max(this.#options.request_timeout, ANSWER_MS_MIN), (socket) => {
      // Kept open between two requests it ends this way as well, which is no failure.
      if (this.#answering.has(socket)) this.#counters.failed('idle_timeout')
      socket.destroy()
    })
    server.on('drop', () => this.#counters.failed('connections_max'))
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.#counters.failed(CLIENT_FAULTS[error.code ?? ''] ?? 'request_malformed')
      socket.destroy()
    })
    try {
      await listen(server, address)
    } catch (error) {
      await this.#unwatch?.()
      throw error
    }
    this.#server = server
    sink.status('connected')
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    await this.#unwatch?.()
    const closed = new Promise((done) => server.close(done))
    server.closeIdleConnections()
    await waitForEnd(Promise.all([...this.#calls]))
    server.closeAllConnections()
    await closed
  }

  async #makeServer(
    onRequest: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<Server> {
    const limits = {
      requestTimeout: this.#options.request_timeout,
      headersTimeout: Math.min(10_000, this.#options.request_timeout),
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: this.#protocol.headerBytesMax ?? 16_384,
    }
    const { tls } = this.#options
    if (tls === undefined) return createServer(limits, onRequest)
    const secure = await openServerTls(tls, this.#deps)
    const server = createTlsServer(
      { ...limits, handshakeTimeout: 10_000, ...secure.options },
      onRequest,
    )
    this.#unwatch = secure.watch(server)
    return server.on('tlsClientError', () => this.#counters.failed('tls_handshake'))
  }

  /** Never rejects: what goes wrong in a call is that call's end. */
  async #serve(request: IncomingMessage, response: ServerResponse, use: HttpUse): Promise<void> {
    response.on('error', () => undefined)
    try {
      const call = toCall(request)
      const early = await this.#admit(call)
      if (early !== undefined) {
        request.resume()
        if (early.status === 401 || early.status === 403) this.#counters.failed('sender_refused')
        this.#send(response, early, request)
        return
      }
      const { bytesMax, pending } = {
        bytesMax: this.#options.body_bytes_max,
        pending: this.#pending,
      }
      const read = await readBody(request, { bytesMax, pending })
      try {
        if (!read.ok) this.#counters.failed(`body_${read.fault}`)
        const reply = read.ok
          ? await this.#protocol.answer(call, read.body, scoped(use, call.sender?.scope))
          : this.#protocol.refuse(read.fault, call)
        this.#send(response, reply, request)
      } finally {
        pending.giveBack(read.taken)
      }
    } catch (error) {
      this.#counters.failed('call')
      const detail = error instanceof ProblemError ? error.problem.message : String(error)
      this.#deps.log.warn({ source: this.#deps.name, detail }, 'A call failed.')
      this.#send(response, this.#protocol.broken?.(toCall(request)) ?? { status: 500 }, request)
    }
  }

  /** Beyond the declared routes a protocol can refuse in its own words, and no more. */
  async #admit(call: Call): Promise<Reply | undefined> {
    const early = await this.#protocol.admit(call)
    if (routeOf(this.#protocol.routes, call) !== undefined) return early
    if (early !== undefined && early.status >= 400) return early
    return { status: 404, body: { error: 'there is nothing at this address' } }
  }

  #send(response: ServerResponse, reply: Reply, request: IncomingMessage): void {
    if (response.headersSent || response.destroyed) return
    const text = replyText(reply.body)
    response.writeHead(reply.status, {
      ...(text.length === 0 ? {} : { 'content-type': 'application/json; charset=UTF-8' }),
      'content-length': text.length,
      'x-content-type-options': 'nosniff',
      // An unread body would be taken for the next request.
      ...(request.complete ? {} : { connection: 'close' }),
      ...this.#protocol.headers,
      ...reply.headers,
    })
    response.end(request.method === 'HEAD' ? '' : text)
  }
}

/** All that a sender delivers carries what its token is of. */
function scoped(use: HttpUse, scope: SenderScope | undefined): HttpUse {
  if (scope === undefined) return use
  const { sink } = use
  return {
    ...use,
    sink: {
      deliver: (batch, whenFull) => sink.deliver({ ...batch, scope }, whenFull),
      cursors: () => sink.cursors(),
      dropped: (reason, count) => sink.dropped(reason, count),
      status: (state, detail) => sink.status(state, detail),
    },
  }
}

function replyText(body: unknown): Buffer {
  if (body instanceof Uint8Array) return Buffer.from(body)
  return Buffer.from(body === undefined ? '' : JSON.stringify(body))
}

function toCall(request: IncomingMessage): Call {
  const url = request.url ?? '/'
  const cut = url.indexOf('?')
  const path = cut < 0 ? url : url.slice(0, cut)
  return {
    method: request.method ?? 'GET',
    path: path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path,
    query: new URLSearchParams(cut < 0 ? '' : url.slice(cut + 1)),
    headers: request.headers,
    peer: request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? 'unknown',
  }
}

function openDoor(source: string, host: string): ProblemError {
  return new ProblemError({
    code: 'CONFIG_INVALID',
    message: `without tokens a source may listen only on this machine, not on ${host}`,
    at: { field: `sources.${source}.tokens` },
    hint: 'add a token: tokens: { sender: { env: NAME } }, or api_tokens: true',
  })
}

/** Seconds, as `Retry-After` wants them. */
export function retryAfter(ms: number): Readonly<Record<string, string>> {
  return { 'retry-after': String(Math.max(1, Math.ceil(ms / 1_000))) }
}
