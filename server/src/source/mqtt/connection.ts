import { connect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import {
  generate,
  type IConnackPacket,
  type IConnectPacket,
  type IPublishPacket,
  type Packet,
  parser,
} from 'mqtt-packet'
import { MqttFramer } from './frames.ts'
import type { MqttOptions } from './options.ts'

export interface Login {
  readonly clientId: string
  readonly password: string | undefined
  readonly tls: { readonly ca?: Buffer; readonly cert?: Buffer; readonly key?: Buffer }
}

export interface Received {
  readonly topic: string
  readonly payload: Buffer
  readonly cutBytes: number
  readonly qos: number
  readonly id: number | undefined
  readonly dup: boolean
  readonly retain: boolean
}

/** Why a connection ended: the label of the counter of failures. */
export type EndKind =
  /** No connection came about, or TLS failed. */
  | 'unreachable'
  /** It took the connection and did not answer, or fell silent. */
  | 'silent'
  /** The broker refused the login. */
  | 'refused'
  | 'subscription_refused'
  /** The other side does what MQTT forbids. */
  | 'protocol'
  /** It was closed, by the broker or on the way. */
  | 'closed'
  | 'stopped'

export interface Reply {
  readonly topic: string
  readonly payload: Uint8Array
}

export interface ConnectionEvents {
  /**
   * The broker knows nothing of an earlier session: message ids start anew, and what it kept is gone.
   * Nothing is subscribed before this resolves.
   */
  newSession(): Promise<void>
  subscribed(): void
  message(message: Received): void
  /** Called once; nothing follows. */
  ended(kind: EndKind, detail: string): void
}

const CONNECT_MS = 15_000
const LEAVING_MS = 1_000
/** The broker is not read while it takes nothing: answers would pile up here. */
const UNSENT_BYTES_MAX = 2 ** 20
/** So many bytes at once are a sign of life; fewer only at the end of a packet. */
const LIFE_BYTES = 1_024

/** One connection to a broker: logs in, subscribes, and hands over what comes. Never acknowledges by itself. */
export class MqttConnection {
  readonly #options: MqttOptions
  readonly #login: Login
  readonly #events: ConnectionEvents
  readonly #version: 4 | 5
  readonly #framer: MqttFramer
  readonly #parser
  readonly #socket: Socket
  #cutBytes = 0
  #timer: NodeJS.Timeout | undefined
  #heardAt = performance.now()
  /** The broker may want it shorter (MQTT 5, 3.2.2.3.14). */
  #keepaliveMs: number
  #isOver = false
  #isPaused = false
  #isCongested = false
  #isOpen = false
  #isSubscribed = false

  constructor(broker: string, options: MqttOptions, login: Login, events: ConnectionEvents) {
    this.#options = options
    this.#keepaliveMs = options.keepalive
    this.#login = login
    this.#events = events
    this.#version = options.protocol === '5' ? 5 : 4
    this.#framer = new MqttFramer(options.message_bytes_max)
    this.#parser = parser({ protocolVersion: this.#version })
    this.#parser.on('packet', (packet: Packet) => this.#onPacket(packet))
    this.#parser.on('error', (error: Error) =>
      this.end('protocol', `not understood: ${error.message}`),
    )
    this.#socket = this.#open(broker)
    this.#timer = setTimeout(() => this.end('silent', 'the broker does not answer'), CONNECT_MS)
  }

  /**
   * Messages to others (QoS 0) and acknowledgements, in this order: a broker that has seen the last has
   * seen all. False where there is no session to send in.
   */
  answer(replies: readonly Reply[], ids: readonly number[]): boolean {
    if (this.#isOver || !this.#isSubscribed) return false
    const version = { protocolVersion: this.#version }
    const packets: Buffer[] = []
    for (const { topic, payload: bytes } of replies) {
      const payload = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      const publish = { cmd: 'publish', topic, payload, qos: 0, dup: false, retain: false } as const
      packets.push(generate(publish, version))
    }
    for (const messageId of ids) {
      packets.push(generate({ cmd: 'puback', messageId, reasonCode: 0 }, version))
    }
    if (packets.length > 0) this.#write(Buffer.concat(packets))
    return true
  }

  /** Stops reading; the broker then waits. */
  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#heardAt = performance.now()
    if (!this.#isCongested) this.#socket.resume()
  }

  end(kind: EndKind, detail: string): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    if (kind === 'stopped') {
      this.#socket.end(generate({ cmd: 'disconnect' }, { protocolVersion: this.#version }))
      this.#socket.destroySoon()
      // A broker that reads nothing more must not keep us.
      setTimeout(() => this.#socket.destroy(), LEAVING_MS).unref()
    } else this.#socket.destroy()
    this.#events.ended(kind, detail)
  }

  #open(broker: string): Socket {
    const url = new URL(broker)
    const isTls = url.protocol === 'mqtts:'
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const port = url.port === '' ? (isTls ? 8_883 : 1_883) : Number(url.port)
    const socket = isTls
      ? tlsConnect({ host, port, servername: host, ...this.#login.tls })
      : connect({ host, port })
    socket.setNoDelay(true)
    socket.on(isTls ? 'secureConnect' : 'connect', () => {
      this.#isOpen = true
      this.#send(this.#connectPacket())
    })
    socket.on('data', (chunk: Buffer) => this.receive(chunk))
    socket.on('drain', () => this.#onDrained())
    socket.on('error', (error: NodeJS.ErrnoException) =>
      this.end(this.#isOpen ? 'closed' : 'unreachable', error.code ?? error.message),
    )
    socket.on('close', () => this.end('closed', 'the connection was closed'))
    return socket
  }

  #connectPacket(): IConnectPacket {
    const { keepalive, username, session_expiry: expiryMs, in_flight_max: max } = this.#options
    const { clientId, password } = this.#login
    // The library writes no password without a user name; an empty one is a user name too.
    const name = username ?? (password === undefined ? undefined : '')
    const properties = {
      sessionExpiryInterval: Math.round(expiryMs / 1_000),
      receiveMaximum: max,
    }
    return {
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: this.#version,
      clientId,
      clean: false,
      keepalive: Math.round(keepalive / 1_000),
      ...(name === undefined ? {} : { username: name }),
      ...(password === undefined ? {} : { password: Buffer.from(password) }),
      ...(this.#version === 5 ? { properties } : {}),
    }
  }

  #send(packet: Packet): void {
    if (this.#isOver) return
    let bytes: Buffer
    try {
      bytes = generate(packet, { protocolVersion: this.#version })
    } catch (error) {
      return this.end('protocol', `not to be sent: ${error instanceof Error ? error.message : ''}`)
    }
    this.#write(bytes)
  }

  #write(bytes: Buffer): void {
    this.#socket.write(bytes)
    if (this.#isCongested || this.#socket.writableLength < UNSENT_BYTES_MAX) return
    this.#isCongested = true
    this.#socket.pause()
  }

  #onDrained(): void {
    if (!this.#isCongested) return
    this.#isCongested = false
    if (!this.#isPaused) this.resume()
  }

  /** Bytes of the broker, in any pieces. */
  receive(chunk: Buffer): void {
    if (this.#isOver) return
    const frames = this.#framer.push(chunk)
    if (frames === undefined) {
      this.end('protocol', 'this is no MQTT')
      return
    }
    // A broker that sends a byte now and then is as good as silent.
    if (frames.length > 0 || chunk.length >= LIFE_BYTES) this.#heardAt = performance.now()
    for (const frame of frames) {
      if (this.#isOver) return
      this.#cutBytes = frame.cutBytes
      this.#parser.parse(frame.bytes)
    }
  }

  #onPacket(packet: Packet): void {
    if (this.#isOver) return
    const { cmd } = packet
    if (cmd === 'publish') this.#onPublish(packet)
    else if (cmd === 'connack') this.#onAccepted(packet)
    else if (cmd === 'suback') {
      const refused = packet.granted.find((code) => typeof code === 'number' && code >= 128)
      if (refused === undefined) return this.#onSubscribed()
      const detail = `the broker refused a subscription (code ${String(refused)})`
      this.end('subscription_refused', detail)
    } else if (cmd === 'disconnect') {
      this.end('closed', `the broker ended the connection (code ${packet.reasonCode ?? 0})`)
    } else if (cmd !== 'pingresp') {
      this.end('protocol', `the broker sent ${cmd.toUpperCase()}, which is not for it to send`)
    }
  }

  #onAccepted(packet: IConnackPacket): void {
    const code = packet.reasonCode ?? packet.returnCode ?? 0
    if (code !== 0) return this.end('refused', `the broker refused the connection (code ${code})`)
    const { serverKeepAlive } = packet.properties ?? {}
    if (serverKeepAlive !== undefined && serverKeepAlive > 0) {
      this.#keepaliveMs = Math.min(this.#keepaliveMs, serverKeepAlive * 1_000)
    }
    if (packet.sessionPresent) return this.#subscribe()
    clearTimeout(this.#timer)
    this.#events.newSession().then(
      () => this.#subscribe(),
      (error: unknown) => this.end('closed', String(error)),
    )
  }

  #subscribe(): void {
    if (this.#isOver) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.end('silent', 'the broker does not answer'), CONNECT_MS)
    const { share, qos } = this.#options
    const prefix = share === undefined ? '' : `$share/${share}/`
    const subscriptions = this.#options.topics.map((text) => {
      const topic = prefix + text.replaceAll(/\{[^}/]+\}/g, '+')
      return { topic, qos, nl: false, rap: true, rh: 0 }
    })
    this.#send({ cmd: 'subscribe', messageId: 1, subscriptions })
  }

  #onSubscribed(): void {
    if (this.#isSubscribed) return
    this.#isSubscribed = true
    clearTimeout(this.#timer)
    this.#heardAt = performance.now()
    const halfMs = this.#keepaliveMs / 2
    this.#timer = setInterval(() => {
      this.#send({ cmd: 'pingreq' })
      const silentMs = performance.now() - this.#heardAt
      const isRead = !this.#isPaused && !this.#isCongested
      if (isRead && silentMs > this.#keepaliveMs * 1.5) this.end('silent', 'the broker is silent')
    }, halfMs)
    this.#events.subscribed()
  }

  #onPublish(packet: IPublishPacket): void {
    // Neither was asked for: QoS at most 1, and no aliases (MQTT 5, 3.1.2.11.5).
    if (packet.qos > 1) return this.end('protocol', `a message of QoS ${packet.qos}`)
    if (packet.topic === '') return this.end('protocol', 'a message without a topic')
    const payload = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload)
    this.#events.message({
      topic: packet.topic,
      payload: Buffer.from(payload),
      cutBytes: this.#cutBytes,
      qos: packet.qos,
      id: packet.messageId,
      dup: packet.dup,
      retain: packet.retain,
    })
  }
}
