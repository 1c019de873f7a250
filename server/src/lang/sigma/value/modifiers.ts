import { RE2JS } from 're2js'
import { encodeBase64, encodeBase64Offsets, toUtf16 } from './encode.ts'
import { parseNetwork } from './network.ts'
import { PLACEHOLDER } from './placeholders.ts'
import {
  plainText,
  type SigmaValue,
  type TextPart,
  type TextValue,
  type TimePart,
} from './value.ts'

/** What a modifier makes of one value: a value, or a sentence saying why it cannot. */
export type Modified = SigmaValue | { readonly kind: 'refused'; readonly why: string }
export type Modifier = (value: SigmaValue, before: readonly string[]) => Modified

const MANY = { any: 'many' } as const

function refused(why: string): Modified {
  return { kind: 'refused', why }
}

/** Numbers and booleans become text, as `EventID|startswith: 46` means. */
function asText(value: SigmaValue): TextValue | undefined {
  if (value.kind === 'text') return value
  if (value.kind !== 'number' && value.kind !== 'boolean') return undefined
  const text = value.kind === 'number' ? value.text : String(value.value)
  return { kind: 'text', parts: [text], original: text, cased: false, bytes: false }
}

function onText(change: (text: TextValue) => Modified): Modifier {
  return (value) => {
    const text = asText(value)
    return text === undefined ? refused('takes text') : change(text)
  }
}

function onPlainText(change: (text: string, value: TextValue) => Modified): Modifier {
  return onText((value) => {
    const text = plainText(value)
    return text === undefined ? refused('takes text without wildcards') : change(text, value)
  })
}

function isMany(part: TextPart | undefined): boolean {
  return typeof part === 'object' && 'any' in part && part.any === 'many'
}

function surround(at: 'prefix' | 'suffix' | 'substring'): Modifier {
  return (value) => {
    if (value.kind === 'regex') return { ...value, pattern: anchored(value.pattern, at) }
    if (value.kind === 'reference') return { ...value, op: at }
    return onText((text) => {
      const parts = [...text.parts]
      if (at !== 'prefix' && !isMany(parts[0])) parts.unshift(MANY)
      if (at !== 'suffix' && !isMany(parts.at(-1))) parts.push(MANY)
      return { ...text, parts }
    })(value, [])
  }
}

/** A regular expression is looked for anywhere, unless it has to begin or end the value. */
function anchored(pattern: string, at: 'prefix' | 'suffix' | 'substring'): string {
  if (at === 'substring') return pattern
  return at === 'prefix' ? `\\A(?:${pattern})` : `(?:${pattern})\\z`
}

const asRegex: Modifier = (value, before) => {
  if (before.some((name) => !['all', 'neq', 'expand'].includes(name))) {
    return refused('takes a value that no other modifier has changed')
  }
  const regex = onText((text) => ({ kind: 'regex', pattern: text.original, flags: '' }))
  const expands = before.includes('expand') ? { expands: true } : {}
  const made = regex(value, before)
  return made.kind === 'regex' ? { ...made, ...expands } : made
}

function flag(letter: 'i' | 'm' | 's'): Modifier {
  return (value) =>
    value.kind === 'regex'
      ? { ...value, flags: value.flags.includes(letter) ? value.flags : value.flags + letter }
      : refused('stands after `re`')
}

function comparison(op: 'lt' | 'lte' | 'gt' | 'gte'): Modifier {
  return (value) => {
    if (value.kind === 'number') return { kind: 'compare', op, value: value.value }
    if (value.kind === 'reference') return { ...value, op }
    if (value.kind === 'timepart') return timePartsThat(op, value)
    const text = value.kind === 'text' ? plainText(value) : undefined
    if (text === undefined || text.trim() === '') return refused('takes a number or a time')
    const number = Number(text)
    if (Number.isFinite(number)) return { kind: 'compare', op, value: number }
    const isTime = /^\d{4}-\d\d-\d\d/.test(text)
    return isTime ? { kind: 'compare', op, value: text } : refused('takes a number or a time')
  }
}

const TIME_RANGES: Readonly<Record<TimePart, readonly [number, number]>> = {
  minute: [0, 59],
  hour: [0, 23],
  day: [1, 31],
  week: [1, 53],
  month: [1, 12],
  year: [1970, 2200],
}

function timePart(part: TimePart): Modifier {
  return (value) => {
    const number = value.kind === 'number' ? value.value : Number.NaN
    const [least, most] = TIME_RANGES[part]
    if (!Number.isInteger(number) || number < least || number > most) {
      return refused(`takes a whole number from ${least} to ${most}`)
    }
    return { kind: 'timepart', part, value: number }
  }
}

/** `hour|gte: 22` is any hour from 22 on: parts of times are few, so they are spelled out. */
function timePartsThat(
  op: 'lt' | 'lte' | 'gt' | 'gte',
  bound: Extract<SigmaValue, { readonly kind: 'timepart' }>,
): Modified {
  const [least, most] = TIME_RANGES[bound.part]
  const from = op === 'gt' ? bound.value + 1 : op === 'gte' ? bound.value : least
  const to = op === 'lt' ? bound.value - 1 : op === 'lte' ? bound.value : most
  if (from > to) return refused(`leaves no ${bound.part}`)
  const values = Array.from({ length: to - from + 1 }, (_, index) => ({
    ...bound,
    value: from + index,
  }))
  return { kind: 'either', values }
}

const DASHES = ['-', '/', '\u2013', '\u2014', '\u2015']
const DASH = /(?<![\p{L}\p{N}_])[-/\u2013-\u2015](?=[\p{L}\p{N}_])/gu
const DASHES_MAX = 5

const windash: Modifier = onText((text) => {
  let variants: TextPart[][] = [[]]
  let dashes = 0
  for (const part of text.parts) {
    const pieces = typeof part === 'string' ? part.split(DASH) : []
    dashes += Math.max(0, pieces.length - 1)
    if (dashes > DASHES_MAX) return refused(`takes text with at most ${DASHES_MAX} dashes`)
    if (typeof part !== 'string') {
      variants = variants.map((variant) => [...variant, part])
      continue
    }
    let texts = [pieces[0] ?? '']
    for (const piece of pieces.slice(1)) {
      texts = texts.flatMap((start) => DASHES.map((dash) => start + dash + piece))
    }
    variants = variants.flatMap((variant) => texts.map((joined) => [...variant, joined]))
  }
  if (variants.length === 1) return text
  return { kind: 'either', values: variants.map((parts) => ({ ...text, parts })) }
})

/** Placeholders are `%name%`; `\%` is a plain percent sign. */
const expand: Modifier = (value) => {
  if (value.kind === 'regex') return { ...value, expands: true }
  return onText((text) => {
    const parts = text.parts.flatMap((part): TextPart[] => {
      if (typeof part !== 'string') return [part]
      const found: TextPart[] = []
      part.split(PLACEHOLDER).forEach((piece, index) => {
        if (index % 2 === 1) found.push({ placeholder: piece })
        else if (piece !== '') found.push(piece.replaceAll('\\%', '%'))
      })
      return found
    })
    return { ...text, parts }
  })(value, [])
}

const cidr: Modifier = onPlainText((text) => {
  const network = parseNetwork(text)
  if (network === undefined) return refused(`takes a network such as 10.0.0.0/8, not "${text}"`)
  return { kind: 'cidr', network }
})

const exists: Modifier = (value) => {
  if (value.kind === 'boolean') return { kind: 'exists', value: value.value }
  const text = value.kind === 'text' ? value.original.toLowerCase() : ''
  if (text === 'true' || text === 'yes') return { kind: 'exists', value: true }
  if (text === 'false' || text === 'no') return { kind: 'exists', value: false }
  return refused('takes true or false')
}

const reference: Modifier = onText((text) => {
  const inner = text.parts.filter((part) => !isMany(part))
  const field = plainText({ ...text, parts: inner })
  if (field === undefined || field === '') return refused('takes the name of a field')
  const starts = isMany(text.parts.at(-1))
  const ends = isMany(text.parts[0])
  const op = starts && ends ? 'substring' : starts ? 'prefix' : ends ? 'suffix' : 'equals'
  return { kind: 'reference', field, op, cased: text.cased }
})

function wide(order: 'le' | 'be', mark: boolean): Modifier {
  return onText((text) => {
    const parts = text.parts.map((part) => (typeof part === 'string' ? toUtf16(part, order) : part))
    const bom = order === 'le' ? '\u00ff\u00fe' : '\u00fe\u00ff'
    return { ...text, parts: mark ? [bom, ...parts] : parts, bytes: true }
  })
}

/** The modifiers of the specification (2.1.0, appendix "modifiers"), but `all` and `neq`. */
export const MODIFIERS: Readonly<Record<string, Modifier>> = {
  contains: surround('substring'),
  startswith: surround('prefix'),
  endswith: surround('suffix'),
  re: asRegex,
  i: flag('i'),
  ignorecase: flag('i'),
  m: flag('m'),
  multiline: flag('m'),
  s: flag('s'),
  dotall: flag('s'),
  cidr,
  exists,
  cased: (value) => {
    if (value.kind === 'text' || value.kind === 'reference') return { ...value, cased: true }
    return value.kind === 'number' || value.kind === 'regex' ? value : refused('takes text')
  },
  gt: comparison('gt'),
  gte: comparison('gte'),
  lt: comparison('lt'),
  lte: comparison('lte'),
  windash,
  base64: onPlainText((text, value) => ({
    ...value,
    parts: [encodeBase64(text, value.bytes)],
    bytes: false,
  })),
  base64offset: onPlainText((text, value) => ({
    kind: 'either',
    values: encodeBase64Offsets(text, value.bytes).map((part) => ({
      ...value,
      parts: [part],
      bytes: false,
    })),
  })),
  wide: wide('le', false),
  utf16le: wide('le', false),
  utf16be: wide('be', false),
  utf16: wide('le', true),
  expand,
  fieldref: reference,
  minute: timePart('minute'),
  hour: timePart('hour'),
  day: timePart('day'),
  week: timePart('week'),
  month: timePart('month'),
  year: timePart('year'),
}

/** Modifiers of the whole item, not of a value. */
export const ITEM_MODIFIERS = ['all', 'neq'] as const

/** Applies one modifier, through alternatives that an earlier one made. */
export function modify(name: string, value: SigmaValue, before: readonly string[]): Modified {
  const modifier = MODIFIERS[name]
  if (modifier === undefined) return refused('is not known')
  if (value.kind !== 'either') return modifier(value, before)
  const values: SigmaValue[] = []
  for (const each of value.values) {
    const changed = modify(name, each, before)
    if (changed.kind === 'refused') return changed
    values.push(changed)
  }
  return { kind: 'either', values }
}

/** Why RE2 refuses the pattern; undefined if it does not. */
export function regexFault(pattern: string, flags: string): string | undefined {
  try {
    let bits = 0
    if (flags.includes('i')) bits |= RE2JS.CASE_INSENSITIVE
    if (flags.includes('m')) bits |= RE2JS.MULTILINE
    if (flags.includes('s')) bits |= RE2JS.DOTALL
    RE2JS.compile(pattern, bits)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
