import { foldCase } from '../../base/fold.ts'
import { Automaton } from './automaton.ts'
import { put } from './keys.ts'
import { RareParts } from './rare-part.ts'

/** Told of each literal found: its number, and where it begins. */
export type OnLiteral = (literal: number, start: number) => void

/** What the automaton looks for of a literal: the rest is compared where this is found. */
const PART_MAX = 6

/**
 * Which of many literals does a value contain, letter case aside. Literals are given folded, are not
 * empty, and are numbered by their place in the list. An automaton finds the rarest part of each.
 */
export class Literals {
  readonly #automaton: Automaton
  /** Literals by the number of their part. */
  readonly #byPart: readonly (readonly Entry[])[]

  // The value at hand, for the automaton's call back.
  #value = ''
  #folded: string | undefined
  #onLiteral: OnLiteral = () => {}

  constructor(literals: readonly string[]) {
    const rare = new RareParts(literals, PART_MAX)
    const byPart = new Map<string, Entry[]>()
    for (const [number, text] of literals.entries()) {
      const start = text.length > PART_MAX ? rare.startOf(text) : 0
      const part = text.slice(start, start + PART_MAX)
      put(byPart, part, { number, text, toEnd: start + part.length, isWhole: part === text })
    }
    this.#automaton = new Automaton([...byPart.keys()])
    this.#byPart = [...byPart.values()]
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
