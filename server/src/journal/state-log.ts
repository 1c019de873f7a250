import { Packr } from 'msgpackr'
import { ownText } from '../base/own-text.ts'
import type { StateChange } from '../model/decoder.ts'
import { type Lmdb, keysOf, rangeOf } from './database.ts'
import { type NameHashes, after, prefixOf, stateKey, stateSequence } from './layout.ts'

/**
 * A decoder's memory in the journal, as a log of its own: each batch adds one sealed record of what
 * changed. When the log outweighs the state twice, each addition also takes up some of the oldest
 * records and writes what is still true of them at the end, so that no commit has to rewrite the
 * whole. One envelope a batch costs far less than one for every changed entry.
 *
 * Record: a list of key, value, key, value …, null for a deletion.
 */
type Packed = readonly (string | null)[]

const packr = new Packr({ useRecords: false })
const LOG_BYTES_MIN = 256 * 1024
const STEP_BYTES = 64 * 1024

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

/** Where the current value of an entry stands, and about how many bytes it takes. */
interface Live {
  sequence: number
  bytes: number
}

interface Log {
  readonly hash: Buffer
  next: number
  /** Oldest first. */
  readonly records: { readonly sequence: number; readonly bytes: number }[]
  bytes: number
  liveBytes: number
  readonly live: Map<string, Live>
}

/** The writing side; used only inside a write transaction, `forget` after one that failed. */
export class StateLog {
  readonly #db: Lmdb
  readonly #names: NameHashes
  readonly #sealer: StateSealer
  readonly #logs = new Map<string, Log>()

  constructor(db: Lmdb, names: NameHashes, sealer: StateSealer) {
    this.#db = db
    this.#names = names
    this.#sealer = sealer
  }

  add(source: string, changes: Uint8Array): void {
    const log = this.#log(this.#names.source(source))
    this.#write(log, changes)
    if (log.bytes <= Math.max(LOG_BYTES_MIN, 2 * log.liveBytes)) return
    this.#roll(log, Math.max(STEP_BYTES, 2 * changes.byteLength))
  }

  /**
   * Writes some of the oldest records anew whose envelopes are stale (their key is to die). Returns
   * whether there may be more.
   */
  renewStep(isStale: (envelope: Buffer) => boolean): boolean {
    const done = new Set<string>()
    for (const key of keysOf(this.#db, prefixOf('s'), after(prefixOf('s')))) {
      const hash = Buffer.from(key.subarray(1, 9))
      if (done.has(hash.toString('hex'))) continue
      // keys change in time, so if the oldest record of a log is fresh all of them are
      done.add(hash.toString('hex'))
      const oldest = this.#db.getBinary(key)
      if (oldest === undefined || !isStale(oldest)) continue
      this.#roll(this.#log(hash), STEP_BYTES)
      return true
    }
    return false
  }

  forget(): void {
    this.#logs.clear()
  }

  /** Takes up about so many bytes of the oldest records. */
  #roll(log: Log, stepBytes: number): void {
    const kept: StateChange[] = []
    for (let taken = 0; taken < stepBytes;) {
      const record = log.records.shift()
      if (record === undefined) break
      const key = stateKey(log.hash, record.sequence)
      const state = new Map<string, string>()
      applyChanges(state, this.#sealer.open(key, this.#db.getBinary(key) ?? Buffer.alloc(0)))
      for (const [name, value] of state) {
        if (log.live.get(name)?.sequence === record.sequence) kept.push({ key: name, value })
      }
      this.#db.remove(key)
      log.bytes -= record.bytes
      taken += record.bytes
    }
    if (kept.length > 0) this.#write(log, packChanges(kept))
  }

  #write(log: Log, changes: Uint8Array): void {
    const key = stateKey(log.hash, log.next)
    this.#db.put(key, this.#sealer.seal(key, changes))
    count(log, log.next, changes)
  }

  /** Read whole at the first use after a start. */
  #log(hash: Buffer): Log {
    const name = hash.toString('hex', 0, 8)
    const known = this.#logs.get(name)
    if (known !== undefined) return known
    const log: Log = { hash, next: 1, records: [], bytes: 0, liveBytes: 0, live: new Map() }
    const prefix = prefixOf('s', hash)
    for (const { key, value } of rangeOf(this.#db, prefix, after(prefix))) {
      count(log, stateSequence(key), this.#sealer.open(key, value))
    }
    this.#logs.set(name, log)
    return log
  }
}

function count(log: Log, sequence: number, changes: Uint8Array): void {
  const flat = packr.unpack(changes) as Packed
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const name = flat[at] ?? ''
    const value = flat[at + 1]
    log.liveBytes -= log.live.get(name)?.bytes ?? 0
    if (typeof value === 'string') {
      const bytes = name.length + value.length + 6
      const known = log.live.get(name)
      // The name stands alone in memory: as it was read it is a part of the text of all changes.
      if (known === undefined) log.live.set(ownText(name), { sequence, bytes })
      else Object.assign(known, { sequence, bytes })
      log.liveBytes += bytes
    } else {
      log.live.delete(name)
    }
  }
  log.records.push({ sequence, bytes: changes.byteLength })
  log.bytes += changes.byteLength
  log.next = sequence + 1
}
