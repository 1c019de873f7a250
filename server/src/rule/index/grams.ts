import { foldCase } from '../../base/fold.ts'
import { ASCII, Bits, byteOf, HASH, keyOf, put, standsAt } from './keys.ts'
import { RareParts } from './rare-part.ts'

/** Units of a gram. */
const GRAM = 5
/** Units of the part by which a text is found. */
const PART = 6
/** Wherever a part stands in a value, one of every so many grams of the value is all of that part. */
const STRIDE = PART - GRAM + 1

/** Shorter texts have no place here. */
export const GRAMS_LEAST = PART

/** A text to look for, folded; `place` is where it has to stand. */
export interface GramText {
  readonly text: string
  readonly place: 'start' | 'end' | 'anywhere'
}

/** Told of each text found: its place in the list, and where it begins in the folded value. */
export type OnGramText = (number: number, start: number) => void

interface Entry {
  readonly number: number
  /** Where the gram begins in the text. */
  readonly offset: number
}

/** What takes long to make of many texts, as data that may be handed to another thread. */
export interface GramTables {
  /** See `Bits`. */
  readonly words: Uint32Array
  readonly shift: number
  /** A hash table with open addressing: grams, and where their entries begin (0: free). */
  readonly grams: Int32Array
  readonly starts: Int32Array
  /**
   * Four numbers an entry: text, offset of the gram in it, and where, from the gram's beginning, four more
   * units of the text stand, and these. A text below zero ends the entries of a gram.
   */
  readonly entries: Int32Array
}

function gramTables(texts: readonly GramText[]): GramTables {
  const byGram = entriesOf(texts)
  const { words, shift } = new Bits(byGram.keys(), byGram.size)
  const size = 2 ** Math.ceil(Math.log2(byGram.size * 2 + 2))
  const grams = new Int32Array(size)
  const starts = new Int32Array(size)
  const entries = [0]
  for (const [gram, found] of byGram) {
    let slot = slotOf(gram, size)
    while (starts[slot] !== 0) slot = (slot + 1) & (size - 1)
    grams[slot] = gram
    starts[slot] = entries.length
    for (const { number, offset } of found) {
      entries.push(number, offset, ...moreOf(texts[number]!.text, offset))
    }
    entries.push(-1)
  }
  return { words, shift, grams, starts, entries: Int32Array.from(entries) }
}

/**
 * Which of many longer texts does a value contain, letter case aside. Of the value every second gram
 * is asked, by a bit, whether it is one of those of the texts' rarest parts (as Wu and Manber skip, 1994);
 * where it is, the texts are compared. Reads each unit once, in small tables, whatever was read before.
 */
export class Grams {
  readonly tables: GramTables
  readonly #texts: readonly GramText[]
  readonly #words: Uint32Array
  readonly #shift: number

  /** `tables`: those of the same texts, made before. */
  constructor(texts: readonly GramText[], tables = gramTables(texts)) {
    this.tables = tables
    this.#texts = texts
    this.#words = tables.words
    this.#shift = tables.shift
  }

  /** Calls back for every text found, at least once for each place. */
  find(value: string, onText: OnGramText): void {
    const { length } = value
    if (length < PART) return
    const first = value.charCodeAt(0)
    const second = value.charCodeAt(1)
    const third = value.charCodeAt(2)
    // The last may be in no gram that is asked.
    if ((first | second | third | value.charCodeAt(length - 1)) >= ASCII) {
      this.#findWide(foldCase(value), onText)
      return
    }
    const words = this.#words
    const shift = this.#shift
    let units = ((first | 32) << 16) | ((second | 32) << 8) | (third | 32)
    for (let at = GRAM - 1; at < length; at += STRIDE) {
      const a = value.charCodeAt(at - 1)
      const b = value.charCodeAt(at)
      if ((a | b) >= ASCII) {
        // From its start: what was found before is found again, which callers bear.
        this.#findWide(foldCase(value), onText)
        return
      }
      const fifth = (units >>> 16) & 0xff
      units = (units << 16) | ((a | 32) << 8) | (b | 32)
      const gram = units ^ Math.imul(fifth, MIX)
      const bit = Math.imul(gram, HASH) >>> shift
      if ((words[bit >>> 5]! & (1 << (bit & 31))) !== 0) {
        this.#compare(gram, { value, from: at + 1 - GRAM }, onText)
      }
    }
  }

  #findWide(folded: string, onText: OnGramText): void {
    for (let from = 0; from + GRAM <= folded.length; from += STRIDE) {
      const gram = gramOf(folded, from)
      this.#compare(gram, { value: folded, from }, onText)
    }
  }

  #compare(gram: number, { value, from }: Found, onText: OnGramText): void {
    const { grams, starts, entries } = this.tables
    const mask = grams.length - 1
    let slot = slotOf(gram, mask + 1)
    let at = starts[slot]!
    while (grams[slot] !== gram) {
      if (at === 0) return
      slot = (slot + 1) & mask
      at = starts[slot]!
    }
    if (at === 0) return
    for (let number = entries[at]!; number >= 0; number = entries[at]!) {
      const start = from - entries[at + 1]!
      const more = from + entries[at + 2]!
      const units = entries[at + 3]!
      at += 4
      if (more < 0 || more + MORE > value.length || keyOf(value, more, MORE) !== units) continue
      const { text, place } = this.#texts[number]!
      if (place === 'start' && start !== 0) continue
      if (place === 'end' && start + text.length !== value.length) continue
      if (standsAt(value, start, text)) onText(number, start)
    }
  }
}

interface Found {
  readonly value: string
  readonly from: number
}

const MORE = 4

const MIX = 0x0100_0193

/** Five units of a folded text as one number. */
function gramOf(folded: string, start: number): number {
  return keyOf(folded, start + 1, 4) ^ Math.imul(byteOf(folded.charCodeAt(start)), MIX)
}

/** Of the text around a gram, so that most values that have the gram alone need not be compared. */
function moreOf(text: string, offset: number): readonly [number, number] {
  let more = 0
  if (offset >= MORE) more = -MORE
  else if (offset + GRAM + MORE <= text.length) more = GRAM
  return [more, keyOf(text, offset + more, MORE)]
}

function slotOf(gram: number, size: number): number {
  return (Math.imul(gram, HASH) >>> 12) & (size - 1)
}

function entriesOf(texts: readonly GramText[]): Map<number, Entry[]> {
  const byGram = new Map<number, Entry[]>()
  const rare = new RareParts(
    texts.map(({ text }) => text),
    PART,
  )
  for (const [number, { text }] of texts.entries()) {
    const start = rare.startOf(text)
    for (let offset = start; offset < start + STRIDE; offset++) {
      put(byGram, gramOf(text, offset), { number, offset })
    }
  }
  return byGram
}
