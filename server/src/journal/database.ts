import { join } from 'node:path'
import { open } from 'lmdb'
import { makePrivateFolder } from '../vault/durable.ts'

/** What is used of LMDB: writes count only inside `transactionSync`, which flushes before it returns. */
export interface Lmdb {
  getBinary(key: Buffer): Buffer | undefined
  getBinaryFast(key: Buffer): Buffer | undefined
  put(key: Buffer, value: Buffer): void
  remove(key: Buffer): void
  getRange(range: { start: Buffer; end: Buffer }): Iterable<{ key: Buffer; value: Buffer }>
  getKeys(range: { start: Buffer; end: Buffer }): Iterable<Buffer>
  transactionSync(write: () => void): void
  resetReadTxn(): void
  close(): Promise<void>
}

const FILE = 'journal.mdb'
const MAP_BYTES_MIN = 8 * 1024 ** 3

export const databaseFile = (dir: string): string => join(dir, FILE)

/**
 * Opens LMDB in its plainest mode: one synchronous transaction at a time, flushed before it becomes
 * visible, so that a commit that fails for whatever reason was never there. `overlappingSync`, the
 * package's default, makes a commit visible before it is flushed and reports a failed flush only then.
 *
 * `mapBytes` is address space, not memory; it is generous because growing a map while other threads
 * read through it is the one delicate thing about sharing it.
 */
export function openDatabase(dir: string, mapBytes: number): Lmdb {
  makePrivateFolder(dir)
  const options = {
    path: databaseFile(dir),
    encoding: 'binary' as const,
    keyEncoding: 'binary' as const,
    overlappingSync: false,
    cache: false,
    mapSize: Math.max(MAP_BYTES_MIN, Math.ceil(mapBytes / 4096) * 4096),
    permissionsMode: 0o600,
  }
  return open<Buffer, Buffer>(options) as Lmdb
}

/** Keys and values of a range, all read at once: no iterator stays open. */
export function rangeOf(db: Lmdb, start: Buffer, end: Buffer): { key: Buffer; value: Buffer }[] {
  const found: { key: Buffer; value: Buffer }[] = []
  for (const { key, value } of db.getRange({ start, end })) {
    found.push({ key: Buffer.from(key), value: Buffer.from(value) })
  }
  return found
}

export function keysOf(db: Lmdb, start: Buffer, end: Buffer): Buffer[] {
  return [...db.getKeys({ start, end })].map((key) => Buffer.from(key))
}
