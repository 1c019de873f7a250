import {
  closeSync,
  fsyncSync,
  openSync,
  statSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { databaseFile } from './database.ts'

const BLOCK_BYTES = 256 * 1024
const MARGIN_BYTES = 1024 * 1024
const PROBE_EVERY_MS = 200

/**
 * A file that does nothing but take up room beside the journal. When the disk is full it is given
 * away, so that control records, alerts, reader positions and trimming still get through; when there
 * is room again it is made again first. Random bytes, because zeros may be compressed away.
 */
export class DiskReserve {
  readonly #dir: string
  readonly #path: string
  readonly #bytes: number
  #full = false
  #whole = false
  #probedAt = Number.NEGATIVE_INFINITY

  constructor(dir: string, bytes: number) {
    this.#dir = dir
    this.#path = join(dir, 'reserve')
    this.#bytes = bytes
  }

  get full(): boolean {
    return this.#full
  }

  /** Whether this error, with this much to write, means that the disk is full. */
  explains(error: unknown, neededBytes: number): boolean {
    const { code } = error as { code?: unknown }
    // ENOSPC and EDQUOT; LMDB reports a write that was cut short as EIO
    if (code === 28 || code === 122 || code === 'ENOSPC' || code === 'EDQUOT') return true
    return code === 5 && this.#free() < neededBytes + MARGIN_BYTES
  }

  markFull(): void {
    this.#full = true
    this.#probedAt = performance.now()
  }

  /** Gives the room away. Returns whether there was any. */
  release(): boolean {
    this.#whole = false
    try {
      unlinkSync(this.#path)
      return true
    } catch {
      return false
    }
  }

  /**
   * Whether `neededBytes` can be written, as far as one can know. While the disk is full: looks for
   * room again at most every 200 ms, and takes the reserve back before anything else. Room is also
   * what the database file has to spare inside (`liveBytes` of it are used): it never shrinks.
   */
  admits(neededBytes: number, liveBytes: number): boolean {
    if (!this.#full && this.#whole) return true
    const now = performance.now()
    if (now - this.#probedAt < PROBE_EVERY_MS) return !this.#full
    this.#probedAt = now
    const free = this.#free()
    if (free >= this.#missing() + neededBytes + MARGIN_BYTES && this.take()) {
      this.#full = false
      return true
    }
    const spare = Math.max(0, this.#databaseBytes() - liveBytes)
    if (spare + free >= this.#bytes + 2 * neededBytes + MARGIN_BYTES) this.#full = false
    return !this.#full
  }

  /** Makes the file where it is missing or short. Returns whether it is whole. */
  take(): boolean {
    this.#whole = this.#missing() === 0
    if (this.#whole) return true
    let file: number | undefined
    try {
      file = openSync(this.#path, 'w', 0o600)
      for (let at = 0; at < this.#bytes; at += BLOCK_BYTES) {
        const block = randomBytes(Math.min(BLOCK_BYTES, this.#bytes - at))
        let written = 0
        while (written < block.byteLength) written += writeSync(file, block, written)
      }
      fsyncSync(file)
      this.#whole = true
      return true
    } catch {
      this.release()
      return false
    } finally {
      if (file !== undefined) closeSync(file)
    }
  }

  #missing(): number {
    try {
      return statSync(this.#path).size >= this.#bytes ? 0 : this.#bytes
    } catch {
      return this.#bytes
    }
  }

  #free(): number {
    try {
      const { bavail, bsize } = statfsSync(this.#dir)
      return bavail * bsize
    } catch {
      return 0
    }
  }

  #databaseBytes(): number {
    try {
      return statSync(databaseFile(this.#dir)).size
    } catch {
      return 0
    }
  }
}
