import { connect, type Socket } from 'node:net'
import { connect as tlsConnect } from 'node:tls'
import {
  generate,
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

export interface ConnectionEvents {
  subscribed(): void
  message(message: Received): void
  /** Called once; nothing follows. */
  ended(reason: string): void
}

const CONNECT_MS = 15_000

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
  #isOver = false
  #isPaused = false
  /** Topics that a number stands for (MQTT 5, 3.3.2.3.4). */
  readonly #aliases = new Map<number, string>()

  constructor(options: MqttOptions, login: Login, events: ConnectionEvents) {
    this.#options = options
    this.#login = login
    this.#events = events
    this.#version = options.protocol === '5' ? 5 : 4
    this.#framer = new MqttFramer(options.message_bytes_max)
    this.#parser = parser({ protocolVersion: this.#version })
    this.#parser.on('packet', (packet: Packet) => this.#onPacket(packet))
    this.#parser.on('error', (error: Error) => this.end(`not understood: ${error.message}`))
    this.#socket = this.#open()
    this.#timer = setTimeout(() => this.end('the broker does not answer'), CONNECT_MS)
  }

  acknowledge(ids: readonly number[]): void {
    if (this.#isOver || ids.length === 0) return
    const packets = ids.map((messageId) =>
      generate({ cmd: 'puback', messageId, reasonCode: 0 }, { protocolVersion: this.#version }),
    )
    this.#socket.write(Buffer.concat(packets))
  }

  /** Stops reading; the broker then waits. */
  pause(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#heardAt = performance.now()
    this.#socket.resume()
  }

  end(reason: string, politely = false): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    if (politely)
      this.#socket.end(generate({ cmd: 'disconnect' }, { protocolVersion: this.#version }))
    this.#socket.destroySoon()
    this.#events.ended(reason)
  }

  #open(): Socket {
    const url = new URL(this.#options.broker)
    const isTls = url.protocol === 'mqtts:'
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const port = url.port === '' ? (isTls ? 8_883 : 1_883) : Number(url.port)
    const socket = isTls
      ? tlsConnect({ host, port, servername: host, ...this.#login.tls })
      : connect({ host, port })
    socket.setNoDelay(true)
    socket.on(isTls ? 'secureConnect' : 'connect', () => this.#send(this.#connectPacket()))
    socket.on('data', (chunk: Buffer) => this.#onBytes(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) => this.end(error.code ?? error.message))
    socket.on('close', () => this.end('the connection was closed'))
    return socket
  }

  #connectPacket(): IConnectPacket {
    const { keepalive, username, session_expiry: expiryMs, in_flight_max: max } = this.#options
    const { clientId, password } = this.#login
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
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password: Buffer.from(password) }),
      ...(this.#version === 5 ? { properties } : {}),
    }
  }

  #send(packet: Packet): void {
    if (!this.#isOver) this.#socket.write(generate(packet, { protocolVersion: this.#version }))
  }

  #onBytes(chunk: Buffer): void {
    this.#heardAt = performance.now()
    const frames = this.#framer.push(chunk)
    if (frames === undefined) {
      this.end('this is no MQTT')
      return
    }
    for (const frame of frames) {
      if (this.#isOver) return
      this.#cutBytes = frame.cutBytes
      this.#parser.parse(frame.bytes)
    }
  }

  #onPacket(packet: Packet): void {
    if (packet.cmd === 'publish') this.#onPublish(packet)
    else if (packet.cmd === 'connack') {
      const code = packet.reasonCode ?? packet.returnCode ?? 0
      if (code === 0) this.#subscribe()
      else this.end(`the broker refused the connection (code ${code})`)
    } else if (packet.cmd === 'suback') {
      const refused = packet.granted.filter((code) => typeof code === 'number' && code >= 128)
      if (refused.length > 0) this.end(`the broker refused a subscription (code ${refused[0]})`)
      else this.#onSubscribed()
    } else if (packet.cmd === 'disconnect') {
      this.end(`the broker ended the connection (code ${packet.reasonCode ?? 0})`)
    }
  }

  #subscribe(): void {
    const { share, qos } = this.#options
    const prefix = share === undefined ? '' : `$share/${share}/`
    const subscriptions = this.#options.topics.map((text) => {
      const topic = prefix + text.replaceAll(/\{[^}/]+\}/g, '+')
      return { topic, qos, nl: false, rap: true, rh: 0 }
    })
    this.#send({ cmd: 'subscribe', messageId: 1, subscriptions })
  }

  #onSubscribed(): void {
    clearTimeout(this.#timer)
    const halfMs = this.#options.keepalive / 2
    this.#timer = setInterval(() => {
      this.#send({ cmd: 'pingreq' })
      const silentMs = performance.now() - this.#heardAt
      if (!this.#isPaused && silentMs > this.#options.keepalive * 1.5)
        this.end('the broker is silent')
    }, halfMs)
    this.#events.subscribed()
  }

  #onPublish(packet: IPublishPacket): void {
    const alias = packet.properties?.topicAlias
    if (alias !== undefined && packet.topic !== '') this.#aliases.set(alias, packet.topic)
    const topic = packet.topic === '' ? (this.#aliases.get(alias ?? 0) ?? '') : packet.topic
    const payload = Buffer.isBuffer(packet.payload) ? packet.payload : Buffer.from(packet.payload)
    this.#events.message({
      topic,
      payload: Buffer.from(payload),
      cutBytes: this.#cutBytes,
      qos: packet.qos,
      id: packet.messageId,
      dup: packet.dup,
      retain: packet.retain,
    })
  }
}
