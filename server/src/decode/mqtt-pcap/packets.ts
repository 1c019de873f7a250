import { type Packet, type Parser, parser } from 'mqtt-packet'
import type { Framed } from './framer.ts'

export type ProtocolLevel = 3 | 4 | 5

/** A packet read by the library, or what is wrong with it. */
export type Read = Packet | { readonly cmd: 'broken'; readonly detail: string } | undefined

const PUBLISH = 3

/**
 * Reads whole packets with `mqtt-packet`: one parser for each protocol level, used again and again,
 * since packets are framed before. Payloads and passwords are not looked at.
 */
export class PacketReader {
  readonly #parsers = new Map<ProtocolLevel, Parser>()
  #got: Packet | undefined
  #error: string | undefined

  /** Undefined where a packet is too much cut to be read. */
  read(framed: Framed, level: ProtocolLevel): Read {
    const type = (framed.bytes[0] ?? 0) >> 4
    const bytes = framed.cut ? closed(framed.bytes) : framed.bytes
    if (bytes === undefined) return undefined
    this.#got = undefined
    this.#error = undefined
    const used = this.#parser(level)
    const left = used.parse(withoutDup(bytes, type))
    // Bytes left over would stand before the next packet.
    if (left !== 0) this.#parsers.delete(level)
    const got: Packet | undefined = this.#got
    if (got !== undefined && this.#error === undefined) return got
    this.#parsers.delete(level)
    if (framed.cut) return undefined
    return { cmd: 'broken', detail: this.#error ?? 'The packet breaks off' }
  }

  #parser(level: ProtocolLevel): Parser {
    const known = this.#parsers.get(level)
    if (known !== undefined) {
      // A CONNECT changes the level of what follows in its own connection only.
      ;(known as unknown as { settings: unknown }).settings = LEVELS[level]
      return known
    }
    const made = parser(LEVELS[level])
    made.on('packet', (packet) => {
      this.#got = packet
    })
    made.on('error', (error: unknown) => {
      this.#error = error instanceof Error ? error.message : 'It cannot be read'
    })
    this.#parsers.set(level, made)
    return made
  }
}

const LEVELS = {
  3: { protocolVersion: 3 },
  4: { protocolVersion: 4 },
  5: { protocolVersion: 5 },
} as const

const view = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** MQTT 3.1 set DUP on PUBREL, SUBSCRIBE and UNSUBSCRIBE (its section 2.1); later versions forbid it. */
function withoutDup(bytes: Uint8Array, type: number): Buffer {
  if ((type !== 6 && type !== 8 && type !== 10) || ((bytes[0] ?? 0) & 8) === 0) return view(bytes)
  const copy = bytes.slice()
  copy[0] = (copy[0] ?? 0) & 0xf7
  return view(copy)
}

/** The beginning of a PUBLISH as a packet of that length; undefined for other packets. */
function closed(bytes: Uint8Array): Uint8Array | undefined {
  if ((bytes[0] ?? 0) >> 4 !== PUBLISH) return undefined
  let at = 1
  while (at < bytes.length && at < 5 && (bytes[at] ?? 0) >= 0x80) at += 1
  const body = bytes.subarray(at + 1)
  const length: number[] = []
  for (let left = body.length; ; left = Math.floor(left / 128)) {
    length.push(left >= 128 ? (left % 128) | 0x80 : left)
    if (left < 128) break
  }
  const made = new Uint8Array(1 + length.length + body.length)
  made[0] = bytes[0] ?? 0
  made.set(length, 1)
  made.set(body, 1 + length.length)
  return made
}

/** Whether these bytes begin as a CONNECT does: type, length, `MQTT` or `MQIsdp`. */
export function beginsConnect(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x10) return false
  let at = 1
  while (at < 5 && (bytes[at] ?? 0) >= 0x80) at += 1
  at += 1
  const length = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  const name = length === 4 ? 'MQTT' : length === 6 ? 'MQIsdp' : undefined
  if (name === undefined) return false
  for (let index = 0; index < name.length; index++) {
    if (bytes[at + 2 + index] !== name.charCodeAt(index)) return false
  }
  return true
}
