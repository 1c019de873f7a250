import { shortId } from '../base/hash.ts'
import { fieldOf, type EcsDoc } from '../model/event.ts'

/**
 * A group key is the JSON array of its values as text, null where an optional field is absent:
 * `["10.0.0.5","ok1"]`. Values of different types that print alike are one value, as for a person.
 */
export function encodeKey(values: readonly (string | null)[]): string {
  const [only] = values
  return values.length === 1 && typeof only === 'string' ? encodeOne(only) : JSON.stringify(values)
}

function encodeOne(value: string): string {
  return `[${JSON.stringify(value)}]`
}

export function decodeKey(key: string): readonly (string | null)[] {
  return JSON.parse(key) as (string | null)[]
}

/** The key of a rule without a group. */
export const NO_GROUP = '[]'

/** Combinations of multi-valued key fields looked at; more are left out. */
const COMBINATIONS_MAX = 64

/** The values of a field as text: none when absent or null, several when it is an array. */
export function textsOf(doc: EcsDoc, path: string): readonly string[] {
  const value = fieldOf(doc, path)
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) return [textOf(value)]
  const texts: string[] = []
  for (const one of value) {
    if (one === null || one === undefined) continue
    const text = textOf(one)
    if (!texts.includes(text)) texts.push(text)
    if (texts.length >= COMBINATIONS_MAX) break
  }
  return texts
}

/** Longer texts are remembered by their beginning and a hash: their senders choose how many there are. */
const TEXT_MAX = 1_024
const TEXT_KEPT = 256

function textOf(value: unknown): string {
  if (typeof value === 'string') return value.length <= TEXT_MAX ? value : shortened(value)
  return typeof value === 'object'
    ? shortened(JSON.stringify(value))
    : `${value as number | boolean}`
}

function shortened(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_KEPT)}…${shortId(text)}`
}

/** A field of a key: its path, and the paths that are read where there is nothing. */
export interface KeyField {
  readonly path: string
  readonly or?: readonly string[]
  readonly optional?: boolean
}

/** The values at the first path that has some. */
export function textsAt(doc: EcsDoc, { path, or }: KeyField): readonly string[] {
  const texts = textsOf(doc, path)
  if (texts.length > 0 || or === undefined) return texts
  for (const other of or) {
    const found = textsOf(doc, other)
    if (found.length > 0) return found
  }
  return texts
}

/** Every combination of one value per field; none when a field is absent and not optional. */
export function keysOf(doc: EcsDoc, fields: readonly KeyField[]): readonly string[] {
  const [only] = fields
  if (only === undefined) return [NO_GROUP]
  if (fields.length === 1) {
    const texts = textsAt(doc, only)
    if (texts.length === 1) return [encodeOne(texts[0]!)]
  }
  let rows: (string | null)[][] = [[]]
  for (const field of fields) {
    const texts: readonly (string | null)[] = textsAt(doc, field)
    const choices = texts.length === 0 && field.optional === true ? [null] : texts
    if (choices.length === 0) return []
    if (rows.length === 1 && choices.length === 1) rows[0]!.push(choices[0]!)
    else rows = rows.flatMap((row) => choices.map((one) => [...row, one]))
    if (rows.length > COMBINATIONS_MAX) rows.length = COMBINATIONS_MAX
  }
  return rows.map(encodeKey)
}
