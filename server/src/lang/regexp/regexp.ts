import { RE2JS } from 're2js'
import { fail, ok, type Result } from '../../base/result.ts'
import type { Condition, ValueTest } from '../../model/condition.ts'
import { guardQuery, type Lexis } from '../guard.ts'
import { problemOf, QueryError } from '../syntax.ts'
import { parse } from './generated/regexp.ts'
import { rangePattern } from './range.ts'

type Term =
  | { readonly kind: 'pattern' | 'not'; readonly pattern: string }
  | { readonly kind: 'and'; readonly parts: readonly Term[] }

/** How a value is tested: `not` and `and` only ever stand around whole patterns. */
export type RegexpTest =
  | { readonly kind: 'test'; readonly test: ValueTest }
  | { readonly kind: 'not'; readonly test: ValueTest }
  | { readonly kind: 'and'; readonly parts: readonly RegexpTest[] }

const LEXIS: Lexis = { tripleQuotes: false, backticks: false, comments: false, escapes: true }

/**
 * A Lucene regular expression, which fits a whole value, as tests of that value. Complement (`~`)
 * is taken of whole patterns and of single characters, intersection (`&`) of whole patterns. Problems: QUERY_SYNTAX.
 */
export function compileRegexp(text: string, cased: boolean): Result<RegexpTest> {
  const guarded = guardQuery(text.replaceAll('"', ' '), LEXIS)
  if (!guarded.ok) return guarded
  try {
    return ok(toTest(parse(text, { range: rangePattern }) as Term, cased))
  } catch (error) {
    const problem = problemOf(error, text, () => undefined)
    if (problem === undefined) throw error
    return fail(problem)
  }
}

function toTest(term: Term, cased: boolean): RegexpTest {
  if (term.kind === 'and') {
    return { kind: 'and', parts: term.parts.map((part) => toTest(part, cased)) }
  }
  const pattern = `\\A(?:${term.pattern})\\z`
  try {
    RE2JS.compile(pattern)
  } catch {
    throw new QueryError('This regular expression cannot be run: it is malformed or too large', 0)
  }
  const test: ValueTest = { kind: 'regex', pattern, flags: cased ? 's' : 'is' }
  return { kind: term.kind === 'not' ? 'not' : 'test', test }
}

/** The tests as a condition on one field; a value must be there for `not` to hold. */
export function regexpCondition(regexp: RegexpTest, on: (test: ValueTest) => Condition): Condition {
  switch (regexp.kind) {
    case 'test':
      return on(regexp.test)
    case 'not':
      return {
        kind: 'and',
        parts: [on({ kind: 'exists' }), { kind: 'not', part: on(regexp.test) }],
      }
    case 'and':
      return { kind: 'and', parts: regexp.parts.map((part) => regexpCondition(part, on)) }
  }
}
