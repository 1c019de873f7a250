import { type FSWatcher, watch } from 'node:fs'
import { join } from 'node:path'

const FOLDERS_MAX = 256

/**
 * Takes the operating system's change notices as hints. They may be missing or too many: polling goes on
 * all the same, so no failure here matters.
 */
export class Watcher {
  readonly #watchers = new Map<string, FSWatcher>()
  readonly #onHint: (path: string, isRename: boolean) => void

  constructor(onHint: (path: string, isRename: boolean) => void) {
    this.#onHint = onHint
  }

  /** Watches these folders and no others. */
  update(folders: ReadonlySet<string>): void {
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue
      watcher.close()
      this.#watchers.delete(folder)
    }
    for (const folder of folders) {
      if (this.#watchers.size >= FOLDERS_MAX) return
      if (!this.#watchers.has(folder)) this.#watch(folder)
    }
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  #watch(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, (event, name) => {
        if (name !== null) this.#onHint(join(folder, name), event === 'rename')
      })
      const forget = (): void => {
        watcher.close()
        this.#watchers.delete(folder)
      }
      watcher.on('error', forget)
      this.#watchers.set(folder, watcher)
    } catch {
      // No watches left, or no such folder: it is polled.
    }
  }
}
