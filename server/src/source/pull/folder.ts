import { createReadStream } from 'node:fs'
import { mkdir, rename, stat, unlink } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { shortId } from '../../base/hash.ts'
import { type Glob, matchesPath, parseGlobs, walkGlobs } from '../file/glob.ts'
import { PassingFault } from './faults.ts'
import { accountOf } from './key-facts.ts'
import type { FolderOptions } from './options.ts'
import { detailOf, type Pool } from './pool.ts'
import type { PullObject } from './read-object.ts'

interface Sighting {
  readonly mark: string
  readonly sinceMs: number
  round: number
}

interface FoundFile {
  readonly path: string
  readonly size: bigint
  readonly mtimeNs: bigint
  readonly ino: bigint
}

/** Reads whole files that are put into a folder, each once, when they are complete. */
export class FolderPull {
  readonly #options: FolderOptions
  readonly #root: string
  readonly #moveTo: string | undefined
  readonly #globs: readonly Glob[]
  readonly #excluded: readonly Glob[]
  readonly #pool: Pool
  readonly #now: () => number
  readonly #sightings = new Map<string, Sighting>()

  constructor(options: FolderOptions, of: { baseDir: string; pool: Pool; now: () => number }) {
    this.#options = options
    this.#root = resolve(of.baseDir, options.path)
    this.#moveTo = options.move_to === undefined ? undefined : resolve(of.baseDir, options.move_to)
    this.#globs = options.include.flatMap((pattern) => parseGlobs(pattern, this.#root))
    this.#excluded = options.exclude.flatMap((pattern) => parseGlobs(pattern, this.#root))
    this.#pool = of.pool
    this.#now = of.now
  }

  /** One look; resolves when what it found is read. Gives what is wrong, as a sentence. */
  async look(): Promise<string | undefined> {
    const walk = await walkGlobs(this.#globs)
    const [failure] = walk.failures
    let trouble = failure === undefined ? undefined : `${failure[0]}: ${failure[1]}`
    for (const code of walk.failures.values()) {
      this.#pool.counters.failed(
        code === 'EACCES' || code === 'EPERM' ? 'permission' : 'unreadable',
      )
    }
    if (walk.limited) {
      this.#pool.counters.failed('scan_limit')
      trouble = 'the folder has more files than are looked at: move or delete read ones'
    }
    if ((await statOf(this.#root)) === undefined) trouble = `${this.#root}: ENOENT`
    const { complete, isWhole } = await this.#complete([...walk.paths].toSorted())
    for (const file of complete) {
      this.#pool.waiting(Number(file.mtimeNs / 1_000_000n))
      const begun = await this.#pool.begin(this.#objectOf(file))
      if (begun === undefined) {
        if (!this.#pool.isStopped) trouble = this.#full()
        break
      }
      void begun.end.then((end) => (end === 'done' ? this.#dispose(file) : undefined))
    }
    await this.#pool.settled()
    if (!this.#pool.isStopped) this.#pool.waiting(undefined)
    // Only a look that saw everything tells which files are gone.
    if (!walk.limited && walk.failures.size === 0 && isWhole) this.#pool.round += 1
    return trouble
  }

  #full(): string {
    this.#pool.counters.failed('remembered_full')
    return 'more files than are remembered: move or delete read ones, or raise objects_remembered_max'
  }

  /** Files that are there, not read, and have not changed for long enough. */
  async #complete(paths: readonly string[]): Promise<{ complete: FoundFile[]; isWhole: boolean }> {
    const complete: FoundFile[] = []
    const round = this.#pool.round
    const nowMs = this.#now()
    let isWhole = true
    for (const path of paths) {
      if (this.#pool.isStopped) return { complete: [], isWhole: false }
      if (this.#excluded.some((glob) => matchesPath(glob, path)) || this.#isMoved(path)) continue
      const file = await statOf(path)
      if (file === undefined) continue
      if (typeof file === 'string') {
        this.#pool.counters.failed('unreadable')
        isWhole = false
        continue
      }
      const { id, alias } = idsOf(file)
      this.#pool.remembered.sight(id, round, alias)
      if (this.#pool.remembered.isDone(id, alias)) {
        this.#sightings.delete(path)
        // Read, but a crash came before it was moved or deleted.
        if (this.#options.after !== 'keep') await this.#dispose(file)
        continue
      }
      const before = this.#sightings.get(path)
      const mark = `${id}`
      const sighting = before?.mark === mark ? before : { mark, sinceMs: nowMs, round }
      sighting.round = round
      this.#sightings.set(path, sighting)
      if (this.#pool.isWaiting(id)) continue
      if (nowMs - sighting.sinceMs >= this.#options.settle) complete.push(file)
    }
    for (const [path, { round: seen }] of this.#sightings) {
      if (seen !== round) this.#sightings.delete(path)
    }
    return { complete, isWhole }
  }

  #isMoved(path: string): boolean {
    return this.#moveTo !== undefined && path.startsWith(`${this.#moveTo}${sep}`)
  }

  #objectOf(file: FoundFile): PullObject {
    const { id, alias } = idsOf(file)
    const { path } = file
    return {
      id,
      alias,
      name: id,
      place: path,
      writtenMs: Number(file.mtimeNs / 1_000_000n),
      facts: { path, ...accountOf(path) },
      open: async () => {
        const found = await statOf(path)
        if (typeof found !== 'object' || idsOf(found).id !== id) {
          throw new PassingFault('changed', 'the file changed or went while it was waited for')
        }
        return createReadStream(path, { highWaterMark: 262_144 })
      },
    }
  }

  /** What cannot be moved or deleted is tried again at the next look. */
  async #dispose(file: FoundFile): Promise<void> {
    if (this.#options.after === 'keep') return
    try {
      // What was written to it since it was read is read first.
      const now = await statOf(file.path)
      if (typeof now !== 'object' || idsOf(now).id !== idsOf(file).id) return
      if (this.#options.after === 'delete') await unlink(file.path)
      if (this.#options.after !== 'move' || this.#moveTo === undefined) return
      const target = join(this.#moveTo, relative(this.#root, file.path))
      await mkdir(dirname(target), { recursive: true })
      const isFree = (await statOf(target)) === undefined
      await rename(file.path, isFree ? target : `${target}.${idsOf(file).id.slice(0, 8)}`)
    } catch (error) {
      this.#pool.counters.failed('dispose')
      this.#pool.onTrouble(`${file.path}: ${detailOf(error)}`)
    }
  }
}

/** `id` stays when the file is renamed; `alias` when it is copied back under its name with its time. */
function idsOf({ path, size, mtimeNs, ino }: FoundFile): { id: string; alias: string } {
  const content = `${size}:${mtimeNs}`
  return { id: shortId('inode', String(ino), content), alias: shortId('path', path, content) }
}

/** Undefined: not there, or no file. A text: why it cannot be looked at. */
async function statOf(path: string): Promise<FoundFile | string | undefined> {
  try {
    const { size, mtimeNs, ino } = await stat(path, { bigint: true })
    return { path, size, mtimeNs, ino }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : code
  }
}
