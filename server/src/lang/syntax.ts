import type { ErrorCode, Problem } from '../base/problems.ts'
import { placeOf } from './guard.ts'

/** What the generated parsers throw. */
interface PegError extends Error {
  readonly expected: readonly PegExpectation[] | null
  readonly location: { readonly start: { readonly offset: number } }
}

interface PegExpectation {
  readonly type: string
  readonly text?: string
  readonly description?: string
}

/** A problem at a place of the text, found after parsing. Thrown and caught inside `lang/` only. */
export class QueryError extends Error {
  readonly offset: number
  readonly hint: string | undefined
  readonly code: ErrorCode
  constructor(message: string, offset: number, hint?: string, code: ErrorCode = 'QUERY_INVALID') {
    super(message)
    this.name = 'QueryError'
    this.offset = offset
    this.hint = hint
    this.code = code
  }
}

const EXPECTED_SHOWN_MAX = 6

/** The problem behind what a parser or a later step threw; undefined for anything unexpected. */
export function problemOf(
  error: unknown,
  text: string,
  hintAt: (text: string, offset: number) => string | undefined,
): Problem | undefined {
  if (error instanceof QueryError) {
    const { hint, code, message } = error
    const at = placeOf(text, error.offset)
    return { code, message, at, ...(hint === undefined ? {} : { hint }) }
  }
  if (!isPegError(error)) return undefined
  const offset = error.location.start.offset
  const hint = hintAt(text, offset)
  return {
    code: 'QUERY_SYNTAX',
    message: error.expected === null ? error.message : expectation(error.expected, text, offset),
    at: placeOf(text, offset),
    ...(hint === undefined ? {} : { hint }),
  }
}

function isPegError(error: unknown): error is PegError {
  return error instanceof Error && 'expected' in error && 'location' in error
}

function expectation(expected: readonly PegExpectation[], text: string, offset: number): string {
  const names = new Set<string>()
  for (const item of expected) {
    const name = item.description ?? (item.text === undefined ? undefined : `“${item.text}”`)
    if (name !== undefined && name !== 'whitespace') names.add(name)
    else if (item.type === 'end') names.add('the end')
  }
  const shown = [...names].sort().slice(0, EXPECTED_SHOWN_MAX)
  const more = names.size > shown.length ? ', …' : ''
  const what = shown.length === 0 ? 'something else' : `${shown.join(', ')}${more}`
  return `Expected ${what} but found ${foundAt(text, offset)}.`
}

function foundAt(text: string, offset: number): string {
  if (offset >= text.length) return 'the end of the query'
  const word = /^[\w@]+/.exec(text.slice(offset, offset + 40))?.[0] ?? text[offset] ?? ''
  return `“${word}”`
}

/** The candidate nearest to a name, if it is near enough to have been meant. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  const wanted = name.toLowerCase()
  let best: string | undefined
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let i = 1; i <= left.length; i++) {
    const next = [i]
    for (let j = 1; j <= right.length; j++) {
      const swap = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[right.length] ?? 0
}
