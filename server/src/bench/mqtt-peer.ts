/** The thread on the other side of the `mqtt` benchmark: a broker of a few lines, or a publisher to a real one. */
import { connect, createServer, type Socket } from 'node:net'
import { parentPort, workerData } from 'node:worker_threads'
import { generate, type Packet, parser } from 'mqtt-packet'

export interface PeerData {
  /** `broker`: listens there and sends to who subscribes. `publisher`: connects there and publishes. */
  readonly kind: 'broker' | 'publisher'
  readonly port: number
  readonly messages: number
  /** Most messages that are sent and not acknowledged. */
  readonly window: number
}

export interface PeerDone {
  readonly elapsedMs: number
  readonly inFlightMax: number
}

const { kind, port, messages, window } = workerData as PeerData
/** That of whoever connects. */
let version = { protocolVersion: 4 }

/** QoS 1 messages as fast as acknowledgements allow. */
class Sending {
  readonly #socket: Socket
  #sent = 0
  #acknowledged = 0
  #inFlightMax = 0
  #from = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  begin(): void {
    this.#from = performance.now()
    this.#fill()
  }

  acknowledged(): void {
    this.#acknowledged += 1
    if (this.#acknowledged === messages) {
      const elapsedMs = performance.now() - this.#from
      const done: PeerDone = { elapsedMs, inFlightMax: this.#inFlightMax }
      parentPort?.postMessage(done)
    }
  }

  /** After all acknowledgements of a chunk. */
  fill(): void {
    if (this.#from > 0) this.#fill()
  }

  #fill(): void {
    const packets: Buffer[] = []
    while (this.#sent < messages && this.#sent - this.#acknowledged < window) {
      packets.push(message(this.#sent))
      this.#sent += 1
    }
    this.#inFlightMax = Math.max(this.#inFlightMax, this.#sent - this.#acknowledged)
    if (packets.length > 0) this.#socket.write(Buffer.concat(packets))
  }
}

function message(number: number): Buffer {
  const device = `sensor-${number % 5_000}`
  const payload = JSON.stringify({
    ...{ '@timestamp': new Date().toISOString(), event: { action: 'device-metrics' } },
    ...{ iot: { metric: { name: 'temperature', value: number % 90, unit: 'celsius' } } },
  })
  const topic = `fleet/site-${number % 20}/${device}/attest`
  const messageId = (number % 65_535) + 1
  const publish = { cmd: 'publish', topic, payload, qos: 1, messageId } as const
  return generate({ ...publish, dup: false, retain: false }, version)
}

function speak(socket: Socket, answer: (packet: Packet) => void, afterwards: () => void): void {
  socket.setNoDelay(true)
  socket.on('error', () => undefined)
  const reader = parser(version)
  reader.on('packet', answer)
  socket.on('data', (chunk: Buffer) => {
    reader.parse(chunk)
    afterwards()
  })
}

function accept(socket: Socket): void {
  const sending = new Sending(socket)
  const answer = (packet: Packet): void => {
    if (packet.cmd === 'connect') {
      version = { protocolVersion: packet.protocolVersion ?? 4 }
      const accepted = { returnCode: 0, reasonCode: 0, sessionPresent: true }
      socket.write(generate({ cmd: 'connack', ...accepted }, version))
    } else if (packet.cmd === 'subscribe') {
      const messageId = packet.messageId ?? 0
      socket.write(generate({ cmd: 'suback', messageId, granted: [1] }, version))
      sending.begin()
    } else if (packet.cmd === 'puback') sending.acknowledged()
    else if (packet.cmd === 'pingreq') socket.write(generate({ cmd: 'pingresp' }, version))
  }
  speak(socket, answer, () => sending.fill())
}

if (kind === 'broker') {
  createServer(accept).listen(port, '127.0.0.1', () => parentPort?.postMessage('ready'))
} else {
  const socket = connect(port, '127.0.0.1', () => {
    const login = { cmd: 'connect', protocolId: 'MQTT', clientId: 'bench', clean: true } as const
    socket.write(generate({ ...login, keepalive: 0, protocolVersion: 4 }))
  })
  const sending = new Sending(socket)
  const answer = (packet: Packet): void => {
    if (packet.cmd === 'connack') parentPort?.postMessage('ready')
    else if (packet.cmd === 'puback') sending.acknowledged()
  }
  speak(socket, answer, () => sending.fill())
  parentPort?.once('message', () => sending.begin())
}
