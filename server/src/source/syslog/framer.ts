/** What a stream held: whole messages, and what was wrong. */
export interface Frame {
  readonly bytes: Buffer
  /** True length where the message was longer than allowed; `bytes` is its beginning. */
  readonly cutFrom?: number
}

export type FrameFault = 'frame_length' | 'frame_incomplete'

const LF = 0x0a
const ZERO = 0x30
const NINE = 0x39
const SPACE = 0x20
/** Digits of an octet count: RFC 6587 sets no limit, a message of a gigabyte is a mistake. */
const LENGTH_DIGITS_MAX = 8

/**
 * Cuts a TCP stream into syslog messages, by octet counting (RFC 6587, 3.4.1: `LENGTH SP MESSAGE`) or at
 * line feeds (3.4.2), told apart at each message by its first byte. Keeps at most one message of
 * the allowed length; of longer ones the beginning, counting the rest.
 */
export class SyslogFramer {
  readonly #bytesMax: number
  #held: Buffer = Buffer.alloc(0)
  /** Octets of a counted message that are still to come; undefined between messages. */
  #counted: { length: number; left: number } | undefined
  /** Bytes of a line that were let go after the beginning that is held. */
  #skipped = 0
  #beginning: Buffer = Buffer.alloc(0)

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** The messages that this chunk completes. A fault ends the stream: it cannot be read on. */
  push(chunk: Buffer): { frames: Frame[]; fault?: FrameFault } {
    const frames: Frame[] = []
    let rest = this.#counted === undefined ? joined(this.#held, chunk) : chunk
    if (this.#counted === undefined) this.#held = Buffer.alloc(0)
    while (rest.length > 0) {
      const before = rest.length
      const isCounted = this.#counted !== undefined || (this.#skipped === 0 && isDigit(rest[0]))
      const step = isCounted ? this.#takeCounted(rest, frames) : this.#takeLine(rest, frames)
      if (step === 'fault') return { frames, fault: 'frame_length' }
      if (step === undefined) break
      rest = step
      if (rest.length === before) break
    }
    return { frames }
  }

  /** What stands at the end of the stream without its line end is a message; half a count is none. */
  end(): { frames: Frame[]; fault?: FrameFault } {
    if (this.#counted !== undefined) return { frames: [], fault: 'frame_incomplete' }
    if (this.#skipped > 0) return { frames: [this.#skippedFrame(0)] }
    if (this.#held.length === 0) return { frames: [] }
    return { frames: [this.#lineFrame(this.#held)] }
  }

  #takeCounted(rest: Buffer, frames: Frame[]): Buffer | 'fault' | undefined {
    let at = 0
    if (this.#counted === undefined) {
      while (at < rest.length && isDigit(rest[at])) at += 1
      if (at > LENGTH_DIGITS_MAX) return 'fault'
      if (at === rest.length) {
        this.#held = Buffer.from(rest)
        return undefined
      }
      // Digits without a space after them are text: some senders write no priority.
      if (rest[at] !== SPACE) return this.#takeLine(rest, frames)
      const length = Number(rest.toString('latin1', 0, at))
      this.#counted = { length, left: length }
      this.#held = Buffer.alloc(0)
      at += 1
    }
    const counted = this.#counted
    const part = rest.subarray(at, at + counted.left)
    const room = Math.max(0, this.#bytesMax - this.#held.length)
    this.#held = joined(this.#held, part.subarray(0, room))
    counted.left -= part.length
    if (counted.left > 0) return undefined
    const isCut = counted.length > this.#bytesMax
    const bytes = withoutLineEnd(this.#held)
    if (counted.length > 0) {
      frames.push(isCut ? { bytes: this.#held, cutFrom: counted.length } : { bytes })
    }
    this.#counted = undefined
    this.#held = Buffer.alloc(0)
    return rest.subarray(at + part.length)
  }

  #takeLine(rest: Buffer, frames: Frame[]): Buffer | undefined {
    const feed = rest.indexOf(LF)
    if (feed >= 0) {
      const line = withoutLineEnd(rest.subarray(0, feed))
      const frame = this.#skipped > 0 ? this.#skippedFrame(feed) : this.#lineFrame(line)
      if (frame.bytes.length > 0) frames.push(frame)
      return rest.subarray(feed + 1)
    }
    if (this.#skipped > 0) this.#skipped += rest.length
    else if (rest.length > this.#bytesMax) {
      this.#beginning = Buffer.from(rest.subarray(0, this.#bytesMax))
      this.#skipped = rest.length
    } else this.#held = Buffer.from(rest)
    return undefined
  }

  #skippedFrame(more: number): Frame {
    const frame = { bytes: this.#beginning, cutFrom: this.#skipped + more }
    this.#beginning = Buffer.alloc(0)
    this.#skipped = 0
    return frame
  }

  #lineFrame(line: Buffer): Frame {
    if (line.length <= this.#bytesMax) return { bytes: line }
    return { bytes: line.subarray(0, this.#bytesMax), cutFrom: line.length }
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE
}

function joined(a: Buffer, b: Buffer): Buffer {
  return a.length === 0 ? b : Buffer.concat([a, b])
}

/** LF, CR LF, and the NUL that some senders add. */
export function withoutLineEnd(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === LF || bytes[end - 1] === 0x0d || bytes[end - 1] === 0)) {
    end -= 1
  }
  return bytes.subarray(0, end)
}
