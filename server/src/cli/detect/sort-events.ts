import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { ProblemError } from '../../base/problems.ts'
import { compareOffline, type OfflineEvent } from '../../detect/event-lines.ts'
import type { EcsDoc } from '../../model/event.ts'

export interface SortLimits {
  /** Events held in memory, at most. */
  readonly events: number
  /** Bytes of the input that they were read from. */
  readonly bytes: number
}

/** About 0.4 GB of memory. */
export const SORT_LIMITS: SortLimits = { events: 200_000, bytes: 64 * 1_048_576 }

const CHUNK_BYTES = 262_144

/**
 * Events in the order of event time, tie-breaker and input. What goes beyond the limits is sorted in
 * runs, which wait in a file of the temporary folder (`TMPDIR`) that nobody else can open: it has no
 * name any more once it is open, and is gone with the process. Throws INPUT_NO_ROOM.
 */
export class EventSorter {
  readonly #limits: SortLimits
  #held: OfflineEvent[] = []
  #heldBytes = 0
  #file: number | undefined
  #end = 0
  readonly #runs: Run[] = []

  constructor(limits: SortLimits = SORT_LIMITS) {
    this.#limits = limits
  }

  /** `bytes`: how much input the events were read from. */
  add(events: readonly OfflineEvent[], bytes: number): void {
    for (const event of events) this.#held.push(event)
    this.#heldBytes += bytes
    if (this.#held.length >= this.#limits.events || this.#heldBytes >= this.#limits.bytes) {
      this.#spill()
    }
  }

  /** All events in order; to be called once, and to the end. */
  *sorted(): Generator<OfflineEvent> {
    this.#held.sort(compareOffline)
    const file = this.#file
    if (file === undefined) {
      yield* this.#held
      return
    }
    try {
      const readers = this.#runs.map((run) => new RunReader(file, run))
      yield* merge([...readers, listReader(this.#held)])
    } finally {
      closeSync(file)
    }
  }

  #spill(): void {
    this.#held.sort(compareOffline)
    try {
      const file = (this.#file ??= openNameless())
      const from = this.#end
      let text = ''
      for (const [index, { time, tie, nanos, id, doc }] of this.#held.entries()) {
        text += `${JSON.stringify([time, tie ?? null, id, doc, ...(nanos === undefined ? [] : [nanos])])}\n`
        if (text.length < CHUNK_BYTES && index < this.#held.length - 1) continue
        this.#write(file, Buffer.from(text))
        text = ''
      }
      this.#runs.push({ from, to: this.#end })
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error)
      throw new ProblemError({
        code: 'INPUT_NO_ROOM',
        message: `The input is larger than memory is taken for, and cannot wait on disk: ${detail}`,
        hint: 'make room in the temporary folder, or name another one in TMPDIR',
      })
    }
    this.#held = []
    this.#heldBytes = 0
  }

  #write(file: number, bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) {
      const written = writeSync(file, bytes, at, bytes.length - at, this.#end)
      at += written
      this.#end += written
    }
  }
}

interface Run {
  readonly from: number
  readonly to: number
}

function openNameless(): number {
  const folder = mkdtempSync(join(tmpdir(), 'picket-sort-'))
  try {
    return openSync(join(folder, 'runs'), 'wx+', 0o600)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Reader {
  next(): OfflineEvent | undefined
}

function listReader(events: readonly OfflineEvent[]): Reader {
  let at = 0
  return { next: () => events[at++] }
}

/** The events of one run, read from its file piece by piece. */
class RunReader implements Reader {
  readonly #file: number
  readonly #to: number
  #at: number
  readonly #chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  readonly #decoder = new StringDecoder('utf8')
  #rest = ''
  #lines: string[] = []
  #line = 0

  constructor(file: number, run: Run) {
    this.#file = file
    this.#at = run.from
    this.#to = run.to
  }

  next(): OfflineEvent | undefined {
    while (this.#line >= this.#lines.length) {
      if (this.#at >= this.#to) return undefined
      this.#read()
    }
    const [time, tie, id, doc, nanos] = JSON.parse(this.#lines[this.#line++]!) as Row
    return { id, time, doc, tie: tie ?? undefined, ...(nanos === undefined ? {} : { nanos }) }
  }

  #read(): void {
    const length = Math.min(CHUNK_BYTES, this.#to - this.#at)
    const got = readSync(this.#file, this.#chunk, 0, length, this.#at)
    this.#at = got === 0 ? this.#to : this.#at + got
    const lines = (this.#rest + this.#decoder.write(this.#chunk.subarray(0, got))).split('\n')
    this.#rest = lines.pop() ?? ''
    this.#lines = lines
    this.#line = 0
  }
}

type Row = [time: number, tie: string | number | null, id: string, doc: EcsDoc, nanos?: number]

interface Head {
  event: OfflineEvent
  readonly reader: Reader
  /** Earlier runs were read earlier: they come first where all else is equal. */
  readonly rank: number
}

/** Of readers that are each in order, all in order: a heap of their next events. */
function* merge(readers: readonly Reader[]): Generator<OfflineEvent> {
  const heap: Head[] = []
  for (const [rank, reader] of readers.entries()) {
    const event = reader.next()
    if (event !== undefined) heap.push({ event, reader, rank })
  }
  heap.sort(compareHeads)
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    yield top.event
    const event = top.reader.next()
    if (event !== undefined) top.event = event
    else {
      const last = heap.pop()!
      if (heap.length === 0) return
      if (last !== top) heap[0] = last
    }
    sink(heap)
  }
}

function compareHeads(a: Head, b: Head): number {
  return compareOffline(a.event, b.event) || a.rank - b.rank
}

/** Puts the first of a heap where it belongs. */
function sink(heap: Head[]): void {
  const head = heap[0]!
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && compareHeads(heap[child + 1]!, heap[child]!) < 0) child += 1
    if (compareHeads(heap[child]!, head) >= 0) break
    heap[at] = heap[child]!
    at = child
  }
  heap[at] = head
}
