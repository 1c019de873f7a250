import type { FilePlace } from '../yaml/yaml-tree.ts'

/** A piece of a Sigma text: literal, wildcard, or a placeholder to be filled in. */
export type TextPart = string | { readonly any: 'one' | 'many' } | { readonly placeholder: string }

export interface TextValue {
  readonly kind: 'text'
  readonly parts: readonly TextPart[]
  /** As written, before escapes were taken out: regular expressions start from it. */
  readonly original: string
  readonly cased: boolean
  /** Every character stands for one byte (after `wide`, `utf16…`). */
  readonly bytes: boolean
}

/** A value of a detection item after its modifiers. */
export type SigmaValue =
  | TextValue
  | { readonly kind: 'number'; readonly value: number; readonly text: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }
  | RegexValue
  | { readonly kind: 'cidr'; readonly network: string }
  | {
      readonly kind: 'compare'
      readonly op: 'lt' | 'lte' | 'gt' | 'gte'
      readonly value: number | string
    }
  | { readonly kind: 'exists'; readonly value: boolean }
  | ReferenceValue
  | { readonly kind: 'timepart'; readonly part: TimePart; readonly value: number }
  /** One of several values that a modifier or placeholder made of one. */
  | { readonly kind: 'either'; readonly values: readonly SigmaValue[] }

export interface RegexValue {
  readonly kind: 'regex'
  readonly pattern: string
  readonly flags: string
  /** The pattern may hold placeholders, which are still to be filled in. */
  readonly expands?: boolean
}

export interface ReferenceValue {
  readonly kind: 'reference'
  readonly field: string
  readonly op: 'equals' | 'prefix' | 'suffix' | 'substring' | 'lt' | 'lte' | 'gt' | 'gte'
  readonly cased: boolean
}

export type TimePart = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'year'

/** One key of a selection with its values; without a field: keywords, looked for anywhere. */
export interface DetectionItem {
  readonly kind: 'item'
  readonly field: string | undefined
  readonly values: readonly SigmaValue[]
  /** Whether all values must match (modifier `all`), or one. */
  readonly all: boolean
  readonly negated: boolean
  readonly place: FilePlace
}

export type Detection =
  | DetectionItem
  | { readonly kind: 'all'; readonly parts: readonly Detection[] }
  | { readonly kind: 'any'; readonly parts: readonly Detection[] }

/**
 * Sigma's escape rules: a backslash before `*`, `?` or a backslash takes their meaning away; any
 * other backslash is itself.
 */
export function parseText(original: string): TextValue {
  const parts: TextPart[] = []
  let literal = ''
  let escaped = false
  for (const char of original) {
    if (escaped) {
      literal += char === '*' || char === '?' || char === '\\' ? char : `\\${char}`
      escaped = false
    } else if (char === '\\') {
      escaped = true
    } else if (char === '*' || char === '?') {
      if (literal !== '') parts.push(literal)
      literal = ''
      parts.push({ any: char === '*' ? 'many' : 'one' })
    } else {
      literal += char
    }
  }
  if (escaped) literal += '\\'
  if (literal !== '') parts.push(literal)
  return { kind: 'text', parts, original, cased: false, bytes: false }
}

/** A text without wildcards, taken literally. */
export function literalText(text: string): TextValue {
  const parts = text === '' ? [] : [text]
  return { kind: 'text', parts, original: text, cased: false, bytes: false }
}

/** The text of a value without wildcards and placeholders; undefined where it has some. */
export function plainText(value: TextValue): string | undefined {
  let text = ''
  for (const part of value.parts) {
    if (typeof part !== 'string') return undefined
    text += part
  }
  return text
}
