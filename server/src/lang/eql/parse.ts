import { fail, ok, type Result } from '../../base/result.ts'
import { guardQuery, type Lexis } from '../guard.ts'
import { nearest, problemOf, QueryError } from '../syntax.ts'
import type { EqlQuery } from './ast.ts'
import { parse as parseText } from './generated/eql.ts'

const LEXIS: Lexis = { tripleQuotes: true, backticks: true, comments: true, escapes: false }

const KEYWORDS = new Set(
  'and any by false in join like not null or regex sample sequence true until where with'.split(
    ' ',
  ),
)

/** Reads EQL text. Problems: QUERY_SYNTAX with line, column and often a hint; QUERY_TOO_LARGE. */
export function parseEql(text: string): Result<EqlQuery> {
  const guarded = guardQuery(text, LEXIS)
  if (!guarded.ok) return guarded
  try {
    return ok(parseText(text, { unsupported }) as EqlQuery)
  } catch (error) {
    const problem = problemOf(error, text, hintAt)
    if (problem === undefined) throw error
    return fail(problem)
  }
}

/** For what EQL has elsewhere, not in Elasticsearch. */
function unsupported(what: string, at: number): never {
  throw new QueryError(`${what}: not supported`, at, undefined, 'QUERY_UNSUPPORTED')
}

/** What was probably meant where parsing stopped. */
function hintAt(text: string, offset: number): string | undefined {
  const rest = text.slice(offset, offset + 60)
  const word = /^[A-Za-z_]+/.exec(rest)?.[0]
  if (rest.startsWith('=')) return 'equality is “==” (or “:” without regard to case)'
  if (rest.startsWith("'")) return 'strings are written in double quotes'
  if (/^\?["']/.test(rest) || (text[offset - 1] === '?' && /^["']/.test(rest))) {
    return 'raw strings are written in three double quotes'
  }
  if (rest.startsWith('!:')) return 'write “not field : value”'
  if (rest.startsWith('&&')) return 'did you mean “and”?'
  if (rest.startsWith('||')) return 'did you mean “or”?'
  if (/^[<>=!]=?/.test(rest)) return 'comparisons cannot be chained; join them with “and”'
  if (rest.startsWith('-')) return 'names with a hyphen are written in backticks'
  if (rest.startsWith('\\')) return 'write a backslash as \\\\, or the string as """…"""'
  if (text.slice(0, offset).trim() === '') {
    return 'a query is “category where condition”, “any where …”, “sequence …” or “sample …”'
  }
  if (offset >= text.trimEnd().length) return 'something is missing, or a bracket is not closed'
  if (rest.startsWith(')') || rest.startsWith(']')) return 'a bracket is closed that none opened'
  if (rest.startsWith('"')) return 'a string is not closed, or holds an escape that is none'
  if (word === undefined) return undefined
  if (KEYWORDS.has(word))
    return `“${word}” is a keyword; a field of that name is written \`${word}\``
  const lower = word.toLowerCase()
  if (KEYWORDS.has(lower)) return `keywords are in lower case: did you mean “${lower}”?`
  const guess = nearest(
    lower,
    [...KEYWORDS].filter((name) => name.length > 2),
  )
  if (guess !== undefined) return `did you mean “${guess}”?`
  if (lower === 'fork') return '“fork” is not part of EQL in Elasticsearch'
  return undefined
}
