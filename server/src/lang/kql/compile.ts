import { fail, ok, type Result } from '../../base/result.ts'
import type { Condition } from '../../model/condition.ts'
import type { CompiledQuery } from '../../model/query.ts'
import { guardQuery, type Lexis } from '../guard.ts'
import { queryMeta, type QueryOptions } from '../query.ts'
import { problemOf } from '../syntax.ts'
import type { KqlNode } from './ast.ts'
import { parse } from './generated/kql.ts'
import { lowerKql } from './lower.ts'

export interface KqlOptions extends QueryOptions {
  /** The clock for `now` in dates; without one `now` is a problem. */
  readonly nowMs?: number
}

const LEXIS: Lexis = { tripleQuotes: false, backticks: false, comments: false, escapes: true }

/** A KQL filter as one match rule. Problems: QUERY_SYNTAX, QUERY_INVALID, QUERY_TOO_LARGE. */
export function compileKql(text: string, options: KqlOptions = {}): Result<CompiledQuery> {
  const condition = compileKqlCondition(text, options)
  if (!condition.ok) return condition
  const meta = queryMeta('kql', text, options)
  const rule = {
    kind: 'match',
    meta,
    condition: condition.value,
    alerts: options.alerts ?? true,
    groupBy: [],
    fields: [],
  } as const
  return ok({ kind: 'event', matches: [rule], pipes: [] })
}

/** A KQL filter as a condition. */
export function compileKqlCondition(text: string, options: KqlOptions = {}): Result<Condition> {
  const guarded = guardQuery(text, LEXIS)
  if (!guarded.ok) return guarded
  try {
    return ok(lowerKql(parse(text, {}) as KqlNode, options))
  } catch (error) {
    const problem = problemOf(error, text, hintAt)
    if (problem === undefined) throw error
    return fail(problem)
  }
}

function hintAt(text: string, offset: number): string | undefined {
  const char = text[offset] ?? ''
  if (text.split('"').length % 2 === 0 && offset >= text.length) return 'a quote is not closed'
  if (char === '"') return 'a quote is not closed, or stands within a value: write \\"'
  if (char === '\\') return 'write \\\\ for a backslash, or quote the value'
  if (char === ':') return 'quote a value with a colon in it, or write \\:'
  if (char === '{') return 'a nested group is written field:{ … }; as text, write \\{'
  if (char === ')' || char === '}') return `nothing opened it; as text, write \\${char}`
  if ((char === '<' || char === '>') && /:\s*$/.test(text.slice(0, offset))) {
    return `a range has no colon: field ${char} value`
  }
  if ('<>('.includes(char) && char !== '') return `quote the value, or write \\${char}`
  if (offset >= text.length) return 'a value is missing, or a bracket is not closed'
  if (/^not\s/i.test(text.slice(offset, offset + 4))) {
    return '“and” or “or” is missing before it; as part of a value, quote the value'
  }
  return undefined
}
