/** What has a due time; a queue notes in it where it stands. */
export interface Due {
  readonly key: string
  dueMs: number
  /** The due time under which the queue has it; Infinity: it has it not. */
  slotMs: number
}

/** So many places in the queue are not worth being cleared of those that are no longer anyone's. */
const CLEAR_MIN = 1_000

const ROOM_LEAST = 16

/**
 * Things by due time: a binary heap with at most one slot of a thing that counts. One that is put off
 * keeps its early slot until that comes up, so that putting off (the usual case) costs nothing. They
 * come out in the order of (due, key) whatever the history of the heap, so a restored one goes on alike.
 */
export class DueQueue<T extends Due> {
  // Side by side: what is compared most, the times, stands together.
  #times = new Float64Array(ROOM_LEAST)
  readonly #items: (T | undefined)[] = []
  #size = 0
  /** Slots that are no longer those of their things. */
  #stale = 0

  /** To be called when a thing's `dueMs` has been set. */
  schedule(item: T): void {
    const { dueMs, slotMs } = item
    if (slotMs <= dueMs) return
    item.slotMs = dueMs
    // The slot that it had is skipped when it comes up.
    if (slotMs !== Number.POSITIVE_INFINITY) this.#leave()
    if (this.#size === this.#times.length) this.#grow()
    this.#times[this.#size] = dueMs
    this.#items[this.#size] = item
    this.#rise(this.#size++)
  }

  /** The thing is no more. */
  drop(item: T): void {
    if (item.slotMs === Number.POSITIVE_INFINITY) return
    item.slotMs = Number.POSITIVE_INFINITY
    this.#leave()
  }

  /** The next that is truly due before `watermarkMs`, taken out. */
  next(watermarkMs: number): T | undefined {
    for (;;) {
      const timeMs = this.#times[0]!
      if (this.#size === 0 || timeMs >= watermarkMs) return undefined
      const item = this.#items[0]!
      this.#removeFirst()
      if (item.slotMs !== timeMs) {
        this.#stale -= 1
        continue
      }
      item.slotMs = Number.POSITIVE_INFINITY
      if (item.dueMs <= timeMs) return item
      this.schedule(item)
    }
  }

  /** A slot is no longer anyone's: when most are, they go. */
  #leave(): void {
    this.#stale += 1
    if (this.#size < CLEAR_MIN || this.#stale * 2 < this.#size) return
    const times = this.#times
    const items = this.#items
    let kept = 0
    for (let at = 0; at < this.#size; at += 1) {
      if (items[at]!.slotMs !== times[at]) continue
      times[kept] = times[at]!
      items[kept] = items[at]!
      kept += 1
    }
    this.#size = kept
    items.length = kept
    if (kept * 4 < times.length) this.#times = times.slice(0, Math.max(ROOM_LEAST, kept * 2))
    this.#stale = 0
    for (let at = (kept >> 1) - 1; at >= 0; at -= 1) this.#sink(at)
  }

  #removeFirst(): void {
    const last = --this.#size
    const item = this.#items[last]
    // Not taken off: lists that shrink and grow by turns are copied each time.
    this.#items[last] = undefined
    if (last === 0) {
      if (this.#times.length > CLEAR_MIN) this.#times = new Float64Array(ROOM_LEAST)
      this.#items.length = 0
      return
    }
    this.#times[0] = this.#times[last]!
    this.#items[0] = item
    this.#sink(0)
  }

  #grow(): void {
    const times = new Float64Array(this.#times.length * 2)
    times.set(this.#times)
    this.#times = times
  }

  #rise(from: number): void {
    const times = this.#times
    const items = this.#items
    const timeMs = times[from]!
    const item = items[from]!
    let at = from
    while (at > 0) {
      const parent = (at - 1) >> 1
      const parentMs = times[parent]!
      if (timeMs > parentMs || (timeMs === parentMs && item.key >= items[parent]!.key)) break
      times[at] = parentMs
      items[at] = items[parent]!
      at = parent
    }
    times[at] = timeMs
    items[at] = item
  }

  #sink(from: number): void {
    const times = this.#times
    const size = this.#size
    const items = this.#items
    const timeMs = times[from]!
    const item = items[from]!
    let at = from
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && this.#isBefore(child + 1, child)) child += 1
      const childMs = times[child]!
      if (childMs > timeMs || (childMs === timeMs && items[child]!.key >= item.key)) break
      times[at] = childMs
      items[at] = items[child]!
      at = child
    }
    times[at] = timeMs
    items[at] = item
  }

  #isBefore(a: number, b: number): boolean {
    const [aMs, bMs] = [this.#times[a]!, this.#times[b]!]
    return aMs < bMs || (aMs === bMs && this.#items[a]!.key < this.#items[b]!.key)
  }
}
