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
    return ok(parseText(text, { unsupported, fault }) as EqlQuery)
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

/** For what the grammar knows to be wrong at a place. */
function fault(message: string, at: number, hint?: string): never {
  throw new QueryError(message, at, hint, 'QUERY_SYNTAX')
}

/** What was probably meant where parsing stopped. */
function hintAt(text: string, offset: number): string | undefined {
  const rest = text.slice(offset, offset + 60)
  const before = text.slice(0, offset).trimEnd()
  if (before === '') {
    return rest.startsWith("'")
      ? 'strings are written in double quotes'
      : 'a query is “category where condition”, “any where …”, “sequence …” or “sample …”'
  }
  if (/^(sequence|sample)$/i.test(before) && !/^(sequence|sample)$/.test(before)) {
    return `keywords are in lower case: did you mean “${before.toLowerCase()}”?`
  }
  const word = /^[A-Za-z_]+/.exec(rest)?.[0]
  if (word === undefined) return hintAtSign(text, offset, before)
  if (/\d$/.test(before) && text[offset - 1] === before.at(-1)) return hintAfterNumber(rest)
  return hintAtWord(word, before)
}

const ENDPOINT = 'this is EQL of Elastic Endpoint, which Elasticsearch does not have'

function hintAtSign(text: string, offset: number, before: string): string | undefined {
  const rest = text.slice(offset, offset + 60)
  if (/^(==|[<>!]=?)/.test(rest) && /[=<>]\s*[\w."`)]+$/.test(before)) {
    return 'comparisons cannot be chained; join them with “and”'
  }
  if (rest.startsWith('$')) return ENDPOINT
  if (/^[.\-/]/.test(rest) && /(^|\[\s*)\w+$/.test(before)) {
    return 'a category that is no plain word is written in double quotes'
  }
  if (rest.startsWith('=')) return 'equality is “==” (or “:” without regard to case)'
  if (rest.startsWith("'")) return 'strings are written in double quotes'
  if (/^\?["']/.test(rest)) return 'raw strings are written in three double quotes'
  if (rest.startsWith('!:')) return 'write “not field : value”'
  if (rest.startsWith('![')) return 'a missing event is written ![any where …]'
  if (rest.startsWith('!')) return 'write “not”'
  if (before.endsWith('<') && rest.startsWith('>')) return 'inequality is “!=”'
  if (rest.startsWith('&&')) return 'did you mean “and”?'
  if (rest.startsWith('|') && before.endsWith('|')) return 'did you mean “or”?'
  if (rest.startsWith('~')) return 'without regard to case: “:”, “in~”, “like~” and “regex~”'
  if (rest.startsWith('-')) return 'names with a hyphen are written in backticks'
  if (rest.startsWith('\\')) return 'write a backslash as \\\\, or the string as """…"""'
  if (rest.startsWith(';')) return 'a query ends without “;”'
  if (rest.startsWith('`')) return 'all of a name is written in backticks, or none of it'
  if (offset >= text.trimEnd().length) return 'something is missing, or a bracket is not closed'
  if (/^[)\]]/.test(rest)) return hintAtClosing(before)
  if (/^\d/.test(rest) && /\bin~?$/.test(before)) return 'a list is written in brackets: (1, 2)'
  return undefined
}

function hintAtClosing(before: string): string {
  if (/[([]$/.test(before)) return 'there is nothing between the brackets'
  if (before.endsWith(',')) return 'a comma is followed by one more value'
  const opened = (before.match(/[([]/g) ?? []).length
  const closed = (before.match(/[)\]]/g) ?? []).length
  return opened > closed ? 'something is missing before it' : 'a bracket is closed that none opened'
}

function hintAtWord(word: string, before: string): string | undefined {
  if (word === 'fork') return '“fork” is not part of EQL in Elasticsearch'
  if (word === 'as' && before.includes(']')) return ENDPOINT
  if (word === 'maxspan') return 'write “with maxspan=5m”'
  if (word === 'with') {
    if (/^sample\b/.test(before)) return 'a sample has neither “with maxspan” nor “with runs”'
    return before.endsWith(']') || before.includes(']')
      ? 'write “with runs=3” after an event in brackets'
      : 'write “with maxspan=5m”, after the join keys of a sequence'
  }
  if (word === 'any' && /\b(sequence|sample)\b/.test(before)) {
    return 'the events stand in square brackets: [any where …]'
  }
  if (word === 'until') return 'only a sequence has “until”, once, after its events'
  if (/(:|\blike~?|\bregex~?)\s*(\(|\([^()]*,)?$/.test(before) && !KEYWORDS.has(word)) {
    return 'only constants can stand here: text is written in double quotes'
  }
  if (KEYWORDS.has(word))
    return `“${word}” is a keyword; a field of that name is written \`${word}\``
  const lower = word.toLowerCase()
  if (KEYWORDS.has(lower)) return `keywords are in lower case: did you mean “${lower}”?`
  const names = [...KEYWORDS].filter((name) => name.length > 2)
  const guess = word.length > 1 ? nearest(lower, names) : undefined
  return guess === undefined ? undefined : `did you mean “${guess}”?`
}

function hintAfterNumber(rest: string): string {
  if (/^x[0-9a-f]/i.test(rest)) return 'a hexadecimal number is written number("0x1f")'
  return 'a name that begins with a digit is written in backticks'
}
