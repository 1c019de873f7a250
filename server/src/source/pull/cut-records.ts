import { RecordText, type RecordShape } from './record-text.ts'

/** Cuts bytes into records, as they come. */
export interface Cutter {
  push(bytes: Buffer): void
  end(): void
  readonly made: RecordText
}

export type CutFormat = 'auto' | 'lines' | 'json'

const HEAD_MAX = 512
const LF = 10
/** CloudTrail and Config write `{"Records":[…]}`; a list may hold the records too. */
const RECORDS = /^\s*\{\s*"Records"\s*:\s*\[/
const LIST = /^\s*\[/

/** Waits for enough of the beginning to know the form, then cuts so. */
export class AutoCutter implements Cutter {
  readonly made: RecordText
  readonly #format: CutFormat
  #head: Buffer | undefined = Buffer.alloc(0)
  #cutter: Cutter | undefined

  constructor(format: CutFormat, shape: RecordShape) {
    this.#format = format
    this.made = new RecordText(shape)
  }

  push(bytes: Buffer): void {
    if (this.#cutter !== undefined) return this.#cutter.push(bytes)
    this.#head = Buffer.concat([this.#head ?? Buffer.alloc(0), bytes])
    if (this.#head.length >= HEAD_MAX) this.#begin()
  }

  end(): void {
    if (this.#cutter === undefined) this.#begin()
    this.#cutter?.end()
  }

  #begin(): void {
    const head = withoutMark(this.#head ?? Buffer.alloc(0))
    this.#head = undefined
    const text = head.subarray(0, HEAD_MAX).toString('latin1')
    const records = this.#format === 'lines' ? null : RECORDS.exec(text)
    if (records !== null) {
      this.#cutter = new JsonCutter(this.made, 2)
      this.#cutter.push(head.subarray(records[0].length))
      return
    }
    const isJson = this.#format === 'json' || (this.#format === 'auto' && LIST.test(text))
    this.#cutter = isJson ? new JsonCutter(this.made, 0) : new LineCutter(this.made)
    this.#cutter.push(head)
  }
}

function withoutMark(head: Buffer): Buffer {
  return head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? head.subarray(3) : head
}

class LineCutter implements Cutter {
  readonly made: RecordText

  constructor(made: RecordText) {
    this.made = made
  }

  push(bytes: Buffer): void {
    let from = 0
    for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, from)) {
      this.made.add(bytes.subarray(from, at))
      this.made.end()
      from = at + 1
    }
    this.made.add(bytes.subarray(from))
  }

  end(): void {
    this.made.end()
  }
}

const QUOTE = 34
const COMMA = 44
const BACKSLASH = 92
const OPEN_BRACKET = 91
const CLOSE_BRACKET = 93
const OPEN_BRACE = 123
const CLOSE_BRACE = 125

/**
 * Cuts JSON values without parsing them: the elements of a list, of `Records`, or values one after
 * another. Depth is counted, not nested, so that no input can exhaust the stack.
 */
class JsonCutter implements Cutter {
  readonly made: RecordText
  #depth: number
  /** The depth at which a value is a record; 0: between values, where a list may begin. */
  #level: number
  #inRecord = false
  #inString = false
  #escaped = false

  constructor(made: RecordText, depth: 0 | 2) {
    this.made = made
    this.#depth = depth
    this.#level = depth
  }

  push(bytes: Buffer): void {
    let from = this.#inRecord ? 0 : -1
    for (let at = 0; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0
      if (this.#inString) {
        this.#followString(byte)
        continue
      }
      if (!this.#inRecord && this.#begins(byte)) {
        this.#inRecord = true
        from = at
      }
      const end = this.#follow(byte, at)
      if (end < 0) continue
      this.made.add(bytes.subarray(from, end))
      this.made.end()
      this.#inRecord = false
      from = -1
    }
    if (from >= 0 && this.#inRecord) this.made.add(bytes.subarray(from))
  }

  end(): void {
    if (this.#inRecord) {
      const isWhole = this.#depth === 0 && !this.#inString
      this.made.end(isWhole ? undefined : 'the document breaks off in this record')
    } else if (this.#depth > 0) {
      this.made.add(Buffer.from('…'))
      this.made.end('the document breaks off between two records')
    }
  }

  #followString(byte: number): void {
    if (this.#escaped) this.#escaped = false
    else if (byte === BACKSLASH) this.#escaped = true
    else if (byte === QUOTE) this.#inString = false
  }

  #begins(byte: number): boolean {
    if (this.#depth !== this.#level || byte <= 32 || byte === COMMA) return false
    if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) return false
    if (this.#level === 0 && byte === OPEN_BRACKET) {
      this.#level = 1
      return false
    }
    return true
  }

  /** The index behind the record that ends here, or -1. */
  #follow(byte: number, at: number): number {
    if (byte === QUOTE) this.#inString = true
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) this.#depth += 1
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) return this.#close(at)
    else if ((byte === COMMA || byte <= 32) && this.#inRecord && this.#depth === this.#level) {
      return at
    }
    return -1
  }

  #close(at: number): number {
    const isScalarOver = this.#inRecord && this.#depth === this.#level
    this.#depth = Math.max(0, this.#depth - 1)
    if (this.#inRecord && !isScalarOver) return this.#depth === this.#level ? at + 1 : -1
    // The list is over; what follows it in its document is stepped over.
    if (this.#depth < this.#level || this.#level < 0) this.#level = this.#depth === 0 ? 0 : -1
    return isScalarOver ? at : -1
  }
}
