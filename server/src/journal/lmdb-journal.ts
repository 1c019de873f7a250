import type { MessagePort } from 'node:worker_threads'
import { performance } from 'node:perf_hooks'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Histogram, Metrics } from '../base/metrics.ts'
import { type Problem, ProblemError } from '../base/problems.ts'
import type { BatchPart, Commit, Journal, JournalBatch, JournalEntry } from '../model/journal.ts'
import type { Keyring } from '../vault/keyring.ts'
import { encodeBatch } from './codec.ts'
import { type Lmdb, openDatabase } from './database.ts'
import { NameHashes } from './layout.ts'
import { type Link, newPorts } from './link.ts'
import { TooLargeError } from './record-encoder.ts'
import {
  type AppendRequest,
  ENTRY_BYTES_MAX,
  type FromWriter,
  type Reply,
  type ToWriter,
  type Weight,
  type WriterSettings,
} from './protocol.ts'
import { JournalReading } from './reading.ts'
import type { Inbox } from './inbox.ts'
import { closedProblem, lostProblem, tooLargeProblem } from './problems.ts'
import type { SharedView } from './shared-view.ts'
import { type Snapshot, Snapshots } from './snapshots.ts'
import { packChanges } from './state-log.ts'

/** What another thread of this process needs to use an open journal; post it, moving `port`. */
export interface JournalShare {
  readonly settings: WriterSettings
  readonly view: SharedArrayBuffer
  readonly port: MessagePort
}

export interface JournalState {
  /** Data is being refused because the byte or age budget is used. */
  readonly full: boolean
  readonly diskFull: boolean
  /** What is in the way of writing; undefined when nothing is. */
  readonly lastError: Problem | undefined
}

const PENDING_BYTES_MAX = 64 * 1024 * 1024
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

interface Waiting {
  readonly resolve: (value: number) => void
  readonly reject: (error: ProblemError) => void
  readonly bytes: number
  readonly sinceMs: number
}

export interface Parts {
  readonly keyring: Keyring
  readonly metrics: Metrics
  readonly log: Logger
  readonly clock: Clock
  readonly settings: WriterSettings
  readonly view: SharedView
  readonly link: Link
  readonly inbox: Inbox
  readonly owner: boolean
}

/**
 * One thread's face of the journal. Batches are encoded here, sealed and given their offset by the one
 * writer; `append` resolves once the batch and all that commits with it is flushed. Reading is direct
 * and synchronous. Only one append of a source should be under way at a time: its cursor must not pass
 * a batch that was refused.
 */
export class LmdbJournal implements Journal {
  readonly #parts: Parts
  readonly #db: Lmdb
  readonly #reading: JournalReading
  readonly #snapshots: Snapshots
  readonly #waiting = new Map<number, Waiting>()
  readonly #listeners = new Set<() => void>()
  readonly #metrics: ReturnType<typeof makeMetrics>
  #nextId = 1
  #pendingBytes = 0
  #trouble: Problem | undefined
  #closed = false
  #closing: Promise<void> | undefined
  /** Resolves if the writer ends without being told to: the journal is of no use then. */
  readonly lost: Promise<Problem>
  #sayLost: (problem: Problem) => void = () => undefined
  #onIdle: (() => void) | undefined

  /** Use `openJournal` or `joinJournal`. */
  constructor(parts: Parts) {
    const { settings, view, keyring, metrics, link, inbox } = parts
    this.#parts = parts
    this.lost = new Promise((resolve) => (this.#sayLost = resolve))
    this.#db = openDatabase(settings.dir, 2 * (settings.bytesMax + settings.reservedBytes))
    const names = new NameHashes(keyring.derive('journal names'))
    this.#reading = new JournalReading(this.#db, keyring, view, names)
    this.#snapshots = new Snapshots({ ...parts, dir: settings.dir })
    this.#metrics = makeMetrics(metrics)
    inbox.open((message) => this.#receive(message))
    void link.ended.then(() => this.#end())
  }

  async append(batch: JournalBatch, commit: Commit = {}): Promise<number> {
    const payload = encoded(batch)
    if (payload.byteLength > ENTRY_BYTES_MAX)
      throw new ProblemError(tooLargeProblem(payload.byteLength))
    const { cursor, decoderState, reader } = commit
    const changes = decoderState?.changes ?? []
    const state =
      decoderState === undefined || changes.length === 0
        ? undefined
        : { source: decoderState.source, changes: packChanges(changes) }
    const request: Omit<AppendRequest, 'id'> = {
      kind: 'append',
      source: batch.source,
      weight: reader === undefined ? weightOf(batch) : 'progress',
      payload,
      nowMs: this.#parts.clock.now(),
      ...(cursor === undefined ? {} : { cursor }),
      ...(state === undefined ? {} : { state }),
      ...(reader === undefined ? {} : { reader }),
    }
    const move = state === undefined ? [payload.buffer] : [payload.buffer, state.changes.buffer]
    const offset = await this.#ask(request, payload.byteLength, move)
    return offset
  }

  async saveReader(name: string, offset: number): Promise<void> {
    const nowMs = this.#parts.clock.now()
    await this.#ask({ kind: 'reader', nowMs, reader: { name, offset } }, 0, [])
  }

  /** Removes the entries up to an offset, for good. Resolves with how many there were, once flushed. */
  trim(upToOffset: number): Promise<number> {
    return this.#ask({ kind: 'trim', nowMs: this.#parts.clock.now(), upTo: upToOffset }, 0, [])
  }

  /** Throws JournalCorruptError where the first entry asked for cannot be read. */
  read(after: number, bytesMax: number, wanted?: readonly BatchPart[]): readonly JournalEntry[] {
    this.#mustBeOpen()
    return this.#reading.read(after, bytesMax, wanted)
  }

  readerOffset(name: string): number {
    this.#mustBeOpen()
    return this.#reading.readerOffset(name)
  }

  lastOffset(): number {
    return this.#parts.view.get('last')
  }

  firstOffset(): number {
    return this.#parts.view.get('first')
  }

  cursors(source: string): ReadonlyMap<string, string> {
    this.#mustBeOpen()
    return this.#reading.cursors(source)
  }

  decoderState(source: string): Iterable<readonly [string, string]> {
    this.#mustBeOpen()
    return this.#reading.decoderState(source)
  }

  onAppend(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  stats(): { readonly bytes: number; readonly entries: number; readonly bytesMax: number } {
    const { view, settings } = this.#parts
    return { bytes: view.get('bytes'), entries: view.get('entries'), bytesMax: settings.bytesMax }
  }

  /** For readiness. */
  state(): JournalState {
    const { view, settings, clock } = this.#parts
    const oldestMs = view.get('oldestMs')
    const old = oldestMs > 0 && clock.now() - oldestMs > settings.ageMaxMs
    return {
      full: old || view.get('full') === 1,
      diskFull: view.get('diskFull') === 1,
      lastError: this.#trouble,
    }
  }

  /** For `openJournal`, before anyone else has the journal. */
  sweepSnapshots(): Promise<void> {
    return this.#snapshots.sweep()
  }

  /** Keeps the state of a reader as of an offset; replaces the one before it. */
  saveSnapshot(name: string, offset: number, bytes: Uint8Array): Promise<void> {
    return this.#snapshots.save(name, offset, bytes)
  }

  loadSnapshot(name: string): Promise<Snapshot | undefined> {
    return this.#snapshots.load(name)
  }

  /** For `joinJournal` in another thread: post it with `[share.port]` as the list of what is moved. */
  share(): JournalShare {
    const { view, settings, link } = this.#parts
    const { writer, thread } = newPorts()
    link.post({ kind: 'attach', port: writer }, [writer])
    return { settings, view: view.memory, port: thread }
  }

  /**
   * Waits for what is under way. The thread that opened the journal ends the writer with it, so it
   * closes last. Safe to call twice.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { link, owner } = this.#parts
    this.#closed = true
    if (owner) {
      link.hold(true)
      link.post({ kind: 'close' })
      await link.ended
    } else {
      await this.#whenIdle()
    }
    link.close()
    await this.#db.close()
  }

  #ask(
    request: DistributiveOmit<Exclude<ToWriter, { kind: 'attach' | 'close' }>, 'id'>,
    bytes: number,
    move: readonly ArrayBuffer[],
  ): Promise<number> {
    this.#mustBeOpen()
    if (bytes > 0 && this.#pendingBytes + bytes > PENDING_BYTES_MAX) {
      const message = 'The journal takes no more for now: too much is waiting to be written.'
      return Promise.reject(new ProblemError({ code: 'JOURNAL_FULL', message }))
    }
    const id = this.#nextId
    this.#nextId += 1
    this.#pendingBytes += bytes
    if (this.#waiting.size === 0) this.#parts.link.hold(true)
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, bytes, sinceMs: performance.now() })
      this.#parts.link.post({ ...request, id }, move)
    })
  }

  #receive(message: FromWriter): void {
    switch (message.kind) {
      case 'replies':
        for (const reply of message.replies) this.#settle(reply)
        return
      case 'appended':
        for (const listener of this.#listeners) listener()
        return
      case 'trouble':
        this.#trouble = message.problem
        if (this.#parts.owner && message.problem !== undefined) {
          this.#parts.log.error({ code: message.problem.code }, message.problem.message)
        }
        return
      case 'keys-gone':
        this.#parts.keyring.forget(message.ids)
        return
      case 'log':
        this.#parts.log[message.level](message.fields, message.message)
        return
      case 'ready':
      case 'refused':
      case 'closed':
        return
    }
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id)
    if (waiting === undefined) return
    this.#waiting.delete(reply.id)
    this.#pendingBytes -= waiting.bytes
    if (this.#waiting.size === 0) {
      if (!this.#closed) this.#parts.link.hold(false)
      this.#onIdle?.()
    }
    this.#metrics.gauges(this.stats())
    if (reply.ok) {
      if (waiting.bytes > 0) {
        this.#metrics.seconds.observe((performance.now() - waiting.sinceMs) / 1_000)
      }
      waiting.resolve(reply.value)
      return
    }
    this.#metrics.refused.inc({ code: reply.problem.code })
    waiting.reject(new ProblemError(reply.problem))
  }

  /** The writer is gone, as asked or not: nothing that still waits will be answered. */
  #end(): void {
    if (!this.#closed) {
      this.#trouble = lostProblem()
      this.#sayLost(lostProblem())
    }
    this.#closed = true
    for (const { reject } of this.#waiting.values()) reject(new ProblemError(closedProblem()))
    this.#waiting.clear()
    this.#onIdle?.()
  }

  async #whenIdle(): Promise<void> {
    if (this.#waiting.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve))
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new ProblemError(closedProblem())
  }
}

function encoded(batch: JournalBatch): Uint8Array<ArrayBuffer> {
  try {
    return encodeBatch(batch)
  } catch (error) {
    if (error instanceof TooLargeError) throw new ProblemError(tooLargeProblem(undefined))
    throw error
  }
}

type DistributiveOmit<T, K extends string> = T extends unknown ? Omit<T, K> : never

function weightOf(batch: JournalBatch): Weight {
  if (batch.events ?? batch.rollups ?? batch.deadLetters ?? batch.routine) return 'data'
  return (batch.controls ?? batch.audit ?? batch.alerts) ? 'control' : 'tick'
}

function makeMetrics(metrics: Metrics): {
  seconds: Histogram
  refused: ReturnType<Metrics['counter']>
  gauges: (stats: { bytes: number; entries: number }) => void
} {
  const bytes = metrics.gauge('picket_journal_bytes', 'Bytes of the entries in the journal.')
  const entries = metrics.gauge('picket_journal_entries', 'Entries in the journal.')
  return {
    seconds: metrics.histogram(
      'picket_journal_append_seconds',
      'Time from an append to its flush.',
      SECONDS,
    ),
    refused: metrics.counter('picket_journal_refused_total', 'Requests refused, by code.'),
    gauges: (stats) => {
      bytes.set(stats.bytes)
      entries.set(stats.entries)
    },
  }
}
