import { ANEW } from '../../base/anew.ts'
import { isUtf8 } from 'node:buffer'
import type { RawItem } from '../../model/source.ts'

export interface RecordShape {
  /** Prefix of item keys. */
  readonly name: string
  readonly receivedMs: number
  readonly facts: Readonly<Record<string, string>>
  readonly recordBytesMax: number
  /** Records that were delivered before: they are stepped over. */
  readonly skip: number
}

/** Collects the bytes of one record after another and makes items of them. Holds one record at most. */
export class RecordText {
  readonly #shape: RecordShape
  #parts: Buffer[] = []
  #kept = 0
  #bytes = 0
  #index = 0
  #items: RawItem[] = []
  #itemBytes = 0

  constructor(shape: RecordShape) {
    this.#shape = shape
  }

  /** Records cut off so far, with those stepped over. */
  get count(): number {
    return this.#index
  }

  get readyBytes(): number {
    return this.#itemBytes
  }

  get readyCount(): number {
    return this.#items.length
  }

  get isOpen(): boolean {
    return this.#bytes > 0
  }

  add(part: Buffer): void {
    this.#bytes += part.length
    const room = this.#shape.recordBytesMax - this.#kept
    if (room <= 0 || part.length === 0) return
    const taken = part.length > room ? part.subarray(0, room) : part
    this.#parts.push(taken)
    this.#kept += taken.length
  }

  /** Ends the record. `fault`: it is none of its format. */
  end(fault?: string): void {
    const whole = this.#parts.length === 1 ? this.#parts[0] : Buffer.concat(this.#parts)
    const bytes = this.#bytes
    this.#parts = []
    this.#kept = 0
    this.#bytes = 0
    if (whole === undefined || isBlank(whole)) return
    this.#index += 1
    if (this.#index <= this.#shape.skip) return
    this.#push(whole, bytes, fault)
  }

  #push(whole: Buffer, bytes: number, fault: string | undefined): void {
    const { name, receivedMs, facts, recordBytesMax } = this.#shape
    const content = whole.at(-1) === CR ? whole.subarray(0, -1) : whole
    const text = content.toString('utf8')
    const item = { text, key: `${name}#${this.#index}`, stream: name, receivedMs, facts }
    if (bytes > recordBytesMax) this.#items.push({ ...item, cut: { bytes } })
    else if (fault !== undefined) {
      this.#items.push({ ...item, unreadable: { code: 'DECODE_SYNTAX', detail: fault } })
    } else if (isUtf8(content)) this.#items.push(item)
    else this.#items.push({ ...ANEW, ...item, bytes: Buffer.from(content) })
    this.#itemBytes += whole.length
  }

  /** What is ready. */
  take(): { readonly items: readonly RawItem[]; readonly bytes: number } {
    const taken = { items: this.#items, bytes: this.#itemBytes }
    this.#items = []
    this.#itemBytes = 0
    return taken
  }
}

const CR = 13

function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes)
    if (byte !== 32 && byte !== 9 && byte !== CR && byte !== 10) return false
  return true
}
