interface Slot {
  readonly key: string
  dueMs: number
}

/**
 * Keys by due time: a binary heap with at most one slot a key. A key that is put off keeps its
 * early slot until that comes up, so that putting off (the usual case) costs nothing. Keys come out
 * in the order of (due, key) whatever the history of the heap, so a restored one goes on alike.
 */
export class DueQueue {
  readonly #heap: Slot[] = []
  readonly #slots = new Map<string, Slot>()

  schedule(key: string, dueMs: number): void {
    const known = this.#slots.get(key)
    if (known !== undefined && known.dueMs <= dueMs) return
    if (dueMs === Number.POSITIVE_INFINITY) return
    // A slot that is no longer a key's own is skipped when it comes up.
    const slot: Slot = { key, dueMs }
    this.#slots.set(key, slot)
    this.#push(slot)
  }

  /**
   * The next key that is truly due before `watermarkMs`, taken out; `actual` gives the due time of
   * a key now, undefined where it is gone.
   */
  next(watermarkMs: number, actual: (key: string) => number | undefined): string | undefined {
    for (;;) {
      const top = this.#heap[0]
      if (top === undefined || top.dueMs >= watermarkMs) return undefined
      this.#pop()
      if (this.#slots.get(top.key) !== top) continue
      this.#slots.delete(top.key)
      const dueMs = actual(top.key)
      if (dueMs === undefined) continue
      if (dueMs <= top.dueMs) return top.key
      this.schedule(top.key, dueMs)
    }
  }

  #push(slot: Slot): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(slot)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!before(slot, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = slot
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1
      if (!before(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function before(a: Slot, b: Slot): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.key < b.key)
}
