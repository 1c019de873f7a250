import { numberOf } from './anchored.ts'
import type { CorrelatorLimits } from './correlator.ts'
import { ExactSum } from './exact-sum.ts'
import { MonotoneWindow, type Noted, type Scan } from './window.ts'

/**
 * `value_sum` with a lower bound: the values of one window add up to enough. Values below zero are
 * left out, so that more events can never undo it.
 */
export function createValueSum(options: {
  readonly enough: (sum: number) => boolean
  readonly timespanMs: number
  readonly limits: CorrelatorLimits
}): MonotoneWindow<number> {
  const { enough, timespanMs, limits } = options
  return new MonotoneWindow<number>({
    timespanMs,
    limits,
    scan: () => new SumScan(enough),
    note(parts) {
      const values = new Set(parts.flatMap((part) => part.values))
      const numbers = [...values].flatMap(numberOf).filter((value) => value >= 0)
      if (numbers.length === 0) return undefined
      return Math.min(
        numbers.reduce((sum, value) => sum + value, 0),
        EVENT_MAX,
      )
    },
  })
}

/** Beyond it an event counts as this much: a window full of such still adds up to a number. */
const EVENT_MAX = 1e300

class SumScan implements Scan<number> {
  readonly #enough: (sum: number) => boolean
  readonly #sum = new ExactSum()

  constructor(enough: (sum: number) => boolean) {
    this.#enough = enough
  }

  add({ what }: Noted<number>): void {
    this.#sum.add(what)
  }

  leave({ what }: Noted<number>): void {
    this.#sum.add(-what)
  }

  holds(): boolean {
    return this.#enough(this.#sum.value)
  }
}
