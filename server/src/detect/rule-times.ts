import type { Stopwatch } from '../rule/matcher.ts'

/** One event in so many is measured, and counts for all of them; the same for ticks. */
const EVENTS = 64
const TICKS = 16

/** What time is noted of: the runs of the rules in force. */
export interface Timed {
  /** An estimate, ever since it runs. */
  spentMs: number
}

/**
 * The time that rules take, each for itself: deciding it once it is looked at, and following up what it
 * found. What all rules share, the index that says which to look at, is no rule's. By samples, because
 * reading the clock takes as long as many a rule. Changes nothing that is detected.
 */
export class RuleTimes implements Stopwatch {
  readonly #clock: (() => number) | undefined
  #matches: readonly Timed[] = []
  #since = 0
  #weight = EVENTS
  #ticks = 0

  /** `clock` tells a time in ms that only goes forward; without one nothing is measured. */
  constructor(clock: (() => number) | undefined) {
    this.#clock = clock
  }

  /** The rules in force, in their order. */
  set matches(runs: readonly Timed[]) {
    this.#matches = runs
  }

  /** Itself where this event, the `order`th, is one to measure; chosen so that no beat of events matters. */
  ofEvent(order: number): RuleTimes | undefined {
    if (this.#clock === undefined) return undefined
    if (Math.imul(order, -0x61c8_8647) >>> 0 >= 2 ** 32 / EVENTS) return undefined
    this.#weight = EVENTS
    return this
  }

  ofTick(): RuleTimes | undefined {
    if (this.#clock === undefined || (this.#ticks += 1) % TICKS !== 0) return undefined
    this.#weight = TICKS
    return this
  }

  start(): void {
    this.#since = this.#clock?.() ?? 0
  }

  lap(rule: number): void {
    const run = this.#matches[rule]
    if (run !== undefined) this.lapOf(run)
  }

  /** What passed since the last call went to this rule. */
  lapOf(run: Timed): void {
    const now = this.#clock?.() ?? 0
    run.spentMs += (now - this.#since) * this.#weight
    this.#since = now
  }
}
