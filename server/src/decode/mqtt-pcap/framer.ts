import { base64Bytes, base64Text } from '../../base/inflate.ts'
import type { StreamSink } from '../capture/half-stream.ts'

/** An MQTT packet of a stream. `cut`: `bytes` is only its beginning, `length` what it was. */
export interface Framed {
  readonly bytes: Uint8Array
  readonly length: number
  readonly cut: boolean
}

export interface FrameSink {
  packet(framed: Framed): void
  /** A packet of which bytes were not captured, so that it cannot be read. */
  lost(first: number): void
  /** This is not MQTT. */
  broken(detail: string): void
}

/** What is kept of a packet; longer ones are read by their beginning. */
const KEPT_MAX = 65_536
const HEADER_MAX = 5
const PUBLISH = 3
/** Bytes in a row in which no packet begins before the stream is given up. */
const ASTRAY_MAX = 1_048_576

/**
 * Cuts one direction of a connection into MQTT packets by their fixed header (MQTT 3.1.1, 2.2). A gap
 * inside a packet costs that packet; one over a header costs what follows until a segment begins
 * with a plausible packet.
 */
export class MqttFramer implements StreamSink {
  sink: FrameSink
  /** Only a client's packets, or only a server's. */
  readonly #types: number
  #parts: Uint8Array[] = []
  #filled = 0
  /** Whole length of the packet that is coming; 0 before its header is complete. */
  #need = 0
  /** Bytes of a packet that was told already, or is lost, still to come. */
  #skip = 0
  #astray: number
  /** Packets were lost or looked for: what looks wrong may be our own reading. */
  #unsure: boolean

  /** `astray`: the stream is met midway, so packets must be found first. */
  constructor(sink: FrameSink, from: 'client' | 'server', astray: boolean) {
    this.sink = sink
    this.#types = from === 'client' ? CLIENT_TYPES : SERVER_TYPES
    this.#astray = astray ? 1 : 0
    this.#unsure = astray
  }

  /** True while bytes of a packet wait for the rest of it. */
  get isMidway(): boolean {
    return this.#filled > 0 || this.#skip > 0
  }

  /** Between two packets, and sure of it. */
  get isPlain(): boolean {
    return !this.isMidway && this.#need === 0 && this.#astray === 0 && !this.#unsure
  }

  get bytesKept(): number {
    return this.#filled
  }

  bytes(bytes: Uint8Array): void {
    let at = 0
    if (this.#astray > 0) {
      if (!this.#found(bytes)) return
      this.#astray = 0
    }
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const part = Math.min(this.#skip, bytes.length - at)
        this.#skip -= part
        at += part
        continue
      }
      const taken = this.#filled === 0 ? this.#whole(bytes, at) : this.#more(bytes, at)
      if (taken < 0) return
      at += taken
    }
  }

  gap(count: number): void {
    if (this.#astray > 0) return
    let left = count
    if (this.#filled > 0) {
      if (this.#need === 0) return this.#goAstray()
      const first = this.#parts[0]?.[0] ?? 0
      const rest = this.#need - this.#filled
      this.#tellCut(first)
      this.#clear()
      this.#skip = rest
    }
    if (this.#skip > 0) {
      const part = Math.min(this.#skip, left)
      this.#skip -= part
      left -= part
    }
    if (left > 0) this.#goAstray()
  }

  /** `[parts, need, skip, astray, unsure]`, plain. */
  toJSON(): readonly [string, number, number, number, boolean] {
    return [
      this.#filled === 0 ? '' : base64Text(this.#joined()),
      this.#need,
      this.#skip,
      this.#astray,
      this.#unsure,
    ]
  }

  restore(saved: unknown): void {
    if (!Array.isArray(saved)) return
    const [parts, need, skip, astray, unsure] = saved as unknown[]
    const bytes = typeof parts === 'string' ? base64Bytes(parts) : undefined
    if (bytes !== undefined && bytes.length <= KEPT_MAX) {
      this.#parts = [bytes]
      this.#filled = bytes.length
    }
    this.#need = countOf(need)
    this.#skip = countOf(skip)
    this.#astray = countOf(astray)
    this.#unsure = unsure === true
    if (this.#need > 0 && this.#filled >= this.#need) this.#clear()
  }

  /** Packets that lie whole in what came are read in place. */
  #whole(bytes: Uint8Array, at: number): number {
    const header = readHeader(bytes, at, this.#types)
    if (header === 'wrong') return this.#wrong()
    if (header === 'more') return this.#keep(bytes, at, bytes.length)
    const { length } = header
    if (at + length <= bytes.length) {
      const cut = length > KEPT_MAX
      const end = cut ? at + KEPT_MAX : at + length
      this.sink.packet({ bytes: bytes.subarray(at, end), length, cut })
      return length
    }
    this.#need = length
    return this.#keep(bytes, at, Math.min(bytes.length, at + KEPT_MAX))
  }

  #more(bytes: Uint8Array, at: number): number {
    if (this.#need === 0) {
      const to = Math.min(bytes.length, at + HEADER_MAX - this.#filled)
      const head = join([...this.#parts, bytes.subarray(at, to)])
      const header = readHeader(head, 0, this.#types)
      if (header === 'wrong') return this.#wrong()
      if (header === 'more') return this.#keep(bytes, at, to)
      this.#need = header.length
    }
    const room = Math.min(this.#need, KEPT_MAX) - this.#filled
    return this.#keep(bytes, at, Math.min(bytes.length, at + room))
  }

  #keep(bytes: Uint8Array, at: number, to: number): number {
    // A copy: what came lies in a buffer that is used again.
    if (to > at) this.#parts.push(bytes.slice(at, to))
    this.#filled += to - at
    const need = this.#need
    if (need > 0 && this.#filled >= Math.min(need, KEPT_MAX)) {
      const whole = this.#joined()
      this.#clear()
      this.#skip = need - whole.length
      this.sink.packet({ bytes: whole, length: need, cut: whole.length < need })
    }
    return to - at
  }

  /** A PUBLISH whose topic is there is read without the rest of it. */
  #tellCut(first: number): void {
    if (first >> 4 === PUBLISH) {
      this.sink.packet({ bytes: this.#joined(), length: this.#need, cut: true })
    } else this.sink.lost(first)
  }

  #wrong(): number {
    this.#clear()
    if (this.#unsure) this.#goAstray()
    else this.sink.broken('The fixed header is none of MQTT')
    return -1
  }

  #goAstray(): void {
    this.#clear()
    this.#skip = 0
    this.#astray = 1
    this.#unsure = true
    this.sink.lost(0)
  }

  /** After a gap, a segment that begins with a plausible packet. */
  #found(bytes: Uint8Array): boolean {
    const header = readHeader(bytes, 0, this.#types)
    // A header may be cut anywhere; its type has fitted then.
    if (header === 'more') return true
    const isFound = header !== 'wrong' && header.length <= Math.max(bytes.length, 16_384)
    if (isFound && bytes.length >= header.length) {
      // What stands behind it must begin as a packet too.
      const next = readHeader(bytes, header.length, this.#types)
      if (next !== 'wrong') return true
    } else if (isFound) return true
    this.#astray += bytes.length
    if (this.#astray > ASTRAY_MAX) this.sink.broken('No packet of MQTT was found')
    return false
  }

  #joined(): Uint8Array {
    const [only] = this.#parts
    return this.#parts.length === 1 && only !== undefined ? only : join(this.#parts)
  }

  #clear(): void {
    this.#parts = []
    this.#filled = 0
    this.#need = 0
  }
}

const types = (...list: readonly number[]): number =>
  list.reduce((mask, type) => mask | (1 << type), 0)
const CLIENT_TYPES = types(1, 3, 4, 5, 6, 7, 8, 10, 12, 14, 15)
const SERVER_TYPES = types(2, 3, 4, 5, 6, 7, 9, 11, 13, 14, 15)
/** Packet types whose flags must be 2 (MQTT 3.1.1, table 2.2); of the others but PUBLISH 0. */
const FLAGS_2 = types(6, 8, 10)

/** Whole length of the packet that begins here. MQTT 3.1 let PUBREL, SUBSCRIBE and UNSUBSCRIBE carry DUP. */
export function readHeader(
  bytes: Uint8Array,
  at: number,
  allowed: number,
): { readonly length: number } | 'more' | 'wrong' {
  const first = bytes[at]
  if (first === undefined) return 'more'
  const type = first >> 4
  const flags = first & 15
  if ((allowed & (1 << type)) === 0) return 'wrong'
  if (type === PUBLISH) {
    if ((flags & 6) === 6) return 'wrong'
  } else if ((FLAGS_2 & (1 << type)) !== 0) {
    if ((flags & 7) !== 2) return 'wrong'
  } else if ((flags & 7) !== 0) return 'wrong'
  let value = 0
  for (let digit = 0; digit < 4; digit++) {
    const byte = bytes[at + 1 + digit]
    if (byte === undefined) return 'more'
    value += (byte & 0x7f) * 128 ** digit
    if (byte < 0x80) return { length: 2 + digit + value }
  }
  return 'wrong'
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function countOf(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value <= 2 ** 29
    ? value
    : 0
}
