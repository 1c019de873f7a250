/** Brokers as peers of the listeners' contract: Picket connects to them, and they know what it acknowledged. */
import { createServer, type Server, type Socket } from 'node:net'
import { generate, type Packet, parser } from 'mqtt-packet'

const TIMEOUT_MS = 2_000
const VERSION = { protocolVersion: 5 }

interface Unacknowledged {
  readonly payload: string
  /** On which connection it was sent last. */
  socket: Socket | undefined
}

/**
 * A broker with one persistent session: what was sent and not acknowledged is sent again (DUP, the same id)
 * when its client comes back, and not before (MQTT 5, 4.4).
 */
export class SessionBroker {
  readonly #server: Server = createServer((socket) => this.#accept(socket))
  readonly #waiting = new Map<number, Unacknowledged>()
  #session: Socket | undefined
  /** What was asked for last: asked for again, it is under way, or acknowledged meanwhile. */
  #asked: readonly string[] = []
  #isSubscribed = false
  #wasHere = false
  #ids = 0
  redelivered = 0

  constructor(port: number) {
    this.#server.listen(port, '127.0.0.1')
  }

  /** Resolves with true once all are acknowledged, with false after a while. The same payloads are the same messages. */
  async publish(payloads: readonly string[]): Promise<boolean> {
    if (payloads.join() !== this.#asked.join()) {
      this.#asked = payloads
      for (const payload of payloads) {
        this.#ids = (this.#ids % 65_535) + 1
        this.#waiting.set(this.#ids, { payload, socket: undefined })
      }
      this.#send()
    }
    const endMs = performance.now() + TIMEOUT_MS
    while (performance.now() < endMs) {
      if (this.#waiting.size === 0) return true
      await new Promise((wake) => setTimeout(wake, 10))
    }
    return false
  }

  close(): void {
    this.#session?.destroy()
    this.#server.close()
  }

  #send(): void {
    const socket = this.#session
    if (socket === undefined || !this.#isSubscribed) return
    for (const [messageId, one] of this.#waiting) {
      if (one.socket === socket) continue
      const dup = one.socket !== undefined
      if (dup) this.redelivered += 1
      one.socket = socket
      const publish = { cmd: 'publish', topic: 'fleet/all', payload: one.payload, qos: 1 } as const
      socket.write(generate({ ...publish, messageId, dup, retain: false }, VERSION))
    }
  }

  #accept(socket: Socket): void {
    this.#session?.destroy()
    this.#session = socket
    this.#isSubscribed = false
    socket.on('error', () => undefined)
    const reader = parser(VERSION)
    reader.on('error', () => socket.destroy())
    reader.on('packet', (packet: Packet) => {
      if (socket === this.#session) this.#answer(packet, socket)
    })
    socket.on('data', (chunk: Buffer) => void reader.parse(chunk))
  }

  #answer(packet: Packet, socket: Socket): void {
    if (packet.cmd === 'connect') {
      const accepted = { reasonCode: 0, sessionPresent: this.#wasHere }
      this.#wasHere = true
      socket.write(generate({ cmd: 'connack', ...accepted }, VERSION))
    } else if (packet.cmd === 'subscribe') {
      const messageId = packet.messageId ?? 0
      socket.write(generate({ cmd: 'suback', messageId, granted: [1] }, VERSION))
      this.#isSubscribed = true
      this.#send()
    } else if (packet.cmd === 'pingreq') socket.write(generate({ cmd: 'pingresp' }, VERSION))
    else if (packet.cmd === 'puback') this.#waiting.delete(packet.messageId ?? 0)
  }
}
