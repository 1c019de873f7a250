import type { Condition, ValueTest, WildcardPart } from '../../model/condition.ts'
import { addressRange } from '../address-range.ts'
import { allOf, ALWAYS, anyOf, fieldTest, notOf, wildcardTest } from '../conditions.ts'
import { timeEquals, timeRange, type TimeContext } from '../field-times.ts'
import { anywhere, namesOf, wordsAt } from '../free-text.ts'
import { keywordCondition, keywordTests, numberIn } from '../keyword.ts'
import { QueryError } from '../syntax.ts'
import { isTextField, TEXT_FIELDS } from '../text-fields.ts'
import type { KqlList, KqlLiteral, KqlNode } from './ast.ts'

/** Which values are meant: those of a field, of all fields that fit a pattern, or of any field. */
type Subject =
  | { readonly kind: 'field'; readonly path: string }
  | { readonly kind: 'fields'; readonly pattern: string }

/** KQL as a condition. Two-valued: `not x: 1` holds where there is no x. */
export function lowerKql(node: KqlNode, context: TimeContext): Condition {
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
      return freeText(trimmed(node.value))
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

function lowerList(list: KqlList, subject: Subject, context: TimeContext): Condition {
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

function is(subject: Subject, value: KqlLiteral, context: TimeContext, at: number): Condition {
  if (isStar(value)) {
    const everything = subject.kind === 'fields' && /^\*+$/.test(subject.pattern)
    return everything ? ALWAYS : onSubject(subject, { kind: 'exists' })
  }
  return subject.kind === 'field'
    ? isAt(subject.path, value, context, at)
    : isAtAny(subject.pattern, value, context, at)
}

function isAt(path: string, value: KqlLiteral, context: TimeContext, at: number): Condition {
  const hasWildcard = value.parts.includes(null)
  const text = value.parts.join('')
  if (!hasWildcard) {
    const time = timeEquals(path, { text, quoted: value.quoted, at }, context)
    if (time !== undefined) return time
  }
  if (isTextField(path)) return wordsAt(path, partsOf(value), value.quoted)
  if (hasWildcard) return onSubject({ kind: 'field', path }, wildcardTest(partsOf(value), true))
  const numbers = value.quoted ? [] : numbersIn(text)
  const any = (one: string): Condition =>
    anyOf([
      keywordCondition(one, text),
      ...numbers.map((number) => fieldTest(one, { kind: 'equals', value: number, cased: true })),
    ])
  return anyOf(namesOf(path).map(any))
}

function freeText(value: KqlLiteral): Condition {
  return isStar(value) ? ALWAYS : anywhere(partsOf(value), value.quoted)
}

/** In any field whose name fits: as a keyword, or in the words of those that are text. */
function isAtAny(pattern: string, value: KqlLiteral, context: TimeContext, at: number): Condition {
  const text = value.parts.join('')
  const tests = value.parts.includes(null)
    ? [wildcardTest(partsOf(value), true)]
    : [
        ...keywordTests(text),
        ...(value.quoted ? [] : numbersIn(text)).map((number): ValueTest => ({
          kind: 'equals',
          value: number,
          cased: true,
        })),
      ]
  const texts = TEXT_FIELDS.filter((path) => fitsName(pattern, path))
  return anyOf([
    ...tests.map((test): Condition => ({ kind: 'fields', pattern, test })),
    ...texts.map((path) => isAt(path, value, context, at)),
  ])
}

function fitsName(pattern: string, path: string): boolean {
  const pieces = pattern.split('*')
  const last = pieces.pop() ?? ''
  let from = 0
  for (const [index, piece] of pieces.entries()) {
    const found = index === 0 ? (path.startsWith(piece) ? 0 : -1) : path.indexOf(piece, from)
    if (found < 0) return false
    from = found + piece.length
  }
  return path.length - last.length >= from && path.endsWith(last)
}

function partsOf(value: KqlLiteral): WildcardPart[] {
  return value.parts.map((part) => part ?? ({ any: 'many' } as const))
}

/** Numbers with spaces between them, of which a value is one. */
function numbersIn(text: string): number[] {
  const words = text.split(/\s+/)
  const numbers = words.map(numberIn).filter((number) => number !== undefined)
  return words.length > 1 && numbers.length === words.length ? numbers : []
}

function onSubject(subject: Subject, test: ValueTest): Condition {
  if (subject.kind === 'fields') return { kind: 'fields', pattern: subject.pattern, test }
  return anyOf(namesOf(subject.path).map((path) => fieldTest(path, test)))
}

const OPS = { '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte' } as const

function range(
  node: Extract<KqlNode, { readonly kind: 'range' }>,
  context: TimeContext,
): Condition {
  const subject = subjectOf(node.field)
  const value = trimmed(node.value)
  if (value.parts.includes(null)) {
    throw new QueryError('A range ends at a value without wildcards', node.at)
  }
  const text = value.parts.join('')
  const op = OPS[node.op]
  const test: ValueTest = { kind: 'compare', op, value: numberIn(text) ?? text }
  if (subject.kind === 'fields') return onSubject(subject, test)
  return (
    timeRange(subject.path, op, { text, quoted: value.quoted, at: node.at }, context) ??
    addressRange(subject.path, op, text) ??
    onSubject(subject, test)
  )
}
