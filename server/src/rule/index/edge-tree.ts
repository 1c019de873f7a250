const UNITS = 0x10000
const NONE = -1

/**
 * Texts as a tree of characters, read forwards or backwards: which of them does a value begin, or
 * end, with. Its branches stand in one flat table (open addressing), so that a look-up touches
 * little memory.
 */
export class EdgeTree<T> {
  readonly #fromEnd: boolean
  /** While it grows: the next branch by branch times 65,536 plus character. */
  readonly #next = new Map<number, number>()
  readonly #items: (T[] | undefined)[] = [undefined]
  /** Triples of branch, character and next branch. */
  #table = new Int32Array(0)
  #mask = 0
  size = 0

  constructor(fromEnd: boolean) {
    this.#fromEnd = fromEnd
  }

  add(text: string, item: T): void {
    this.size++
    let branch = 0
    for (let step = 0; step < text.length; step++) {
      const unit = text.charCodeAt(this.#fromEnd ? text.length - 1 - step : step)
      const key = branch * UNITS + unit
      let next = this.#next.get(key)
      if (next === undefined) {
        next = this.#items.length
        this.#items.push(undefined)
        this.#next.set(key, next)
      }
      branch = next
    }
    const items = (this.#items[branch] ??= [])
    items.push(item)
  }

  /** To be called once, after all texts were added. */
  finish(): void {
    const slots = 2 ** Math.ceil(Math.log2(this.#next.size * 2 + 1))
    this.#mask = slots - 1
    this.#table = new Int32Array(slots * 3).fill(NONE)
    for (const [key, next] of this.#next) {
      const [branch, unit] = [Math.floor(key / UNITS), key % UNITS]
      let slot = hash(branch, unit) & this.#mask
      while (this.#table[slot * 3] !== NONE) slot = (slot + 1) & this.#mask
      this.#table.set([branch, unit, next], slot * 3)
    }
    this.#next.clear()
  }

  /** Calls back for every text that the value begins (or ends) with. */
  find(value: string, onFound: (item: T) => void): void {
    const table = this.#table
    const mask = this.#mask
    const last = value.length - 1
    let branch = 0
    for (let step = 0; step <= last; step++) {
      const unit = value.charCodeAt(this.#fromEnd ? last - step : step)
      let at = (hash(branch, unit) & mask) * 3
      while (table[at] !== branch || table[at + 1] !== unit) {
        if (table[at] === NONE) return
        at = (at + 3) % table.length
      }
      branch = table[at + 2]!
      const items = this.#items[branch]
      if (items !== undefined) for (const item of items) onFound(item)
    }
  }
}

function hash(branch: number, unit: number): number {
  const mixed = Math.imul(branch, 0x9e37_79b1) ^ Math.imul(unit, 0x85eb_ca6b)
  return mixed ^ (mixed >>> 15)
}
