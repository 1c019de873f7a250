import { numberOf } from './anchored.ts'
import type { CorrelatorLimits } from './correlator.ts'
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
      return numbers.length === 0 ? undefined : numbers.reduce((sum, value) => sum + value, 0)
    },
  })
}

class SumScan implements Scan<number> {
  readonly #enough: (sum: number) => boolean
  #sum = 0

  constructor(enough: (sum: number) => boolean) {
    this.#enough = enough
  }

  add({ what }: Noted<number>): void {
    this.#sum += what
  }

  insert(): boolean {
    // Added up anew in order: sums of fractions depend on it.
    return false
  }

  leave({ what }: Noted<number>): void {
    this.#sum -= what
  }

  holds(): boolean {
    return this.#enough(this.#sum)
  }
}
