import { foldCase } from '../../base/fold.ts'
import { Automaton, type AutomatonTables, automatonTables } from './automaton.ts'
import { Edges } from './edges.ts'
import { Grams, GRAMS_LEAST, type GramTables, type GramText } from './grams.ts'
import { ASCII, Bits, byteOf, KEY_UNITS, put } from './keys.ts'

/** How a text has to stand in a value. */
export type Place = 'whole' | 'start' | 'end' | 'anywhere'

/** Told of a text that was found: the number it was added under, and where it begins. */
export type OnText = (number: number, start: number) => void

/** What takes long to make of many texts, as data that may be handed to another thread. */
export interface LiteralTables {
  /** Of the longer ones. */
  readonly grams: GramTables | undefined
  readonly automaton: AutomatonTables | undefined
}

interface Sought extends GramText {
  readonly numbers: readonly number[]
  readonly owner: Texts
}

/**
 * Which of many texts does a value consist of, begin with, end with or contain, letter case aside.
 * Texts are numbered by the caller and given folded; one that stands anywhere is not empty. A value's
 * length and a few characters at its edges decide, by a bit each, whether it has to be looked up at
 * all; most have not. Where a value is read through anyway, longer beginnings and ends are found so too.
 */
export class Texts {
  readonly #whole = new Map<string, number[]>()
  #outlines = new Bits([], 0)
  readonly #starts = new Edges(false)
  readonly #ends = new Edges(true)
  readonly #anywhere = new Map<string, number[]>()
  readonly #longStarts = new Map<string, number[]>()
  readonly #longEnds = new Map<string, number[]>()
  /** What is looked for in reading a value through. */
  #sought: readonly Sought[] = []
  /** The same and what is `beside`, by length. */
  #long: readonly Sought[] = []
  #short: readonly Sought[] = []
  #grams: Grams | undefined
  #automaton: Automaton | undefined
  /** Texts of somewhere else that are looked for in the same pass. */
  #beside: Texts | undefined
  isEmpty = true
  #onText: OnText = () => {}

  add(place: Place, folded: string, number: number): void {
    this.isEmpty = false
    const isLong = folded.length >= GRAMS_LEAST
    if (place === 'whole') put(this.#whole, folded, number)
    else if (place === 'anywhere') put(this.#anywhere, folded, number)
    else if (place === 'start') {
      if (isLong) put(this.#longStarts, folded, number)
      else this.#starts.add(folded, number)
    } else if (isLong) put(this.#longEnds, folded, number)
    else this.#ends.add(folded, number)
  }

  /**
   * To be called once, after all texts were added. `beside` are further texts, finished, to be looked for
   * by whoever looks for these: one pass over a value for both. Where these have no need of a pass, and
   * `scansBeside` says so, there is none. `tables`: what `literalTables` of the same texts were, made before.
   */
  finish(beside?: Texts, tables?: LiteralTables): void {
    const outlines = [...this.#whole.keys()].map(outlineOf)
    this.#outlines = new Bits(outlines, outlines.length)
    const isLong = ({ text }: Sought): boolean => text.length >= GRAMS_LEAST
    const sought = this.#seek('anywhere', this.#anywhere)
    if ([...sought, ...(beside === undefined ? [] : beside.#sought)].some(isLong)) {
      sought.push(...this.#seek('start', this.#longStarts))
      sought.push(...this.#seek('end', this.#longEnds))
    } else {
      addAll(this.#starts, this.#longStarts)
      addAll(this.#ends, this.#longEnds)
    }
    this.#starts.finish()
    this.#ends.finish()
    this.#sought = sought
    if (sought.length === 0) return
    let all: readonly Sought[] = sought
    if (beside !== undefined && beside.#sought.length > 0) {
      this.#beside = beside
      all = [...sought, ...beside.#sought]
    }
    this.#long = all.filter(isLong)
    this.#short = all.filter((one) => !isLong(one))
    if (this.#long.length > 0) this.#grams = new Grams(this.#long, tables?.grams)
    if (this.#short.length === 0) return
    const short = this.#short.map(({ text }) => text)
    this.#automaton = new Automaton(tables?.automaton ?? automatonTables(short))
  }

  /** Once finished; undefined where no text may stand anywhere. */
  get literalTables(): LiteralTables | undefined {
    if (this.#sought.length === 0) return undefined
    return { grams: this.#grams?.tables, automaton: this.#automaton?.tables }
  }

  #seek(place: GramText['place'], texts: ReadonlyMap<string, readonly number[]>): Sought[] {
    return [...texts].map(([text, numbers]) => ({ text, place, numbers, owner: this }))
  }

  /** Whether a value is looked through for the texts given as `beside` too. */
  get scansBeside(): boolean {
    return this.#beside !== undefined
  }

  /**
   * Calls back for every text found; for one that is found in several places at least once. Texts given as
   * `beside` are told of to whoever looked in those last: they are to be asked first, with `isScanned`,
   * since this pass will do.
   */
  find(value: string, onText: OnText, isScanned = false): void {
    this.#onText = onText
    if (this.#whole.size > 0) this.#findWhole(value, onText)
    if (this.#starts.size > 0) this.#starts.find(value, onText)
    if (this.#ends.size > 0) this.#ends.find(value, onText)
    if (isScanned) return
    this.#grams?.find(value, this.#onLong)
    this.#automaton?.scan(value, this.#onShort)
  }

  #findWhole(value: string, onText: OnText): void {
    const outline = outlineOf(value)
    if (outline >= 0 && !this.#outlines.has(outline)) return
    const numbers = this.#whole.get(foldCase(value))
    if (numbers !== undefined) for (const number of numbers) onText(number, 0)
  }

  readonly #onLong = (at: number, start: number): void => this.#tell(this.#long[at]!, start)

  readonly #onShort = (at: number, end: number): void => {
    const sought = this.#short[at]!
    this.#tell(sought, end - sought.text.length)
  }

  #tell({ numbers, owner }: Sought, start: number): void {
    for (const number of numbers) owner.#onText(number, start)
  }
}

function addAll(edges: Edges, texts: ReadonlyMap<string, readonly number[]>): void {
  for (const [text, numbers] of texts) for (const number of numbers) edges.add(text, number)
}

/** A text's length and last units as one number; below zero where they would have to be folded. */
function outlineOf(text: string): number {
  const { length } = text
  let outline = length
  for (let at = Math.max(0, length - KEY_UNITS); at < length; at++) {
    const unit = text.charCodeAt(at)
    if (unit >= ASCII) return -1
    outline = (Math.imul(outline, 0x0100_0193) + byteOf(unit)) & 0x7fff_ffff
  }
  return outline
}
