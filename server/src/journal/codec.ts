import { Unpackr } from 'msgpackr'
import { BATCH_PARTS, type BatchPart, type JournalBatch, NOTHING_WANTED } from '../model/journal.ts'
import { RecordEncoder, TooLargeError, UnfitError } from './record-encoder.ts'

/**
 * The plain form of a batch, before it is sealed: a byte that names the encoding, one with a bit for
 * each part that the batch has (BATCH_PARTS), then the batch.
 *
 * MessagePack with records (shapes are written once per batch) was chosen by measurement: beside JSON
 * it takes half the bytes and a quarter of the time to read, and a batch is read by several readers;
 * one that has nothing for a reader is not decoded for it.
 * Each value stands alone: nothing is shared between batches. A batch that does not fit (a key named
 * `__proto__`, a value that JSON itself would change) is written as JSON.
 */
const RECORDS = 3
const JSON_TEXT = 4
const HEAD_BYTES = 2
/** The same two as they were written before the parts were told. */
const OLD_RECORDS = 1
const OLD_JSON_TEXT = 2

const encoder = new RecordEncoder()
const unpackr = new Unpackr({ useRecords: true, mapsAsObjects: true })

/**
 * The result stands in memory of its own, so that it can be moved to another thread. Throws TooLargeError
 * where the batch is larger, or nested deeper, than can be written: far beyond what the journal takes.
 */
export function encodeBatch(batch: JournalBatch): Uint8Array<ArrayBuffer> {
  try {
    return encoded(batch)
  } catch (error) {
    if (error instanceof RangeError) throw new TooLargeError(error.message)
    throw error
  }
}

function encoded(batch: JournalBatch): Uint8Array<ArrayBuffer> {
  try {
    return withHead(RECORDS, batch, encoder.encode(batch))
  } catch (error) {
    if (!(error instanceof UnfitError)) throw error
    return withHead(JSON_TEXT, batch, Buffer.from(JSON.stringify(batch)))
  }
}

/** Throws on bytes that `encodeBatch` did not make. `wanted`: see `bitsOf`. */
export function decodeBatch(bytes: Buffer, wanted = -1): JournalBatch {
  const [kind, parts = 0] = bytes
  if (kind === OLD_RECORDS) return unpackr.unpack(bytes.subarray(1)) as JournalBatch
  if (kind === OLD_JSON_TEXT) return JSON.parse(bytes.toString('utf8', 1)) as JournalBatch
  if (kind !== RECORDS && kind !== JSON_TEXT) {
    throw new TypeError(`Unknown encoding ${String(kind)} of a batch.`)
  }
  if (wanted >= 0 && (parts & wanted) === 0) return NOTHING_WANTED
  const rest = bytes.subarray(HEAD_BYTES)
  if (kind === RECORDS) return unpackr.unpack(rest) as JournalBatch
  return JSON.parse(rest.toString('utf8')) as JournalBatch
}

export function bitsOf(parts: readonly BatchPart[]): number {
  return parts.reduce((bits, part) => bits | (1 << BATCH_PARTS.indexOf(part)), 0)
}

function withHead(kind: number, batch: JournalBatch, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(body.byteLength + HEAD_BYTES)
  out[0] = kind
  out[1] = bitsOf(BATCH_PARTS.filter((part) => batch[part] !== undefined))
  out.set(body, HEAD_BYTES)
  return out
}
