import { stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { shortId } from '../../base/hash.ts'
import type { SourceSink } from '../../model/source.ts'
import { type SourceCounters, sourceCounters, type SourceDeps } from '../define.ts'
import { Delivering } from '../delivering.ts'
import { type FileStat, toFileStat } from './byte-file.ts'
import { type Candidate, decide } from './discover.ts'
import { type Glob, matchesPath, parseGlobs, walkGlobs } from './glob.ts'
import { listNeighbors, type Listings } from './neighbors.ts'
import type { FileOptions } from './options.ts'
import { WorkSpaces } from './work-spaces.ts'
import { Reader } from './reader.ts'
import { Records, START_KEY } from './records.ts'
import { Tail } from './tail.ts'

/** What one scan came upon. */
interface Round {
  readonly keys: Set<string>
  /** Why something could not be looked at, by path. */
  readonly failures: Map<string, string>
  readonly strangers: Candidate[]
}

/** How long the rest of a file that vanished is looked for among its neighbors. */
const SEARCH_MS = 60_000

/**
 * Follows all files of one source. `scan` finds files and notices what became of them; `poll` looks
 * whether followed ones changed. Reading goes on by itself; `settled` waits until nothing is read.
 */
export class Follower {
  readonly #options: FileOptions
  readonly #deps: SourceDeps
  readonly #sink: SourceSink
  readonly #counters: SourceCounters
  readonly #globs: readonly Glob[]
  readonly #excluded: readonly Glob[]
  readonly #records: Records
  readonly #spaces: WorkSpaces
  readonly #delivering: Delivering
  readonly #reader: Reader
  /** Files that were looked at and are not to be followed, until they change. */
  readonly #ignored = new Map<string, { size: number; mtimeMs: number }>()
  /** Contents whose file is gone before it was read to its end, and since when. */
  readonly #orphans = new Map<string, number>()
  readonly #listings: Listings = new Map()
  #atEnd = false
  #minted = 0
  #statusText = ''
  #trouble: string | undefined
  scanWanted = false

  constructor(options: FileOptions, deps: SourceDeps, sink: SourceSink) {
    this.#options = options
    this.#deps = deps
    this.#sink = sink
    this.#counters = sourceCounters(deps.metrics, deps.name)
    this.#globs = options.paths.flatMap((pattern) => parseGlobs(pattern, deps.baseDir))
    this.#excluded = options.exclude.flatMap((pattern) => parseGlobs(pattern, deps.baseDir))
    this.#records = new Records(options.files_remembered_max)
    this.#spaces = new WorkSpaces(options)
    this.#delivering = new Delivering(sink, deps, this.#counters)
    this.#delivering.onTrouble = (detail) => {
      this.#trouble = detail
      this.#report(new Map())
    }
    this.#reader = new Reader({
      options,
      deps,
      sink,
      counters: this.#counters,
      records: this.#records,
      spaces: this.#spaces,
      delivering: this.#delivering,
      onReplaced: (tail) => this.#onReplaced(tail),
      onGone: (tail) => this.#orphan(tail),
      onDone: (tail, at) => void this.#ignored.set(tail.key, at),
    })
  }

  /** Takes over the saved cursors and finds the files. */
  async open(): Promise<void> {
    const cursors = this.#sink.cursors()
    const unreadable = this.#records.restore(cursors)
    for (let count = 0; count < unreadable; count++) this.#counters.failed('cursor_unreadable')
    for (const record of this.#records.all()) {
      if (record.done === undefined) this.#orphans.set(record.id, this.#deps.clock.now())
    }
    this.#atEnd = this.#options.start_at === 'end' && cursors.size === 0
    await this.scan()
    if (this.#atEnd) {
      await this.settled()
      const value = JSON.stringify({ v: 1, startedMs: this.#deps.clock.now() })
      await this.#delivering.deliver({ items: [], cursor: { key: START_KEY, value } }, 0)
    }
    this.#atEnd = false
  }

  async scan(): Promise<void> {
    this.scanWanted = false
    const walk = await walkGlobs(this.#globs)
    const round: Round = { keys: new Set(), failures: new Map(walk.failures), strangers: [] }
    if (walk.limited) this.#counters.failed('scan_limit')
    for (const path of walk.paths) {
      if (this.#excluded.some((glob) => matchesPath(glob, path))) continue
      await this.#meet(path, true, round)
    }
    for (const tail of this.#reader.tails()) if (!round.keys.has(tail.key)) this.#onMissed(tail)
    const neighbors = await listNeighbors({
      records: this.#records,
      listings: this.#listings,
      known: walk.paths,
      always: this.#orphans.size > 0,
      nowMs: this.#deps.clock.now(),
    })
    for (const path of neighbors) await this.#meet(path, false, round)
    for (const stranger of round.strangers) {
      if (this.#delivering.isStopped) return
      await this.#consider(stranger, round)
    }
    await this.#giveUpSearches()
    this.#report(round.failures)
    for (const tail of this.#reader.tails()) this.#reader.start(tail)
  }

  /** Looks at the followed files; `only`: those of these paths. */
  async poll(only?: ReadonlySet<string>): Promise<void> {
    const nowMs = this.#deps.clock.now()
    for (const tail of this.#reader.tails()) {
      if (only !== undefined && !only.has(tail.path)) continue
      if (!tail.present) {
        this.#reader.start(tail)
        continue
      }
      const found = await this.#statOf(tail.path)
      if (typeof found === 'object' && found.key === tail.key) {
        if (tail.isDue(found, nowMs)) this.#reader.start(tail)
      } else {
        this.scanWanted = true
        if (tail.file !== undefined) this.#reader.start(tail)
      }
    }
  }

  /** Cursor keys of files with a backlog. */
  behind(): string[] {
    const tails = this.#reader.behind(this.#deps.clock.now())
    return tails.map(({ id }) => this.#records.cursorKey(id) ?? `new:${id}`)
  }

  settled(): Promise<void> {
    return this.#reader.settled()
  }

  /** Resolves when nothing is under way; what was not made durable will be read again. */
  async close(): Promise<void> {
    this.#delivering.stop()
    await this.#reader.close()
  }

  /** Folders in which something may happen, for change notices. */
  folders(): ReadonlySet<string> {
    return new Set(this.#records.folders())
  }

  /** Updates the tail of a file that is followed; what is not followed is looked at afterwards. */
  async #meet(path: string, matched: boolean, round: Round): Promise<void> {
    const found = await this.#statOf(path)
    if (found === undefined) return
    if (typeof found === 'string') {
      round.failures.set(path, found)
      return
    }
    if (round.keys.has(found.key)) return
    const tail = this.#reader.byKey(found.key)
    if (tail !== undefined) {
      tail.moveTo({ path, key: found.key }, this.#deps.clock.now())
      tail.rotated = this.#records.isRotated(path)
      if (matched) tail.present = true
      if (matched) round.keys.add(found.key)
      return
    }
    round.keys.add(found.key)
    const ignored = this.#ignored.get(found.key)
    if (ignored?.size === found.size && ignored.mtimeMs === found.mtimeMs) return
    if (found.isFile) round.strangers.push({ path, stat: found, matched })
    else if (matched) round.failures.set(path, 'not_a_file')
  }

  async #consider(stranger: Candidate, round: Round): Promise<void> {
    if (this.#reader.isCatchingUp(stranger.path)) {
      // What is still read may be what this file holds a copy of.
      this.#listings.clear()
      this.scanWanted = true
      return
    }
    if (this.#reader.count >= this.#options.files_max) {
      this.#counters.failed('files_max')
      return
    }
    try {
      await this.#follow(stranger)
    } catch (error) {
      round.failures.set(stranger.path, (error as NodeJS.ErrnoException).code ?? 'unknown')
    }
  }

  async #follow({ path, stat: found, matched }: Candidate): Promise<void> {
    const space = await this.#spaces.borrow()
    try {
      const decision = await decide(
        { path, stat: found, matched },
        {
          options: this.#options,
          records: this.#records,
          space,
          nowMs: this.#deps.clock.now(),
          live: (id) => this.#reader.byId(id),
        },
      )
      switch (decision.kind) {
        case 'ignore':
          this.#ignore(found)
          return
        case 'later':
          this.#listings.clear()
          return
        case 'shorter':
          this.#orphans.delete(decision.record.id)
          this.#ignore(found)
          return
        case 'replacement':
          await this.#reader.replaceFile(decision.tail, decision.file, found.key)
          return
        case 'resume':
          this.#orphans.delete(decision.tail.id)
          decision.tail.file = decision.file
          this.#adopt(decision.tail, matched)
          return
        case 'new': {
          const tail = new Tail(this.#mint(found), { path, key: found.key }, this.#options)
          tail.markMs = found.mtimeMs
          tail.file = decision.file
          if (this.#atEnd) await tail.skipToEnd(decision.file, space)
          this.#reader.save(tail)
          this.#adopt(tail, matched)
          return
        }
      }
    } finally {
      this.#spaces.giveBack(space)
    }
  }

  #adopt(tail: Tail, matched: boolean): void {
    tail.present = matched
    tail.rotated = this.#records.isRotated(tail.path)
    tail.activeMs = this.#deps.clock.now()
    this.#reader.add(tail)
    this.#reader.start(tail)
  }

  /** A name for a content that none had before, even where an inode is used again. */
  #mint(found: FileStat): string {
    const { name, clock } = this.#deps
    const parts = [name, found.key, String(found.birthMs), String(found.mtimeMs)]
    for (;;) {
      this.#minted += 1
      const id = shortId(...parts, String(clock.now()), String(this.#minted)).slice(0, 16)
      if (this.#records.get(id) === undefined) return id
    }
  }

  #ignore(found: FileStat): void {
    if (this.#ignored.size >= this.#options.files_remembered_max) this.#ignored.clear()
    this.#ignored.set(found.key, { size: found.size, mtimeMs: found.mtimeMs })
  }

  #onMissed(tail: Tail): void {
    if (tail.present) {
      tail.present = false
      tail.activeMs = this.#deps.clock.now()
      // Its end must be known before other files can be told from it.
      tail.catchingUp = true
      this.#reader.start(tail)
    }
    if (tail.file === undefined && !this.#reader.isReading(tail)) this.#orphan(tail)
  }

  /** Its file is out of reach: what is left of it may stand in a neighbor. */
  #orphan(tail: Tail): void {
    this.#reader.remove(tail)
    this.#records.put(tail.toRecord())
    this.#orphans.set(tail.id, this.#deps.clock.now())
    this.scanWanted = true
  }

  /** The file was truncated or written anew: what it held is searched for, what it holds is new. */
  #onReplaced(tail: Tail): void {
    this.#deps.log.info({ source: this.#deps.name, path: tail.path }, 'A file was replaced.')
    const { file } = tail
    this.#orphan(tail)
    if (tail.waitingBytes > 0) this.#sink.dropped('truncated', 1)
    const id = shortId(tail.id, 'replaced').slice(0, 16)
    const next = new Tail(id, tail, this.#options)
    next.markMs = tail.markMs
    next.file = file
    next.present = tail.present
    next.catchingUp = tail.catchingUp
    next.activeMs = this.#deps.clock.now()
    this.#reader.save(next)
    this.#reader.add(next)
    this.#reader.start(next)
  }

  async #giveUpSearches(): Promise<void> {
    const nowMs = this.#deps.clock.now()
    for (const [id, sinceMs] of this.#orphans) {
      if (nowMs - sinceMs < SEARCH_MS) continue
      this.#orphans.delete(id)
      const record = this.#records.get(id)
      if (record === undefined) continue
      this.#counters.failed('rest_not_found')
      const lost = { ...record, done: 'lost' } as const
      const cursor = { key: this.#records.put(lost), value: JSON.stringify(lost) }
      await this.#delivering.deliver({ items: [], cursor }, 0)
    }
  }

  /** Undefined: not there. A text: why it cannot be looked at. */
  async #statOf(path: string): Promise<FileStat | string | undefined> {
    try {
      return toFileStat(await stat(path, { bigint: true }))
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
      return code === 'ENOENT' || code === 'ENOTDIR' ? undefined : code
    }
  }

  #report(failures: ReadonlyMap<string, string>): void {
    for (const code of failures.values()) this.#counters.failed(reasonOf(code))
    const followed = this.#reader.presentCount
    const [first] = failures
    const trouble = first === undefined ? this.#trouble : `${first[0]}: ${first[1]}`
    const isDown = followed === 0 || this.#trouble !== undefined
    const detail = trouble ?? (followed === 0 ? `no file matches ${this.#patterns()}` : '')
    const text = `${isDown ? 'down' : 'connected'} ${detail}`
    if (text === this.#statusText) return
    this.#statusText = text
    this.#sink.status(isDown ? 'down' : 'connected', detail === '' ? undefined : detail)
  }

  #patterns(): string {
    return this.#options.paths.map((path) => resolve(this.#deps.baseDir, path)).join(', ')
  }
}

function reasonOf(code: string): string {
  if (code === 'EACCES' || code === 'EPERM') return 'permission'
  return code === 'not_a_file' ? code : 'unreadable'
}
