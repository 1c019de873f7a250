import { type FileHandle, open, readFile, readdir, rename, unlink } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Keyring } from '../vault/keyring.ts'
import { flushFolder, makePrivateFolder } from '../vault/durable.ts'

export interface Snapshot {
  readonly offset: number
  readonly bytes: Buffer
}

/**
 * Snapshots of readers' state, beside the journal: one file for each name, the newest, sealed in parts
 * (so that no event loop is held long) under a key of its own that dies with it.
 *
 * File: for each part its length (4 bytes) and its envelope, bound to name, offset, number and count.
 */
const PART_BYTES = 1024 * 1024
const FILE_BYTES_MAX = 2 * 1024 ** 3
const FILE_NAME = /^([0-9a-f]{16})-([0-9]{1,16})-([0-9a-f]{16})\.snap$/

interface Found {
  readonly path: string
  readonly offset: number
  readonly keyId: string
}

export class Snapshots {
  readonly #dir: string
  readonly #keyring: Keyring
  readonly #clock: Clock
  readonly #log: Logger

  constructor(options: { dir: string; keyring: Keyring; clock: Clock; log: Logger }) {
    this.#dir = join(options.dir, 'snapshots')
    this.#keyring = options.keyring
    this.#clock = options.clock
    this.#log = options.log
    makePrivateFolder(this.#dir)
  }

  /** At the start of a process: removes what a crash in the middle of `save` left behind. */
  async sweep(): Promise<void> {
    const kept = new Set<string>()
    for (const file of await readdir(this.#dir)) {
      const parts = FILE_NAME.exec(file)
      if (parts !== null) kept.add(parts[3] ?? '')
      else if (file.endsWith('.part')) await unlink(join(this.#dir, file)).catch(() => undefined)
    }
    const idle = this.#keyring.list('snapshot').filter(({ id }) => !kept.has(id))
    if (idle.length > 0) this.#keyring.destroy(idle.map(({ id }) => id))
  }

  /** Resolves once the snapshot is durable and those before it are gone. May throw a file system error. */
  async save(name: string, offset: number, bytes: Uint8Array): Promise<void> {
    if (bytes.byteLength > FILE_BYTES_MAX)
      throw new RangeError('The snapshot is larger than 2 GiB.')
    const before = await this.#find(name)
    const key = this.#keyring.create('snapshot', this.#clock.now())
    const path = join(this.#dir, `${nameHash(name)}-${offset}-${key.id}.snap`)
    const part = `${path}.part`
    const count = Math.max(1, Math.ceil(bytes.byteLength / PART_BYTES))
    try {
      const file = await open(part, 'w', 0o600)
      try {
        for (let number = 0; number < count; number += 1) {
          const plain = bytes.subarray(number * PART_BYTES, (number + 1) * PART_BYTES)
          const sealed = this.#keyring.seal(key, bound(name, offset, number, count), plain)
          await writeWhole(file, sealed)
          await nextTurn()
        }
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(part, path)
      flushFolder(this.#dir)
    } catch (error) {
      await unlink(part).catch(() => undefined)
      this.#keyring.destroy([key.id])
      throw error
    }
    await this.#remove(before)
  }

  /** The newest snapshot of a name that can be read; one that cannot is logged and passed over. */
  async load(name: string): Promise<Snapshot | undefined> {
    const found = await this.#find(name)
    for (const one of found.toReversed()) {
      const bytes = await this.#read(name, one)
      if (bytes !== undefined) return { offset: one.offset, bytes }
      this.#log.error({ name, offset: one.offset }, 'A snapshot cannot be read; it is passed over.')
    }
    return undefined
  }

  async #read(name: string, { path, offset }: Found): Promise<Buffer | undefined> {
    const file = await readFile(path).catch(() => undefined)
    if (file === undefined) return undefined
    const parts: Buffer[] = []
    const envelopes = split(file)
    for (const [number, envelope] of (envelopes ?? []).entries()) {
      const where = bound(name, offset, number, envelopes?.length ?? 0)
      const opened = this.#keyring.open(envelope, where)
      if (!opened.ok) return undefined
      parts.push(opened.bytes)
      await nextTurn()
    }
    return parts.length === 0 ? undefined : Buffer.concat(parts)
  }

  /** Files of a name, oldest first. */
  async #find(name: string): Promise<Found[]> {
    const hash = nameHash(name)
    const found: Found[] = []
    for (const file of await readdir(this.#dir)) {
      const parts = FILE_NAME.exec(file)
      if (parts === null || parts[1] !== hash) continue
      found.push({ path: join(this.#dir, file), offset: Number(parts[2]), keyId: parts[3] ?? '' })
    }
    return found.sort((a, b) => a.offset - b.offset)
  }

  async #remove(old: readonly Found[]): Promise<void> {
    for (const { path } of old) await unlink(path).catch(() => undefined)
    try {
      this.#keyring.destroy(old.map(({ keyId }) => keyId))
    } catch (error) {
      this.#log.warn({ error: String(error) }, 'The key of an old snapshot could not be destroyed.')
    }
  }
}

async function writeWhole(file: FileHandle, envelope: Buffer): Promise<void> {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(envelope.byteLength)
  await file.write(length)
  let at = 0
  while (at < envelope.byteLength) at += (await file.write(envelope, at)).bytesWritten
}

function split(file: Buffer): Buffer[] | undefined {
  const envelopes: Buffer[] = []
  let at = 0
  while (at < file.byteLength) {
    if (at + 4 > file.byteLength) return undefined
    const end = at + 4 + file.readUInt32BE(at)
    if (end > file.byteLength) return undefined
    envelopes.push(file.subarray(at + 4, end))
    at = end
  }
  return envelopes
}

function bound(name: string, offset: number, number: number, count: number): Buffer {
  return Buffer.from(`snapshot ${offset} ${number} ${count} ${name}`)
}

const nameHash = (name: string): string =>
  createHash('sha256').update(name).digest('hex').slice(0, 16)
