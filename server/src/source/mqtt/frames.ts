/** A whole MQTT packet. `cutBytes`: so much of its payload was left out. */
export interface MqttFrame {
  readonly bytes: Buffer
  readonly cutBytes: number
}

/** Topic (at most 65,535), properties and message id before a payload. */
const HEAD_ROOM = 131_072

/** A packet that is still coming: what is kept of it, and how much is left to come. */
interface Coming {
  readonly bytes: Buffer
  filled: number
  left: number
  readonly cutBytes: number
}

/**
 * Cuts a stream into MQTT packets by their fixed header (MQTT 3.1.1, section 2.2), so that a packet
 * of 256 MB is never held: what is longer than allowed keeps its beginning and counts the rest.
 * Each byte is copied once, however small the pieces are that it comes in.
 */
export class MqttFramer {
  readonly #bytesMax: number
  /** The first bytes of a fixed header: at most four. */
  #header: Buffer = Buffer.alloc(0)
  #coming: Coming | undefined

  constructor(payloadBytesMax: number) {
    this.#bytesMax = payloadBytesMax + HEAD_ROOM
  }

  /** Undefined where the stream is not MQTT. */
  push(chunk: Buffer): MqttFrame[] | undefined {
    const frames: MqttFrame[] = []
    let rest = chunk
    while (rest.length > 0) {
      if (this.#coming === undefined) {
        const bytes = this.#header.length === 0 ? rest : Buffer.concat([this.#header, rest])
        const length = remainingLength(bytes)
        if (length === 'wrong') return undefined
        if (length === 'more') {
          this.#header = Buffer.from(bytes)
          break
        }
        this.#header = Buffer.alloc(0)
        this.#coming = this.#begin(bytes[0] ?? 0, length.value)
        rest = bytes.subarray(length.at)
      }
      rest = this.#fill(this.#coming, rest)
      if (this.#coming.left > 0) break
      frames.push({ bytes: this.#coming.bytes, cutBytes: this.#coming.cutBytes })
      this.#coming = undefined
    }
    return frames
  }

  #begin(first: number, length: number): Coming {
    const kept = Math.min(length, this.#bytesMax)
    const head = [first, ...lengthBytes(kept)]
    const bytes = Buffer.allocUnsafe(head.length + kept)
    bytes.set(head)
    return { bytes, filled: head.length, left: length, cutBytes: length - kept }
  }

  /** Takes what belongs to the packet and gives what does not. */
  #fill(coming: Coming, rest: Buffer): Buffer {
    const part = rest.subarray(0, coming.left)
    coming.filled += part.copy(coming.bytes, coming.filled)
    coming.left -= part.length
    return rest.subarray(part.length)
  }
}

function remainingLength(bytes: Buffer): { value: number; at: number } | 'more' | 'wrong' {
  let value = 0
  for (let at = 1; at <= 4; at++) {
    const byte = bytes[at]
    if (byte === undefined) return 'more'
    value += (byte & 0x7f) * 128 ** (at - 1)
    if ((byte & 0x80) === 0) return { value, at: at + 1 }
  }
  return 'wrong'
}

function lengthBytes(length: number): number[] {
  const bytes: number[] = []
  let left = length
  do {
    const byte = left % 128
    left = Math.floor(left / 128)
    bytes.push(left > 0 ? byte | 0x80 : byte)
  } while (left > 0)
  return bytes
}
