import { fail, ok, type Result } from '../base/result.ts'
import type { Problem } from '../base/problems.ts'

/** Longest query text, in UTF-16 units. The longest rule in public sets has about 100,000. */
export const QUERY_LENGTH_MAX = 4 * 1024 * 1024
/** Deepest nesting of brackets: the parsers recurse, so that depth is bounded before they run. */
export const NESTING_MAX = 250

/** How a language writes what brackets may stand in without counting. */
export interface Lexis {
  /** `"…"` with backslash escapes always; `"""…"""` without escapes where this is set. */
  readonly tripleQuotes: boolean
  readonly backticks: boolean
  readonly comments: boolean
  /** Outside strings a backslash takes the next character along (KQL). */
  readonly escapes: boolean
}

const OPENING = '([{'
const CLOSING = ')]}'

/** Refuses text that is too long or nested too deeply, before any parser sees it. */
export function guardQuery(text: string, lexis: Lexis): Result<true> {
  if (text.length > QUERY_LENGTH_MAX) {
    return fail({
      code: 'QUERY_TOO_LARGE',
      message: `The query has ${text.length} characters; at most ${QUERY_LENGTH_MAX} are taken.`,
    })
  }
  let depth = 0
  let at = 0
  while (at < text.length) {
    const char = text[at] ?? ''
    const next = skip(text, at, char, lexis)
    if (next > at) {
      at = next
      continue
    }
    if (OPENING.includes(char)) depth++
    else if (CLOSING.includes(char)) depth--
    if (depth > NESTING_MAX) return fail(tooDeep(text, at))
    at++
  }
  return ok(true)
}

/** Position after the string, comment or escape that begins here; the same position if none does. */
function skip(text: string, at: number, char: string, lexis: Lexis): number {
  if (char === '"') {
    if (lexis.tripleQuotes && text.startsWith('"""', at)) return after(text, '"""', at + 3)
    return closingQuote(text, at + 1)
  }
  if (char === '`' && lexis.backticks) return after(text, '`', at + 1)
  if (char === '\\' && lexis.escapes) return at + 2
  if (char !== '/' || !lexis.comments) return at
  if (text[at + 1] === '/') return after(text, '\n', at + 2)
  return text[at + 1] === '*' ? after(text, '*/', at + 2) : at
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found < 0 ? text.length : found + mark.length
}

function closingQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === '"') return at + 1
  }
  return text.length
}

function tooDeep(text: string, at: number): Problem {
  return {
    code: 'QUERY_TOO_LARGE',
    message: `Brackets are nested more than ${NESTING_MAX} deep.`,
    at: placeOf(text, at),
  }
}

/** Line and column, from 1, of an offset. */
export function placeOf(text: string, offset: number): { line: number; column: number } {
  let line = 1
  let start = 0
  for (let at = text.indexOf('\n'); at >= 0 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++
    start = at + 1
  }
  return { line, column: offset - start + 1 }
}
