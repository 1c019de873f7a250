import { createServer, type Server, type Socket } from 'node:net'
import { generate, type Packet, parser } from 'mqtt-packet'
import { freePort } from './free-port.ts'

/** A broker of a few lines, to send what a real one sends only when things break. */
export class ScriptedBroker {
  readonly packets: Packet[] = []
  port = 0
  /** What it answers to CONNECT and SUBSCRIBE; undefined: nothing. */
  connack: { returnCode: number; sessionPresent: boolean } | undefined = {
    returnCode: 0,
    sessionPresent: true,
  }
  granted: number | undefined = 1
  isAnsweringPings = true
  connections = 0
  #socket: Socket | undefined
  readonly #server: Server = createServer((socket) => this.#accept(socket))

  async listen(): Promise<void> {
    this.port = await freePort()
    await new Promise<void>((resolve) => this.#server.listen(this.port, '127.0.0.1', resolve))
  }

  #accept(socket: Socket): void {
    this.#socket = socket
    this.connections += 1
    socket.on('error', () => undefined)
    const reader = parser({ protocolVersion: 4 })
    reader.on('packet', (packet: Packet) => {
      this.packets.push(packet)
      if (packet.cmd === 'connect' && this.connack !== undefined) {
        this.send({ cmd: 'connack', ...this.connack })
      } else if (packet.cmd === 'pingreq' && this.isAnsweringPings) {
        this.send({ cmd: 'pingresp' })
      } else if (packet.cmd === 'subscribe' && this.granted !== undefined) {
        this.send({ cmd: 'suback', messageId: packet.messageId ?? 0, granted: [this.granted] })
      }
    })
    socket.on('data', (chunk: Buffer) => void reader.parse(chunk))
  }

  send(packet: Packet): void {
    this.#socket?.write(generate(packet))
  }

  publish(messageId: number, payload: string | Buffer, dup = false, topic = 'fleet/a'): void {
    this.send({ cmd: 'publish', topic, payload, qos: 1, messageId, dup, retain: false })
  }

  /** What waits here because the other side does not read, in bytes. */
  get unsent(): number {
    return this.#socket?.writableLength ?? 0
  }

  write(bytes: Buffer): void {
    this.#socket?.write(bytes)
  }

  drop(): void {
    this.#socket?.destroy()
  }

  /** Leaves what is sent to it unread. */
  pauseReading(): void {
    this.#socket?.pause()
  }

  resumeReading(): void {
    this.#socket?.resume()
  }

  count(cmd: Packet['cmd']): number {
    return this.packets.filter((packet) => packet.cmd === cmd).length
  }

  get acknowledged(): (number | undefined)[] {
    return this.packets.filter(({ cmd }) => cmd === 'puback').map(({ messageId }) => messageId)
  }

  async close(): Promise<void> {
    this.drop()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
