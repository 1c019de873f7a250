import { ANEW } from '../base/anew.ts'
import type { DecoderSpec } from '../model/decoder.ts'
import type { RawItem } from '../model/source.ts'
import { readCaptures } from './read-captures.ts'
import { type LineSource, readLines, type ReadOptions } from './read-lines.ts'

const DOCUMENT_BYTES_MAX = 33_554_432
const LINES_MAX = 2_000_000
const DEPTH_MAX = 64
const HEAD_MAX = 1_024

/** Lines for most decoders; JSON documents, or records of captures, for those that take these. */
export function readInput(
  spec: DecoderSpec,
  sources: readonly LineSource[],
  options: ReadOptions,
): AsyncGenerator<readonly RawItem[]> {
  if (spec.framing === 'capture') return readCaptures(sources, options)
  if (spec.documents !== true) return readLines(sources, options)
  const lineBytesMax = options.lineBytesMax ?? DOCUMENT_BYTES_MAX
  return joinDocuments(readLines(sources, { ...options, lineBytesMax }))
}

/**
 * Joins the lines of a JSON document that stands on several. Lines that are documents themselves pass
 * as they are; so do the lines of what never becomes a document (it breaks off, another begins, it is
 * longer than 32 MiB). A joined item has the key and facts of its first line, and the fact `lines`.
 */
export async function* joinDocuments(
  batches: AsyncIterable<readonly RawItem[]>,
): AsyncGenerator<readonly RawItem[]> {
  const joiner = new Joiner()
  for await (const items of batches) {
    for (const item of items) joiner.push(item)
    const made = joiner.take()
    if (made.length > 0) yield made
  }
  joiner.end()
  const rest = joiner.take()
  if (rest.length > 0) yield rest
}

class Joiner {
  #made: RawItem[] = []
  #parts: RawItem[] = []
  #characters = 0
  readonly #open: number[] = []

  take(): readonly RawItem[] {
    const made = this.#made
    this.#made = []
    return made
  }

  push(item: RawItem): void {
    if (this.#parts.length > 0) {
      if (this.#continue(item)) return
      this.end()
    }
    const from = beginningOf(item)
    if (from < 0 || scan(item.text, from, this.#open) !== 'open') {
      this.#open.length = 0
      this.#made.push(item)
      return
    }
    this.#parts.push(item)
    this.#characters = item.text.length
  }

  /** What was begun did not end: its lines stand alone. */
  end(): void {
    for (const part of this.#parts) this.#made.push(part)
    this.#reset()
  }

  #reset(): void {
    this.#parts = []
    this.#open.length = 0
  }

  /** False where the line cannot belong to the document that is open. */
  #continue(item: RawItem): boolean {
    const first = this.#parts[0]
    if (
      item.cut !== undefined ||
      item.unreadable !== undefined ||
      item.facts?.['problem'] !== undefined
    )
      return false
    if (first?.facts?.['path'] !== item.facts?.['path']) return false
    this.#characters += item.text.length + 1
    if (this.#characters > DOCUMENT_BYTES_MAX || this.#parts.length >= LINES_MAX) return false
    // A new document at the left edge, where only a key or an end could follow.
    if (item.text.startsWith('{') && this.#open.at(-1) === BRACE) return false
    const state = scan(item.text, 0, this.#open)
    if (state === 'broken') return false
    this.#parts.push(item)
    if (state === 'closed') this.#join(first ?? item)
    return true
  }

  #join(first: RawItem): void {
    const text = this.#parts.map((part) => part.text).join('\n')
    const facts = { ...ANEW, ...first.facts, lines: String(this.#parts.length) }
    this.#made.push({ ...ANEW, ...first, text, facts })
    this.#reset()
  }
}

const BRACE = 123
const BRACKET = 91

/** Where a document may begin in a line; -1 where the line is whole, or none begins. */
function beginningOf({ text, cut, facts }: RawItem): number {
  if (cut !== undefined || facts?.['problem'] !== undefined) return -1
  const first = text.charCodeAt(0)
  if (first === BRACE && text.endsWith('}')) return -1
  const trimmed = text.slice(0, HEAD_MAX).trimStart()
  const at = trimmed.charCodeAt(0)
  if (at === BRACE || at === BRACKET) return text.indexOf(trimmed.charAt(0))
  // Behind a topic.
  const brace = text.slice(0, HEAD_MAX).indexOf('{')
  return brace > 0 && text.slice(0, brace).includes('/') ? brace : -1
}

/** Follows strings, braces and brackets through one line; `open` holds those that wait for an end. */
function scan(text: string, from: number, open: number[]): 'open' | 'closed' | 'broken' {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === 34) {
      at = endOfString(text, at)
      if (at < 0) return 'broken'
    } else if (code === BRACE || code === BRACKET) {
      if (open.length >= DEPTH_MAX) return 'broken'
      open.push(code)
    } else if (code === 125 || code === 93) {
      // Both ends stand two behind their beginnings.
      if (open.pop() !== code - 2) return 'broken'
    }
  }
  return open.length === 0 ? 'closed' : 'open'
}

/** A string ends on the line where it begins. */
function endOfString(text: string, at: number): number {
  for (let end = at + 1; end < text.length; end++) {
    const code = text.charCodeAt(end)
    if (code === 92) end += 1
    else if (code === 34) return end
  }
  return -1
}
