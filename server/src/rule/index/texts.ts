import { foldCase } from '../../base/fold.ts'
import { Edges } from './edges.ts'
import { ASCII, Bits, byteOf, KEY_UNITS, put } from './keys.ts'
import { Literals, type LiteralTables } from './literals.ts'

/** How a text has to stand in a value. */
export type Place = 'whole' | 'start' | 'end' | 'anywhere'

/** Told of a text that was found: the number it was added under, and where it begins. */
export type OnText = (number: number, start: number) => void

/**
 * Which of many texts does a value consist of, begin with, end with or contain, letter case aside.
 * Texts are numbered by the caller and given folded; one that stands anywhere is not empty. A value's
 * length and a few characters at its edges decide, by a bit each, whether it has to be looked up at
 * all; most have not.
 */
export class Texts {
  readonly #whole = new Map<string, number[]>()
  #outlines = new Bits([], 0)
  readonly #starts = new Edges(false)
  readonly #ends = new Edges(true)
  readonly #anywhere = new Map<string, number[]>()
  #byLiteral: readonly (readonly number[])[] = []
  #literals: Literals | undefined
  /** Texts of somewhere else that are looked for in the same pass: those standing anywhere. */
  #beside: Texts | undefined
  isEmpty = true
  #onText: OnText = () => {}

  add(place: Place, folded: string, number: number): void {
    this.isEmpty = false
    if (place === 'whole') put(this.#whole, folded, number)
    else if (place === 'start') this.#starts.add(folded, number)
    else if (place === 'end') this.#ends.add(folded, number)
    else put(this.#anywhere, folded, number)
  }

  /**
   * To be called once, after all texts were added. `beside` are further texts, finished, to be looked for
   * by whoever looks for these: one pass over a value for both. Where these have no need of a pass, and
   * `scans` says so, there is none. `tables`: what `literalTables` of the same texts were, made before.
   */
  finish(beside?: Texts, tables?: LiteralTables): void {
    const outlines = [...this.#whole.keys()].map(outlineOf)
    this.#outlines = new Bits(outlines, outlines.length)
    this.#starts.finish()
    this.#ends.finish()
    this.#byLiteral = [...this.#anywhere.values()]
    if (this.#anywhere.size === 0) return
    const texts = [...this.#anywhere.keys()]
    if (beside !== undefined && beside.#anywhere.size > 0) {
      this.#beside = beside
      texts.push(...beside.#anywhere.keys())
    }
    this.#literals = new Literals(texts, tables)
  }

  /** Once finished; undefined where no text may stand anywhere. */
  get literalTables(): LiteralTables | undefined {
    return this.#literals?.tables
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
    if (!isScanned) this.#literals?.find(value, this.#onLiteral)
  }

  #findWhole(value: string, onText: OnText): void {
    const outline = outlineOf(value)
    if (outline >= 0 && !this.#outlines.has(outline)) return
    const numbers = this.#whole.get(foldCase(value))
    if (numbers !== undefined) for (const number of numbers) onText(number, 0)
  }

  readonly #onLiteral = (literal: number, start: number): void => {
    const own = this.#byLiteral.length
    if (literal >= own) this.#beside!.#onLiteral(literal - own, start)
    else for (const number of this.#byLiteral[literal]!) this.#onText(number, start)
  }
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
