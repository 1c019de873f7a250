import type { EcsDoc } from '../../model/event.ts'
import type { Fields } from './fields.ts'
import type { Marks } from './marks.ts'
import { NODE, type Program } from './program.ts'
import type { Run } from './slow.ts'

/** Decides nodes of a program for one event after another, from what the fields marked. */
export class Evaluator {
  readonly #program: Program
  readonly #fields: Fields
  readonly #marks: Marks
  readonly #runs: readonly (Run | undefined)[]
  /** Answers of nodes that several rules share: the event's stamp times two, plus one if it holds. */
  readonly #known: Float64Array
  #doc: EcsDoc = {}

  constructor(
    program: Program,
    parts: {
      readonly fields: Fields
      readonly marks: Marks
      readonly runs: readonly (Run | undefined)[]
    },
  ) {
    this.#program = program
    this.#fields = parts.fields
    this.#marks = parts.marks
    this.#runs = parts.runs
    this.#known = new Float64Array(program.kinds.length)
  }

  begin(doc: EcsDoc): void {
    this.#doc = doc
  }

  holds(node: number): boolean {
    const { kinds, starts, ends, children, shared } = this.#program
    const kind = kinds[node]!
    if (kind === NODE.predicate) return this.#predicate(starts[node]!)
    if (kind <= NODE.always) return kind === NODE.always
    const { stamp } = this.#marks
    const isShared = shared[node] === 1
    if (isShared) {
      const known = this.#known[node]! - stamp * 2
      if (known === 0 || known === 1) return known === 1
    }
    const end = ends[node]!
    let answer = kind === NODE.and
    if (kind === NODE.not) answer = !this.holds(children[starts[node]!]!)
    else {
      for (let at = starts[node]!; at < end; at++) {
        if (this.holds(children[at]!) === (kind === NODE.or)) {
          answer = kind === NODE.or
          break
        }
      }
    }
    if (isShared) this.#known[node] = stamp * 2 + (answer ? 1 : 0)
    return answer
  }

  #predicate(predicate: number): boolean {
    const marks = this.#marks
    if (marks.holds(predicate)) return true
    if (marks.hasFailed(predicate)) return false
    const run = this.#runs[predicate]
    if (run !== undefined) return marks.decide(predicate, run(this.#doc))
    const isLazy = this.#fields.lazy[predicate] === 1
    if (!isLazy && !marks.isPossible(predicate)) return false
    const slot = this.#fields.slotOf(predicate)
    if (isLazy) {
      return marks.decide(predicate, slot?.someBeyond(marks.stamp, predicate) === true)
    }
    const matcher = slot?.probe.matcherOf(predicate)
    if (slot === undefined || matcher === undefined) return marks.decide(predicate, false)
    return marks.decide(predicate, slot.some(marks.stamp, matcher))
  }
}
