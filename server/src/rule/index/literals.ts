import { foldCase } from '../../base/fold.ts'
import { Automaton, type AutomatonTables, automatonTables } from './automaton.ts'
import { RareParts } from './rare-part.ts'

/** Told of each literal found: its number, and where it begins. */
export type OnLiteral = (literal: number, start: number) => void

/** What the automaton looks for of a literal: the rest is compared where this is found. */
const PART_MAX = 6

/** What takes long to make of many literals, as data that may be handed to another thread. */
export interface LiteralTables {
  /** Of the parts. */
  readonly automaton: AutomatonTables
  /** By the number of a literal: the number of its part, and where that begins in it. */
  readonly parts: Int32Array
  readonly starts: Int32Array
}

function literalTables(literals: readonly string[]): LiteralTables {
  const rare = new RareParts(literals, PART_MAX)
  const numbers = new Map<string, number>()
  const parts = new Int32Array(literals.length)
  const starts = new Int32Array(literals.length)
  for (const [number, text] of literals.entries()) {
    const start = text.length > PART_MAX ? rare.startOf(text) : 0
    const part = text.slice(start, start + PART_MAX)
    let at = numbers.get(part)
    if (at === undefined) numbers.set(part, (at = numbers.size))
    parts[number] = at
    starts[number] = start
  }
  return { automaton: automatonTables([...numbers.keys()]), parts, starts }
}

/**
 * Which of many literals does a value contain, letter case aside. Literals are given folded, are not
 * empty, and are numbered by their place in the list. An automaton finds the rarest part of each.
 */
export class Literals {
  readonly tables: LiteralTables
  readonly #automaton: Automaton
  /** Literals by the number of their part. */
  readonly #byPart: readonly (readonly Entry[])[]

  // The value at hand, for the automaton's call back.
  #value = ''
  #folded: string | undefined
  #onLiteral: OnLiteral = () => {}

  /** `tables`: those of the same literals, made before. */
  constructor(literals: readonly string[], tables = literalTables(literals)) {
    this.tables = tables
    this.#automaton = new Automaton(tables.automaton)
    const byPart: Entry[][] = []
    for (const [number, text] of literals.entries()) {
      const start = tables.starts[number]!
      const toEnd = Math.min(start + PART_MAX, text.length)
      const entry = { number, text, toEnd, isWhole: toEnd - start === text.length }
      const here = (byPart[tables.parts[number]!] ??= [])
      here.push(entry)
    }
    this.#byPart = byPart
  }

  find(value: string, onLiteral: OnLiteral): void {
    this.#value = value
    this.#folded = undefined
    this.#onLiteral = onLiteral
    this.#automaton.scan(value, this.#onPart)
  }

  readonly #onPart = (part: number, end: number): void => {
    for (const { number, text, toEnd, isWhole } of this.#byPart[part]!) {
      const start = end - toEnd
      if (start < 0) continue
      if (!isWhole && !(this.#folded ??= foldCase(this.#value)).startsWith(text, start)) continue
      this.#onLiteral(number, start)
    }
  }
}

interface Entry {
  readonly number: number
  readonly text: string
  /** From the literal's beginning to its part's end. */
  readonly toEnd: number
  /** The part is all of it. */
  readonly isWhole: boolean
}
