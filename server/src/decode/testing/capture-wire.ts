import { generate, type Packet } from 'mqtt-packet'

/** A TCP segment to be put on the wire. */
export interface WireSegment {
  readonly timeMs: number
  readonly from: string
  readonly fromPort: number
  readonly to: string
  readonly toPort: number
  readonly seq: number
  readonly ack: number
  readonly flags: number
  readonly payload: Uint8Array
}

const FIN = 1
const SYN = 2
const RST = 4
const ACK = 16

/** Both ends of a TCP connection between a client and a broker; what they say is gathered in order. */
export class WireConnection {
  readonly segments: WireSegment[] = []
  timeMs: number
  #seq: { client: number; server: number }
  readonly #client: string
  readonly #port: number
  readonly #server: string
  readonly #serverPort: number

  constructor(given: {
    timeMs: number
    client?: string
    port?: number
    server?: string
    serverPort?: number
    seq?: number
  }) {
    this.timeMs = given.timeMs
    this.#client = given.client ?? '10.1.0.7'
    this.#port = given.port ?? 40_001
    this.#server = given.server ?? '10.1.0.1'
    this.#serverPort = given.serverPort ?? 1883
    this.#seq = { client: given.seq ?? 1_000, server: (given.seq ?? 1_000) + 77 }
  }

  #push(from: 'client' | 'server', flags: number, payload: Uint8Array): void {
    const other = from === 'client' ? 'server' : 'client'
    const isClient = from === 'client'
    this.segments.push({
      timeMs: this.timeMs,
      from: isClient ? this.#client : this.#server,
      fromPort: isClient ? this.#port : this.#serverPort,
      to: isClient ? this.#server : this.#client,
      toPort: isClient ? this.#serverPort : this.#port,
      seq: this.#seq[from],
      ack: this.#seq[other],
      flags,
      payload,
    })
    const counted = (flags & (SYN | FIN)) === 0 ? 0 : 1
    this.#seq[from] = (this.#seq[from] + payload.length + counted) >>> 0
    this.timeMs += 1
  }

  wait(ms: number): this {
    this.timeMs += ms
    return this
  }

  open(): this {
    this.#push('client', SYN, NOTHING)
    this.#push('server', SYN | ACK, NOTHING)
    this.#push('client', ACK, NOTHING)
    return this
  }

  bytes(from: 'client' | 'server', bytes: Uint8Array, piece = 1_400): this {
    for (let at = 0; at < bytes.length; at += piece) {
      this.#push(from, ACK, bytes.subarray(at, at + piece))
    }
    return this
  }

  say(from: 'client' | 'server', packet: Packet, version = 4): this {
    return this.bytes(from, generate(packet, { protocolVersion: version }))
  }

  connect(clientId: string, more: object = {}): this {
    const packet = {
      cmd: 'connect',
      clientId,
      keepalive: 60,
      clean: true,
      protocolVersion: 4,
      ...more,
    }
    return this.say('client', packet as Packet)
  }

  connack(code = 0, version = 4): this {
    const said = version === 5 ? { reasonCode: code } : { returnCode: code }
    return this.say('server', { cmd: 'connack', sessionPresent: false, ...said }, version)
  }

  publish(topic: string, payload: string, more: object = {}, version = 4): this {
    const packet = { cmd: 'publish', topic, payload, qos: 0, retain: false, dup: false, ...more }
    return this.say('client', packet as Packet, version)
  }

  fin(from: 'client' | 'server'): this {
    this.#push(from, FIN | ACK, NOTHING)
    return this
  }

  close(first: 'client' | 'server' = 'client'): this {
    const second = first === 'client' ? 'server' : 'client'
    return this.fin(first).fin(second)
  }

  reset(from: 'client' | 'server'): this {
    this.#push(from, RST, NOTHING)
    return this
  }
}

const NOTHING = new Uint8Array()

/** An Ethernet frame (or what another link type has in its place) around an IPv4 or IPv6 packet. */
export function frameOf(segment: WireSegment, link = 1): Buffer {
  const tcp = Buffer.alloc(20)
  tcp.writeUInt16BE(segment.fromPort, 0)
  tcp.writeUInt16BE(segment.toPort, 2)
  tcp.writeUInt32BE(segment.seq >>> 0, 4)
  tcp.writeUInt32BE(segment.ack >>> 0, 8)
  tcp[12] = 0x50
  tcp[13] = segment.flags
  const isV6 = segment.from.includes(':')
  const ip = isV6 ? ipv6(segment) : ipv4(segment)
  const type = isV6 ? 0x86dd : 0x0800
  return Buffer.concat([linkHead(link, type), ip, tcp, segment.payload])
}

function linkHead(link: number, type: number): Buffer {
  const two = Buffer.alloc(2)
  two.writeUInt16BE(type)
  if (link === 1) return Buffer.concat([Buffer.alloc(12, 2), two])
  if (link === 113) return Buffer.concat([Buffer.alloc(14), two])
  if (link === 276) return Buffer.concat([two, Buffer.alloc(18)])
  if (link === 0) return Buffer.from([type === 0x0800 ? 2 : 30, 0, 0, 0])
  return Buffer.alloc(0)
}

function ipv4({ from, to, payload }: WireSegment): Buffer {
  const head = Buffer.alloc(20)
  head[0] = 0x45
  head.writeUInt16BE(40 + payload.length, 2)
  head[8] = 64
  head[9] = 6
  for (const [at, address] of [
    [12, from],
    [16, to],
  ] as const) {
    for (const [index, part] of address.split('.').entries()) head[at + index] = Number(part)
  }
  return head
}

function ipv6({ from, to, payload }: WireSegment): Buffer {
  const head = Buffer.alloc(40)
  head[0] = 0x60
  head.writeUInt16BE(20 + payload.length, 4)
  head[6] = 6
  for (const [at, address] of [
    [8, from],
    [24, to],
  ] as const) {
    const [left = '', right = ''] = address.split('::')
    const parts = (text: string): number[] =>
      text === '' ? [] : text.split(':').map((part) => Number.parseInt(part, 16))
    for (const [index, part] of parts(left).entries()) head.writeUInt16BE(part, at + index * 2)
    const tail = parts(right)
    for (const [index, part] of tail.entries()) {
      head.writeUInt16BE(part, at + 16 - 2 * (tail.length - index))
    }
  }
  return head
}

export interface PcapStyle {
  readonly le?: boolean
  readonly nano?: boolean
  readonly link?: number
  readonly snap?: number
}

/** A classic capture: its header and a record a segment. */
export function pcapOf(segments: readonly WireSegment[], style: PcapStyle = {}): Buffer[] {
  const { le = true, nano = false, link = 1, snap = 262_144 } = style
  const word = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    if (le) bytes.writeUInt32LE(value >>> 0)
    else bytes.writeUInt32BE(value >>> 0)
    return bytes
  }
  const version = Buffer.from(le ? [2, 0, 4, 0] : [0, 2, 0, 4])
  const magic = word(nano ? 0xa1b23c4d : 0xa1b2c3d4)
  const header = Buffer.concat([magic, version, word(0), word(0), word(snap), word(link)])
  const records = segments.map((segment) => {
    const frame = frameOf(segment, link)
    const taken = frame.subarray(0, snap)
    const fraction = (segment.timeMs % 1000) * (nano ? 1e6 : 1e3)
    const head = [Math.floor(segment.timeMs / 1000), fraction, taken.length, frame.length]
    return Buffer.concat([...head.map(word), taken])
  })
  return [header, ...records]
}

/** A pcapng capture: section, interface and packet blocks. `resolution` is if_tsresol. */
export function pcapngOf(
  segments: readonly WireSegment[],
  {
    le = true,
    link = 1,
    resolution = 6,
  }: { le?: boolean; link?: number; resolution?: number } = {},
): Buffer[] {
  const put = (bytes: number, value: number): Buffer => {
    const made = Buffer.alloc(bytes)
    if (le) made.writeUIntLE(value, 0, bytes)
    else made.writeUIntBE(value, 0, bytes)
    return made
  }
  const block = (type: number, body: Buffer): Buffer => {
    const padded = Buffer.concat([body, Buffer.alloc((4 - (body.length % 4)) % 4)])
    const length = put(4, padded.length + 12)
    return Buffer.concat([put(4, type), length, padded, length])
  }
  const section = block(
    0x0a0d0d0a,
    Buffer.concat([put(4, 0x1a2b3c4d), put(2, 1), put(2, 0), Buffer.alloc(8, 0xff)]),
  )
  const option = Buffer.concat([
    put(2, 9),
    put(2, 1),
    Buffer.from([resolution, 0, 0, 0]),
    put(4, 0),
  ])
  const face = block(1, Buffer.concat([put(2, link), put(2, 0), put(4, 0), option]))
  const packets = segments.map((segment) => {
    const frame = frameOf(segment, link)
    const ticks = BigInt(segment.timeMs) * BigInt(10 ** (resolution - 3))
    const words = [0, Number(ticks >> 32n), Number(ticks & 0xffffffffn), frame.length, frame.length]
    return block(6, Buffer.concat([...words.map((word) => put(4, word)), frame]))
  })
  return [section, face, ...packets]
}
