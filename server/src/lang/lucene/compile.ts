import ipaddr from 'ipaddr.js'
import { fail, ok, type Result } from '../../base/result.ts'
import type { Condition, ValueTest, WildcardPart } from '../../model/condition.ts'
import { addressRange } from '../address-range.ts'
import { allOf, ALWAYS, anyOf, fieldTest, notOf, wildcardTest } from '../conditions.ts'
import { guardQuery, type Lexis } from '../guard.ts'
import { compileRegexp, regexpCondition } from '../regexp/regexp.ts'
import { problemOf, QueryError } from '../syntax.ts'
import { isTextField, wordsTest } from '../text-fields.ts'
import { parse } from './generated/lucene.ts'

type Node =
  | { readonly kind: 'all' }
  | { readonly kind: 'or' | 'and'; readonly parts: readonly Node[] }
  | { readonly kind: 'not'; readonly part: Node }
  | {
      readonly kind: 'field'
      readonly field: string | null
      readonly value: ValueNode
      readonly at: number
    }

type ValueNode =
  | { readonly kind: 'or' | 'and'; readonly parts: readonly ValueNode[] }
  | { readonly kind: 'not'; readonly part: ValueNode }
  | { readonly kind: 'phrase'; readonly text: string }
  | { readonly kind: 'regexp'; readonly pattern: string }
  | { readonly kind: 'text'; readonly parts: readonly WildcardPart[] }
  | { readonly kind: 'compare'; readonly op: string; readonly to: string | null }
  | {
      readonly kind: 'range'
      readonly gte: boolean
      readonly lte: boolean
      readonly from: string | null
      readonly to: string | null
    }

const LEXIS: Lexis = { tripleQuotes: false, backticks: false, comments: false, escapes: true }

/**
 * Lucene's query string, the part that rule files use, as a condition. Two-valued; keywords are
 * matched whole and with regard to case. Problems: QUERY_SYNTAX, QUERY_INVALID, QUERY_TOO_LARGE.
 */
export function compileLucene(text: string): Result<Condition> {
  const guarded = guardQuery(text, LEXIS)
  if (!guarded.ok) return guarded
  try {
    return ok(lower(parse(text, {}) as Node))
  } catch (error) {
    const problem = problemOf(error, text, hintAt)
    if (problem === undefined) throw error
    return fail(problem)
  }
}

function lower(node: Node): Condition {
  switch (node.kind) {
    case 'all':
      return ALWAYS
    case 'or':
      return anyOf(node.parts.map(lower))
    case 'and':
      return allOf(node.parts.map(lower))
    case 'not':
      return notOf(lower(node.part))
    case 'field':
      return lowerField(node.field, node.value, node.at)
  }
}

function lowerField(field: string | null, value: ValueNode, at: number): Condition {
  if (field === '_exists_' && value.kind === 'text') {
    return fieldTest(value.parts.join(''), { kind: 'exists' })
  }
  switch (value.kind) {
    case 'or':
      return anyOf(value.parts.map((part) => lowerField(field, part, at)))
    case 'and':
      return allOf(value.parts.map((part) => lowerField(field, part, at)))
    case 'not':
      return notOf(lowerField(field, value.part, at))
    case 'phrase':
      return onText(field, [value.text], true)
    case 'text':
      return onText(field, value.parts, false)
    case 'regexp': {
      const compiled = compileRegexp(value.pattern, true)
      if (!compiled.ok) throw new QueryError(compiled.problem.message, at)
      return regexpCondition(compiled.value, (test) => on(field, test))
    }
    case 'compare':
      return bound(field, value.op.startsWith('>') ? 'g' : 'l', value.op.endsWith('='), value.to)
    case 'range':
      return allOf([
        bound(field, 'g', value.gte, value.from),
        bound(field, 'l', value.lte, value.to),
        on(field, { kind: 'exists' }),
      ])
  }
}

function on(field: string | null, test: ValueTest): Condition {
  if (field === null) return { kind: 'anywhere', test }
  if (field.includes('*')) return { kind: 'fields', pattern: field, test }
  return fieldTest(field, test)
}

function onText(field: string | null, parts: readonly WildcardPart[], phrase: boolean): Condition {
  const plain = parts.every((part) => typeof part === 'string')
  const test = wildcardTest(parts, true)
  if (test.kind === 'exists') return field === null || field === '*' ? ALWAYS : on(field, test)
  if (field === null || isTextField(field)) {
    const words = parts.map((part) => (typeof part === 'string' ? part : null))
    return on(field, wordsTest(words, phrase || !plain))
  }
  const text = parts.join('')
  if (!plain) return on(field, test)
  const isNetwork = text.includes('/') && ipaddr.isValidCIDR(text)
  if (isNetwork) return anyOf([on(field, test), on(field, { kind: 'cidr', network: text })])
  return on(field, test)
}

function bound(
  field: string | null,
  side: 'g' | 'l',
  inclusive: boolean,
  to: string | null,
): Condition {
  if (to === null) return ALWAYS
  const op = `${side}t${inclusive ? 'e' : ''}` as const
  const networks = field === null ? undefined : addressRange(field, op, to)
  if (networks !== undefined) return networks
  const value = /^-?\d+(\.\d+)?$/.test(to) ? Number(to) : to
  return on(field, { kind: 'compare', op, value })
}

function hintAt(text: string, offset: number): string | undefined {
  const char = text[offset] ?? ''
  if (offset >= text.trimEnd().length) return 'a value is missing, or a bracket or quote not closed'
  if (char === '^' || char === '~') return 'boosts, fuzziness and proximity are not read'
  if ('<>(){}[]:/'.includes(char)) return `quote the value, or write \\${char}`
  return undefined
}
