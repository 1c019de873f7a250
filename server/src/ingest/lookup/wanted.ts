/**
 * Keys that are to be asked for: each once, a few at a time, at most so many waiting. What finds no
 * room is dropped and counted: it is wanted again by the next event that names it.
 */
export class Wanted {
  readonly #ask: (key: string) => Promise<void>
  readonly #waiting = new Set<string>()
  readonly #asking = new Set<string>()
  readonly #max: number
  readonly #atOnce: number
  #stopped = false
  dropped = 0

  constructor(options: {
    readonly ask: (key: string) => Promise<void>
    readonly waitingMax: number
    readonly atOnce: number
  }) {
    this.#ask = options.ask
    this.#max = options.waitingMax
    this.#atOnce = options.atOnce
  }

  want(key: string): void {
    if (this.#stopped || this.#waiting.has(key) || this.#asking.has(key)) return
    if (this.#waiting.size >= this.#max) {
      this.dropped += 1
      return
    }
    this.#waiting.add(key)
    this.#next()
  }

  stop(): void {
    this.#stopped = true
    this.#waiting.clear()
  }

  /** Nothing waits and nothing is being asked. */
  get idle(): boolean {
    return this.#waiting.size + this.#asking.size === 0
  }

  #next(): void {
    while (this.#asking.size < this.#atOnce) {
      const [key] = this.#waiting
      if (key === undefined) return
      this.#waiting.delete(key)
      this.#asking.add(key)
      // Not in the turn of the event that wanted it; the failure is the asker's to tell.
      void Promise.resolve()
        .then(() => this.#ask(key))
        .catch(() => undefined)
        .then(() => {
          this.#asking.delete(key)
          if (!this.#stopped) this.#next()
        })
    }
  }
}
