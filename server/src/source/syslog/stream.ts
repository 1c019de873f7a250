import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, TLSSocket } from 'node:tls'
import { isUtf8 } from 'node:buffer'
import type { ListenAddress } from '../../model/options.ts'
import type { RawItem } from '../../model/source.ts'
import { listen } from '../listen.ts'
import type { Listener, ListenerContext } from '../listeners.ts'
import { openServerTls } from '../server-tls.ts'
import { type Frame, SyslogFramer } from './framer.ts'
import { relpAnswer, RelpFramer } from './relp.ts'
import type { SyslogOptions } from './syslog.ts'

export interface SyslogContext extends ListenerContext {
  readonly options: SyslogOptions
}

export interface StreamOptions {
  readonly listen: ListenAddress
  /** `syslog`: octet counting or lines (RFC 6587). `relp`: each message is acknowledged. */
  readonly framing: 'syslog' | 'relp'
  /** Over TLS where these are given. */
  readonly cert_file?: string | undefined
  readonly key_file?: string | undefined
  readonly client_ca_file?: string | undefined
}

/** TCP or TLS. A connection is read on once its batch is durable. */
export class StreamListener implements Listener {
  readonly #context: SyslogContext
  readonly #options: StreamOptions
  readonly #open = new Map<Socket, Promise<void>>()
  /** Their messages are being made durable, and their senders will be told. */
  readonly #owed = new Set<Socket>()
  /** Read on once what they sent is durable. */
  readonly #waiting = new Set<Socket>()
  #isClosing = false
  #server: Server | undefined
  #unwatch: (() => Promise<void>) | undefined
  #connections = 0

  constructor(context: SyslogContext, options: StreamOptions) {
    this.#context = context
    this.#options = options
  }

  async open(): Promise<void> {
    const accept = (socket: Socket): void => this.#accept(socket)
    const { cert_file: cert, key_file: key } = this.#options
    const isTls = cert !== undefined && key !== undefined
    const server = isTls ? await this.#tlsServer(cert, key) : createServer(accept)
    if (isTls) server.on('secureConnection', accept)
    // Also those that are not through their handshake.
    server.maxConnections = this.#context.options.connections_max
    server.on('drop', () => this.#context.counters.failed('connections_max'))
    this.#server = server
    await listen(server, this.#options.listen)
  }

  async close(): Promise<void> {
    await this.#unwatch?.()
    const server = this.#server
    const closed = new Promise<void>((done) => {
      if (server?.listening === true) server.close(() => done())
      else done()
    })
    this.#isClosing = true
    for (const socket of this.#open.keys()) if (!this.#owed.has(socket)) socket.destroy()
    await Promise.all([closed, ...this.#open.values()])
  }

  async #tlsServer(cert_file: string, key_file: string): Promise<Server> {
    const { client_ca_file } = this.#options
    const files = { cert_file, key_file, client_ca_file }
    const secure = await openServerTls(files, this.#context.deps)
    const server = createTlsServer({ handshakeTimeout: 10_000, ...secure.options })
    this.#unwatch = secure.watch(server)
    server.on('tlsClientError', () => this.#context.counters.failed('tls_handshake'))
    return server
  }

  #accept(socket: Socket): void {
    const { options, counters } = this.#context
    socket.on('error', () => counters.failed('connection'))
    socket.setTimeout(options.idle_timeout)
    socket.on('timeout', () => {
      // It is us who do not read: what it has sent waits to be made durable.
      if (this.#waiting.has(socket)) return void socket.setTimeout(options.idle_timeout)
      counters.failed('idle_timeout')
      socket.destroy()
    })
    this.#connections += 1
    const reading = this.#read(socket, this.#connections).finally(() => {
      this.#open.delete(socket)
      this.#owed.delete(socket)
      socket.destroy()
    })
    this.#open.set(socket, reading)
  }

  /** Never rejects: a connection that breaks ends its reading. */
  async #read(socket: Socket, connection: number): Promise<void> {
    const { counters, sink, deps } = this.#context
    const peer = peerOf(socket)
    const keys = { prefix: `${deps.clock.now().toString(36)}.${connection}`, next: 0 }
    const facts = factsOf(socket, peer)
    const isRelp = this.#options.framing === 'relp'
    const fault = isRelp
      ? await this.#readRelp(socket, keys, facts)
      : await this.#readSyslog(socket, keys, facts)
    if (fault === undefined) return
    counters.failed(fault)
    // What RELP did not acknowledge is still with its sender.
    if (!isRelp) sink.dropped(fault, 1)
  }

  async #readSyslog(socket: Socket, keys: Keys, facts: Facts): Promise<string | undefined> {
    const framer = new SyslogFramer(this.#context.options.message_bytes_max)
    let fault: string | undefined
    try {
      for await (const chunk of socket) {
        const step = framer.push(chunk as Buffer)
        if (!(await this.#hold(socket, step.frames, keys, facts))) return undefined
        fault = step.fault
        if (fault !== undefined) break
      }
    } catch {
      // Reset by the peer: counted where the error is seen; what was whole is delivered.
    }
    const rest = fault === undefined ? framer.end() : { frames: [], fault }
    await this.#deliver(rest.frames, keys, facts)
    return rest.fault
  }

  /** Answers each frame once what it holds is durable. */
  async #readRelp(socket: Socket, keys: Keys, facts: Facts): Promise<string | undefined> {
    const framer = new RelpFramer(this.#context.options.message_bytes_max)
    try {
      for await (const chunk of socket) {
        const { frames, fault } = framer.push(chunk as Buffer)
        const messages = frames.filter(
          ({ command, bytes }) => command === 'syslog' && bytes.length > 0,
        )
        this.#owed.add(socket)
        if (!(await this.#hold(socket, messages, keys, facts))) return undefined
        const answers = frames.map(relpAnswer).join('')
        if (this.#isClosing || frames.some(({ command }) => command === 'close')) {
          await new Promise<void>((told) => socket.end(answers, told))
          return undefined
        }
        const isTaken = socket.write(answers)
        this.#owed.delete(socket)
        // Who does not read its answers is not read on either: they would pile up here.
        if (!isTaken) await drained(socket)
        if (fault !== undefined) return fault
      }
    } catch {
      // Reset by the peer: what was not acknowledged it will send again.
    }
    return framer.end().fault
  }

  async #hold(
    socket: Socket,
    frames: readonly Frame[],
    keys: Keys,
    facts: Facts,
  ): Promise<boolean> {
    this.#waiting.add(socket)
    try {
      return await this.#deliver(frames, keys, facts)
    } finally {
      this.#waiting.delete(socket)
    }
  }

  async #deliver(frames: readonly Frame[], keys: Keys, facts: Facts): Promise<boolean> {
    if (frames.length === 0) return true
    const receivedMs = this.#context.deps.clock.now()
    let bytes = 0
    const items = frames.map((frame) => {
      bytes += frame.cutFrom ?? frame.bytes.length
      keys.next += 1
      const key = `${keys.prefix}.${keys.next}`
      return toItem(frame, { key, receivedMs, facts, stream: keys.prefix })
    })
    return this.#context.delivering.deliver({ items }, bytes)
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || !socket.writableNeedDrain) return resolve()
    socket.once('drain', resolve).once('close', resolve)
  })
}

type Facts = Readonly<Record<string, string>>
interface Keys {
  readonly prefix: string
  next: number
}

type ItemPlace = Pick<RawItem, 'key' | 'receivedMs' | 'facts' | 'stream'>

/** Text of a message of any encoding; what is not UTF-8 keeps its octets too. */
export function toItem(frame: Frame, of: ItemPlace): RawItem {
  const text = frame.bytes.toString('utf8').replace(/^\uFEFF/, '')
  const raw = isUtf8(frame.bytes) ? {} : { bytes: Buffer.from(frame.bytes) }
  const cut = frame.cutFrom === undefined ? {} : { cut: { bytes: frame.cutFrom } }
  return { text, ...of, ...raw, ...cut }
}

function peerOf(socket: Socket): string {
  return socket.remoteAddress?.replace(/^::ffff:/, '') ?? 'unknown'
}

function factsOf(socket: Socket, peer: string): Facts {
  if (!(socket instanceof TLSSocket)) return { peer, transport: 'tcp' }
  const name: unknown = socket.getPeerCertificate().subject?.CN
  return { peer, transport: 'tls', ...(typeof name === 'string' ? { peer_name: name } : {}) }
}
