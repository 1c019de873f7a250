import type { Result } from '../../base/result.ts'

/**
 * Reads one CBOR item (RFC 8949) as plain values: maps as objects (keys as text), byte strings as
 * lower-case hex, tags left out, integers beyond 2^53 as text. Definite and indefinite lengths.
 * The failure is a sentence; nothing is allocated from a length that the bytes do not hold.
 */
export function readCbor(
  bytes: Uint8Array,
  limits: { readonly depthMax: number; readonly valuesMax: number },
): Result<unknown, string> {
  const reader = new CborReader(bytes, limits.depthMax, limits.valuesMax)
  try {
    const value = reader.item(0)
    if (reader.at !== bytes.length) {
      return { ok: false, problem: `${bytes.length - reader.at} bytes stand behind the item` }
    }
    return { ok: true, value }
  } catch (error) {
    if (error instanceof CborFault) return { ok: false, problem: error.message }
    throw error
  }
}

class CborFault extends Error {}

const BREAK = Symbol('break')
const INDEFINITE = -1

class CborReader {
  at = 0
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #depthMax: number
  #valuesLeft: number

  constructor(bytes: Uint8Array, depthMax: number, valuesMax: number) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#depthMax = depthMax
    this.#valuesLeft = valuesMax
  }

  item(depth: number): unknown {
    const value = this.#itemOrBreak(depth)
    if (value === BREAK) throw new CborFault(`a break out of place at byte ${this.at - 1}`)
    return value
  }

  #itemOrBreak(depth: number): unknown {
    if (depth > this.#depthMax) throw new CborFault(`nested more than ${this.#depthMax} deep`)
    this.#valuesLeft -= 1
    if (this.#valuesLeft < 0) throw new CborFault('too many values')
    const head = this.#byte()
    const major = head >> 5
    const low = head & 31
    if (major === 7) return this.#simple(low)
    const length = this.#argument(low, major >= 2 && major <= 5)
    switch (major) {
      case 0:
        return plain(length)
      case 1:
        return plain(-1n - BigInt(length))
      case 2:
        return hexOf(this.#chunks(2, length))
      case 3:
        return this.#text(length)
      case 4:
        return this.#array(Number(length), depth)
      case 5:
        return this.#map(Number(length), depth)
      default:
        return this.item(depth + 1)
    }
  }

  #byte(): number {
    const value = this.#bytes[this.at]
    if (value === undefined) throw new CborFault(`ends early at byte ${this.at}`)
    this.at += 1
    return value
  }

  #need(count: number): number {
    const from = this.at
    if (count > this.#bytes.length - from) throw new CborFault(`ends early at byte ${from}`)
    this.at = from + count
    return from
  }

  #argument(low: number, mayBeOpen: boolean): number | bigint {
    if (low < 24) return low
    if (low === 24) return this.#view.getUint8(this.#need(1))
    if (low === 25) return this.#view.getUint16(this.#need(2))
    if (low === 26) return this.#view.getUint32(this.#need(4))
    if (low === 27) return this.#view.getBigUint64(this.#need(8))
    if (low === 31 && mayBeOpen) return INDEFINITE
    throw new CborFault(`a reserved length at byte ${this.at - 1}`)
  }

  #simple(low: number): unknown {
    if (low === 20 || low === 21) return low === 21
    if (low === 22 || low === 23) return null
    if (low === 24) {
      this.#need(1)
      return null
    }
    if (low === 25) return halfOf(this.#view.getUint16(this.#need(2)))
    if (low === 26) return this.#view.getFloat32(this.#need(4))
    if (low === 27) return this.#view.getFloat64(this.#need(8))
    if (low === 31) return BREAK
    return null
  }

  /** The bytes of a string; one of open length is a row of definite ones. */
  #chunks(major: number, length: number | bigint): Uint8Array {
    if (length !== INDEFINITE) {
      const from = this.#need(Number(length))
      return this.#bytes.subarray(from, this.at)
    }
    const parts: Uint8Array[] = []
    for (let head = this.#byte(); head !== 0xff; head = this.#byte()) {
      if (head >> 5 !== major) throw new CborFault(`a mixed string at byte ${this.at - 1}`)
      const from = this.#need(Number(this.#argument(head & 31, false)))
      parts.push(this.#bytes.subarray(from, this.at))
    }
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    let at = 0
    for (const part of parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  }

  #text(length: number | bigint): string {
    const bytes = this.#chunks(3, length)
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    } catch {
      throw new CborFault(`text before byte ${this.at} is no UTF-8`)
    }
  }

  #array(length: number, depth: number): unknown[] {
    const items: unknown[] = []
    while (length === INDEFINITE || items.length < length) {
      const value = this.#itemOrBreak(depth + 1)
      if (value === BREAK) {
        if (length === INDEFINITE) return items
        throw new CborFault(`a break out of place at byte ${this.at - 1}`)
      }
      items.push(value)
    }
    return items
  }

  #map(length: number, depth: number): Record<string, unknown> {
    const made: Record<string, unknown> = {}
    for (let count = 0; length === INDEFINITE || count < length; count++) {
      const key = this.#itemOrBreak(depth + 1)
      if (key === BREAK) {
        if (length === INDEFINITE) return made
        throw new CborFault(`a break out of place at byte ${this.at - 1}`)
      }
      const value = this.item(depth + 1)
      const name = typeof key === 'string' ? key : JSON.stringify(key)
      if (name !== '__proto__') made[name] = value
    }
    return made
  }
}

function plain(value: number | bigint): number | string {
  if (typeof value === 'number') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

function hexOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** IEEE 754 half precision (RFC 8949, appendix D). */
function halfOf(half: number): number {
  const exponent = (half >> 10) & 31
  const mantissa = half & 1023
  const sign = half & 0x8000 ? -1 : 1
  if (exponent === 0) return sign * mantissa * 2 ** -24
  if (exponent === 31) return mantissa === 0 ? sign * Infinity : Number.NaN
  return sign * (mantissa + 1024) * 2 ** (exponent - 25)
}
