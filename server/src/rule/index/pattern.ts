import { RE2JS } from 're2js'
import { foldCase } from '../../base/fold.ts'
import type { ValueTest, WildcardPart } from '../../model/condition.ts'

/** Decides a text by running a pattern over it. */
export type TextMatcher = (text: string) => boolean

/** The matcher of a pattern; undefined for what is no regular expression. */
export function textMatcher(
  test: Extract<ValueTest, { readonly kind: 'wildcard' | 'regex' }>,
): TextMatcher | undefined {
  if (test.kind === 'wildcard') return wildcardMatcher(test.parts, test.cased)
  try {
    let bits = 0
    for (const flag of test.flags) bits |= FLAGS[flag] ?? 0
    const regex = RE2JS.compile(test.pattern, bits)
    return (text) => regex.test(text)
  } catch {
    return undefined
  }
}

const FLAGS: Readonly<Record<string, number>> = {
  i: RE2JS.CASE_INSENSITIVE,
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
}

/** The longest text between wildcards, folded or not; undefined where all is wildcards. */
export function longestLiteral(parts: readonly WildcardPart[]): readonly string[] | undefined {
  let longest = ''
  for (const part of parts) {
    if (typeof part === 'string' && part.length > longest.length) longest = part
  }
  return longest === '' ? undefined : [longest]
}

/** One character, or a text, that has to stand at a place. */
type Piece = string | undefined

/**
 * Between `*`s stand runs of texts and single characters. The first run is bound to the start, the
 * last to the end, and each other is taken where it first fits, which loses nothing.
 */
function wildcardMatcher(parts: readonly WildcardPart[], cased: boolean): TextMatcher {
  const runs: Piece[][] = [[]]
  for (const part of parts) {
    if (typeof part === 'string') runs.at(-1)?.push(cased ? part : foldCase(part))
    else if (part.any === 'one') runs.at(-1)?.push(undefined)
    else runs.push([])
  }
  const first = runs[0] ?? []
  if (runs.length === 1) return (text) => fitsAt(fold(text, cased), first, 0) === text.length
  const last = runs.at(-1) ?? []
  const middle = runs.slice(1, -1).filter((run) => run.length > 0)
  return (raw) => {
    const text = fold(raw, cased)
    let at = fitsAt(text, first, 0)
    for (const run of middle) {
      if (at < 0) return false
      at = findRun(text, run, at)
    }
    return at >= 0 && endsWith(text, last, at)
  }
}

function fold(text: string, cased: boolean): string {
  return cased ? text : foldCase(text)
}

/** Where the run ends if it stands at the place; -1 if it does not. */
function fitsAt(text: string, run: readonly Piece[], start: number): number {
  let at = start
  for (const piece of run) {
    if (piece !== undefined) {
      if (!text.startsWith(piece, at)) return -1
      at += piece.length
    } else {
      if (at >= text.length) return -1
      at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1
    }
  }
  return at
}

function findRun(text: string, run: readonly Piece[], from: number): number {
  const [head] = run
  for (let at = from; at <= text.length; at = after(text, at)) {
    if (head !== undefined) {
      at = text.indexOf(head, at)
      if (at < 0) return -1
    }
    const end = fitsAt(text, run, at)
    if (end >= 0) return end
  }
  return -1
}

function after(text: string, at: number): number {
  return at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1)
}

/** Whether the run fits some place from `from` on so that it ends with the text. */
function endsWith(text: string, run: readonly Piece[], from: number): boolean {
  let at = text.length
  for (let index = run.length - 1; index >= 0; index--) {
    const piece = run[index]
    if (piece !== undefined) {
      at -= piece.length
      if (at < from || !text.startsWith(piece, at)) return false
    } else {
      at -= isPairBefore(text, at) ? 2 : 1
      if (at < from) return false
    }
  }
  return true
}

function isPairBefore(text: string, at: number): boolean {
  return at >= 2 && (text.codePointAt(at - 2) ?? 0) > 0xffff
}
