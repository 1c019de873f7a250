import { stat } from 'node:fs/promises'

/** What changes when a file is written or replaced; undefined where there is none. */
export async function fileStamp(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeMs } = await stat(path)
    return `${dev}:${ino}:${size}:${mtimeMs}`
  } catch {
    return undefined
  }
}

/**
 * Tells when a file has changed and is not being written any more: one that differs from what is known,
 * and does not from one look to the next.
 */
export class ChangeWatch {
  readonly #path: string
  #known: string | undefined
  #seen: string | undefined

  constructor(path: string) {
    this.#path = path
  }

  /** What stands there now is known. */
  async know(): Promise<void> {
    this.#known = await fileStamp(this.#path)
    this.#seen = this.#known
  }

  /** Once for each change. A file that is gone has not changed: it is perhaps about to be replaced. */
  async hasChanged(): Promise<boolean> {
    const stamp = await fileStamp(this.#path)
    const isStill = stamp === this.#seen
    this.#seen = stamp
    if (stamp === undefined || stamp === this.#known || !isStill) return false
    this.#known = stamp
    return true
  }
}
