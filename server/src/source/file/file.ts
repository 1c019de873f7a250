import type { Source, SourceSink } from '../../model/source.ts'
import { defineSource, type SourceDeps } from '../define.ts'
import { waitForEnd } from '../delivering.ts'
import { Follower } from './follower.ts'
import { type FileOptions, fileOptions } from './options.ts'
import { Watcher } from './watch.ts'

/** Least time between two looks that change notices ask for: what comes meanwhile is read at once. */
const HINT_MS = 5

/** Follows files: see `FileOptions` for what can be set, `Follower` for how rotation is seen. */
export const fileSource = defineSource({
  name: 'file',
  summary:
    'Follows text files, one item a line, through rotation, truncation, compression and restarts.',
  options: fileOptions,
  create: (options, deps) => new FileSource(options, deps),
})

class FileSource implements Source {
  readonly #options: FileOptions
  readonly #deps: SourceDeps
  #follower: Follower | undefined
  #watcher: Watcher | undefined
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> | undefined
  #hints = new Set<string>()
  #hinted = false
  #scannedAt = 0
  #polledAt = 0
  #isStopped = false

  constructor(options: FileOptions, deps: SourceDeps) {
    this.#options = deps.framing === undefined ? options : { ...options, framing: deps.framing }
    this.#deps = deps
  }

  async start(sink: SourceSink): Promise<void> {
    if (this.#isStopped || this.#follower !== undefined) return
    const follower = new Follower(this.#options, this.#deps, sink)
    this.#follower = follower
    this.#round = follower.open()
    await this.#round
    this.#round = undefined
    if (this.#isStopped) return
    if (this.#options.watch) {
      this.#watcher = new Watcher((path, isRename) => this.#onHint(path, isRename))
      this.#watcher.update(follower.folders())
    }
    this.#schedule(follower)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#watcher?.close()
    const follower = this.#follower
    if (follower === undefined) return
    const closed = follower.close().then(() => this.#round)
    await waitForEnd(closed)
  }

  behind(): readonly string[] {
    return this.#follower?.behind() ?? []
  }

  #schedule(follower: Follower, delayMs: number = this.#options.poll_interval): void {
    if (this.#isStopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#runRound(follower), delayMs)
  }

  #runRound(follower: Follower): void {
    const hints = this.#hints
    const isHint = this.#hinted
    this.#hints = new Set()
    this.#hinted = false
    this.#round = this.#look(follower, isHint ? hints : undefined).finally(() => {
      this.#round = undefined
      this.#schedule(follower, this.#hinted ? HINT_MS : undefined)
    })
  }

  async #look(follower: Follower, hints: ReadonlySet<string> | undefined): Promise<void> {
    const now = performance.now()
    if (now - this.#scannedAt >= this.#options.scan_interval || follower.scanWanted) {
      this.#scannedAt = now
      await follower.scan()
      this.#watcher?.update(follower.folders())
    }
    // A file that never stops changing must not keep the others from being looked at.
    const isDue = now - this.#polledAt >= this.#options.poll_interval
    if (isDue) this.#polledAt = now
    await follower.poll(isDue ? undefined : hints)
  }

  /** A change notice: the file is looked at as soon as the round under way is over. */
  #onHint(path: string, isRename: boolean): void {
    const follower = this.#follower
    if (follower === undefined || this.#isStopped) return
    this.#hints.add(path)
    if (isRename) follower.scanWanted = true
    if (this.#hinted) return
    this.#hinted = true
    if (this.#round === undefined) this.#schedule(follower, HINT_MS)
  }
}
