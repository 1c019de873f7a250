/** How a field of a protobuf message is read; `many` fields are collected in a list. */
export type WireKind =
  | 'text'
  | 'hex'
  | 'base64'
  | 'fixed64'
  | 'sfixed64'
  | 'fixed32'
  | 'int64'
  | 'int'
  | 'bool'
  | 'double'
  | WireMessage
export type WireField = readonly [name: string, kind: WireKind | (() => WireMessage), many?: 'many']
export interface WireMessage {
  readonly fields: Readonly<Record<number, WireField>>
}

/** The body is no message of that shape, or deeper or larger than is taken. */
export class WireFault extends Error {}

const DEPTH_MAX = 32
const VALUES_MAX = 1_000_000

/**
 * Reads the protobuf wire format (https://protobuf.dev/programming-guides/encoding/) to what the JSON
 * encoding of OTLP has: 64-bit integers as decimal text, ids as hex. Unknown fields are stepped over.
 * Throws WireFault.
 */
export function readWire(bytes: Buffer, message: WireMessage): Record<string, unknown> {
  return new WireReader(bytes).message(message, bytes.length, 0)
}

class WireReader {
  readonly #bytes: Buffer
  #at = 0
  #values = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  message(shape: WireMessage, end: number, depth: number): Record<string, unknown> {
    if (depth > DEPTH_MAX) throw new WireFault(`nested deeper than ${DEPTH_MAX}`)
    const made: Record<string, unknown> = {}
    while (this.#at < end) {
      const tag = this.#varint(end)
      const wire = Number(tag & 7n)
      const field = shape.fields[Number(tag >> 3n)]
      if (field === undefined) this.#skip(wire, end)
      else this.#field(made, field, wire, end, depth)
    }
    return made
  }

  #field(
    made: Record<string, unknown>,
    [name, given, many]: WireField,
    wire: number,
    end: number,
    depth: number,
  ): void {
    this.#values += 1
    if (this.#values > VALUES_MAX) throw new WireFault(`more than ${VALUES_MAX} values`)
    const kind = typeof given === 'function' ? given() : given
    if (many !== undefined && wire === 2 && wireOf(kind) !== 2) {
      return this.#packed((made[name] ??= []) as unknown[], kind, end)
    }
    if (wire !== wireOf(kind)) throw new WireFault(`field ${name} is of another type`)
    const value = this.#value(kind, end, depth)
    if (many === undefined) made[name] = value
    else {
      const list = (made[name] ??= []) as unknown[]
      list.push(value)
    }
  }

  /** Numbers of a list stand one after the other behind one length. */
  #packed(list: unknown[], kind: WireKind, end: number): void {
    const length = Number(this.#varint(end))
    const to = this.#take(length, end) + length
    this.#at = to - length
    while (this.#at < to) {
      this.#values += 1
      if (this.#values > VALUES_MAX) throw new WireFault(`more than ${VALUES_MAX} values`)
      list.push(this.#value(kind, to, 0))
    }
  }

  #value(kind: WireKind, end: number, depth: number): unknown {
    switch (kind) {
      case 'fixed64':
        return this.#bytes.readBigUInt64LE(this.#take(8, end)).toString()
      case 'sfixed64':
        return this.#bytes.readBigInt64LE(this.#take(8, end)).toString()
      case 'double':
        return this.#bytes.readDoubleLE(this.#take(8, end))
      case 'fixed32':
        return this.#bytes.readUInt32LE(this.#take(4, end))
      case 'int64':
        return BigInt.asIntN(64, this.#varint(end)).toString()
      case 'int':
        return Number(BigInt.asIntN(32, this.#varint(end)))
      case 'bool':
        return this.#varint(end) !== 0n
      case 'text':
      case 'hex':
      case 'base64':
        return this.#sized(kind, end, depth)
      default:
        return this.#sized(kind, end, depth)
    }
  }

  #sized(kind: 'text' | 'hex' | 'base64' | WireMessage, end: number, depth: number): unknown {
    const length = Number(this.#varint(end))
    const start = this.#take(length, end)
    if (typeof kind !== 'object') {
      const encoding = kind === 'text' ? 'utf8' : kind
      return this.#bytes.toString(encoding, start, start + length)
    }
    this.#at = start
    return this.message(kind, start + length, depth + 1)
  }

  #skip(wire: number, end: number): void {
    if (wire === 0) this.#varint(end)
    else if (wire === 1) this.#take(8, end)
    else if (wire === 2) this.#take(Number(this.#varint(end)), end)
    else if (wire === 5) this.#take(4, end)
    else throw new WireFault(`wire type ${wire}`)
  }

  /** Where so many bytes begin. */
  #take(length: number, end: number): number {
    const start = this.#at
    if (length > end - start) throw new WireFault('it ends too early')
    this.#at = start + length
    return start
  }

  #varint(end: number): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#take(1, end)] ?? 0
      value |= BigInt(byte & 127) << shift
      if (byte < 128) return value
    }
    throw new WireFault('a number is too long')
  }
}

function wireOf(kind: WireKind): number {
  if (kind === 'fixed64' || kind === 'sfixed64' || kind === 'double') return 1
  if (kind === 'fixed32') return 5
  return kind === 'int64' || kind === 'int' || kind === 'bool' ? 0 : 2
}
