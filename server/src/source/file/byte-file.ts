import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { createGunzip, type Gunzip } from 'node:zlib'

/** What names a file and says whether it changed. */
export interface FileStat {
  /** `device:inode`. */
  readonly key: string
  readonly size: number
  readonly mtimeMs: number
  /** When it was made; 0 or a later change where the file system does not keep it. */
  readonly birthMs: number
  readonly isFile: boolean
  /** Names that lead to it; 0: deleted, and there only for who has it open. */
  readonly links: number
}

/** Content that is read from any position onwards; of a compressed file, what is in it. */
export interface ByteFile {
  /** Fills `target` from `position` on; gives fewer bytes only at the end. */
  readAt(target: Buffer, position: number): Promise<number>
  stat(): Promise<FileStat>
  close(): Promise<void>
  readonly compressed: boolean
  /**
   * Of compressed content: `ended` once its proper end was read, `broken` where it stopped before (its
   * compressor still writes, or it is damaged). Plain files stay `open`: they may grow.
   */
  readonly state: 'open' | 'ended' | 'broken'
}

interface BigStat {
  readonly dev: bigint
  readonly ino: bigint
  readonly size: bigint
  readonly mtimeNs: bigint
  readonly birthtimeMs: bigint
  readonly nlink: bigint
  isFile(): boolean
}

export function toFileStat(stat: BigStat): FileStat {
  return {
    key: `${stat.dev}:${stat.ino}`,
    size: Number(stat.size),
    mtimeMs: Number(stat.mtimeNs / 1_000n) / 1_000,
    birthMs: Number(stat.birthtimeMs),
    isFile: stat.isFile(),
    links: Number(stat.nlink),
  }
}

/** Opens a regular file, compressed or not. A named pipe in its place does not block. */
export async function openByteFile(path: string): Promise<ByteFile> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const magic = Buffer.alloc(3)
    const { bytesRead } = await handle.read(magic, 0, 3, 0)
    // RFC 1952, 2.3.1: ID1 = 1f, ID2 = 8b, CM = 8 (deflate).
    const isGzip = bytesRead === 3 && magic.readUIntBE(0, 3) === 0x1f8b08
    return isGzip ? new GzipFile(handle) : new PlainFile(handle)
  } catch (error) {
    await handle.close()
    throw error
  }
}

class PlainFile implements ByteFile {
  readonly compressed = false
  readonly state = 'open'
  readonly #handle: FileHandle
  constructor(handle: FileHandle) {
    this.#handle = handle
  }
  readAt(target: Buffer, position: number): Promise<number> {
    return readFully(this.#handle, target, position)
  }
  async stat(): Promise<FileStat> {
    return toFileStat(await this.#handle.stat({ bigint: true }))
  }
  close(): Promise<void> {
    return this.#handle.close()
  }
}

async function readFully(handle: FileHandle, target: Buffer, position: number): Promise<number> {
  let filled = 0
  while (filled < target.length) {
    const { bytesRead } = await handle.read(
      target,
      filled,
      target.length - filled,
      position + filled,
    )
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return filled
}

const INPUT_BYTES = 65_536

/**
 * Decompresses forwards and keeps a window behind the last read, so that the splitter may read a line
 * again. A position before the window starts anew. What stands before a break is given.
 */
class GzipFile implements ByteFile {
  readonly compressed = true
  state: ByteFile['state'] = 'open'
  readonly #handle: FileHandle
  #gunzip: Gunzip | undefined
  #inputAt = 0
  #window: Buffer[] = []
  #windowStart = 0
  #windowEnd = 0

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async readAt(target: Buffer, position: number): Promise<number> {
    if (this.#gunzip === undefined || position < this.#windowStart) this.#restart()
    while (this.#windowEnd < position + target.length) {
      this.#forget(position)
      const output = await this.#more()
      if (output === undefined) break
      this.#window.push(output)
      this.#windowEnd += output.length
    }
    this.#forget(position)
    return this.#copy(target, position)
  }

  async stat(): Promise<FileStat> {
    return toFileStat(await this.#handle.stat({ bigint: true }))
  }

  async close(): Promise<void> {
    this.#gunzip?.destroy()
    await this.#handle.close()
  }

  #restart(): void {
    this.#gunzip?.destroy()
    this.#gunzip = createGunzip()
    this.#gunzip.on('error', () => undefined)
    this.state = 'open'
    this.#inputAt = 0
    this.#window = []
    this.#windowStart = 0
    this.#windowEnd = 0
  }

  #forget(position: number): void {
    for (let first = this.#window[0]; first !== undefined; first = this.#window[0]) {
      if (this.#windowStart + first.length > position) return
      this.#windowStart += first.length
      this.#window.shift()
    }
  }

  #copy(target: Buffer, position: number): number {
    let at = this.#windowStart
    let filled = 0
    for (const part of this.#window) {
      const from = position + filled - at
      if (from < part.length) filled += part.copy(target, filled, from)
      at += part.length
      if (filled === target.length) break
    }
    return filled
  }

  /** The next decompressed bytes, or undefined at the end. */
  async #more(): Promise<Buffer | undefined> {
    const gunzip = this.#gunzip
    if (gunzip === undefined) return undefined
    for (;;) {
      const ready: unknown = gunzip.read()
      if (Buffer.isBuffer(ready)) return ready
      if (gunzip.errored !== null || gunzip.readableEnded) {
        this.state = gunzip.errored === null ? 'ended' : 'broken'
        return undefined
      }
      if (gunzip.writableNeedDrain || gunzip.writableEnded) {
        await changed(gunzip)
        continue
      }
      const input = Buffer.allocUnsafe(INPUT_BYTES)
      const { bytesRead } = await this.#handle.read(input, 0, INPUT_BYTES, this.#inputAt)
      this.#inputAt += bytesRead
      if (bytesRead === 0) gunzip.end()
      else gunzip.write(input.subarray(0, bytesRead))
    }
  }
}

function changed(gunzip: Gunzip): Promise<void> {
  return new Promise((resolve) => {
    const happenings = ['readable', 'drain', 'end', 'error', 'close'] as const
    const wake = (): void => {
      for (const happening of happenings) gunzip.off(happening, wake)
      resolve()
    }
    for (const happening of happenings) gunzip.on(happening, wake)
  })
}
