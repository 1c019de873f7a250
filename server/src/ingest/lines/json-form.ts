import type { LineForm, LineVerdict, OpenLines } from './form.ts'

const DEPTH_MAX = 64
const HEAD_MAX = 1_024
const QUOTE = 34
const BACKSLASH = 92
const BRACE = 123
const BRACKET = 91

/** JSON documents, each perhaps behind a topic: from the first brace to the one that closes it. */
export const jsonForm: LineForm = {
  hasEnd: true,
  begin: (line) => {
    const from = beginningOf(line)
    if (from < 0) return undefined
    const open: number[] = []
    return scan(line, from, open) === 'part' ? new OpenJson(open) : undefined
  },
}

class OpenJson implements OpenLines {
  readonly #open: number[]

  constructor(open: number[]) {
    this.#open = open
  }

  take(line: string): LineVerdict {
    // A new document at the left edge, where only a key or an end could follow.
    if (line.charCodeAt(0) === BRACE && this.#open.at(-1) === BRACE) return 'none'
    return scan(line, 0, this.#open)
  }
}

/** Where a document may begin in a line; -1 where the line is whole, or none begins. */
function beginningOf(line: string): number {
  if (line.charCodeAt(0) === BRACE && line.endsWith('}')) return -1
  const trimmed = line.slice(0, HEAD_MAX).trimStart()
  const at = trimmed.charCodeAt(0)
  if (at === BRACE || at === BRACKET) return line.indexOf(trimmed.charAt(0))
  // Behind a topic.
  const brace = line.slice(0, HEAD_MAX).indexOf('{')
  return brace > 0 && line.slice(0, brace).includes('/') ? brace : -1
}

/** Follows strings, braces and brackets through one line; `open` holds those that wait for an end. */
function scan(line: string, from: number, open: number[]): LineVerdict {
  for (let at = from; at < line.length; at++) {
    const code = line.charCodeAt(at)
    if (code === QUOTE) {
      at = endOfString(line, at)
      if (at < 0) return 'none'
    } else if (code === BRACE || code === BRACKET) {
      if (open.length >= DEPTH_MAX) return 'none'
      open.push(code)
    } else if (code === 125 || code === 93) {
      // Both ends stand two behind their beginnings.
      if (open.pop() !== code - 2) return 'none'
    }
  }
  return open.length === 0 ? 'last' : 'part'
}

/** A string ends on the line where it begins. */
function endOfString(line: string, at: number): number {
  for (let end = at + 1; end < line.length; end++) {
    const code = line.charCodeAt(end)
    if (code === BACKSLASH) end += 1
    else if (code === QUOTE) return end
  }
  return -1
}
