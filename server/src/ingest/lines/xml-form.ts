import type { LineForm, LineVerdict, OpenLines } from './form.ts'

const DEPTH_MAX = 256

/** What must come before markup counts again, by how it was begun (XML 1.0, sections 2.5 to 2.8). */
const SPANS = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
  ['<!', '>'],
] as const

/** XML documents: from a declaration or an element at the beginning of a line to the element's end. */
export const xmlForm: LineForm = {
  hasEnd: true,
  begin: (line) => {
    if (!/^\s*<[A-Za-z_:?!]/.test(line)) return undefined
    const open = new OpenXml()
    return open.take(line) === 'part' ? open : undefined
  },
}

class OpenXml implements OpenLines {
  #depth = 0
  #wasRoot = false
  /** What ends the comment, section or instruction that is open. */
  #until = ''
  /** Inside the angle brackets of a tag; with the quote that an attribute's value waits for. */
  #tag: 'begin' | 'end' | undefined
  #quote = ''
  #slash = false

  take(line: string): LineVerdict {
    let at = 0
    while (at < line.length) {
      if (this.#until !== '') {
        const end = line.indexOf(this.#until, at)
        if (end < 0) return 'part'
        at = end + this.#until.length
        this.#until = ''
      } else if (this.#tag !== undefined) at = this.#inTag(line, at)
      else at = this.#inText(line, at)
      if (at < 0) return 'none'
      if (this.#isWhole) return line.slice(at).trim() === '' ? 'last' : 'none'
    }
    return 'part'
  }

  get #isWhole(): boolean {
    return this.#wasRoot && this.#depth === 0 && this.#tag === undefined && this.#until === ''
  }

  #inText(line: string, at: number): number {
    const next = line.indexOf('<', at)
    if (next < 0) return line.length
    const span = SPANS.find(([begin]) => line.startsWith(begin, next))
    if (span !== undefined) {
      this.#until = span[1]
      return next + span[0].length
    }
    this.#tag = line.charAt(next + 1) === '/' ? 'end' : 'begin'
    this.#slash = false
    this.#quote = ''
    return next + (this.#tag === 'end' ? 2 : 1)
  }

  /** Up to the tag's end, minding quotes; -1 where it fits nothing. */
  #inTag(line: string, from: number): number {
    for (let at = from; at < line.length; at++) {
      const char = line.charAt(at)
      if (this.#quote !== '') {
        if (char === this.#quote) this.#quote = ''
      } else if (char === '"' || char === "'") this.#quote = char
      else if (char === '<') return -1
      else if (char === '>') return this.#endTag() ? at + 1 : -1
      this.#slash = char === '/' && this.#quote === ''
    }
    return line.length
  }

  #endTag(): boolean {
    const isEnd = this.#tag === 'end'
    this.#tag = undefined
    this.#wasRoot = true
    if (isEnd) this.#depth -= 1
    else if (!this.#slash) this.#depth += 1
    return this.#depth >= 0 && this.#depth <= DEPTH_MAX
  }
}
