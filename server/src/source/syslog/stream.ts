import { readFile } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import { resolve } from 'node:path'
import { createServer as createTlsServer, TLSSocket } from 'node:tls'
import { isUtf8 } from 'node:buffer'
import type { RawItem, SourceSink } from '../../model/source.ts'
import type { SourceCounters, SourceDeps } from '../define.ts'
import type { Delivering } from '../delivering.ts'
import { listen } from '../listen.ts'
import { type Frame, SyslogFramer } from './framer.ts'
import type { SyslogOptions } from './syslog.ts'

export interface SyslogContext {
  readonly options: SyslogOptions
  readonly deps: SourceDeps
  readonly counters: SourceCounters
  readonly sink: SourceSink
  readonly delivering: Delivering
}

export interface Listener {
  open(): Promise<void>
  close(): Promise<void>
}

type TlsOptions = NonNullable<SyslogOptions['tls']>

/** TCP, or TLS where options for it are given. A connection is read on once its batch is durable. */
export class StreamListener implements Listener {
  readonly #context: SyslogContext
  readonly #tls: TlsOptions | undefined
  readonly #open = new Map<Socket, Promise<void>>()
  #server: Server | undefined
  #connections = 0

  constructor(context: SyslogContext, tls: TlsOptions | undefined) {
    this.#context = context
    this.#tls = tls
  }

  async open(): Promise<void> {
    const accept = (socket: Socket): void => this.#accept(socket)
    const server = this.#tls === undefined ? createServer(accept) : await this.#tlsServer(this.#tls)
    if (this.#tls !== undefined) server.on('secureConnection', accept)
    this.#server = server
    await listen(server, (this.#tls ?? this.#context.options).listen)
  }

  async close(): Promise<void> {
    const server = this.#server
    const closed = new Promise<void>((done) => {
      if (server?.listening === true) server.close(() => done())
      else done()
    })
    for (const socket of this.#open.keys()) socket.destroy()
    await Promise.all([closed, ...this.#open.values()])
  }

  async #tlsServer(tls: TlsOptions): Promise<Server> {
    const at = (path: string): Promise<Buffer> =>
      readFile(resolve(this.#context.deps.baseDir, path))
    const ca = tls.client_ca_file === undefined ? undefined : await at(tls.client_ca_file)
    const server = createTlsServer({
      cert: await at(tls.cert_file),
      key: await at(tls.key_file),
      handshakeTimeout: 10_000,
      ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }),
    })
    server.on('tlsClientError', () => this.#context.counters.failed('tls_handshake'))
    return server
  }

  #accept(socket: Socket): void {
    const { options, counters } = this.#context
    socket.on('error', () => counters.failed('connection'))
    if (this.#open.size >= options.connections_max) {
      counters.failed('connections_max')
      socket.destroy()
      return
    }
    socket.setTimeout(options.idle_timeout, () => {
      counters.failed('idle_timeout')
      socket.destroy()
    })
    this.#connections += 1
    const reading = this.#read(socket, this.#connections).finally(() => {
      this.#open.delete(socket)
      socket.destroy()
    })
    this.#open.set(socket, reading)
  }

  /** Never rejects: a connection that breaks ends its reading. */
  async #read(socket: Socket, connection: number): Promise<void> {
    const { options, counters, sink, deps } = this.#context
    const framer = new SyslogFramer(options.message_bytes_max)
    const peer = peerOf(socket)
    const keys = { prefix: `${deps.clock.now().toString(36)}.${connection}`, next: 0 }
    const facts = factsOf(socket, peer)
    let fault: string | undefined
    try {
      for await (const chunk of socket) {
        const step = framer.push(chunk as Buffer)
        if (!(await this.#deliver(step.frames, keys, facts))) return
        fault = step.fault
        if (fault !== undefined) break
      }
    } catch {
      // Reset by the peer: counted where the error is seen; what was whole is delivered.
    }
    const rest = fault === undefined ? framer.end() : { frames: [], fault }
    await this.#deliver(rest.frames, keys, facts)
    if (rest.fault === undefined) return
    counters.failed(rest.fault)
    sink.dropped(rest.fault, 1)
  }

  async #deliver(
    frames: readonly Frame[],
    keys: { readonly prefix: string; next: number },
    facts: Readonly<Record<string, string>>,
  ): Promise<boolean> {
    if (frames.length === 0) return true
    const receivedMs = this.#context.deps.clock.now()
    let bytes = 0
    const items = frames.map((frame) => {
      bytes += frame.cutFrom ?? frame.bytes.length
      keys.next += 1
      return toItem(frame, { key: `${keys.prefix}.${keys.next}`, receivedMs, facts })
    })
    return this.#context.delivering.deliver({ items }, bytes)
  }
}

/** Text of a message of any encoding; what is not UTF-8 keeps its octets too. */
export function toItem(frame: Frame, of: Pick<RawItem, 'key' | 'receivedMs' | 'facts'>): RawItem {
  const text = frame.bytes.toString('utf8').replace(/^\uFEFF/, '')
  const raw = isUtf8(frame.bytes) ? {} : { bytes: Buffer.from(frame.bytes) }
  const cut = frame.cutFrom === undefined ? {} : { cut: { bytes: frame.cutFrom } }
  return { text, ...of, ...raw, ...cut }
}

function peerOf(socket: Socket): string {
  return socket.remoteAddress?.replace(/^::ffff:/, '') ?? 'unknown'
}

function factsOf(socket: Socket, peer: string): Readonly<Record<string, string>> {
  if (!(socket instanceof TLSSocket)) return { peer, transport: 'tcp' }
  const name: unknown = socket.getPeerCertificate().subject?.CN
  return { peer, transport: 'tls', ...(typeof name === 'string' ? { peer_name: name } : {}) }
}
