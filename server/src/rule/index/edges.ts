import { foldCase } from '../../base/fold.ts'
import { ASCII, Bits, byteOf, KEY_UNITS, keyOf, put, standsAt } from './keys.ts'

/** How far from the edge keys are taken, at most. */
const REACH = 12

/** Told of each text found: the number it was added under, and where it begins. */
export type OnEdge = (number: number, start: number) => void

/**
 * Which of many texts does a value begin, or end, with, letter case aside. Of the first (last) units of
 * the value a few tell by a bit whether any text has them; then a hash that grows unit by
 * unit is looked for at each length that some text has. Texts are given folded and are not empty.
 */
export class Edges {
  readonly #fromEnd: boolean
  readonly #numbers = new Map<string, number[]>()
  /** Texts by their hash. */
  readonly #byHash = new Map<number, string[]>()
  /** Whether a text has this length. */
  #lengths = new Uint8Array(0)
  #hashes = new Bits([], 0)
  /** Keys are of so many units, from so far off the edge; all texts have them there. */
  #units = KEY_UNITS
  #offset = 0
  #keys = new Bits([], 0)

  constructor(fromEnd: boolean) {
    this.#fromEnd = fromEnd
  }

  add(text: string, number: number): void {
    put(this.#numbers, text, number)
  }

  get size(): number {
    return this.#numbers.size
  }

  /** To be called once, after all texts were added. */
  finish(): void {
    const texts = [...this.#numbers.keys()]
    const shortest = texts.reduce((least, { length }) => Math.min(least, length), REACH)
    this.#units = Math.min(KEY_UNITS, shortest)
    let keys = new Set<number>()
    // Where the texts differ most, most values differ from all of them.
    for (let offset = shortest - this.#units; offset >= 0; offset--) {
      const here = new Set(
        texts.map((text) => keyOf(text, this.#keyStart(text, offset), this.#units)),
      )
      if (here.size <= keys.size) continue
      keys = here
      this.#offset = offset
    }
    this.#keys = new Bits(keys, keys.size)
    const longest = texts.reduce((most, { length }) => Math.max(most, length), 0)
    this.#lengths = new Uint8Array(longest + 1)
    for (const text of texts) {
      this.#lengths[text.length] = 1
      let hash = 0
      for (let step = 0; step < text.length; step++) hash = grow(hash, this.#unit(text, step))
      put(this.#byHash, hash, text)
    }
    this.#hashes = new Bits(this.#byHash.keys(), this.#byHash.size)
  }

  /** Where the key's units begin; below zero for values that are too short. */
  #keyStart(value: string, offset: number): number {
    const edge = offset + this.#units
    if (edge > value.length) return -1
    return this.#fromEnd ? value.length - edge : offset
  }

  #unit(text: string, step: number): number {
    return text.charCodeAt(this.#fromEnd ? text.length - 1 - step : step)
  }

  find(value: string, onEdge: OnEdge): void {
    const from = this.#keyStart(value, this.#offset)
    if (from < 0) return
    let key = 0
    for (let at = from; at < from + this.#units; at++) {
      const unit = value.charCodeAt(at)
      if (unit >= ASCII) return this.#walk(foldCase(value), onEdge)
      key = (key << 8) | unit | 32
    }
    if (this.#keys.has(key)) this.#walk(value, onEdge)
  }

  #walk(value: string, onEdge: OnEdge): void {
    const lengths = this.#lengths
    const steps = Math.min(lengths.length - 1, value.length)
    let text = value
    let isFolded = false
    let hash = 0
    for (let step = 0; step < steps; step++) {
      let unit = this.#unit(text, step)
      if (unit >= ASCII && !isFolded) {
        text = foldCase(value)
        isFolded = true
        unit = this.#unit(text, step)
      }
      hash = grow(hash, unit)
      if (lengths[step + 1] === 1 && this.#hashes.has(hash)) this.#check(hash, text, onEdge)
    }
  }

  #check(hash: number, value: string, onEdge: OnEdge): void {
    const texts = this.#byHash.get(hash)
    if (texts === undefined) return
    for (const text of texts) {
      const start = this.#fromEnd ? value.length - text.length : 0
      if (!standsAt(value, start, text)) continue
      for (const number of this.#numbers.get(text)!) onEdge(number, start)
    }
  }
}

function grow(hash: number, unit: number): number {
  return (Math.imul(hash, 0x0100_0193) + byteOf(unit)) | 0
}
