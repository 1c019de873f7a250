import { Packr } from 'msgpackr'
import type { StateChange } from '../model/decoder.ts'
import { type Lmdb, keysOf, rangeOf } from './database.ts'
import { type NameHashes, after, prefixOf, stateKey, stateSequence } from './layout.ts'

/**
 * A decoder's memory in the journal, as a log of its own: each batch adds one sealed record of what
 * changed, and when the changes outweigh the state they are folded into a new base. One envelope a
 * batch costs far less than one for every changed entry.
 *
 * Record: a list of key, value, key, value …, null for a deletion.
 */
type Packed = readonly (string | null)[]

const packr = new Packr({ useRecords: false })
const FOLD_BYTES_MIN = 256 * 1024
const BASE_ENTRIES = 2_000

export function packChanges(changes: readonly StateChange[]): Uint8Array<ArrayBuffer> {
  const flat: (string | null)[] = []
  for (const { key, value } of changes) flat.push(key, value ?? null)
  return new Uint8Array(packr.pack(flat))
}

/** Applies a record to a state. Throws on bytes that `packChanges` did not make. */
export function applyChanges(state: Map<string, string>, bytes: Uint8Array): void {
  const flat = packr.unpack(bytes) as Packed
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const key = flat[at]
    const value = flat[at + 1]
    if (typeof key !== 'string') throw new TypeError('A key of the decoder state is no string.')
    if (typeof value === 'string') state.set(key, value)
    else state.delete(key)
  }
}

export interface StateSealer {
  seal(key: Buffer, plain: Uint8Array): Buffer
  open(key: Buffer, envelope: Buffer): Buffer
}

interface Tail {
  next: number
  logBytes: number
  baseBytes: number
}

/** The writing side; used only inside a write transaction, `forget` after one that failed. */
export class StateLog {
  readonly #db: Lmdb
  readonly #names: NameHashes
  readonly #sealer: StateSealer
  readonly #tails = new Map<string, Tail>()

  constructor(db: Lmdb, names: NameHashes, sealer: StateSealer) {
    this.#db = db
    this.#names = names
    this.#sealer = sealer
  }

  /** Adds a record; folds when it is time. */
  add(source: string, changes: Uint8Array): void {
    const hash = this.#names.source(source)
    const tail = this.#tail(hash)
    const key = stateKey(hash, tail.next)
    this.#put(key, changes)
    tail.next += 1
    tail.logBytes += changes.byteLength
    if (tail.logBytes > Math.max(FOLD_BYTES_MIN, tail.baseBytes)) this.fold(hash)
  }

  /** Writes the whole state of a source anew, under the key of today. */
  fold(sourceHash: Buffer): void {
    const range = { start: prefixOf('s', sourceHash), end: after(prefixOf('s', sourceHash)) }
    const state = new Map<string, string>()
    for (const { key, value } of rangeOf(this.#db, range.start, range.end)) {
      applyChanges(state, this.#sealer.open(key, value))
      this.#db.remove(key)
    }
    const tail = this.#tail(sourceHash)
    tail.logBytes = 0
    tail.baseBytes = 0
    let part: StateChange[] = []
    const flush = (): void => {
      if (part.length === 0) return
      const packed = packChanges(part)
      this.#put(stateKey(sourceHash, tail.next), packed)
      tail.next += 1
      tail.baseBytes += packed.byteLength
      part = []
    }
    for (const [key, value] of state) {
      part.push({ key, value })
      if (part.length >= BASE_ENTRIES) flush()
    }
    flush()
  }

  forget(): void {
    this.#tails.clear()
  }

  #put(key: Buffer, plain: Uint8Array): void {
    this.#db.put(key, this.#sealer.seal(key, plain))
  }

  /** After a start the sizes are not known: all counts as log, so the next fold comes early. */
  #tail(sourceHash: Buffer): Tail {
    const name = sourceHash.toString('hex')
    const known = this.#tails.get(name)
    if (known !== undefined) return known
    const tail: Tail = { next: 1, logBytes: 0, baseBytes: 0 }
    const prefix = prefixOf('s', sourceHash)
    for (const key of keysOf(this.#db, prefix, after(prefix))) {
      tail.next = stateSequence(key) + 1
      tail.logBytes += this.#db.getBinary(key)?.byteLength ?? 0
    }
    this.#tails.set(name, tail)
    return tail
  }
}
