import { dirname } from 'node:path'
import type { SourceSink } from '../../model/source.ts'
import type { SourceCounters, SourceDeps } from '../define.ts'
import type { Delivering } from '../delivering.ts'
import { type ByteFile, openByteFile } from './byte-file.ts'
import { GZIP_PATIENCE_MS } from './discover.ts'
import type { FileOptions } from './options.ts'
import type { WorkSpaces } from './work-spaces.ts'
import type { FileRecord } from './record.ts'
import type { Records } from './records.ts'
import type { Tail, WorkSpace } from './tail.ts'

/** A file that is written to steadily is at its end every few moments. */
const BEHIND_MS = 2_000

export interface ReaderParts {
  readonly options: FileOptions
  readonly deps: SourceDeps
  readonly sink: SourceSink
  readonly counters: SourceCounters
  readonly records: Records
  readonly spaces: WorkSpaces
  readonly delivering: Delivering
  /** Its content changed under it. */
  onReplaced(tail: Tail): void
  /** Its path leads elsewhere and it is not open. */
  onGone(tail: Tail): void
  /** It was read to its end and is not followed any more. */
  onDone(tail: Tail, at: { size: number; mtimeMs: number }): void
}

/**
 * Reads followed files and delivers what they hold, each file by itself and in order: one batch under
 * way, the next one made ready meanwhile. A few files are read at a time.
 */
export class Reader {
  readonly #parts: ReaderParts
  readonly #byKey = new Map<string, Tail>()
  readonly #byId = new Map<string, Tail>()
  readonly #reading = new Map<Tail, Promise<void>>()
  readonly #again = new Set<Tail>()
  /** Tails whose cursor is to be saved even if nothing is read. */
  readonly #unsaved = new Set<Tail>()
  #isClosed = false

  constructor(parts: ReaderParts) {
    this.#parts = parts
  }

  tails(): Tail[] {
    return [...this.#byKey.values()]
  }

  byKey(key: string): Tail | undefined {
    return this.#byKey.get(key)
  }

  byId(id: string): Tail | undefined {
    return this.#byId.get(id)
  }

  get count(): number {
    return this.#byKey.size
  }

  get presentCount(): number {
    let count = 0
    for (const tail of this.#byKey.values()) if (tail.present) count += 1
    return count
  }

  /** Whether a file that lost its name is still read, of which this path may be a copy. */
  isCatchingUp(path: string): boolean {
    const folder = dirname(path)
    for (const tail of this.#byKey.values()) {
      // A line alone in its file that never ended: it is taken when the file is finished.
      const isLoneLine = tail.next === 0 && tail.waitingBytes > 0 && isLeft(tail)
      if ((tail.catchingUp || isLoneLine) && dirname(tail.path) === folder) return true
    }
    return false
  }

  /** Files under reading that have not been read to their end of late: there is a backlog. */
  behind(nowMs: number): Tail[] {
    return [...this.#reading.keys()].filter((tail) => nowMs - tail.endMs > BEHIND_MS)
  }

  isReading(tail: Tail): boolean {
    return this.#reading.has(tail)
  }

  add(tail: Tail): void {
    this.#byKey.set(tail.key, tail)
    this.#byId.set(tail.id, tail)
  }

  /** Forgets a tail; an open file is left to whoever takes it over. */
  remove(tail: Tail): void {
    if (this.#byKey.get(tail.key) === tail) this.#byKey.delete(tail.key)
    this.#byId.delete(tail.id)
    this.#unsaved.delete(tail)
  }

  /** Saves the tail's cursor with the next batch, or alone. */
  save(tail: Tail): void {
    this.#unsaved.add(tail)
  }

  /** Begins to read unless it is read already; then it is read once more. */
  start(tail: Tail): void {
    if (this.#isClosed || this.#byId.get(tail.id) !== tail) return
    if (this.#reading.has(tail)) {
      this.#again.add(tail)
      return
    }
    const run = this.#run(tail).finally(() => {
      this.#reading.delete(tail)
      if (this.#again.delete(tail)) this.start(tail)
    })
    this.#reading.set(tail, run)
  }

  async settled(): Promise<void> {
    while (this.#reading.size > 0) await Promise.all(this.#reading.values())
  }

  /** Lets a tail go on in another file that holds the same content and more. */
  async replaceFile(tail: Tail, file: ByteFile, key: string): Promise<void> {
    await this.#reading.get(tail)
    if (this.#byId.get(tail.id) !== tail) return file.close()
    await tail.file?.close()
    this.#byKey.delete(tail.key)
    tail.moveTo({ path: tail.path, key }, this.#parts.deps.clock.now())
    tail.file = file
    tail.present = true
    this.add(tail)
    this.start(tail)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.settled()
    for (const tail of this.#byKey.values()) await closeFile(tail)
    this.#byKey.clear()
    this.#byId.clear()
  }

  /** Never rejects: what goes wrong is counted and tried again at the next poll. */
  async #run(tail: Tail): Promise<void> {
    const lent: { space: WorkSpace | undefined } = { space: await this.#parts.spaces.borrow() }
    try {
      if (this.#isClosed || this.#byId.get(tail.id) !== tail) return
      const file = await this.#open(tail)
      if (file !== undefined) await this.#drain(tail, file, lent)
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code === undefined) throw error
      this.#parts.counters.failed(code === 'EACCES' ? 'permission' : 'unreadable')
      await closeFile(tail)
    } finally {
      if (lent.space !== undefined) this.#parts.spaces.giveBack(lent.space)
    }
  }

  async #open(tail: Tail): Promise<ByteFile | undefined> {
    if (tail.file !== undefined) return tail.file
    const file = await openByteFile(tail.path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (file !== undefined && (await file.stat()).key === tail.key) {
      tail.file = file
      await this.#closeOneIfMany(tail)
      return file
    }
    await file?.close()
    this.#parts.onGone(tail)
    return undefined
  }

  async #drain(tail: Tail, file: ByteFile, lent: { space: WorkSpace | undefined }): Promise<void> {
    const { spaces, deps } = this.#parts
    let underWay: Promise<boolean> = Promise.resolve(true)
    while (!this.#isClosed) {
      lent.space ??= await spaces.borrow()
      const now = { ms: deps.clock.now(), final: this.#isFinal(tail, file) }
      const read = await tail.read(file, lent.space, now)
      if (read.kind === 'replaced') {
        await underWay
        await this.#replaced(tail, file)
        return
      }
      if (read.kind === 'nothing') {
        // The end of a compressed file is known only now: its last line needs no line end.
        if (read.waiting && !now.final && this.#isFinal(tail, file)) continue
        break
      }
      tail.activeMs = now.ms
      if (read.items.length === 0) continue
      const record = tail.toRecord()
      if (!(await underWay)) return
      underWay = this.#deliver(tail, record, read)
      if (spaces.isWanted) {
        spaces.giveBack(lent.space)
        lent.space = undefined
        await underWay
      }
    }
    if (!(await underWay) || this.#isClosed) return
    await this.#rest(tail, file)
  }

  #deliver(
    tail: Tail,
    record: FileRecord,
    read: { items: Parameters<SourceSink['deliver']>[0]['items']; bytes: number },
  ): Promise<boolean> {
    this.#unsaved.delete(tail)
    const cursor = { key: this.#parts.records.put(record), value: JSON.stringify(record) }
    return this.#parts.delivering.deliver({ items: read.items, cursor }, read.bytes)
  }

  /** Nothing more to read for now: finish, or wait for more. */
  async #rest(tail: Tail, file: ByteFile): Promise<void> {
    const { counters, sink, deps } = this.#parts
    tail.catchingUp = false
    if (tail.takeNulBytes() > 0) counters.failed('nul_hole')
    const isDamaged = file.state === 'broken' && deps.clock.now() - tail.mtimeMs > GZIP_PATIENCE_MS
    if (isDamaged) {
      counters.failed('gzip_damaged')
      sink.dropped('damaged', 1)
    }
    if (isDamaged || this.#isFinal(tail, file)) {
      await closeFile(tail)
      this.remove(tail)
      this.#parts.onDone(tail, { size: tail.size, mtimeMs: tail.mtimeMs })
      await this.#deliver(tail, tail.toRecord('read'), { items: [], bytes: 0 })
      return
    }
    // A compressed file that is still written is read anew from its start.
    if (file.compressed) await closeFile(tail)
    if (this.#unsaved.has(tail)) await this.#deliver(tail, tail.toRecord(), { items: [], bytes: 0 })
  }

  #isFinal(tail: Tail, file: ByteFile): boolean {
    if (file.compressed) return file.state === 'ended'
    const { deps, options } = this.#parts
    return isLeft(tail) && deps.clock.now() - tail.activeMs >= options.rotated_wait
  }

  async #replaced(tail: Tail, file: ByteFile): Promise<void> {
    if (file.compressed) await closeFile(tail)
    this.#parts.onReplaced(tail)
  }

  /** Closes the file that gave nothing for longest, so that not too many are open. */
  async #closeOneIfMany(except: Tail): Promise<void> {
    let openCount = 0
    let idlest: Tail | undefined
    for (const tail of this.#byKey.values()) {
      if (tail.file === undefined) continue
      openCount += 1
      const canClose = tail !== except && tail.present && !this.#reading.has(tail)
      if (canClose && tail.activeMs < (idlest?.activeMs ?? Number.POSITIVE_INFINITY)) idlest = tail
    }
    const { open_files_max: openMax } = this.#parts.options
    if (openCount > openMax && idlest !== undefined) await closeFile(idlest)
  }
}

/** Nobody is expected to write it for long. */
function isLeft(tail: Tail): boolean {
  return !tail.present || tail.rotated
}

async function closeFile(tail: Tail): Promise<void> {
  const { file } = tail
  tail.file = undefined
  await file?.close()
}
