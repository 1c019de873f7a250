/** Texts as a tree of characters, read forwards or backwards: which of them a value begins, or ends, with. */
export class EdgeTree<T> {
  readonly #root: Branch<T> = { next: new Map(), items: [] }
  readonly #fromEnd: boolean
  #size = 0

  constructor(fromEnd: boolean) {
    this.#fromEnd = fromEnd
  }

  get size(): number {
    return this.#size
  }

  add(text: string, item: T): void {
    this.#size++
    let branch = this.#root
    for (let step = 0; step < text.length; step++) {
      const unit = text.charCodeAt(this.#fromEnd ? text.length - 1 - step : step)
      let next = branch.next.get(unit)
      if (next === undefined) {
        next = { next: new Map(), items: [] }
        branch.next.set(unit, next)
      }
      branch = next
    }
    branch.items.push(item)
  }

  /** Calls back for every text that the value begins (or ends) with. */
  find(value: string, onFound: (item: T) => void): void {
    let branch: Branch<T> | undefined = this.#root
    for (let step = 0; step < value.length; step++) {
      const unit = value.charCodeAt(this.#fromEnd ? value.length - 1 - step : step)
      branch = branch.next.get(unit)
      if (branch === undefined) return
      for (const item of branch.items) onFound(item)
    }
  }
}

interface Branch<T> {
  readonly next: Map<number, Branch<T>>
  readonly items: T[]
}
