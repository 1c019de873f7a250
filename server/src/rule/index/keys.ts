/** Characters below this are ASCII. */
export const ASCII = 128

/** Units that a key holds, a byte each. */
export const KEY_UNITS = 4

/**
 * What stands for a folded unit in a key. `unit | 32` folds the letters of ASCII and makes a few other
 * characters alike, which is enough: keys only rule out, and what is left is compared as text.
 */
export function byteOf(folded: number): number {
  return ((folded ^ (folded >>> 8)) & 0xff) | 32
}

/** Some units (four at most) of a folded text as one number. */
export function keyOf(folded: string, start: number, length: number): number {
  let key = 0
  for (let at = start; at < start + length; at++) key = (key << 8) | byteOf(folded.charCodeAt(at))
  return key
}

/** Whether a folded text stands at a place of a value that is ASCII or folded. */
export function standsAt(value: string, start: number, text: string): boolean {
  if (start < 0 || start + text.length > value.length) return false
  // Texts differ most often at their ends.
  for (let at = text.length - 1; at >= 0; at--) {
    const unit = value.charCodeAt(start + at)
    const folded = unit >= 65 && unit <= 90 ? unit + 32 : unit
    if (folded !== text.charCodeAt(at)) return false
  }
  return true
}

/** Spreads numbers over all bits (2^32 by the golden ratio, Knuth 6.4). */
export const HASH = -0x61c8_8647

/** Bits for each number held: one in so many passes without being held. */
const BITS_EACH = 64
const BITS_MAX_LOG = 22

/** A set of numbers of 32 bits that may hold too much, never too little: a bit each, by hash. */
export class Bits {
  readonly words: Uint32Array
  /** The bit of a number is `Math.imul(number, HASH) >>> shift`. */
  readonly shift: number

  constructor(numbers: Iterable<number>, size: number) {
    const log = Math.min(BITS_MAX_LOG, Math.max(5, Math.ceil(Math.log2(size * BITS_EACH + 1))))
    this.words = new Uint32Array(2 ** (log - 5))
    this.shift = 32 - log
    for (const number of numbers) {
      const bit = Math.imul(number, HASH) >>> this.shift
      this.words[bit >>> 5]! |= 1 << (bit & 31)
    }
  }

  has(number: number): boolean {
    const bit = Math.imul(number, HASH) >>> this.shift
    return (this.words[bit >>> 5]! & (1 << (bit & 31))) !== 0
  }
}

export function put<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}
