import { foldCase } from '../../base/fold.ts'
import { ASCII } from './keys.ts'

/** Told of each literal found: its number, and the position after its last character. */
export type OnFound = (literal: number, end: number) => void

const ROOT = 0

/** All that an automaton is, as data that may be handed to another thread. */
export interface AutomatonTables {
  readonly classes: Uint16Array
  /** Classes of what is not ASCII. */
  readonly wide: ReadonlyMap<number, number>
  readonly width: number
  /**
   * A row for each state: the row of the next state by class, as its complement where that state has
   * outputs, and last the first output of the state, as an index into `found` (0: none).
   */
  readonly rows: Int32Array
  /** Pairs of literal and next output. */
  readonly found: Int32Array
}

/** For thousands of literals the work of a second. */
export function automatonTables(literals: readonly string[]): AutomatonTables {
  const { classes, wide, width } = classesOf(literals)
  const classOf = (unit: number): number =>
    unit < ASCII ? (classes[unit] ?? 0) : (wide.get(unit) ?? 0)
  const trie = buildTrie(literals, width, classOf)
  return { classes, wide, width, ...linkFailures(trie, width) }
}

/**
 * Finds many literals in one pass (Aho and Corasick 1975), as a table over classes of characters.
 * Letter case is folded: ASCII by the classes themselves, anything else before the pass. Literals
 * are given folded, are not empty, and are numbered by their place in the list.
 */
export class Automaton {
  readonly tables: AutomatonTables
  readonly #classes: Uint16Array
  readonly #wide: ReadonlyMap<number, number>
  readonly #width: number
  readonly #rows: Int32Array
  readonly #found: Int32Array

  constructor(tables: AutomatonTables) {
    this.tables = tables
    this.#classes = tables.classes
    this.#wide = tables.wide
    this.#width = tables.width
    this.#rows = tables.rows
    this.#found = tables.found
  }

  /** Calls back for every occurrence of every literal, overlapping ones included. */
  scan(text: string, onFound: OnFound): void {
    const classes = this.#classes
    const rows = this.#rows
    const width = this.#width
    let row = ROOT
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at)
      if (unit >= ASCII) {
        this.#scanWide(foldCase(text), onFound)
        return
      }
      row = rows[row + classes[unit]!]!
      if (row < 0) {
        row = ~row
        this.#report(rows[row + width]!, at + 1, onFound)
      }
    }
  }

  /**
   * The same for text with other than ASCII, from its start: what was reported before is reported
   * again, which callers bear.
   */
  #scanWide(folded: string, onFound: OnFound): void {
    let row = ROOT
    for (let at = 0; at < folded.length; at++) {
      const unit = folded.charCodeAt(at)
      const cls = unit < ASCII ? this.#classes[unit]! : (this.#wide.get(unit) ?? 0)
      row = this.#rows[row + cls]!
      if (row < 0) {
        row = ~row
        this.#report(this.#rows[row + this.#width]!, at + 1, onFound)
      }
    }
  }

  #report(first: number, end: number, onFound: OnFound): void {
    let output = first
    while (output !== 0) {
      onFound(this.#found[output]!, end)
      output = this.#found[output + 1]!
    }
  }
}

function classesOf(literals: readonly string[]) {
  const classes = new Uint16Array(ASCII)
  const wide = new Map<number, number>()
  let width = 1
  for (const literal of literals) {
    for (let at = 0; at < literal.length; at++) {
      const unit = literal.charCodeAt(at)
      if (unit < ASCII) {
        if (classes[unit] === 0) classes[unit] = width++
      } else if (!wide.has(unit)) wide.set(unit, width++)
    }
  }
  for (let lower = 97; lower <= 122; lower++) classes[lower - 32] = classes[lower] ?? 0
  return { classes, wide, width }
}

interface Trie {
  readonly states: number
  /** Child by state times width plus class; 0: none. */
  readonly child: Int32Array
  readonly ends: readonly (readonly number[] | undefined)[]
}

function buildTrie(
  literals: readonly string[],
  width: number,
  classOf: (unit: number) => number,
): Trie {
  const total = literals.reduce((sum, literal) => sum + literal.length, 1)
  const child = new Int32Array(total * width)
  const ends: number[][] = []
  let states = 1
  for (const [number, literal] of literals.entries()) {
    let state = 0
    for (let at = 0; at < literal.length; at++) {
      const slot = state * width + classOf(literal.charCodeAt(at))
      if (child[slot] === 0) child[slot] = states++
      state = child[slot] ?? 0
    }
    const here = (ends[state] ??= [])
    here.push(number)
  }
  return { states, child: child.slice(0, states * width), ends }
}

function linkFailures({ states, child, ends }: Trie, width: number) {
  const stride = width + 1
  const rows = new Int32Array(states * stride)
  const found = [0, 0]
  const fail = new Int32Array(states)
  const queue = [0]
  for (let head = 0; head < queue.length; head++) {
    const state = queue[head] ?? 0
    const failRow = (fail[state] ?? 0) * stride
    let output = state === 0 ? 0 : (rows[failRow + width] ?? 0)
    for (const literal of ends[state] ?? []) {
      found.push(literal, output)
      output = found.length - 2
    }
    rows[state * stride + width] = output
    for (let cls = 0; cls < width; cls++) {
      const to = child[state * width + cls] ?? 0
      const beside = state === 0 ? 0 : (rows[failRow + cls] ?? 0)
      if (to === 0) rows[state * stride + cls] = beside
      else {
        rows[state * stride + cls] = to * stride
        fail[to] = beside / stride
        queue.push(to)
      }
    }
  }
  for (let at = 0; at < rows.length; at++) {
    const isOutput = at % stride === width
    const to = rows[at] ?? 0
    if (!isOutput && rows[to + width] !== 0) rows[at] = ~to
  }
  return { rows, found: Int32Array.from(found) }
}
