import { generate, type Packet } from 'mqtt-packet'
import type { RawItem } from '../model/source.ts'

const START_MS = Date.UTC(2026, 10, 22)
const SYN = 2
const ACK = 16
const PACKET_KINDS = 10

export interface CaptureSample {
  /** One record of a capture each. */
  readonly items: readonly RawItem[]
  /** The MQTT bytes in it, of each direction of each connection. */
  readonly streams: readonly Buffer[]
  readonly packets: number
}

interface Side {
  readonly address: readonly number[]
  readonly port: number
  seq: number
}

/** Clients that connect, subscribe, publish readings of 120 bytes and ping, as tcpdump sees them. */
export function mqttCapture(clients: number, rounds: number): CaptureSample {
  const records: Buffer[] = [header()]
  const streams: Buffer[][] = []
  let packets = 0
  let timeMs = START_MS
  const sides = Array.from({ length: clients }, (_, at): [Side, Side] => {
    const client = { address: [10, 1, at >> 8, at & 255], port: 20_000 + (at % 40_000), seq: 1 }
    return [client, { address: [10, 0, 0, 1], port: 1883, seq: 9 }]
  })
  const put = (at: number, way: 0 | 1, flags: number, bytes: Buffer): void => {
    const pair = sides[at]
    if (pair === undefined) return
    timeMs += 1
    records.push(record(timeMs, pair[way], pair[1 - way] as Side, flags, bytes))
    pair[way].seq += bytes.length + (flags & SYN ? 1 : 0)
    if (bytes.length > 0) (streams[at * 2 + way] ??= []).push(bytes)
  }
  const say = (at: number, way: 0 | 1, packet: Packet): void => {
    packets += 1
    put(at, way, ACK, generate(packet))
  }
  for (let at = 0; at < clients; at++) {
    put(at, 0, SYN, NOTHING)
    put(at, 1, SYN | ACK, NOTHING)
    const login = { username: 'fleet', password: Buffer.from('secret') }
    say(at, 0, { cmd: 'connect', clientId: `sensor-${at}`, keepalive: 60, clean: true, ...login })
    say(at, 1, { cmd: 'connack', returnCode: 0, sessionPresent: false })
  }
  const payload = Buffer.alloc(120, '{"t":21.5}')
  for (let round = 0; round < rounds; round++) {
    for (let at = 0; at < clients; at++) {
      if (round % PACKET_KINDS === PACKET_KINDS - 1) {
        say(at, 0, { cmd: 'pingreq' })
        say(at, 1, { cmd: 'pingresp' })
        continue
      }
      const topic = `devices/sensor-${at}/telemetry`
      const messageId = round + 1
      say(at, 0, { cmd: 'publish', topic, payload, qos: 1, dup: false, retain: false, messageId })
      say(at, 1, { cmd: 'puback', messageId })
      put(at, 0, ACK, NOTHING)
    }
  }
  const items = records.map((bytes, at) => ({
    text: '',
    bytes,
    key: `c:${at}`,
    receivedMs: timeMs,
  }))
  return { items, streams: streams.map((parts) => Buffer.concat(parts)), packets }
}

const NOTHING = Buffer.alloc(0)

function header(): Buffer {
  const bytes = Buffer.alloc(24)
  bytes.writeUInt32LE(0xa1b2c3d4)
  bytes.writeUInt16LE(2, 4)
  bytes.writeUInt16LE(4, 6)
  bytes.writeUInt32LE(262_144, 16)
  bytes.writeUInt32LE(1, 20)
  return bytes
}

function record(timeMs: number, from: Side, to: Side, flags: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(16 + 54)
  bytes.writeUInt32LE(Math.floor(timeMs / 1000))
  bytes.writeUInt32LE((timeMs % 1000) * 1000, 4)
  bytes.writeUInt32LE(54 + payload.length, 8)
  bytes.writeUInt32LE(54 + payload.length, 12)
  bytes.writeUInt16BE(0x0800, 28)
  bytes[30] = 0x45
  bytes.writeUInt16BE(40 + payload.length, 32)
  bytes[39] = 6
  bytes.set(from.address, 42)
  bytes.set(to.address, 46)
  bytes.writeUInt16BE(from.port, 50)
  bytes.writeUInt16BE(to.port, 52)
  bytes.writeUInt32BE(from.seq, 54)
  bytes.writeUInt32BE(to.seq, 58)
  bytes[62] = 0x50
  bytes[63] = flags
  return Buffer.concat([bytes, payload])
}

const FLOWS_A_DATAGRAM = 28
/** Addresses, ports, protocol, packets, bytes, first and last: element and length. */
const FIELDS = [...[8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 2, 4], ...[1, 4, 22, 4, 21, 4]]

/** A datagram with a template of NetFlow 9, then datagrams of 28 flows each. */
export function flowDatagrams(count: number): {
  readonly items: readonly RawItem[]
  readonly flows: number
} {
  const head = (sequence: number): Buffer => {
    const bytes = Buffer.alloc(20)
    bytes.writeUInt16BE(9)
    bytes.writeUInt16BE(1, 2)
    bytes.writeUInt32BE(600_000, 4)
    bytes.writeUInt32BE(START_MS / 1000, 8)
    bytes.writeUInt32BE(sequence, 12)
    return bytes
  }
  const set = (id: number, body: Buffer): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt16BE(id)
    bytes.writeUInt16BE(4 + body.length, 2)
    return Buffer.concat([bytes, body])
  }
  const words = Buffer.alloc(4 + FIELDS.length * 2)
  words.writeUInt16BE(256)
  words.writeUInt16BE(FIELDS.length / 2, 2)
  for (const [at, word] of FIELDS.entries()) words.writeUInt16BE(word, 4 + at * 2)
  const datagrams = [Buffer.concat([head(0), set(0, words)])]
  for (let at = 1; at <= count; at++) {
    const flows = Array.from({ length: FLOWS_A_DATAGRAM }, (_, flow) => {
      const bytes = Buffer.alloc(29)
      bytes.set([10, 1, at & 255, flow, 10, 0, 0, 1])
      bytes.writeUInt16BE(20_000 + flow, 8)
      bytes.writeUInt16BE(443, 10)
      bytes[12] = 6
      bytes.writeUInt32BE(at, 13)
      bytes.writeUInt32BE(at * 100, 17)
      bytes.writeUInt32BE(500_000, 21)
      bytes.writeUInt32BE(510_000, 25)
      return bytes
    })
    datagrams.push(Buffer.concat([head(at), set(256, Buffer.concat(flows))]))
  }
  const facts = { peer: '192.0.2.1', transport: 'udp' }
  const items = datagrams.map((bytes, at) => {
    return { text: '', bytes, key: `u:${at}`, receivedMs: START_MS, facts }
  })
  return { items, flows: count * FLOWS_A_DATAGRAM }
}
