import { foldCase } from '../base/fold.ts'
import { claimedTimeMs, instantText } from '../base/timestamp.ts'

/** What an expression comes to; null where it has no value. */
export type Scalar = string | number | boolean | null

type Body = (...args: Scalar[]) => Scalar

/**
 * The functions of expressions by the names that `Expr` calls carry, over plain values
 * (Elasticsearch, "EQL function reference", and the operators of EQL). They never throw: arguments
 * of the wrong type give null. A `~` at the end of a name folds letter case.
 */
export const FUNCTIONS: Readonly<Record<string, Body>> = {
  add: arithmetic((left, right) => left + right),
  subtract: arithmetic((left, right) => left - right),
  multiply: arithmetic((left, right) => left * right),
  divide: arithmetic((left, right) =>
    Number.isInteger(left) && Number.isInteger(right) ? Math.trunc(left / right) : left / right,
  ),
  fdivide: arithmetic((left, right) => left / right),
  modulo: arithmetic((left, right) => left % right),
  negate: (value) => (typeof value === 'number' ? 0 - value : null),
  between: (text, left, right, greedy) => between(text, left, right, greedy, false),
  'between~': (text, left, right, greedy) => between(text, left, right, greedy, true),
  concat: (...parts) => (parts.includes(null) ? null : parts.map(String).join('')),
  endsWith: onTexts((text, end) => text.endsWith(end)),
  'endsWith~': onTexts((text, end) => foldCase(text).endsWith(foldCase(end))),
  startsWith: onTexts((text, start) => text.startsWith(start)),
  'startsWith~': onTexts((text, start) => foldCase(text).startsWith(foldCase(start))),
  stringContains: onTexts((text, part) => part !== '' && text.includes(part)),
  'stringContains~': onTexts(
    (text, part) => part !== '' && foldCase(text).includes(foldCase(part)),
  ),
  indexOf: (text, part, start = 0) => indexOf(text, part, start, (value) => value),
  'indexOf~': (text, part, start = 0) => indexOf(text, part, start, foldCase),
  length: (value) => (value === null ? null : String(value).length),
  number: toNumber,
  string: (value) => (value === null ? null : String(value)),
  substring,
  eq: (left, right) => (left === null || right === null ? null : isSame(left, right)),
  /** Equality in which null is a value like others. */
  same: (left, right) => (left === null || right === null ? left === right : isSame(left, right)),
  lt: ordered((order) => order < 0),
  lte: ordered((order) => order <= 0),
  gt: ordered((order) => order > 0),
  gte: ordered((order) => order >= 0),
  isnull: (value) => value === null,
  notnull: (value) => value !== null,
  /** A time in whole milliseconds, as Elasticsearch keeps a `date`. */
  time: (value) => {
    const ms = claimedTimeMs(value)
    return ms === undefined ? null : Math.floor(ms)
  },
  /** A time in nanoseconds, as text that is ordered as the times are. */
  instant: (value) => instantText(value) ?? null,
  /** A number; null for what is none, text that spells one included. */
  numeric: (value) => (typeof value === 'number' ? value : null),
  /** Whether a number lies between two others, both included. */
  within: (value, low, high) =>
    typeof value === 'number' && typeof low === 'number' && typeof high === 'number'
      ? value >= low && value <= high
      : null,
  /** The three-valued truth of what is true, and of what is false. */
  truth: (isTrue, isFalse) => (isTrue === true ? true : isFalse === true ? false : null),
}

function arithmetic(body: (left: number, right: number) => number): Body {
  return (left, right) => {
    if (typeof left !== 'number' || typeof right !== 'number') return null
    const value = body(left, right)
    return Number.isFinite(value) ? value : null
  }
}

function onTexts(body: (text: string, part: string) => boolean): Body {
  return (text, part) => {
    if (text === null || part === null || text === undefined || part === undefined) return null
    return body(String(text), String(part))
  }
}

function indexOf(
  text: Scalar | undefined,
  part: Scalar | undefined,
  start: Scalar,
  fold: (value: string) => string,
): Scalar {
  if (typeof text !== 'string' || typeof part !== 'string' || typeof start !== 'number') return null
  if (start > text.length) return null
  const found = fold(text).indexOf(fold(part), Math.max(0, start))
  return found < 0 ? null : found
}

/**
 * The text between the first `left` and the next (greedy: the last) `right`; empty if not found.
 * All of the text where one of the two is empty, as Elasticsearch does.
 */
function between(
  text: Scalar | undefined,
  left: Scalar | undefined,
  right: Scalar | undefined,
  greedy: Scalar | undefined,
  insensitive: boolean,
): Scalar {
  if (typeof text !== 'string' || typeof left !== 'string' || typeof right !== 'string') return null
  if (left === '' || right === '') return text
  const [all, from, to] = insensitive
    ? [foldCase(text), foldCase(left), foldCase(right)]
    : [text, left, right]
  const at = all.indexOf(from)
  if (at < 0) return ''
  const start = at + from.length
  const end = greedy === true ? all.lastIndexOf(to) : all.indexOf(to, start)
  return end < start ? '' : text.slice(start, end)
}

/** Slices as Python does: positions below zero count from the end. */
function substring(text?: Scalar, from?: Scalar, to?: Scalar): Scalar {
  if (text === null || text === undefined) return null
  const whole = String(text)
  const start = typeof from === 'number' ? from : 0
  const end = typeof to === 'number' ? to : whole.length
  const clamp = (at: number) => Math.min(whole.length, Math.max(0, at < 0 ? at + whole.length : at))
  return clamp(start) < clamp(end) ? whole.slice(clamp(start), clamp(end)) : ''
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/

function toNumber(value?: Scalar, base?: Scalar): Scalar {
  if (typeof value === 'number') return value
  if (typeof value !== 'string') return null
  const text = value.trim()
  const isHex = /^0x/i.test(text)
  const radix = typeof base === 'number' ? base : isHex ? 16 : 10
  if (!Number.isInteger(radix) || radix < 2 || radix > 36) return null
  if (radix === 10) return DECIMAL.test(text) ? Number(text) : null
  const digits = isHex && radix === 16 ? text.slice(2) : text
  return wholeNumber(digits, radix)
}

function wholeNumber(text: string, radix: number): number | null {
  const negative = text.startsWith('-')
  const digits = /^[+-]/.test(text) ? text.slice(1) : text
  if (digits === '') return null
  let total = 0
  for (const char of digits) {
    const digit = Number.parseInt(char, 36)
    if (!(digit < radix)) return null
    total = total * radix + digit
  }
  return negative ? -total : total
}

/** Numbers and text are the same where the text is that number, or spells the same. */
function isSame(left?: Scalar, right?: Scalar): boolean {
  if (typeof left === typeof right) return left === right
  if (typeof left === 'number') return numberOf(right) === left
  if (typeof right === 'number') return numberOf(left) === right
  return String(left) === String(right)
}

function numberOf(value?: Scalar): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'string' && DECIMAL.test(value) ? Number(value) : undefined
}

function ordered(test: (order: number) => boolean): Body {
  return (left, right) => {
    if (typeof left === 'string' && typeof right === 'string') {
      return test(left < right ? -1 : left > right ? 1 : 0)
    }
    const [low, high] = [numberOf(left), numberOf(right)]
    return low === undefined || high === undefined ? null : test(low - high)
  }
}
