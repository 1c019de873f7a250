import type { CorrelatorLimits } from './correlator.ts'
import { Multiset } from './multiset.ts'
import { MonotoneWindow, type Noted, type Scan } from './window.ts'

/** Values of one event: a list for each dimension. */
type Values = readonly (readonly string[])[]

export interface DistinctOptions {
  /** Distinct values asked for: first of the rule's own field if it has one, then of each cardinality. */
  readonly leasts: readonly number[]
  /** Whether the first of `leasts` is the rule's own field. */
  readonly ownField: boolean
  /** Events asked for in the same window. */
  readonly leastEvents: number
  readonly timespanMs: number
  readonly limits: CorrelatorLimits
}

/**
 * `value_count` with a lower bound, and counts with cardinality: enough distinct values in one
 * window. Counted multisets, so that a window slides without a rescan.
 */
export function createDistinctCount(options: DistinctOptions): MonotoneWindow<Values> {
  const { leasts, ownField, leastEvents, timespanMs, limits } = options
  return new MonotoneWindow<Values>({
    timespanMs,
    limits,
    scan: () => new DistinctScan(leasts, leastEvents),
    note(parts) {
      const lists = leasts.map((): string[] => [])
      for (const { values, cardinality = [] } of parts) {
        const all = ownField ? [values, ...cardinality] : cardinality
        for (const [at, list] of all.entries()) lists[at]?.push(...list)
      }
      // Without a value of the rule's own field an event says nothing.
      return ownField && lists[0]?.length === 0 ? undefined : lists
    },
  })
}

class DistinctScan implements Scan<Values> {
  readonly #leasts: readonly number[]
  readonly #leastEvents: number
  readonly #counts: readonly Multiset[]

  constructor(leasts: readonly number[], leastEvents: number) {
    this.#leasts = leasts
    this.#leastEvents = leastEvents
    this.#counts = leasts.map(() => new Multiset())
  }

  add({ what }: Noted<Values>): void {
    for (const [at, list] of what.entries()) for (const one of list) this.#counts[at]?.add(one)
  }

  leave({ what }: Noted<Values>): void {
    for (const [at, list] of what.entries()) for (const one of list) this.#counts[at]?.remove(one)
  }

  holds(_entry: Noted<Values>, events: number): boolean {
    if (events < this.#leastEvents) return false
    for (let at = 0; at < this.#leasts.length; at += 1) {
      if (this.#counts[at]!.distinct < this.#leasts[at]!) return false
    }
    return true
  }
}
