import type { FileOptions } from './options.ts'
import { createWorkSpace, type WorkSpace } from './tail.ts'

/** Files that are read at the same time; each may have one batch under way and one ready. */
const READERS_MAX = 4

/** Lends the buffers of reads: whoever has none waits. First come, first served. */
export class WorkSpaces {
  readonly #options: FileOptions
  readonly #idle: WorkSpace[] = []
  readonly #waiting: ((space: WorkSpace) => void)[] = []
  #made = 0

  constructor(options: FileOptions) {
    this.#options = options
  }

  async borrow(): Promise<WorkSpace> {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#made < READERS_MAX) {
      this.#made += 1
      return createWorkSpace(this.#options)
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  giveBack(space: WorkSpace): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#idle.push(space)
    else next(space)
  }

  get isWanted(): boolean {
    return this.#waiting.length > 0
  }
}
