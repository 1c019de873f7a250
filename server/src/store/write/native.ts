import assert from 'node:assert'

/**
 * ClickHouse's Native format, columns one after the other
 * (https://clickhouse.com/docs/interfaces/formats/Native): of the input formats it asks least of
 * both sides. A block is: number of columns, number of rows, and per column its name, its type and
 * its values. Texts go as String even where the table has LowCardinality: the engine converts.
 */
export interface NativeColumn {
  readonly name: string
  readonly type: string
  /** Leaves the column out of a block: every row has the table's default. */
  blank(): boolean
  /** How much `writeTo` writes, at most. */
  bytes(): number
  writeTo(target: ByteSink): void
  clear(): void
}

const BYTES_START = 4_096
/** A string up to this long is copied by hand, which is faster than the call into the runtime. */
const BY_HAND_MAX = 48

/** A buffer that grows and is used again. */
export class ByteSink {
  #buffer: Buffer
  #length = 0

  constructor(bytes = BYTES_START) {
    this.#buffer = Buffer.allocUnsafeSlow(bytes)
  }

  get length(): number {
    return this.#length
  }

  clear(): void {
    this.#length = 0
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  append(bytes: Buffer): void {
    this.#reserve(bytes.length)
    bytes.copy(this.#buffer, this.#length)
    this.#length += bytes.length
  }

  varint(value: number): void {
    this.#reserve(10)
    let rest = value
    while (rest >= 128) {
      this.#buffer[this.#length++] = (rest % 128) + 128
      rest = Math.floor(rest / 128)
    }
    this.#buffer[this.#length++] = rest
  }

  zeros(count: number): void {
    this.#reserve(count)
    this.#buffer.fill(0, this.#length, this.#length + count)
    this.#length += count
  }

  uint8(value: number): void {
    this.#reserve(1)
    this.#buffer[this.#length++] = value
  }

  uint16(value: number): void {
    this.#reserve(2)
    this.#length = this.#buffer.writeUInt16LE(value, this.#length)
  }

  int32(value: number): void {
    this.#reserve(4)
    this.#length = this.#buffer.writeInt32LE(value, this.#length)
  }

  uint32(value: number): void {
    this.#reserve(4)
    this.#length = this.#buffer.writeUInt32LE(value, this.#length)
  }

  /** A whole number within ±2^53, in two's complement. */
  int64(value: number): void {
    this.#reserve(8)
    const high = Math.floor(value / 0x1_0000_0000)
    this.#buffer.writeUInt32LE(value - high * 0x1_0000_0000, this.#length)
    this.#length = this.#buffer.writeInt32LE(high, this.#length + 4)
  }

  /** Length in bytes, then UTF-8. */
  string(text: string): void {
    const length = text.length
    this.#reserve(length * 3 + 5)
    if (length <= BY_HAND_MAX && this.#ascii(text, length)) return
    const bytes = Buffer.byteLength(text)
    this.varint(bytes)
    this.#length += this.#buffer.write(text, this.#length, 'utf8')
  }

  #ascii(text: string, length: number): boolean {
    const buffer = this.#buffer
    const start = this.#length
    buffer[start] = length
    for (let at = 0; at < length; at++) {
      const code = text.charCodeAt(at)
      if (code > 127) return false
      buffer[start + 1 + at] = code
    }
    this.#length = start + 1 + length
    return true
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}

class PlainColumn implements NativeColumn {
  readonly name: string
  readonly type: string
  protected readonly sink = new ByteSink()
  constructor(name: string, type: string) {
    this.name = name
    this.type = type
  }
  blank(): boolean {
    return false
  }
  bytes(): number {
    return this.sink.length
  }
  writeTo(target: ByteSink): void {
    target.append(this.sink.bytes())
  }
  clear(): void {
    this.sink.clear()
  }
}

/** Empty strings are only counted until another value follows: most columns of most rows are. */
export class StringColumn extends PlainColumn {
  #filled = false
  #empties = 0
  constructor(name: string) {
    super(name, 'String')
  }
  add(text: string): void {
    if (text === '') {
      this.#empties++
      return
    }
    if (this.#empties > 0) this.#flush()
    this.#filled = true
    this.sink.string(text)
  }
  override blank(): boolean {
    return !this.#filled
  }
  override bytes(): number {
    return this.sink.length + this.#empties
  }
  override writeTo(target: ByteSink): void {
    this.#flush()
    super.writeTo(target)
  }
  override clear(): void {
    super.clear()
    this.#filled = false
    this.#empties = 0
  }
  #flush(): void {
    this.sink.zeros(this.#empties)
    this.#empties = 0
  }
}

export class NumberColumn extends PlainColumn {
  readonly #write: (sink: ByteSink, value: number) => void
  constructor(name: string, type: keyof typeof NUMBER_WRITERS) {
    super(name, type)
    this.#write = NUMBER_WRITERS[type]
  }
  add(value: number): void {
    this.#write(this.sink, value)
  }
}

const NUMBER_WRITERS = {
  UInt16: (sink: ByteSink, value: number) => sink.uint16(value),
  Date: (sink: ByteSink, value: number) => sink.uint16(value),
  UInt32: (sink: ByteSink, value: number) => sink.uint32(value),
  Int32: (sink: ByteSink, value: number) => sink.int32(value),
  UInt64: (sink: ByteSink, value: number) => sink.int64(value),
  "DateTime64(3, 'UTC')": (sink: ByteSink, value: number) => sink.int64(value),
} as const

/** Nullable(Int64): first a byte a row that says null, then the values. */
export class NullableColumn extends PlainColumn {
  readonly #nulls = new ByteSink()
  #filled = false
  #absent = 0
  constructor(name: string) {
    super(name, 'Nullable(Int64)')
  }
  add(value: number | null): void {
    if (value === null) {
      this.#absent++
      return
    }
    if (this.#absent > 0) this.#flush()
    this.#filled = true
    this.#nulls.uint8(0)
    this.sink.int64(value)
  }
  override blank(): boolean {
    return !this.#filled
  }
  override bytes(): number {
    return this.sink.length + this.#nulls.length + this.#absent * 9
  }
  override writeTo(target: ByteSink): void {
    this.#flush()
    target.append(this.#nulls.bytes())
    super.writeTo(target)
  }
  override clear(): void {
    super.clear()
    this.#nulls.clear()
    this.#filled = false
    this.#absent = 0
  }
  #flush(): void {
    for (; this.#absent > 0; this.#absent--) {
      this.#nulls.uint8(1)
      this.sink.int64(0)
    }
  }
}

/** Array(String): first where each row's list ends, then all values. */
export class ListColumn extends PlainColumn {
  readonly #ends = new ByteSink()
  #count = 0
  constructor(name: string) {
    super(name, 'Array(String)')
  }
  add(texts: readonly string[]): void {
    for (const text of texts) this.sink.string(text)
    this.#count += texts.length
    this.#ends.int64(this.#count)
  }
  override blank(): boolean {
    return this.#count === 0
  }
  override bytes(): number {
    return this.sink.length + this.#ends.length
  }
  override writeTo(target: ByteSink): void {
    target.append(this.#ends.bytes())
    super.writeTo(target)
  }
  override clear(): void {
    super.clear()
    this.#ends.clear()
    this.#count = 0
  }
}

/** The block of `rows` rows that the columns hold, in memory of its own; then clears them. */
export function takeBlock(columns: readonly NativeColumn[], rows: number): Buffer {
  assert(rows > 0, 'a block has rows')
  const target = new ByteSink(columns.reduce((sum, column) => sum + column.bytes() + 80, 20))
  const present = columns.filter((column) => !column.blank())
  target.varint(present.length)
  target.varint(rows)
  for (const column of present) {
    target.string(column.name)
    target.string(column.type)
    column.writeTo(target)
  }
  for (const column of columns) column.clear()
  return target.bytes()
}
