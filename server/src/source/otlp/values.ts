export type Fields = Readonly<Record<string, unknown>>
export type Entry = readonly [string, unknown]

const DEPTH_MAX = 24
const NOTES_MAX = 20
const NOTE_CHARS_MAX = 1_000

/**
 * Pieces of one record that are not of OTLP's form: an attribute without a key, an id of a wrong
 * length. The record keeps them under `otel.malformed`, so that nothing of it is lost.
 */
export class Oddities {
  readonly #texts: string[] = []
  #count = 0

  add(piece: unknown): void {
    this.#count += 1
    if (this.#texts.length < NOTES_MAX) this.#texts.push(textOf(piece).slice(0, NOTE_CHARS_MAX))
  }

  get isEmpty(): boolean {
    return this.#count === 0
  }

  entries(): readonly Entry[] {
    if (this.isEmpty) return []
    return [
      ['otel.malformed', this.#texts],
      ['otel.malformed_count', this.#count],
    ]
  }
}

export function textOf(value: unknown): string {
  return JSON.stringify(value) ?? String(value)
}

/** Attributes keep their OTel names. */
export function attributesOf(given: unknown, odd: Oddities): Entry[] {
  const entries: Entry[] = []
  for (const one of listOf(given, odd)) {
    const { key, value } = fieldsOf(one) ?? {}
    if (typeof key !== 'string' || key === '') odd.add(one)
    else entries.push([key.slice(0, 512), valueOf(value, odd)])
  }
  return entries
}

/** The plain value of an AnyValue; undefined where it has none. */
export function valueOf(given: unknown, odd: Oddities, depth = 0): unknown {
  if (given === undefined || given === null) return undefined
  const any = fieldsOf(given)
  if (any === undefined || depth > DEPTH_MAX) {
    odd.add(given)
    return undefined
  }
  const { intValue: whole, arrayValue: array, kvlistValue: list } = any
  if (whole !== undefined) {
    const number = Number(whole)
    return Number.isSafeInteger(number) ? number : textIn(whole, odd)
  }
  if (array !== undefined) {
    const values = listOf(fieldsOf(array)?.['values'], odd)
    return values.map((one) => valueOf(one, odd, depth + 1) ?? null)
  }
  if (list === undefined) return scalarOf(any, odd)
  const entries = listOf(fieldsOf(list)?.['values'], odd).map((one): Entry => {
    const { key, value } = fieldsOf(one) ?? {}
    if (typeof key !== 'string') odd.add(one)
    return [String(key), valueOf(value, odd, depth + 1)]
  })
  return Object.fromEntries(entries)
}

function scalarOf(any: Fields, odd: Oddities): unknown {
  const value = any['stringValue'] ?? any['boolValue'] ?? any['doubleValue'] ?? any['bytesValue']
  if (value === null || typeof value === 'object') odd.add(any)
  else if (value !== undefined || Object.keys(any).length === 0) return value
  else odd.add(any)
  return undefined
}

/** Hex of that length; an id of zeros is none. */
export function idOf(value: unknown, length: number, odd: Oddities): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  const isId = typeof value === 'string' && value.length === length && /^[0-9a-f]+$/i.test(value)
  if (!isId) odd.add(value)
  else if (!/^0+$/.test(value)) return value.toLowerCase()
  return undefined
}

export function nanosOf(value: unknown, odd: Oddities): bigint | undefined {
  if (value === undefined || value === null) return undefined
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) {
    odd.add(value)
    return undefined
  }
  const nanos = BigInt(text)
  return nanos === 0n ? undefined : nanos
}

/** ISO 8601 with nanoseconds. */
export function timeOf(nanos: bigint | undefined): string | undefined {
  if (nanos === undefined) return undefined
  const seconds = new Date(Number(nanos / 1_000_000_000n) * 1_000).toISOString().slice(0, 19)
  return `${seconds}.${String(nanos % 1_000_000_000n).padStart(9, '0')}Z`
}

/** A number, or the text of a 64-bit one; the special numbers of protobuf's JSON are none. */
export function numberOf(value: unknown, odd: Oddities): number | undefined {
  if (value === undefined || value === null) return undefined
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number === 'number' && Number.isFinite(number)) return number
  odd.add(typeof value === 'number' ? String(value) : value)
  return undefined
}

/** Text that says something. */
export function textIn(value: unknown, odd: Oddities): string | undefined {
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string') return value
  odd.add(value)
  return undefined
}

export function fieldsOf(value: unknown): Fields | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Fields) : undefined
}

/** A list that may be absent. */
export function listOf(value: unknown, odd: Oddities): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value
  odd.add(value)
  return []
}
