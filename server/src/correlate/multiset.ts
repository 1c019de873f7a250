/** Values with how often each is held: the number of distinct ones without a rescan. */
export class Multiset {
  readonly #counts = new Map<string, number>()

  get distinct(): number {
    return this.#counts.size
  }

  add(value: string): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1)
  }

  remove(value: string): void {
    const count = this.#counts.get(value)
    if (count === undefined) return
    if (count === 1) this.#counts.delete(value)
    else this.#counts.set(value, count - 1)
  }
}
