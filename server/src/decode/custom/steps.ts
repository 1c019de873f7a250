import { measure } from '../json/measure.ts'
import type { Fields, ParseStep } from './mapping.ts'
import { GROK_PATTERNS } from './grok-patterns.ts'
import { searching } from './search.ts'

export type Run = ParseStep['run']
/** A step, or a sentence on what is wrong with its text. */
export type Made = { readonly run: Run } | { readonly problem: string }

const FIELDS_MAX = 500
const JSON_LIMITS = { depthMax: 40, valuesMax: 20_000 } as const
const GROK_DEPTH_MAX = 12
const GROK_TEXT_MAX = 20_000

/**
 * `%{a} %{b}`: text between the fields is looked for from left to right. `%{}` and `%{?a}` are skipped;
 * `%{a->}` is followed by any number of the delimiter.
 */
export function dissect(pattern: string): Made {
  const names: string[] = []
  const delimiters: string[] = []
  let from = 0
  for (;;) {
    const open = pattern.indexOf('%{', from)
    delimiters.push(pattern.slice(from, open < 0 ? pattern.length : open))
    if (open < 0) break
    const close = pattern.indexOf('}', open)
    if (close < 0) return { problem: 'a field of the dissect pattern is not closed' }
    names.push(pattern.slice(open + 2, close))
    from = close + 1
    if (pattern.startsWith('%{', from)) {
      return { problem: 'two fields of the dissect pattern have nothing between them' }
    }
  }
  if (names.length === 0) return { problem: 'the dissect pattern has no field' }
  return { run: (text, into) => runDissect(text, into, names, delimiters) }
}

function runDissect(
  text: string,
  into: Fields,
  names: readonly string[],
  delimiters: readonly string[],
): boolean {
  const [head = ''] = delimiters
  if (!text.startsWith(head)) return false
  let at = head.length
  const found: [string, string][] = []
  for (const [index, name] of names.entries()) {
    const delimiter = delimiters[index + 1] ?? ''
    const last = index === names.length - 1
    let end = delimiter === '' ? text.length : text.indexOf(delimiter, at)
    // What stands behind the last field is the end of the line.
    if (last && delimiter !== '') {
      end = text.endsWith(delimiter) ? text.length - delimiter.length : -1
    }
    if (end < at) return false
    const padded = name.endsWith('->')
    const bare = padded ? name.slice(0, -2) : name
    if (bare !== '' && !bare.startsWith('?')) found.push([bare, text.slice(at, end)])
    at = end + delimiter.length
    if (padded && delimiter !== '') while (text.startsWith(delimiter, at)) at += delimiter.length
  }
  for (const [name, value] of found) into.set(name, value)
  return true
}

/** `%{IP:source} …`: names of Logstash's patterns, in RE2's linear-time expressions. */
export function grok(pattern: string): Made {
  const fields: { readonly group: string; readonly name: string; readonly kind: string }[] = []
  let size = 0
  const expand = (text: string, depth: number): string => {
    if (depth > GROK_DEPTH_MAX) throw new Error('patterns name one another too deep')
    return text.replace(/%\{(\w+)(?::([^:}]+))?(?::(\w+))?\}/g, (_whole, name, field, kind) => {
      const known = Object.hasOwn(GROK_PATTERNS, name) ? GROK_PATTERNS[name as string] : undefined
      if (known === undefined) throw new Error(`there is no grok pattern ${String(name)}`)
      size += known.length
      if (size > GROK_TEXT_MAX) throw new Error('the grok pattern is too long')
      const inner = expand(known, depth + 1)
      if (field === undefined) return `(?:${inner})`
      const group = `g${fields.length}`
      fields.push({ group, name: String(field), kind: String(kind ?? '') })
      return `(?P<${group}>${inner})`
    })
  }
  try {
    const search = searching(expand(pattern, 0))
    const places = fields.map((field) => ({ ...field, index: search.names[field.group] ?? 0 }))
    return {
      run: (text, into) => {
        const groups = search.find(text)
        if (groups === undefined) return false
        for (const { index, name, kind } of places) {
          const value = groups[index]
          if (value === null || value === undefined) continue
          into.set(name, kind === 'int' || kind === 'float' ? Number(value) : value)
        }
        return true
      },
    }
  } catch (error) {
    return { problem: sentenceOf(error) }
  }
}

/** Forms that share an expression look at the same line with it, one after the other: once is enough. */
export function remembering(made: Made): Made {
  if ('problem' in made) return made
  let last: string | undefined
  let found: Map<string, unknown> | undefined
  return {
    run: (text, into) => {
      if (text !== last) {
        const fields = new Map<string, unknown>()
        found = made.run(text, fields) ? fields : undefined
        last = text
      }
      if (found === undefined) return false
      for (const [name, value] of found) into.set(name, value)
      return true
    },
  }
}

/** A regular expression whose named groups `(?P<name>…)` are the fields. */
export function regex(pattern: string): Made {
  try {
    const { names, find } = searching(pattern)
    const places = Object.entries(names)
    return {
      run: (text, into) => {
        const groups = find(text)
        if (groups === undefined) return false
        for (const [name, index] of places) {
          const value = groups[index]
          if (value !== null && value !== undefined) into.set(name, value)
        }
        return true
      },
    }
  } catch (error) {
    return { problem: sentenceOf(error) }
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message.slice(0, 200) : 'the pattern cannot be read'
}

/** The members of a JSON object. */
export const jsonStep: Run = (text, into) => {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return false
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) return false
  if (measure(parsed, JSON_LIMITS).problem !== undefined) return false
  for (const [key, value] of Object.entries(parsed)) into.set(key, value)
  return true
}

/** Columns of RFC 4180; fewer values than columns are taken, more are not. */
export function csv(columns: readonly string[], separator: string): Run {
  return (text, into) => {
    const values = splitCsv(text, separator)
    if (values === undefined || values.length > columns.length) return false
    for (const [index, value] of values.entries()) {
      const column = columns[index]
      if (column !== undefined && column !== '' && value !== '') into.set(column, value)
    }
    return true
  }
}

/** Undefined where a quote does not close. */
export function splitCsv(text: string, separator: string): string[] | undefined {
  const values: string[] = []
  let at = 0
  for (;;) {
    if (text.charCodeAt(at) === 34) {
      let value = ''
      for (;;) {
        const close = text.indexOf('"', at + 1)
        if (close < 0) return undefined
        value += text.slice(at + 1, close)
        at = close + 1
        if (text.charCodeAt(at) !== 34) break
        value += '"'
      }
      values.push(value)
      if (at >= text.length) return values
      if (!text.startsWith(separator, at)) return undefined
      at += separator.length
    } else {
      const end = text.indexOf(separator, at)
      values.push(end < 0 ? text.slice(at) : text.slice(at, end))
      if (end < 0) return values
      at = end + separator.length
    }
    if (values.length > FIELDS_MAX) return undefined
  }
}

/** `a=1 b="two words"`; a value may be quoted. False where not one pair is there. */
export function keyValue(separator: string, assign: string): Run {
  return (text, into) => {
    let at = 0
    let count = 0
    while (at < text.length && count < FIELDS_MAX) {
      while (text.startsWith(separator, at)) at += separator.length
      const equals = text.indexOf(assign, at)
      if (equals < 0) break
      const key = lastWord(text.slice(at, equals), separator)
      let from = equals + assign.length
      const quoted = text.charCodeAt(from) === 34
      let end = quoted ? closingQuote(text, from) : text.indexOf(separator, from)
      if (end < 0) end = text.length
      if (quoted) from += 1
      if (key !== '') {
        into.set(key, text.slice(from, end).replaceAll('\\"', '"'))
        count += 1
      }
      at = quoted ? end + 1 : end
    }
    return count > 0
  }
}

function lastWord(text: string, separator: string): string {
  const trimmed = text.trim()
  return trimmed.slice(trimmed.lastIndexOf(separator) + 1).trim()
}

function closingQuote(text: string, open: number): number {
  for (let at = open + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 92) at += 1
    else if (code === 34) return at
  }
  return -1
}
