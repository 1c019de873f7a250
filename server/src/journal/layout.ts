import { createHmac } from 'node:crypto'

/**
 * Keys of the one LMDB database. Their first byte says what they hold:
 *
 *     a                                  account: last offset, first offset, bytes, entries; sealed
 *     c  source hash 8 · key hash 16     cursor of a source; sealed
 *     e  offset 8                        a batch; sealed
 *     i  offset 8                        size and time of that batch; plain numbers
 *     r  name hash 16                    position of a reader; sealed
 *     s  source hash 8 · sequence 8      decoder state of a source: bases and changes; sealed
 *     v                                  format version and the journal's random id; plain
 *
 * Names never stand in keys (a client id can be in one): keyed hashes do, which nobody can compute or
 * guess without the master key.
 */
export const FORMAT_VERSION = 1
export const JOURNAL_ID_BYTES = 16

export const ACCOUNT_KEY = Buffer.from('a')
export const VERSION_KEY = Buffer.from('v')

const HASHES_MAX = 20_000

export function entryKey(offset: number): Buffer {
  return offsetKey('e', offset)
}

export function indexKey(offset: number): Buffer {
  return offsetKey('i', offset)
}

export function stateKey(sourceHash: Buffer, sequence: number): Buffer {
  const key = Buffer.alloc(17)
  key.write('s', 0, 'latin1')
  sourceHash.copy(key, 1, 0, 8)
  key.writeBigUInt64BE(BigInt(sequence), 9)
  return key
}

export function stateSequence(key: Uint8Array): number {
  return Number(Buffer.from(key).readBigUInt64BE(9))
}

/** First key after all keys that begin with these bytes. */
export function after(prefix: Buffer): Buffer {
  return Buffer.concat([prefix, Buffer.alloc(24, 0xff)])
}

export const prefixOf = (kind: 'c' | 'r' | 's', sourceHash?: Buffer): Buffer =>
  sourceHash === undefined
    ? Buffer.from(kind)
    : Buffer.concat([Buffer.from(kind), sourceHash.subarray(0, 8)])

function offsetKey(kind: string, offset: number): Buffer {
  const key = Buffer.alloc(9)
  key.write(kind, 0, 'latin1')
  key.writeBigUInt64BE(BigInt(offset), 1)
  return key
}

/** Keyed hashes of names, remembered because the same few names come again and again. */
export class NameHashes {
  readonly #secret: Buffer
  readonly #known = new Map<string, Buffer>()

  constructor(secret: Buffer) {
    this.#secret = secret
  }

  of(name: string): Buffer {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    if (this.#known.size >= HASHES_MAX) this.#known.clear()
    const hash = createHmac('sha256', this.#secret).update(name).digest().subarray(0, 16)
    this.#known.set(name, hash)
    return hash
  }

  cursorKey(source: string, key: string): Buffer {
    return Buffer.concat([prefixOf('c', this.of(`source ${source}`)), this.of(`key ${key}`)])
  }

  readerKey(name: string): Buffer {
    return Buffer.concat([prefixOf('r'), this.of(`reader ${name}`)])
  }

  source(source: string): Buffer {
    return this.of(`source ${source}`)
  }
}

/** What `i` keys hold: bytes of the entry as stored, when it was appended, the id of its key. */
export interface IndexRecord {
  readonly bytes: number
  readonly atMs: number
  readonly keyId: string
}

export function encodeIndex(record: IndexRecord): Buffer {
  const out = Buffer.alloc(20)
  out.writeUInt32BE(record.bytes, 0)
  out.writeDoubleBE(record.atMs, 4)
  out.write(record.keyId, 12, 8, 'hex')
  return out
}

export function decodeIndex(bytes: Buffer | undefined): IndexRecord | undefined {
  if (bytes === undefined || bytes.byteLength !== 20) return undefined
  return {
    bytes: bytes.readUInt32BE(0),
    atMs: bytes.readDoubleBE(4),
    keyId: bytes.toString('hex', 12, 20),
  }
}

/** Bytes that an envelope is bound to: the journal's id and its place in it. */
export function boundTo(journalId: Buffer, key: Buffer): Buffer {
  return Buffer.concat([journalId, key])
}
