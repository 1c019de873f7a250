import { ASCII, Bits, byteOf, KEY_UNITS, keyOf, maskOf, put, standsAt } from './keys.ts'
import { RareParts } from './rare-part.ts'

/** Told of each literal found: its number, and where it begins. */
export type OnFound = (literal: number, start: number) => void

/**
 * Finds many literals in a text by a few characters of each, its gram (as Wu and Manber 1994, without
 * their leaps): every place of the text asks one bit whether any literal has the gram that ends there.
 *
 * Unlike a table of states, nothing that it reads depends on what it read before, and nearly all of it
 * is one small set of bits, so a pass costs about the same for ten literals as for ten thousand.
 * Literals are given folded, are not empty, and are numbered by their place in the list.
 */
export class Grams {
  /** One table for literals of one, two and three units each, and one for all longer ones. */
  readonly #tables: readonly Table[]

  constructor(literals: readonly string[]) {
    const entries: Map<number, Entry[]>[] = Array.from({ length: KEY_UNITS }, () => new Map())
    const rare = new RareParts(literals, KEY_UNITS)
    for (const [number, literal] of literals.entries()) {
      const units = Math.min(literal.length, KEY_UNITS)
      const start = literal.length > KEY_UNITS ? rare.startOf(literal) : 0
      const entry = { number, literal, last: start + units - 1 }
      put(entries[units - 1]!, keyOf(literal, start, units), entry)
    }
    this.#tables = entries
      .map((byKey, at) => new Table(at + 1, byKey))
      .filter((table) => table.size > 0)
  }

  /**
   * Calls back for every occurrence of every literal, letter case aside, overlapping ones included.
   * False for text that is not all ASCII: it is to be folded and given to `scanFolded`, which calls
   * back again for what was found until there.
   */
  scan(text: string, onFound: OnFound): boolean {
    for (let at = 0; at < this.#tables.length; at++) {
      if (!pass(this.#tables[at]!, text, onFound)) return false
    }
    return true
  }

  /** The same for folded text of any characters. */
  scanFolded(folded: string, onFound: OnFound): void {
    for (const table of this.#tables) {
      let key = 0
      for (let at = 0; at < folded.length; at++) {
        key = ((key << 8) | byteOf(folded.charCodeAt(at))) & table.mask
        if (table.bits.has(key)) table.check(key, folded, at, onFound)
      }
    }
  }
}

/** The loop that most of the time of detection goes into: everything it needs is at hand in it. */
function pass(table: Table, text: string, onFound: OnFound): boolean {
  const { mask } = table
  const { words, shift } = table.bits
  let key = 0
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit >= ASCII) return false
    key = ((key << 8) | unit | 32) & mask
    const bit = Math.imul(key, -0x61c8_8647) >>> shift
    if ((words[bit >>> 5]! & (1 << (bit & 31))) !== 0) table.check(key, text, at, onFound)
  }
  return true
}

interface Entry {
  readonly number: number
  readonly literal: string
  /** Where the gram's last unit stands in the literal. */
  readonly last: number
}

/** Literals by their grams of one length. */
class Table {
  readonly mask: number
  readonly bits: Bits
  readonly #entries: ReadonlyMap<number, readonly Entry[]>

  constructor(units: number, entries: ReadonlyMap<number, readonly Entry[]>) {
    this.mask = maskOf(units)
    this.#entries = entries
    this.bits = new Bits(entries.keys(), entries.size)
  }

  get size(): number {
    return this.#entries.size
  }

  /** Compares the literals that have the gram which ends at `last` of the text. */
  check(key: number, text: string, last: number, onFound: OnFound): void {
    const entries = this.#entries.get(key)
    if (entries === undefined) return
    for (const { number, literal, last: offset } of entries) {
      if (standsAt(text, last - offset, literal)) onFound(number, last - offset)
    }
  }
}
