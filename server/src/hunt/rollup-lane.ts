import type { Rollup } from '../model/journal.ts'

/** Rollups taken in step with events: both come in order of time. */
export class RollupLane {
  readonly #batches: AsyncIterator<readonly Rollup[]> | undefined
  #batch: readonly Rollup[] = []
  #at = 0
  #ended: boolean

  constructor(batches: AsyncIterable<readonly Rollup[]> | undefined) {
    this.#batches = batches?.[Symbol.asyncIterator]()
    this.#ended = batches === undefined
  }

  /** Whether there may be rollups up to then that were not taken: only then is it worth waiting. */
  isDue(timeMs: number): boolean {
    const next = this.#batch[this.#at]
    return next === undefined ? !this.#ended : next.lastSeenMs <= timeMs
  }

  async until(timeMs: number, take: (rollup: Rollup) => void): Promise<void> {
    for (;;) {
      const next = this.#batch[this.#at]
      if (next === undefined) {
        if (this.#batches === undefined || this.#ended) return
        const step = await this.#batches.next()
        this.#ended = step.done === true
        this.#batch = step.done === true ? [] : step.value
        this.#at = 0
      } else if (next.lastSeenMs > timeMs) return
      else {
        take(next)
        this.#at += 1
      }
    }
  }
}
