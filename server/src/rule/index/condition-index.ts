import { fromJsonParts, toJsonParts } from '../../base/json-parts.ts'
import type { Condition } from '../../model/condition.ts'
import type { EcsDoc } from '../../model/event.ts'
import { Evaluator } from './evaluate.ts'
import { Fields } from './fields.ts'
import { Marks } from './marks.ts'
import { type Predicate, type Program, programSteps } from './program.ts'
import { compileRun, type Run } from './slow.ts'
import { finish, type Steps } from './steps.ts'
import type { IndexTables } from './tables.ts'
import { firstCostSteps, type Witnesses, witnessSteps } from './witness.ts'

/** After so many events the witnesses are chosen again, from what was seen to hold how often. */
const RECHOOSE_FIRST = 2_048
const RECHOOSE_MOST = 262_144

/** See `Stopwatch`; a condition is a rule there. */
interface Watch {
  start(): void
  lap(condition: number): void
}

interface Parts {
  readonly fields: Fields
  readonly witnesses: Witnesses
  /** By predicate. */
  readonly runs: readonly (Run | undefined)[]
}

/** One index over many conditions: which of them hold for an event. */
export class ConditionIndex {
  readonly program: Program
  readonly #marks: Marks
  readonly #fields: Fields
  readonly #evaluator: Evaluator
  witnesses: Witnesses
  events = 0
  /** Conditions looked at. */
  candidates = 0
  #rechooseAt = RECHOOSE_FIRST
  #choosing: Steps<void> | undefined
  /** After so many events the witnesses were chosen last. */
  #chosenAt = 0

  private constructor(program: Program, parts: Parts) {
    const { fields, witnesses, runs } = parts
    this.program = program
    this.witnesses = witnesses
    this.#marks = new Marks(program.predicates.length, program.roots.length, witnesses)
    this.#fields = fields
    this.#chooseBounds()
    this.#evaluator = new Evaluator(program, { fields, marks: this.#marks, runs })
  }

  static *steps(conditions: readonly Condition[]): Steps<ConditionIndex> {
    const program = yield* programSteps(conditions)
    const fields = yield* Fields.steps(program.predicates)
    const runs = yield* runSteps(program)
    const witnesses = yield* witnessSteps(program, yield* firstCostSteps(program))
    return new ConditionIndex(program, { fields, witnesses, runs })
  }

  /** What `tables` gave, maybe in another thread. */
  static *fromTables(tables: IndexTables): Steps<ConditionIndex> {
    const { literals, witnesses } = tables
    const predicates = yield* fromJsonParts<Predicate>(tables.predicates)
    const program = { ...tables.program, predicates }
    const fields = yield* Fields.steps(predicates, literals)
    const runs = yield* runSteps(program)
    return new ConditionIndex(program, { fields, witnesses, runs })
  }

  /** Shares its memory: an index whose tables were handed over is of no more use. */
  tables(): IndexTables {
    const { predicates, ...program } = this.program
    return {
      ...{ program, witnesses: this.witnesses },
      predicates: toJsonParts(predicates),
      literals: this.#fields.literalTables(),
    }
  }

  /** Numbers of the conditions that hold, ascending, into `hits`; how many they are. */
  match(doc: EcsDoc, hits: Int32Array | number[], watch?: Watch): number {
    if (this.events++ === this.#rechooseAt) this.#choosing = this.#rechoose()
    if (this.#choosing?.next().done === true) this.#choosing = undefined
    const marks = this.#marks
    marks.begin()
    this.#fields.look(doc, marks)
    this.#evaluator.begin(doc)
    const { words, summary } = marks
    const { roots } = this.program
    let count = 0
    watch?.start()
    for (let top = 0; top < summary.length; top++) {
      let tops = summary[top]!
      summary[top] = 0
      while (tops !== 0) {
        const low = tops & -tops
        tops ^= low
        const word = top * 32 + 31 - Math.clz32(low)
        let bits = words[word]!
        words[word] = 0
        while (bits !== 0) {
          const bit = bits & -bits
          bits ^= bit
          const rule = word * 32 + 31 - Math.clz32(bit)
          this.candidates++
          if (this.#evaluator.holds(roots[rule]!)) hits[count++] = rule
          watch?.lap(rule)
        }
      }
    }
    return count
  }

  #chooseBounds(): void {
    const { offsets } = this.witnesses
    this.#fields.chooseBounds((predicate) => offsets[predicate]! < offsets[predicate + 1]!)
  }

  /**
   * What was seen decides: the answers stay the same, fewer conditions are looked at. A step an event,
   * since of thousands of conditions all at once would hold up detection.
   */
  *#rechoose(): Steps<void> {
    this.#rechooseAt = this.events + Math.min(this.events * 7, RECHOOSE_MOST)
    const { fires } = this.#marks
    const { lazy } = this.#fields
    const seen = this.events - this.#chosenAt
    this.#chosenAt = this.events
    const first = yield* firstCostSteps(this.program)
    const costs = first.map((cost, predicate) => {
      // How often one holds that nothing marked is not known: half of all events, until it is seen.
      const held = lazy[predicate] === 1 ? seen / 2 : (fires[predicate] ?? 0)
      return held + cost / 1_000
    })
    this.witnesses = yield* witnessSteps(this.program, costs)
    this.#marks.setWitnesses(this.witnesses)
    this.#chooseBounds()
    fires.fill(0)
  }
}

const STEP_RUNS = 5

function* runSteps({ predicates }: Program): Steps<(Run | undefined)[]> {
  const runs = predicates.map((): Run | undefined => undefined)
  let made = 0
  for (const [number, predicate] of predicates.entries()) {
    if (predicate.kind !== 'run') continue
    runs[number] = compileRun(predicate.condition, compileOne)
    if (++made % STEP_RUNS === 0) yield
  }
  return runs
}

function compileOne(condition: Condition): Run {
  const index = finish(ConditionIndex.steps([condition]))
  const hits = new Int32Array(1)
  return (doc) => index.match(doc, hits) === 1
}
