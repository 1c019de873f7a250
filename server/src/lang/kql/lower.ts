import ipaddr from 'ipaddr.js'
import { timeToMs } from '../../base/timestamp.ts'
import type { Condition, Expr, ValueTest } from '../../model/condition.ts'
import { addressRange } from '../address-range.ts'
import { allOf, ALWAYS, anyOf, fieldTest, notOf, wildcardTest } from '../conditions.ts'
import { isDateMath, parseDateMath, type Instants } from '../date-math.ts'
import { QueryError } from '../syntax.ts'
import { baseField, isTextField, wordsTest } from '../text-fields.ts'
import type { KqlList, KqlLiteral, KqlNode } from './ast.ts'

export interface KqlContext {
  readonly timestampField?: string
  readonly nowMs?: number
}

/** Which values are meant: those of a field, of all fields that fit a pattern, or of any field. */
type Subject =
  | { readonly kind: 'field'; readonly path: string }
  | { readonly kind: 'fields'; readonly pattern: string }

/** KQL as a condition. Two-valued: `not x: 1` holds where there is no x. */
export function lowerKql(node: KqlNode, context: KqlContext): Condition {
  switch (node.kind) {
    case 'all':
      return ALWAYS
    case 'or':
      return anyOf(node.parts.map((part) => lowerKql(part, context)))
    case 'and':
      return allOf(node.parts.map((part) => lowerKql(part, context)))
    case 'not':
      return notOf(lowerKql(node.part, context))
    case 'value':
      return anywhere(node.value)
    case 'list':
      return lowerList(node.list, subjectOf(node.field), context)
    case 'range':
      return range(node, context)
    case 'nested': {
      const subject = subjectOf(node.field)
      if (subject.kind === 'fields') {
        throw new QueryError('A nested path has no wildcards', node.at)
      }
      return { kind: 'nested', path: subject.path, part: lowerKql(node.part, context) }
    }
  }
}

function subjectOf(field: KqlLiteral): Subject {
  const text = field.parts
    .map((part) => part ?? '*')
    .join('')
    .trim()
  if (field.quoted || !field.parts.includes(null)) return { kind: 'field', path: text }
  return { kind: 'fields', pattern: text }
}

function lowerList(list: KqlList, subject: Subject, context: KqlContext): Condition {
  switch (list.kind) {
    case 'or':
      return anyOf(list.parts.map((part) => lowerList(part, subject, context)))
    case 'and':
      return allOf(list.parts.map((part) => lowerList(part, subject, context)))
    case 'not':
      return notOf(lowerList(list.part, subject, context))
    case 'value':
      return is(subject, trimmed(list.value), context, list.at)
  }
}

/** An unquoted literal ends before the space that follows it. */
function trimmed(value: KqlLiteral): KqlLiteral {
  if (value.quoted) return value
  const last = value.parts.length - 1
  const parts = value.parts.map((part, index) =>
    index === last ? (part?.trimEnd() ?? null) : part,
  )
  return { quoted: false, parts }
}

function isStar(value: KqlLiteral): boolean {
  return !value.quoted && value.parts.every((part) => part === null)
}

function is(subject: Subject, value: KqlLiteral, context: KqlContext, at: number): Condition {
  if (isStar(value)) {
    const everything = subject.kind === 'fields' && /^\*+$/.test(subject.pattern)
    return everything ? ALWAYS : onSubject(subject, { kind: 'exists' })
  }
  const hasWildcard = value.parts.includes(null)
  const text = value.parts.join('')
  if (!hasWildcard && subject.kind === 'field' && isTime(subject.path, text, context)) {
    const instants = instantsOf(text, context, at)
    return allOf([
      onTime(subject.path, 'gte', instants.firstMs),
      onTime(subject.path, 'lte', instants.lastMs),
    ])
  }
  if (subject.kind === 'field' && isTextField(subject.path))
    return textCondition(subject.path, value)
  if (hasWildcard) {
    const parts = value.parts.map((part) => part ?? ({ any: 'many' } as const))
    return onSubject(subject, wildcardTest(parts, true))
  }
  return anyOf(keywordTests(text, value.quoted).map((test) => onSubject(subject, test)))
}

function textCondition(path: string, value: KqlLiteral): Condition {
  const phrase = value.quoted || value.parts.includes(null)
  return onSubject({ kind: 'field', path }, wordsTest(value.parts, phrase))
}

function onSubject(subject: Subject, test: ValueTest): Condition {
  if (subject.kind === 'fields') return { kind: 'fields', pattern: subject.pattern, test }
  const base = baseField(subject.path)
  const parts = base === undefined ? [subject.path] : [subject.path, base]
  return anyOf(parts.map((path) => fieldTest(path, test)))
}

const NUMBER = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/

/** The tests of which one has to pass for a keyword, number, boolean or address to be the value. */
function keywordTests(text: string, quoted: boolean): ValueTest[] {
  const tests: ValueTest[] = [{ kind: 'equals', value: text, cased: true }]
  if (NUMBER.test(text) && String(Number(text)) !== text && text.includes('.')) {
    tests.push({ kind: 'equals', value: Number(text), cased: true })
  }
  if (text.includes('/') && ipaddr.isValidCIDR(text)) tests.push({ kind: 'cidr', network: text })
  if (text.includes(':') && ipaddr.isValid(text)) {
    tests.push({ kind: 'cidr', network: `${text}/128` })
  }
  const words = text.split(/\s+/)
  if (!quoted && words.length > 1 && words.every((word) => NUMBER.test(word))) {
    for (const word of words) tests.push({ kind: 'equals', value: Number(word), cased: true })
  }
  return tests
}

/** A value without a field: as a word, or words, of any value of the event. */
function anywhere(value: KqlLiteral): Condition {
  const plain = trimmed(value)
  if (isStar(plain)) return ALWAYS
  const phrase = plain.quoted || plain.parts.includes(null)
  const text = plain.parts.join('')
  const words: Condition = { kind: 'anywhere', test: wordsTest(plain.parts, phrase) }
  if (plain.parts.includes(null) || !/[^\p{L}\p{N}_]/u.test(text)) return words
  return anyOf([words, { kind: 'anywhere', test: { kind: 'equals', value: text, cased: true } }])
}

const OPS = { '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte' } as const

function range(node: Extract<KqlNode, { readonly kind: 'range' }>, context: KqlContext): Condition {
  const subject = subjectOf(node.field)
  const value = trimmed(node.value)
  if (value.parts.includes(null)) {
    throw new QueryError('A range ends at a value without wildcards', node.at)
  }
  const text = value.parts.join('')
  const op = OPS[node.op]
  if (subject.kind === 'field' && isTime(subject.path, text, context)) {
    const instants = instantsOf(text, context, node.at)
    const late = op === 'gt' || op === 'lte'
    return onTime(subject.path, op, late ? instants.lastMs : instants.firstMs)
  }
  const networks = subject.kind === 'field' ? addressRange(subject.path, op, text) : undefined
  if (networks !== undefined) return networks
  const bound = NUMBER.test(text) ? Number(text) : text
  return onSubject(subject, { kind: 'compare', op, value: bound })
}

const TIME_NAME = /(^|[._@])(timestamp|created|ingested|date|time)$|_(at|on)$/i

function isTime(path: string, text: string, context: KqlContext): boolean {
  if (isDateMath(text)) return true
  const isNamed = path === context.timestampField || TIME_NAME.test(path)
  if (parseDateMath(text, 0) === undefined) return isNamed && NUMBER.test(text) && text.length >= 9
  return isNamed || /^\d{4}-\d\d-\d\d/.test(text)
}

function instantsOf(text: string, context: KqlContext, at: number): Instants {
  const epochMs = NUMBER.test(text) && text.length >= 9 ? timeToMs(Number(text)) : undefined
  if (epochMs !== undefined) return { firstMs: epochMs, lastMs: epochMs }
  const instants = parseDateMath(text, context.nowMs)
  if (instants !== undefined) return instants
  if (text.startsWith('now') && context.nowMs === undefined) {
    throw new QueryError(
      '“now” has no meaning in a rule, which looks at events of any time',
      at,
      'leave it out: rules see each event once',
    )
  }
  throw new QueryError(`“${text}” is no date and no date math`, at)
}

/** A time, however the event writes it, compared as an instant. */
function onTime(path: string, op: 'lt' | 'lte' | 'gt' | 'gte', ms: number): Condition {
  const time: Expr = { kind: 'call', name: 'time', args: [{ kind: 'path', path }] }
  const bound: Expr = { kind: 'literal', value: ms }
  return { kind: 'expr', expr: { kind: 'call', name: op, args: [time, bound] } }
}
