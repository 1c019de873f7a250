import { Packr } from 'msgpackr'
import type { JournalBatch } from '../model/journal.ts'

/**
 * The plain form of a batch, before it is sealed: one byte that names the encoding, then the batch.
 *
 * MessagePack with records (shapes are written once per batch) was chosen by measurement on events of
 * about 800 bytes of JSON: writing costs about what `JSON.stringify` costs, reading a quarter of
 * `JSON.parse`, at half the bytes, and every batch is read by three readers. Each value stands alone:
 * nothing is shared between batches.
 *
 * Records cannot hold a key named `__proto__` (the library renames it), so a batch in which these bytes
 * occur is written as JSON. Values that JSON cannot hold (undefined, NaN, dates) are not to be in a batch.
 */
const RECORDS = 1
const JSON_TEXT = 2

const TRAP = Buffer.from('__proto__')
const packr = new Packr({ useRecords: true, moreTypes: false, largeBigIntToString: true })

/** The result stands in memory of its own, so that it can be moved to another thread. */
export function encodeBatch(batch: JournalBatch): Uint8Array<ArrayBuffer> {
  const packed = packr.pack(batch)
  // two underscores are rare, and looking for them costs next to nothing
  const trapped = packed.indexOf('__', 0, 'latin1') >= 0 && packed.includes(TRAP)
  if (!trapped) return withKind(RECORDS, packed)
  return withKind(JSON_TEXT, Buffer.from(JSON.stringify(batch)))
}

/** Throws on bytes that `encodeBatch` did not make. */
export function decodeBatch(bytes: Buffer): JournalBatch {
  const rest = bytes.subarray(1)
  if (bytes[0] === RECORDS) return packr.unpack(rest) as JournalBatch
  if (bytes[0] === JSON_TEXT) return JSON.parse(rest.toString('utf8')) as JournalBatch
  throw new TypeError(`Unknown encoding ${String(bytes[0])} of a batch.`)
}

function withKind(kind: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(body.byteLength + 1)
  out[0] = kind
  out.set(body, 1)
  return out
}
