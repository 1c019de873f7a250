import { type CaptureForm, captureForm, RECORD_MAX } from '../../decode/capture/cut.ts'
import type { RawItem } from '../../model/source.ts'
import type { ByteFile } from './byte-file.ts'
import { byteOrderMark, FILE_ENCODINGS, type FileEncoding, unitBytes } from './encoding.ts'
import type { FileOptions } from './options.ts'
import { type FileRecord, HEAD_BYTES, headPrints, LAST_BYTES, printOf, sameHead } from './record.ts'
import { lineFeed, splitLines, type SplitOptions, type SplitResult } from './split.ts'
import { splitCapture } from './split-capture.ts'

/** What one read of a followed file gave. */
export type TailRead =
  | { readonly kind: 'batch'; readonly items: RawItem[]; readonly bytes: number }
  /** Nothing to deliver now; `waiting` where bytes of an unfinished line stand behind. */
  | { readonly kind: 'nothing'; readonly waiting: boolean }
  /** The file no longer holds what was read of it: truncated, or written anew. */
  | { readonly kind: 'replaced' }

/** Buffers that reads share; one is used by one read at a time. */
export interface WorkSpace {
  readonly work: Buffer
  readonly head: Buffer
}

export function createWorkSpace(options: FileOptions): WorkSpace {
  const least = options.framing === 'capture' ? RECORD_MAX : options.line_bytes_max
  const bytes = Math.max(options.batch_bytes_max, least + 4) + LAST_BYTES
  return { work: Buffer.allocUnsafe(bytes), head: Buffer.allocUnsafe(HEAD_BYTES) }
}

/**
 * One content that is followed: where reading stands in it, and what was read just before, by which a
 * replaced content is told. It does not know of paths changing; its owner does.
 */
export class Tail {
  readonly id: string
  path: string
  key: string
  /** Offset of the first byte that is part of no item yet. */
  next: number
  size = 0
  mtimeMs = 0
  markMs: number
  /** True while one of the patterns (or a rotation's name) finds it. */
  present = true
  /** Its name says that it was rotated away: it will not grow for long. */
  rotated = false
  /** It lost its name and was not read to its end since. */
  catchingUp = false
  /** Last time at which it was read to its end. */
  endMs = Number.NEGATIVE_INFINITY
  /** Last time at which it gave something or changed its name. */
  activeMs = 0
  file: ByteFile | undefined
  #head = Buffer.alloc(0)
  #headPrints: [number, string][] | undefined
  #last = Buffer.alloc(0)
  #encoding: FileEncoding | undefined
  /** Of a packet capture: how its records are cut. */
  #form: CaptureForm | undefined
  #partial = { bytes: 0, sinceMs: 0 }
  /** The last read filled its buffer: what was verified before it need not be again. */
  #isMidway = false
  /** Bytes of an over-long line that were looked through already. */
  #longBytes = 0
  #nulBytes = 0
  readonly #options: FileOptions
  #facts: Readonly<Record<string, string>>

  constructor(id: string, place: { path: string; key: string }, options: FileOptions) {
    this.id = id
    this.path = place.path
    this.key = place.key
    this.next = 0
    this.markMs = 0
    this.#options = options
    this.#facts = { path: place.path }
  }

  /** Whether something may have to be read: it grew, shrank, was written, or a line's time is up. */
  isDue(stat: { size: number; mtimeMs: number }, nowMs: number): boolean {
    const isSame = stat.size === this.size && stat.mtimeMs === this.mtimeMs
    // A file written twice within one tick of the file system's clock keeps its stamp.
    const isSettled = nowMs - stat.mtimeMs > STAMP_TICK_MS
    return !isSame || !isSettled || this.#partialIsDue(nowMs)
  }

  moveTo(place: { path: string; key: string }, nowMs: number): void {
    if (place.path !== this.path) {
      this.#facts = { path: place.path }
      this.activeMs = nowMs
    }
    this.path = place.path
    this.key = place.key
  }

  /**
   * Continues a content known from a record in an opened file, if that file holds it. `shorter`: it
   * begins alike but ends before the position (an earlier copy), so nothing is to be read in it.
   */
  async resume(
    record: FileRecord,
    file: ByteFile,
    space: WorkSpace,
  ): Promise<'resumed' | 'shorter' | 'different'> {
    const headBytes = await file.readAt(space.head, 0)
    const head = space.head.subarray(0, headBytes)
    if (record.next > 0 && sameHead(record.head, head) !== true) return 'different'
    const [lastBytes, lastHash] = record.last
    const last = Buffer.alloc(lastBytes)
    const got = await file.readAt(last, record.next - lastBytes)
    if (got < lastBytes) return 'shorter'
    if (printOf(last)[1] !== lastHash) return 'different'
    this.next = record.next
    this.markMs = record.markMs
    this.#last = last
    this.#head = Buffer.from(head.subarray(0, Math.min(record.next, HEAD_BYTES)))
    this.#encoding = FILE_ENCODINGS.find((encoding) => encoding === record.encoding)
    return 'resumed'
  }

  /** Skips to the start of the last line that is not finished, for `start_at: end`. */
  async skipToEnd(file: ByteFile, space: WorkSpace): Promise<void> {
    // What its beginning says of link types is needed for all that follows.
    if (this.#options.framing === 'capture') return
    const { size } = await file.stat()
    const from = Math.max(0, size - space.work.length)
    const got = await file.readAt(space.work, from)
    await this.#detectEncoding(file, space, false)
    const unit = unitBytes(this.#encoding ?? this.#options.encoding)
    const back = unit === 1 ? space.work.subarray(0, got).lastIndexOf(0x0a) + 1 : got - (got % 2)
    this.next = from + back
    this.#last = Buffer.from(space.work.subarray(Math.max(0, back - LAST_BYTES), back))
    const headBytes = await file.readAt(space.head, 0)
    this.#head = Buffer.from(space.head.subarray(0, Math.min(headBytes, this.next)))
  }

  /** Reads on. `final`: nothing will be added, so an unfinished last line is taken as it is. */
  async read(
    file: ByteFile,
    space: WorkSpace,
    now: { ms: number; final: boolean },
  ): Promise<TailRead> {
    const stat = this.#isMidway ? undefined : await file.stat()
    const isShort = stat !== undefined && stat.size < this.next + this.#longBytes
    if (isShort && !file.compressed) return { kind: 'replaced' }
    if (this.next === 0 && !(await this.#detectEncoding(file, space, now.final))) {
      return stat === undefined ? LOOK_AGAIN : this.#nothing(stat, 0, now.ms)
    }
    if (this.#longBytes > 0) return this.#readLong(file, space, now)
    const { work } = space
    const context = this.#last.length
    const small = context + this.#options.batch_bytes_max
    for (let length = Math.min(small, work.length); ; length = work.length) {
      const got = await file.readAt(work.subarray(0, length), this.next - context)
      if (got < context || !work.subarray(0, context).equals(this.#last)) {
        return { kind: 'replaced' }
      }
      if (!this.#isMidway && !(await this.#headIsSame(file, space))) return { kind: 'replaced' }
      const atEnd = got < length
      this.#isMidway = !atEnd
      const batch = this.#cut(work.subarray(0, got), context, now, atEnd)
      if (batch !== undefined) return batch
      if (atEnd) {
        // The file's size must be known from before the read, or what is added meanwhile is missed.
        return stat === undefined ? LOOK_AGAIN : this.#nothing(stat, got - context, now.ms)
      }
      if (length < work.length) continue
      this.#longBytes = got - context
      return this.#readLong(file, space, now)
    }
  }

  /** What the cursor is to hold now. */
  toRecord(done?: FileRecord['done']): FileRecord {
    return {
      v: 1,
      id: this.id,
      path: this.path,
      key: this.key,
      next: this.next,
      head: this.#prints(),
      last: printOf(this.#last),
      size: this.size,
      mtimeMs: this.mtimeMs,
      markMs: this.markMs,
      ...(this.#encoding === undefined ? {} : { encoding: this.#encoding }),
      ...(done === undefined ? {} : { done }),
    }
  }

  /** Bytes that stand behind `next` without a line end, as last seen. */
  get waitingBytes(): number {
    return Math.max(this.#partial.bytes, this.#longBytes)
  }

  takeNulBytes(): number {
    const bytes = this.#nulBytes
    this.#nulBytes = 0
    return bytes
  }

  /** Hashes of the head; they stay once the head is complete. */
  #prints(): [number, string][] {
    const complete = this.#headPrints
    if (complete !== undefined) return complete
    const prints = headPrints(this.#head)
    if (this.#head.length === HEAD_BYTES) this.#headPrints = prints
    return prints
  }

  #partialIsDue(nowMs: number): boolean {
    const timeoutMs = this.#options.partial_line_timeout
    return timeoutMs > 0 && this.#partial.bytes > 0 && nowMs - this.#partial.sinceMs >= timeoutMs
  }

  #nothing(stat: { size: number; mtimeMs: number }, bytes: number, nowMs: number): TailRead {
    if (bytes !== this.#partial.bytes) this.#partial = { bytes, sinceMs: nowMs }
    this.size = stat.size
    this.mtimeMs = stat.mtimeMs
    this.endMs = nowMs
    return { kind: 'nothing', waiting: bytes > 0 }
  }

  #cut(
    work: Buffer,
    context: number,
    now: { ms: number; final: boolean },
    atEnd: boolean,
  ): TailRead | undefined {
    const fresh = work.length - context
    if (fresh === 0) return undefined
    const isOld = this.#partialIsDue(now.ms) && this.#partial.bytes === fresh
    const how = {
      id: this.id,
      offset: this.next,
      receivedMs: now.ms,
      facts: this.#facts,
      linesMax: this.#options.batch_lines_max,
      takePartial: atEnd && (now.final || isOld),
    }
    const { items, end, nulBytes } = this.#split(work, context, how)
    this.#nulBytes += nulBytes
    const bytes = end - context
    if (bytes === 0) return undefined
    this.#advance(work, context, end)
    return { kind: 'batch', items, bytes }
  }

  #split(
    work: Buffer,
    from: number,
    how: Omit<SplitOptions, 'encoding' | 'lineBytesMax'>,
  ): SplitResult {
    if (this.#options.framing !== 'capture') {
      const { line_bytes_max: lineBytesMax, encoding } = this.#options
      const lines = { ...how, encoding: this.#encoding ?? encoding, lineBytesMax }
      return splitLines(work, from, work.length, lines)
    }
    const form = this.#form ?? captureForm(this.#head)
    const cut = splitCapture(work, from, work.length, { ...how, form })
    this.#form = cut.form
    return cut
  }

  #advance(work: Buffer, context: number, end: number): void {
    if (this.#head.length < HEAD_BYTES && this.#head.length === this.next) {
      const more = work.subarray(context, Math.min(end, context + HEAD_BYTES - this.next))
      this.#head = Buffer.concat([this.#head, more])
    }
    this.#last = Buffer.from(work.subarray(Math.max(0, end - LAST_BYTES), end))
    this.next += end - context
    this.#partial = { bytes: 0, sinceMs: 0 }
  }

  async #headIsSame(file: ByteFile, space: WorkSpace): Promise<boolean> {
    // What was verified last of a compressed file cannot change under a reader that has it open.
    if (file.compressed || this.#head.length <= this.#last.length) return true
    const head = space.head.subarray(0, this.#head.length)
    const got = await file.readAt(head, 0)
    return got === head.length && head.equals(this.#head)
  }

  /** Looks for a byte-order mark; false while the file is too short to tell. */
  async #detectEncoding(file: ByteFile, space: WorkSpace, final: boolean): Promise<boolean> {
    const got = await file.readAt(space.head.subarray(0, 3), 0)
    const head = space.head.subarray(0, got)
    if (got === 0) return false
    const mark = byteOrderMark(head)
    this.#encoding = mark?.encoding ?? this.#options.encoding
    if (mark === undefined) return got === 3 || (head[0] ?? 0) < 0xef || final
    this.#advance(head, 0, mark.bytes)
    return true
  }

  /** Goes on through a line that is longer than allowed, keeping nothing of it until it ends. */
  async #readLong(
    file: ByteFile,
    space: WorkSpace,
    now: { ms: number; final: boolean },
  ): Promise<TailRead> {
    const { work } = space
    const encoding = this.#encoding ?? this.#options.encoding
    const unit = unitBytes(encoding)
    const position = this.next + this.#longBytes - (this.#longBytes % unit)
    const got = await file.readAt(work, position)
    const feed = lineFeed(work.subarray(0, got), 0, 0, got, encoding)
    const isFinal = now.final && got < work.length
    if (feed < 0 && !isFinal) {
      this.#longBytes = position + got - this.next
      // More may follow at once: an empty batch keeps the owner reading without holding the thread.
      if (got === work.length) return { kind: 'batch', items: [], bytes: 0 }
      return this.#nothing(await file.stat(), this.#longBytes, now.ms)
    }
    const bytes = position + (feed < 0 ? got : feed) - this.next
    const end = feed < 0 ? this.next + bytes : this.next + bytes + unit
    return this.#takeLong(file, space, { bytes, end, receivedMs: now.ms })
  }

  async #takeLong(
    file: ByteFile,
    space: WorkSpace,
    line: { bytes: number; end: number; receivedMs: number },
  ): Promise<TailRead> {
    const { work } = space
    const got = await file.readAt(work.subarray(0, this.#options.line_bytes_max), this.next)
    const { items } = splitLines(work, 0, got, {
      encoding: this.#encoding ?? this.#options.encoding,
      id: this.id,
      offset: this.next,
      receivedMs: line.receivedMs,
      facts: this.#facts,
      linesMax: 1,
      lineBytesMax: this.#options.line_bytes_max,
      takePartial: true,
    })
    const item = items[0]
    if (got === 0 || item === undefined) return { kind: 'replaced' }
    if (this.#head.length < HEAD_BYTES) this.#advance(work, 0, Math.min(got, HEAD_BYTES))
    const from = Math.max(0, line.end - LAST_BYTES)
    const last = Buffer.alloc(line.end - from)
    await file.readAt(last, from)
    this.#last = last
    this.next = line.end
    this.#longBytes = 0
    this.#partial = { bytes: 0, sinceMs: 0 }
    return { kind: 'batch', items: [{ ...item, cut: { bytes: line.bytes } }], bytes: line.bytes }
  }
}

const STAMP_TICK_MS = 100
const LOOK_AGAIN: TailRead = { kind: 'batch', items: [], bytes: 0 }
