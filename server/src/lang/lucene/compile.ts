import { fail, ok, type Result } from '../../base/result.ts'
import type { Condition, ValueTest, WildcardPart } from '../../model/condition.ts'
import { addressRange } from '../address-range.ts'
import { allOf, ALWAYS, anyOf, fieldTest, notOf, wildcardTest } from '../conditions.ts'
import { timeEquals, timeRange, type RangeOp, type TimeContext } from '../field-times.ts'
import { anywhere, wordsAt } from '../free-text.ts'
import { guardQuery, type Lexis } from '../guard.ts'
import { keywordCondition, keywordTests, numberIn } from '../keyword.ts'
import { compileRegexp, regexpCondition } from '../regexp/regexp.ts'
import { problemOf, QueryError } from '../syntax.ts'
import { isTextField } from '../text-fields.ts'
import { parse } from './generated/lucene.ts'

type Node =
  | { readonly kind: 'all' }
  | { readonly kind: 'clauses'; readonly clauses: readonly Clause[] }
  | { readonly kind: 'scope'; readonly field: string; readonly part: Node }
  | {
      readonly kind: 'field'
      readonly field: string | null
      readonly value: ValueNode
      readonly at: number
    }

/** A part of a query, with its sign and whether `AND` joins it to the part before. */
interface Clause {
  readonly join: '' | 'and'
  readonly sign: '' | '+' | '-'
  readonly part: Node
}

type Bound = { readonly text: string; readonly quoted: boolean } | null

type ValueNode =
  | { readonly kind: 'phrase'; readonly text: string }
  | { readonly kind: 'regexp'; readonly pattern: string }
  | { readonly kind: 'text'; readonly parts: readonly WildcardPart[] }
  | { readonly kind: 'compare'; readonly op: string; readonly to: Bound }
  | {
      readonly kind: 'range'
      readonly gte: boolean
      readonly lte: boolean
      readonly from: Bound
      readonly to: Bound
    }

const LEXIS: Lexis = { tripleQuotes: false, backticks: false, comments: false, escapes: true }

/**
 * Lucene's query string, the part that rule files use, as a condition. Two-valued; keywords are
 * matched whole and with regard to case. Problems: QUERY_SYNTAX, QUERY_INVALID, QUERY_TOO_LARGE.
 */
export function compileLucene(text: string, context: TimeContext = {}): Result<Condition> {
  const guarded = guardQuery(text, LEXIS)
  if (!guarded.ok) return guarded
  try {
    return ok(lower(parse(text, {}) as Node, null, context))
  } catch (error) {
    const problem = problemOf(error, text, hintAt)
    if (problem === undefined) throw error
    return fail(problem)
  }
}

function lower(node: Node, field: string | null, context: TimeContext): Condition {
  switch (node.kind) {
    case 'all':
      return ALWAYS
    case 'clauses':
      return lowerClauses(node.clauses, (part) => lower(part, field, context))
    case 'scope':
      return lower(node.part, node.field, context)
    case 'field':
      return lowerField(node.field ?? field, node.value, node.at, context)
  }
}

/**
 * What Lucene's parser makes of a list of clauses: `AND` demands the clauses on both of its sides,
 * `+` its own, `-` and `NOT` exclude. Of the others one is enough, and none is needed where some are
 * demanded: `a OR b AND c` finds what has b and c.
 */
function lowerClauses(clauses: readonly Clause[], lowerPart: (part: Node) => Condition): Condition {
  const demanded: Condition[] = []
  const offered: Condition[] = []
  const excluded: Condition[] = []
  for (const [index, { join, sign, part }] of clauses.entries()) {
    const isDemanded = sign === '+' || join === 'and' || clauses[index + 1]?.join === 'and'
    const kind = sign === '-' ? excluded : isDemanded ? demanded : offered
    kind.push(lowerPart(part))
  }
  const any = demanded.length > 0 || offered.length === 0 ? ALWAYS : anyOf(offered)
  return allOf([...demanded, any, ...excluded.map(notOf)])
}

function lowerField(
  field: string | null,
  value: ValueNode,
  at: number,
  context: TimeContext,
): Condition {
  if (field === '_exists_' && (value.kind === 'text' || value.kind === 'phrase')) {
    const parts = value.kind === 'text' ? value.parts : [value.text]
    return on(parts.map((part) => (typeof part === 'string' ? part : '*')).join(''), EXISTS)
  }
  switch (value.kind) {
    case 'phrase':
      return onText(field, [value.text], { quoted: true, at }, context)
    case 'text':
      return onText(field, value.parts, { quoted: false, at }, context)
    case 'regexp': {
      const compiled = compileRegexp(value.pattern, true)
      if (!compiled.ok) throw new QueryError(compiled.problem.message, at)
      return regexpCondition(compiled.value, (test) => on(field, test))
    }
    case 'compare': {
      const op = `${value.op.startsWith('>') ? 'g' : 'l'}t${value.op.endsWith('=') ? 'e' : ''}`
      return bound(field, op as RangeOp, value.to, at, context)
    }
    case 'range':
      return allOf([
        bound(field, value.gte ? 'gte' : 'gt', value.from, at, context),
        bound(field, value.lte ? 'lte' : 'lt', value.to, at, context),
        on(field, EXISTS),
      ])
  }
}

const EXISTS: ValueTest = { kind: 'exists' }

function on(field: string | null, test: ValueTest): Condition {
  if (field === null) return { kind: 'anywhere', test }
  if (field.includes('*')) return { kind: 'fields', pattern: field, test }
  return fieldTest(field, test)
}

function onText(
  field: string | null,
  parts: readonly WildcardPart[],
  { quoted, at }: { readonly quoted: boolean; readonly at: number },
  context: TimeContext,
): Condition {
  const isPlain = parts.every((part) => typeof part === 'string')
  const test = wildcardTest(parts, true)
  if (test.kind === 'exists') return field === null || field === '*' ? ALWAYS : on(field, test)
  if (field === null) return anywhere(parts, quoted)
  if (isTextField(field)) return wordsAt(field, parts, quoted)
  if (!isPlain) return on(field, test)
  const text = parts.join('')
  if (field.includes('*')) return anyOf(keywordTests(text).map((each) => on(field, each)))
  return timeEquals(field, { text, quoted, at }, context) ?? keywordCondition(field, text)
}

function bound(
  field: string | null,
  op: RangeOp,
  to: Bound,
  at: number,
  context: TimeContext,
): Condition {
  if (to === null) return ALWAYS
  const test: ValueTest = { kind: 'compare', op, value: numberIn(to.text) ?? to.text }
  if (field === null) return on(field, test)
  return (
    timeRange(field, op, { ...to, at }, context) ??
    addressRange(field, op, to.text) ??
    on(field, test)
  )
}

function hintAt(text: string, offset: number): string | undefined {
  const char = text[offset] ?? ''
  if (offset >= text.trimEnd().length) return 'a value is missing, or a bracket or quote not closed'
  if (char === '~') return 'use wildcards, or a regular expression between slashes'
  if ('<>(){}[]:/^+-!'.includes(char)) return `quote the value, or write \\${char}`
  return undefined
}
