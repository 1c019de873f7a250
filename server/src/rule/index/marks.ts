import type { Witnesses } from './witness.ts'

const NOTHING: readonly number[] = []
const FEW = 16

/**
 * What is known of the predicates for the event at hand, and which rules are to be looked at. All
 * of it is stamped with the number of the event, so that nothing is cleared between events.
 */
export class Marks {
  epoch = 0
  /** Counts events as `epoch` does, but never begins anew: for what is not cleared when that does. */
  stamp = 0
  readonly #held: Uint32Array
  /** A literal of the predicate was found: it has to be run to be known. */
  readonly #possible: Uint32Array
  readonly #failed: Uint32Array
  /** How often each predicate held or was possible, for the choice of witnesses. */
  readonly fires: Float64Array
  #witnesses: Witnesses
  /** Rules to look at, a bit each; and words of it that are not zero, a bit each. */
  readonly words: Uint32Array
  readonly summary: Uint32Array
  readonly #alwaysWords: Uint32Array
  readonly #alwaysSummary: Uint32Array

  /** What holds or is possible from now on, until it is taken; see `replay`. */
  readonly #tape: number[] = []
  #isRecording = false

  constructor(predicates: number, rules: number, witnesses: Witnesses) {
    this.#held = new Uint32Array(predicates)
    this.#possible = new Uint32Array(predicates)
    this.#failed = new Uint32Array(predicates)
    this.fires = new Float64Array(predicates)
    const words = (rules + 31) >>> 5
    const summary = (words + 31) >>> 5
    this.words = new Uint32Array(words)
    this.summary = new Uint32Array(summary)
    this.#alwaysWords = new Uint32Array(words)
    this.#alwaysSummary = new Uint32Array(summary)
    this.#witnesses = witnesses
    this.setWitnesses(witnesses)
  }

  setWitnesses(witnesses: Witnesses): void {
    this.#witnesses = witnesses
    this.#alwaysWords.fill(0)
    this.#alwaysSummary.fill(0)
    for (const rule of witnesses.always) {
      this.#alwaysWords[rule >>> 5]! |= 1 << (rule & 31)
      this.#alwaysSummary[rule >>> 10]! |= 1 << ((rule >>> 5) & 31)
    }
  }

  /** A new event: nothing holds, and only the rules that nothing rules out are to be looked at. */
  begin(): void {
    this.stamp++
    if (++this.epoch === 0xffff_ffff) this.#restart()
    for (let at = 0; at < this.#alwaysSummary.length; at++) {
      let bits = (this.summary[at] = this.#alwaysSummary[at]!)
      while (bits !== 0) {
        const bit = 31 - Math.clz32(bits)
        bits &= ~(1 << bit)
        this.words[at * 32 + bit] = this.#alwaysWords[at * 32 + bit]!
      }
    }
  }

  #restart(): void {
    this.#held.fill(0)
    this.#possible.fill(0)
    this.#failed.fill(0)
    this.epoch = 1
  }

  /** Begins to note what is marked. */
  record(): void {
    this.#isRecording = true
    this.#tape.length = 0
  }

  /** What was marked since `record`, each once. */
  recorded(): readonly number[] {
    this.#isRecording = false
    const tape = this.#tape
    if (tape.length === 0) return NOTHING
    if (tape.length > FEW) return [...new Set(tape)]
    return tape.filter((code, at) => tape.indexOf(code) === at)
  }

  /** Marks again what was noted: twice the predicate, and one more where it only may hold. */
  replay(codes: readonly number[]): void {
    for (let at = 0; at < codes.length; at++) {
      const code = codes[at]!
      if ((code & 1) === 0) this.hold(code >>> 1)
      else this.possible(code >>> 1)
    }
  }

  hold(predicate: number): void {
    if (this.#isRecording) this.#tape.push(predicate * 2)
    if (this.#held[predicate] === this.epoch) return
    const wasPossible = this.#possible[predicate] === this.epoch
    this.#held[predicate] = this.epoch
    if (!wasPossible) this.#wake(predicate)
  }

  possible(predicate: number): void {
    if (this.#isRecording) this.#tape.push(predicate * 2 + 1)
    if (this.#held[predicate] === this.epoch || this.#possible[predicate] === this.epoch) return
    this.#possible[predicate] = this.epoch
    this.#wake(predicate)
  }

  #wake(predicate: number): void {
    this.fires[predicate]!++
    const { offsets, rules } = this.#witnesses
    const end = offsets[predicate + 1]!
    for (let at = offsets[predicate]!; at < end; at++) {
      const rule = rules[at]!
      this.words[rule >>> 5]! |= 1 << (rule & 31)
      this.summary[rule >>> 10]! |= 1 << ((rule >>> 5) & 31)
    }
  }

  holds(predicate: number): boolean {
    return this.#held[predicate] === this.epoch
  }

  isPossible(predicate: number): boolean {
    return this.#possible[predicate] === this.epoch && this.#failed[predicate] !== this.epoch
  }

  /** What running a possible predicate came to. */
  decide(predicate: number, holds: boolean): boolean {
    if (holds) this.#held[predicate] = this.epoch
    else this.#failed[predicate] = this.epoch
    return holds
  }

  hasFailed(predicate: number): boolean {
    return this.#failed[predicate] === this.epoch
  }
}
