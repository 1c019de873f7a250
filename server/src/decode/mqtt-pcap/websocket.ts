import { base64Bytes, base64Text } from '../../base/inflate.ts'
import type { StreamSink } from '../capture/half-stream.ts'
import type { MqttFramer } from './framer.ts'

const HEAD_MAX = 8_192
const HEADER_MAX = 14

/**
 * One direction of MQTT over WebSocket (RFC 6455; MQTT 5, chapter 6): an HTTP head, then frames whose
 * content together is the MQTT stream.
 */
export class WebSocketLayer implements StreamSink {
  readonly inner: MqttFramer
  readonly #onFault: (detail: string) => void
  #isHead = true
  /** The head, or the header of a frame, as far as it came. */
  #kept: Uint8Array = new Uint8Array()
  /** Of the frame under way: bytes still to come, its mask, and how far the mask was turned. */
  #left = 0
  #mask: readonly number[] = []
  #turned = 0
  /** Pings and closes are stepped over. */
  #isControl = false

  constructor(inner: MqttFramer, onFault: (detail: string) => void) {
    this.inner = inner
    this.#onFault = onFault
  }

  get bytesKept(): number {
    return this.#kept.length + this.inner.bytesKept
  }

  bytes(bytes: Uint8Array): void {
    let rest = bytes
    while (rest.length > 0) {
      const next = this.#isHead
        ? this.#head(rest)
        : this.#left > 0
          ? this.#content(rest)
          : this.#header(rest)
      if (next === undefined) return
      rest = next
    }
  }

  /** The mask goes on turning over what is missing; a gap over a frame's header loses the stream. */
  gap(count: number): void {
    if (this.#isHead || this.#kept.length > 0 || count > this.#left) {
      this.#onFault('bytes of the WebSocket stream were not captured')
      return
    }
    this.#left -= count
    this.#turned += count
    if (!this.#isControl) this.inner.gap(count)
  }

  toJSON(): unknown {
    const kept = this.#kept.length === 0 ? '' : base64Text(this.#kept)
    return [this.#isHead, kept, this.#left, this.#mask, this.#turned, this.#isControl, this.inner]
  }

  restore(saved: unknown): void {
    if (!Array.isArray(saved)) return
    const [isHead, kept, left, mask, turned, isControl, inner] = saved as unknown[]
    this.#isHead = isHead === true
    this.#kept = (typeof kept === 'string' ? base64Bytes(kept) : undefined) ?? new Uint8Array()
    this.#left = typeof left === 'number' ? left : 0
    this.#mask = Array.isArray(mask) ? mask.map(Number) : []
    this.#turned = typeof turned === 'number' ? turned : 0
    this.#isControl = isControl === true
    this.inner.restore(inner)
  }

  /** Up to the blank line; more than 8 KiB is no handshake. */
  #head(bytes: Uint8Array): Uint8Array | undefined {
    const before = this.#kept.length
    const whole = before === 0 ? bytes : joined(this.#kept, bytes)
    const end = endOfHead(whole, Math.max(0, before - 3))
    if (end < 0) {
      if (whole.length > HEAD_MAX) {
        this.#onFault('the head of the WebSocket handshake is too long')
        return undefined
      }
      this.#kept = whole.slice()
      return undefined
    }
    this.#kept = new Uint8Array()
    this.#isHead = false
    return whole.subarray(end)
  }

  #header(bytes: Uint8Array): Uint8Array | undefined {
    const before = this.#kept.length
    const whole = joined(this.#kept, bytes.subarray(0, HEADER_MAX - before))
    const second = whole[1] ?? 0
    const short = second & 0x7f
    const extended = short === 127 ? 8 : short === 126 ? 2 : 0
    const isMasked = (second & 0x80) !== 0
    const size = 2 + extended + (isMasked ? 4 : 0)
    if (whole.length < size || whole.length < 2) {
      this.#kept = whole.slice()
      return undefined
    }
    let length = extended === 0 ? short : 0
    for (let at = 2; at < 2 + extended; at++) length = length * 256 + (whole[at] ?? 0)
    if (length > 2 ** 31) {
      this.#onFault('a WebSocket frame of more than two gigabytes')
      return undefined
    }
    this.#kept = new Uint8Array()
    this.#left = length
    this.#mask = isMasked ? [...whole.subarray(size - 4, size)] : []
    this.#turned = 0
    this.#isControl = ((whole[0] ?? 0) & 0x08) !== 0
    return bytes.subarray(size - before)
  }

  #content(bytes: Uint8Array): Uint8Array {
    const part = bytes.subarray(0, this.#left)
    this.#left -= part.length
    if (!this.#isControl) this.inner.bytes(this.#unmasked(part))
    this.#turned += part.length
    return bytes.subarray(part.length)
  }

  #unmasked(part: Uint8Array): Uint8Array {
    if (this.#mask.length === 0) return part
    const plain = part.slice()
    for (let index = 0; index < plain.length; index++) {
      plain[index] = (plain[index] ?? 0) ^ (this.#mask[(this.#turned + index) % 4] ?? 0)
    }
    return plain
  }
}

function endOfHead(bytes: Uint8Array, from: number): number {
  for (let at = from; at + 4 <= bytes.length; at++) {
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) {
      return at + 4
    }
  }
  return -1
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b
  const whole = new Uint8Array(a.length + b.length)
  whole.set(a)
  whole.set(b, a.length)
  return whole
}

const LINE_MAX = 2_048

/** Whether these bytes ask for MQTT over WebSocket, in the first segment of a connection. */
export function asksForMqtt(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0x47 || bytes[1] !== 0x45 || bytes[2] !== 0x54 || bytes[3] !== 0x20) return false
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, LINE_MAX))
  return /\r\nsec-websocket-protocol:[^\r\n]*\bmqtt/i.test(head)
}
