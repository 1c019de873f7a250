/**
 * Parts that the window is divided in: a part goes as a whole, when its last digest is too old. None holds
 * more than such a part of all that may be known, so that making room in a rush leaves what came just now.
 */
const PARTS = 10
const SLOTS_FIRST = 1_024
/** Fuller tables are made anew with twice the slots. */
const LOAD_MAX = 0.7

/**
 * Digests of the last so many milliseconds with their times, 12 to 34 bytes each: 60 bits of a digest
 * as two numbers, and an offset in its part of the window, in tables that only grow and are then let go
 * whole. That two of three million digests begin alike has a chance of 1 in 250,000.
 */
export class RecentDigests {
  readonly #windowMs: number
  readonly #max: number
  readonly #parts: Part[] = []
  #size = 0
  /** Digests that went before their time to make room. */
  forgotten = 0

  constructor(windowMs: number, max: number) {
    this.#windowMs = windowMs
    this.#max = max
  }

  get size(): number {
    return this.#size
  }

  has(digest: string, nowMs: number): boolean {
    this.#letGo(nowMs)
    const [high, low] = [numberAt(digest, 0), numberAt(digest, 5)]
    return this.#parts.some((part) => {
      const atMs = part.timeOf(high, low)
      return atMs !== undefined && nowMs - atMs < this.#windowMs
    })
  }

  /** Times are given in their order; an earlier one counts as that of the newest part. */
  add(digest: string, atMs: number): void {
    this.#letGo(atMs)
    if (this.#size >= this.#max) this.#makeRoom(atMs)
    let part = this.#parts.at(-1)
    const isOver =
      part === undefined ||
      part.size >= this.#max / PARTS ||
      atMs - part.startMs >= this.#windowMs / PARTS
    if (part === undefined || isOver) {
      part = new Part(atMs)
      this.#parts.push(part)
    }
    if (part.add(numberAt(digest, 0), numberAt(digest, 5), atMs)) this.#size += 1
  }

  #letGo(nowMs: number): void {
    for (;;) {
      const first = this.#parts[0]
      if (first === undefined || nowMs - first.lastMs < this.#windowMs) return
      this.#parts.shift()
      this.#size -= first.size
    }
  }

  #makeRoom(nowMs: number): void {
    const first = this.#parts.shift()
    if (first === undefined) return
    this.#size -= first.size
    this.forgotten += first.countSince(nowMs - this.#windowMs)
  }
}

/** The digests of one part of the window, by open addressing. */
class Part {
  readonly startMs: number
  lastMs: number
  size = 0
  #high = new Uint32Array(SLOTS_FIRST)
  #low = new Uint32Array(SLOTS_FIRST)
  /** Milliseconds since the start and one; 0: nothing here. */
  #offset = new Uint32Array(SLOTS_FIRST)

  constructor(startMs: number) {
    this.startMs = startMs
    this.lastMs = startMs
  }

  timeOf(high: number, low: number): number | undefined {
    const offset = this.#offset[this.#slotOf(high, low)] ?? 0
    return offset === 0 ? undefined : this.startMs + offset - 1
  }

  /** False where it was there already: then it counts from now. */
  add(high: number, low: number, atMs: number): boolean {
    if (this.size >= this.#offset.length * LOAD_MAX) this.#grow()
    const slot = this.#slotOf(high, low)
    const isNew = this.#offset[slot] === 0
    this.#put(slot, high, low, Math.max(0, atMs - this.startMs) + 1)
    this.lastMs = Math.max(this.lastMs, atMs)
    if (isNew) this.size += 1
    return isNew
  }

  countSince(fromMs: number): number {
    let count = 0
    for (const offset of this.#offset) {
      if (offset > 0 && this.startMs + offset - 1 > fromMs) count += 1
    }
    return count
  }

  #put(slot: number, high: number, low: number, offset: number): void {
    this.#high[slot] = high
    this.#low[slot] = low
    this.#offset[slot] = offset
  }

  /** Where it is, or where it would be. */
  #slotOf(high: number, low: number): number {
    const mask = this.#offset.length - 1
    let slot = (high ^ low) & mask
    while (this.#offset[slot] !== 0 && (this.#high[slot] !== high || this.#low[slot] !== low)) {
      slot = (slot + 1) & mask
    }
    return slot
  }

  #grow(): void {
    const [highs, lows, offsets] = [this.#high, this.#low, this.#offset]
    const slots = offsets.length * 2
    this.#high = new Uint32Array(slots)
    this.#low = new Uint32Array(slots)
    this.#offset = new Uint32Array(slots)
    for (const [index, offset] of offsets.entries()) {
      if (offset === 0) continue
      const [high = 0, low = 0] = [highs[index], lows[index]]
      this.#put(this.#slotOf(high, low), high, low, offset)
    }
  }
}

/** 30 bits of base64url. */
function numberAt(digest: string, from: number): number {
  let value = 0
  for (let at = from; at < from + 5; at++) value = (value << 6) | sextet(digest.charCodeAt(at))
  return value
}

function sextet(code: number): number {
  if (code >= 97) return code - 71
  if (code === 95) return 63
  if (code >= 65) return code - 65
  return code === 45 ? 62 : code + 4
}
