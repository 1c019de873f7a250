/**
 * Writes plain JSON values as MessagePack with records, the extension of `msgpackr` (MIT) in which the
 * keys of a shape are written once (`d4 72 id`, an array of keys) and every further object of that shape
 * as its id and its values. `msgpackr` reads it. Its own writer spends most of its time finding out
 * which shape an object has; this one remembers, for each place in the tree, the shape it met there
 * last, and compares keys one by one, which is what JavaScript engines are fast at. Half the time on
 * events.
 *
 * Numbers that msgpackr would take for record ids (64 to 127) are written in two bytes, as it does.
 */
const RECORDS_MAX = 64
const RECORD_ID_FIRST = 0x40
const SHAPES_MAX = 4_096
const KEYS_MAX = 1_000
const BYTES_FIRST = 1024 * 1024
/** Of one value, and of the room that a string might need: nothing larger is kept for the next one. */
const BYTES_MAX = 48 * 1024 * 1024
const SHORT_CHARS = 48
const SITE_SHAPES_MAX = 8

/** A value that has no place in JSON, or a key that records cannot hold. */
export class UnfitError extends Error {}

/** It would be larger than anything the journal takes. */
export class TooLargeError extends Error {}

/** A place in the tree, and the shapes that were last met there. */
interface Site {
  shape: Shape | undefined
  /** Some more of them, where a place sees several. */
  others: Shape[]
  /** For the elements of an array in this place. */
  items: Site | undefined
}

const newSite = (): Site => ({ shape: undefined, others: [], items: undefined })

interface Shape {
  readonly keys: readonly string[]
  readonly sites: readonly Site[]
  /** In which run of the encoder it was defined, and under which id; 0: written as a map. */
  run: number
  id: number
}

export class RecordEncoder {
  #bytes = Buffer.allocUnsafeSlow(BYTES_FIRST)
  #view = viewOf(this.#bytes)
  #at = 0
  #run = 0
  #records = 0
  #shapes = new Map<string, Shape>()
  #root = newSite()

  /** The result is valid until the next call. Throws UnfitError, TooLargeError, RangeError when it nests too deep. */
  encode(value: unknown): Buffer {
    this.#at = 0
    this.#run += 1
    this.#records = 0
    this.#value(value, this.#root)
    return this.#bytes.subarray(0, this.#at)
  }

  #value(value: unknown, site: Site): void {
    if (typeof value === 'string') return this.#string(value)
    if (typeof value === 'number') return this.#number(value)
    if (typeof value === 'object') {
      if (value === null) return this.#byte(0xc0)
      if (Array.isArray(value)) return this.#array(value, site)
      return this.#object(value as Record<string, unknown>, site)
    }
    if (typeof value === 'boolean') return this.#byte(value ? 0xc3 : 0xc2)
    throw new UnfitError(`A ${typeof value} is not for a batch.`)
  }

  #object(object: Record<string, unknown>, site: Site): void {
    let shape = site.shape
    if (shape === undefined || !fits(object, shape.keys)) {
      shape = this.#shapeAt(site, object)
      if (shape.keys.length === 0) return this.#byte(0x80)
    }
    if (shape.run === this.#run) {
      if (shape.id === 0) return this.#map(object, shape)
      this.#byte(shape.id)
    } else {
      shape.run = this.#run
      if (this.#records >= RECORDS_MAX) {
        shape.id = 0
        return this.#map(object, shape)
      }
      shape.id = RECORD_ID_FIRST + this.#records
      this.#records += 1
      this.#define(shape)
    }
    const { sites } = shape
    let index = 0
    for (const key in object) {
      this.#value(object[key], sites[index] as Site)
      index += 1
    }
  }

  #define(shape: Shape): void {
    this.#room(8)
    this.#bytes[this.#at] = 0xd4
    this.#bytes[this.#at + 1] = 0x72
    this.#bytes[this.#at + 2] = shape.id
    this.#at += 3
    this.#head(shape.keys.length, 0x90, 0xdc)
    for (const key of shape.keys) this.#string(key)
  }

  #map(object: Record<string, unknown>, { keys, sites }: Shape): void {
    this.#head(keys.length, 0x80, 0xde)
    for (const [index, key] of keys.entries()) {
      this.#string(key)
      this.#value(object[key], sites[index] as Site)
    }
  }

  #array(items: readonly unknown[], site: Site): void {
    this.#head(items.length, 0x90, 0xdc)
    site.items ??= newSite()
    const inner = site.items
    for (let index = 0; index < items.length; index += 1) this.#value(items[index], inner)
  }

  /** Length of an array or a map: in 4, 16 or 32 bits. */
  #head(length: number, short: number, long: number): void {
    this.#room(5)
    if (length < 16) {
      this.#bytes[this.#at] = short | length
      this.#at += 1
    } else if (length < 0x1_0000) {
      this.#bytes[this.#at] = long
      this.#view.setUint16(this.#at + 1, length)
      this.#at += 3
    } else {
      this.#bytes[this.#at] = long + 1
      this.#view.setUint32(this.#at + 1, length)
      this.#at += 5
    }
  }

  #number(value: number): void {
    this.#room(9)
    if (value >>> 0 === value && !Object.is(value, -0)) {
      if (value < 0x40) this.#bytes[this.#at++] = value
      else if (value < 0x100) {
        this.#bytes[this.#at++] = 0xcc
        this.#bytes[this.#at++] = value
      } else if (value < 0x1_0000) {
        this.#bytes[this.#at] = 0xcd
        this.#view.setUint16(this.#at + 1, value)
        this.#at += 3
      } else {
        this.#bytes[this.#at] = 0xce
        this.#view.setUint32(this.#at + 1, value)
        this.#at += 5
      }
      return
    }
    if (!Number.isFinite(value)) throw new UnfitError('A number that is none is not for a batch.')
    this.#bytes[this.#at] = 0xcb
    this.#view.setFloat64(this.#at + 1, value)
    this.#at += 9
  }

  #string(text: string): void {
    const { length } = text
    this.#room(length * 3 + 5)
    if (length > SHORT_CHARS) return this.#longString(text)
    const bytes = this.#bytes
    let at = this.#at + (length < 32 ? 1 : 2)
    for (let index = 0; index < length; index += 1) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) return this.#longString(text)
      bytes[at] = code
      at += 1
    }
    if (length < 32) bytes[this.#at] = 0xa0 | length
    else {
      bytes[this.#at] = 0xd9
      bytes[this.#at + 1] = length
    }
    this.#at = at
  }

  #longString(text: string): void {
    // as if it were ASCII; what is longer than that in UTF-8 is moved where the head grows
    const guess = headBytes(text.length)
    const size = this.#bytes.write(text, this.#at + guess, 'utf8')
    const head = headBytes(size)
    if (head !== guess) {
      this.#bytes.copyWithin(this.#at + head, this.#at + guess, this.#at + guess + size)
    }
    if (head === 1) this.#bytes[this.#at] = 0xa0 | size
    else if (head === 2) {
      this.#bytes[this.#at] = 0xd9
      this.#bytes[this.#at + 1] = size
    } else if (head === 3) {
      this.#bytes[this.#at] = 0xda
      this.#view.setUint16(this.#at + 1, size)
    } else {
      this.#bytes[this.#at] = 0xdb
      this.#view.setUint32(this.#at + 1, size)
    }
    this.#at += head + size
  }

  #byte(byte: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = byte
  }

  #room(bytes: number): void {
    if (this.#at + bytes > this.#bytes.byteLength) this.#grow(bytes)
  }

  #grow(bytes: number): void {
    if (this.#at + bytes > BYTES_MAX) throw new TooLargeError('A batch is too large.')
    const larger = Buffer.allocUnsafeSlow(Math.min(BYTES_MAX, 2 * this.#bytes.byteLength + bytes))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
    this.#view = viewOf(larger)
  }

  #shapeAt(site: Site, object: Record<string, unknown>): Shape {
    const { others } = site
    let found = -1
    for (let index = 0; found < 0 && index < others.length; index += 1) {
      if (fits(object, (others[index] as Shape).keys)) found = index
    }
    const shape = found < 0 ? this.#shapeOf(object) : (others[found] as Shape)
    if (shape.keys.length === 0) return shape
    if (found < 0 && others.length >= SITE_SHAPES_MAX) found = 0
    if (site.shape !== undefined) {
      if (found < 0) others.push(site.shape)
      else others[found] = site.shape
    }
    site.shape = shape
    return shape
  }

  #shapeOf(object: Record<string, unknown>): Shape {
    const keys = Object.keys(object)
    const name = JSON.stringify(keys)
    const known = this.#shapes.get(name)
    // objects that show no keys may be dates and the like
    if (known !== undefined && keys.length > 0) return known
    const proto: unknown = Object.getPrototypeOf(object)
    if (proto !== Object.prototype && proto !== null) throw new UnfitError('Not a plain object.')
    if (keys.length > KEYS_MAX || keys.includes('__proto__'))
      throw new UnfitError('Not for records.')
    const shape: Shape = { keys, sites: keys.map(newSite), run: 0, id: 0 }
    if (this.#shapes.size >= SHAPES_MAX) {
      // sites remember shapes and keep them alive: a new root forgets them all
      this.#shapes.clear()
      this.#root = newSite()
    }
    this.#shapes.set(name, shape)
    return shape
  }
}

/** Whether an object has these keys in this order. Prototypes of plain objects have none to show. */
function fits(object: Record<string, unknown>, keys: readonly string[]): boolean {
  let index = 0
  for (const key in object) {
    if (key !== keys[index]) return false
    index += 1
  }
  return index === keys.length && index > 0
}

function headBytes(length: number): number {
  if (length < 32) return 1
  if (length < 0x100) return 2
  return length < 0x1_0000 ? 3 : 5
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
