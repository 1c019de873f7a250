import ipaddr from 'ipaddr.js'
import { RE2JS } from 're2js'
import { foldCase } from '../base/fold.ts'
import { isoToMs, timeToMs } from '../base/timestamp.ts'
import { VALUE_DEPTH_MAX, type ValueTest, type WildcardPart } from '../model/condition.ts'

type ReferenceTest = Extract<ValueTest, { readonly kind: 'fieldref' }>
type TimepartTest = Extract<ValueTest, { readonly kind: 'timepart' }>

/** Whether one value passes. Null and objects pass nothing but (objects) `exists`. */
export function passes(test: ValueTest, value: unknown): boolean {
  if (test.kind === 'exists') return isSomething(value, VALUE_DEPTH_MAX)
  if (test.kind === 'timepart') return timeParts(value)?.[test.part] === test.value
  if (test.kind === 'compare') return compares(test.op, value, test.value)
  const text = textOf(value)
  if (text === undefined) return false
  switch (test.kind) {
    case 'equals':
      if (typeof test.value === 'number') return numberOf(value) === test.value
      return fold(text, test.cased) === fold(String(test.value), test.cased)
    case 'prefix':
      return fold(text, test.cased).startsWith(fold(test.value, test.cased))
    case 'suffix':
      return fold(text, test.cased).endsWith(fold(test.value, test.cased))
    case 'substring':
      return fold(text, test.cased).includes(fold(test.value, test.cased))
    case 'wildcard':
      return fits(test.parts, text, test.cased)
    case 'regex':
      return regexOf(test.pattern, test.flags)?.matcher(text).find() ?? false
    case 'cidr':
      return isWithin(text, test.network)
    case 'present':
      return true
    case 'fieldref':
      return false
  }
}

/** Whether a value and one of another field of the same event stand in the relation asked for. */
export function passesReference(test: ReferenceTest, value: unknown, other: unknown): boolean {
  const text = textOf(value)
  const otherText = textOf(other)
  if (text === undefined || otherText === undefined) return false
  switch (test.op) {
    case 'equals':
      if (typeof other === 'number') return numberOf(value) === other
      return passes({ kind: 'equals', value: otherText, cased: test.cased }, value)
    case 'prefix':
    case 'suffix':
    case 'substring':
      return passes({ kind: test.op, value: otherText, cased: test.cased }, value)
    case 'lt':
    case 'lte':
    case 'gt':
    case 'gte':
      return compares(test.op, value, typeof other === 'number' ? other : otherText)
  }
}

/** Not null, and no object or list of nothing. */
function isSomething(value: unknown, levels: number): boolean {
  if (value === null || value === undefined) return false
  if (typeof value !== 'object') return true
  return levels >= 0 && Object.values(value).some((inner) => isSomething(inner, levels - 1))
}

function fold(text: string, cased: boolean): string {
  return cased ? text : foldCase(text)
}

function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  return typeof value === 'string' && DECIMAL.test(value) ? Number(value) : undefined
}

function compares(
  op: 'lt' | 'lte' | 'gt' | 'gte',
  value: unknown,
  bound: number | string,
): boolean {
  if (typeof value !== 'string' && typeof value !== 'number') return false
  if (typeof value === 'number' || typeof bound === 'number') {
    return inOrder(op, numberOf(value), numberOf(bound))
  }
  const valueMs = isoToMs(value)
  const boundMs = isoToMs(bound)
  if (valueMs !== undefined && boundMs !== undefined) return inOrder(op, valueMs, boundMs)
  return inOrder(op, value, bound)
}

function inOrder<T extends string | number>(
  op: string,
  a: T | undefined,
  b: T | undefined,
): boolean {
  if (a === undefined || b === undefined) return false
  if (op === 'lt') return a < b
  if (op === 'lte') return a <= b
  return op === 'gt' ? a > b : a >= b
}

function fits(parts: readonly WildcardPart[], text: string, cased: boolean): boolean {
  let pattern = ''
  for (const part of parts) {
    if (typeof part === 'string') pattern += RE2JS.quote(fold(part, cased))
    else pattern += part.any === 'one' ? '.' : '.*'
  }
  return regexOf(`\\A(?:${pattern})\\z`, 's')?.matcher(fold(text, cased)).find() ?? false
}

const REGEXES_MAX = 5_000
const regexes = new Map<string, RE2JS | undefined>()

/** The pattern, or undefined where it is none: languages refuse such a rule before it gets here. */
function regexOf(pattern: string, flags: string): RE2JS | undefined {
  const key = `${flags}/${pattern}`
  if (regexes.has(key)) return regexes.get(key)
  if (regexes.size >= REGEXES_MAX) regexes.clear()
  let regex: RE2JS | undefined
  try {
    regex = RE2JS.compile(pattern, flagBits(flags))
  } catch {
    regex = undefined
  }
  regexes.set(key, regex)
  return regex
}

function flagBits(flags: string): number {
  let bits = 0
  if (flags.includes('i')) bits |= RE2JS.CASE_INSENSITIVE
  if (flags.includes('m')) bits |= RE2JS.MULTILINE
  if (flags.includes('s')) bits |= RE2JS.DOTALL
  return bits
}

type Address = ipaddr.IPv4 | ipaddr.IPv6

function addressOf(text: string): Address | undefined {
  const bare = text.split('%', 1)[0] ?? ''
  if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return ipaddr.IPv4.parse(bare)
  if (!bare.includes(':') || !ipaddr.IPv6.isValid(bare)) return undefined
  const address = ipaddr.IPv6.parse(bare)
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}

function isWithin(text: string, network: string): boolean {
  const address = addressOf(text)
  if (address === undefined) return false
  const [base = '', bits = ''] = network.split('/')
  const from = addressOf(base)
  if (from === undefined || from.kind() !== address.kind()) return false
  // A mapped network (::ffff:10.0.0.0/104) counts its bits from the IPv6 end.
  const length = Number(bits) - (base.includes(':') && from.kind() === 'ipv4' ? 96 : 0)
  return address.match(from as ipaddr.IPv4 & ipaddr.IPv6, length)
}

type Parts = Readonly<Record<TimepartTest['part'], number>>

function timeParts(value: unknown): Parts | undefined {
  const ms = timeToMs(value)
  if (ms === undefined || Math.abs(ms) > 8.64e15) return undefined
  const date = new Date(ms)
  return {
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    week: isoWeek(ms),
    month: date.getUTCMonth() + 1,
    year: date.getUTCFullYear(),
  }
}

const DAY_MS = 86_400_000

/** ISO 8601: week 1 is the one with the year's first Thursday; weeks begin on Monday. */
function isoWeek(ms: number): number {
  const day = Math.floor(ms / DAY_MS)
  // Of days before 1970 the rest of a division is below zero.
  const weekday = (((day + 3) % 7) + 7) % 7
  const thursday = day - weekday + 3
  const yearStart = Date.UTC(new Date(thursday * DAY_MS).getUTCFullYear(), 0, 1) / DAY_MS
  return Math.floor((thursday - yearStart) / 7) + 1
}
