import { base64Bytes, base64Text } from '../../base/inflate.ts'

/** What a direction of a TCP connection gives: its bytes in order, and how many are missing. */
export interface StreamSink {
  bytes(bytes: Uint8Array): void
  /** So many bytes were sent and not captured. */
  gap(count: number): void
}

interface Held {
  readonly seq: number
  readonly bytes: Uint8Array
  readonly missing: number
}

/** How a segment was taken. */
export type Taken = 'taken' | 'early' | 'duplicate' | 'out-of-window'

const HELD_SEGMENTS_MAX = 64
const HELD_BYTES_MAX = 262_144
/** RFC 7323: no window is larger than a gigabyte; those of MQTT are far smaller. */
const WINDOW = 2 ** 24
const STRAYS_MAX = 4
const PASSED_MAX = 3

/** The distance of two sequence numbers, which wrap at 2^32. */
const distance = (from: number, to: number): number => (to - from) | 0

/**
 * Puts the segments of one direction in order: repeated and overlapping bytes are dropped (the first
 * copy counts), early ones wait. A gap that is not filled before the waiting ones are too many is
 * told as missing.
 */
export class HalfStream {
  /** Sequence number of the next byte; undefined before the first segment. */
  next: number | undefined
  /** That of the first byte, where SYN told it. */
  first: number | undefined
  held: Held[] = []
  heldBytes = 0
  /** Sequence number behind the last byte, once FIN told it. */
  end: number | undefined
  #strays = 0
  #passed = 0

  /** Nothing waits and nothing is odd: the next number tells all but the first. */
  get isPlain(): boolean {
    const { next, end, held } = this
    return (
      next !== undefined && end === undefined && held.length + this.#strays + this.#passed === 0
    )
  }

  toJSON(): unknown {
    const held = this.held.map(({ seq, bytes, missing }) => [seq, base64Text(bytes), missing])
    const { next, end } = this
    return [next ?? null, end ?? null, held, this.#strays, this.#passed]
  }

  restore(saved: unknown): void {
    if (!Array.isArray(saved)) {
      this.next = wordOf(saved)
      return
    }
    const [next, end, held, strays, passed] = saved as unknown[]
    this.next = wordOf(next)
    this.end = wordOf(end)
    this.#strays = Math.min(wordOf(strays) ?? 0, STRAYS_MAX)
    this.#passed = Math.min(wordOf(passed) ?? 0, PASSED_MAX)
    for (const entry of Array.isArray(held) ? held.slice(0, HELD_SEGMENTS_MAX) : []) {
      if (!Array.isArray(entry)) continue
      const [seq, text, missing] = entry as unknown[]
      const at = wordOf(seq)
      const bytes = text === '' ? new Uint8Array() : base64Bytes(String(text))
      if (at === undefined || bytes === undefined || bytes.length > HELD_BYTES_MAX) continue
      this.held.push({ seq: at, bytes, missing: Math.min(wordOf(missing) ?? 0, 65_535) })
      this.heldBytes += bytes.length
    }
  }

  /** SYN: the first byte has the number after it. */
  begin(seq: number): void {
    this.next = (seq + 1) >>> 0
    this.first = this.next
    this.held = []
    this.heldBytes = 0
    this.end = undefined
  }

  push(segment: Held, sink: StreamSink): Taken {
    const { seq, bytes, missing } = segment
    this.next ??= seq
    const early = distance(this.next, seq)
    const length = bytes.length + missing
    if (early >= WINDOW || early <= -WINDOW) return this.#stray(segment, sink)
    this.#strays = 0
    if (early > 0) return this.#hold(segment, sink)
    if (early + length <= 0) return 'duplicate'
    this.#give(segment, -early, sink)
    this.#drain(sink)
    return 'taken'
  }

  /**
   * The receiver acknowledged up to this number. Where that lies behind a gap it has what is missing
   * here, so nobody will send it again; a few times over, for captures that swap packets.
   */
  acknowledged(ack: number, sink: StreamSink): void {
    if (this.held.length === 0 || this.next === undefined) return
    const past = distance(this.next, ack)
    if (past <= 0 || past >= WINDOW) return
    this.#passed += 1
    if (this.#passed < PASSED_MAX) return
    this.#passed = 0
    this.skipGap(sink)
  }

  /** FIN stands at this number: what is missing before it will not come. */
  finish(seq: number, sink: StreamSink): void {
    this.end = seq
    while (this.held.length > 0) this.skipGap(sink)
    if (this.next === undefined) return
    const lost = distance(this.next, seq)
    if (lost > 0 && lost < WINDOW) {
      sink.gap(lost)
      this.next = seq
    }
  }

  /** Gives up waiting for what is missing before the first segment that waits. */
  skipGap(sink: StreamSink): void {
    const first = this.held[0]
    if (first === undefined || this.next === undefined) return
    const lost = distance(this.next, first.seq)
    this.#passed = 0
    if (lost > 0) {
      sink.gap(lost)
      this.next = first.seq
    }
    this.#drain(sink)
  }

  #give({ seq, bytes, missing }: Held, from: number, sink: StreamSink): void {
    if (from < bytes.length) sink.bytes(from === 0 ? bytes : bytes.subarray(from))
    const left = missing - Math.max(0, from - bytes.length)
    if (left > 0) sink.gap(left)
    this.next = (seq + bytes.length + missing) >>> 0
  }

  #drain(sink: StreamSink): void {
    for (let first = this.held[0]; first !== undefined; first = this.held[0]) {
      const next = this.next ?? first.seq
      const early = distance(next, first.seq)
      if (early > 0) return
      this.held.shift()
      this.heldBytes -= first.bytes.length
      if (early + first.bytes.length + first.missing > 0) this.#give(first, -early, sink)
    }
  }

  #hold(segment: Held, sink: StreamSink): Taken {
    const { seq, bytes, missing } = segment
    if (bytes.length + missing === 0) return 'duplicate'
    let at = this.held.length
    while (at > 0 && distance(seq, this.held[at - 1]?.seq ?? seq) > 0) at -= 1
    // The very same once more.
    const before = this.held[at - 1]
    if (before?.seq === seq && before.bytes.length >= bytes.length) return 'duplicate'
    // A copy: the frame lies in a buffer that is used again.
    this.held.splice(at, 0, { seq, bytes: bytes.slice(), missing })
    this.heldBytes += bytes.length
    while (this.held.length > HELD_SEGMENTS_MAX || this.heldBytes > HELD_BYTES_MAX) {
      this.skipGap(sink)
    }
    return 'early'
  }

  /** Far from what is awaited: noise, or the capture lost a great deal and the stream goes on here. */
  #stray(segment: Held, sink: StreamSink): Taken {
    this.#strays += 1
    if (this.#strays < STRAYS_MAX) return 'out-of-window'
    this.#strays = 0
    this.held = []
    this.heldBytes = 0
    this.next = segment.seq
    sink.gap(WINDOW)
    this.#give(segment, 0, sink)
    return 'taken'
  }
}

/** A number of 32 bits without sign. */
function wordOf(value: unknown): number | undefined {
  const isWord = typeof value === 'number' && Number.isInteger(value) && value >= 0
  return isWord && value <= 0xffffffff ? value : undefined
}
