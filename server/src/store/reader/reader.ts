import { randomBytes } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { Problem } from '../../base/problems.ts'
import type { DeadLetter, Journal } from '../../model/journal.ts'
import type { StoreEngine } from '../engine/engine.ts'
import { problemOf } from '../engine/port.ts'
import { pause } from '../engine/supervise.ts'
import { StoreError } from '../failure.ts'
import { DEFAULT_TENANT } from '../schema/names.ts'
import { dropExpired } from '../schema/retention.ts'
import { BlockPool } from './batch.ts'
import type { RowBatch } from './batch.ts'
import { gather } from './gather.ts'
import type { Gathered } from './gather.ts'
import { bisect, insertBatch, writeMark } from './insert.ts'
import { READER, READER_INFLIGHT, READER_MARK, compareStore, readMark } from './opening.ts'
import { readBack, settleInserts } from './read-back.ts'
import { createReaderMetrics } from './reader-metrics.ts'
import type { ReaderMetrics } from './reader-metrics.ts'

export interface StoreReaderLimits {
  /** A batch is written when it has this many rows or bytes, or its first row is this old. */
  readonly rowsMax: number
  readonly bytesMax: number
  readonly lingerMs: number
  /** How much of the journal is taken at a time, between two turns of the event loop. */
  readonly sliceBytes: number
}

export const STORE_READER_LIMITS: StoreReaderLimits = {
  rowsMax: 20_000,
  bytesMax: 16 * 1024 * 1024,
  lingerMs: 500,
  sliceBytes: 128 * 1024,
}

export interface StoreReaderOptions {
  readonly journal: Journal
  readonly engine: StoreEngine
  readonly log: Logger
  readonly metrics: Metrics
  readonly clock: Clock
  readonly tenant?: string
  readonly limits?: Partial<StoreReaderLimits>
  /** Days of ingest older than this are dropped, once an hour; unset, all are kept. */
  readonly keepDays?: number
  /** Rows that can never be stored; resolves when they are kept. Names repeat after a crash. */
  onRefused(letters: readonly DeadLetter[]): Promise<void>
}

export interface StoreLag {
  /** Journal entries that are not stored yet. */
  readonly entries: number
  /** Age of the oldest row that is taken up and not stored yet. */
  readonly ms: number
}

export interface StoreReaderStatus {
  readonly state: 'stopped' | 'waiting' | 'writing' | 'retrying'
  /** Everything up to this offset is stored. */
  readonly position: number
  readonly lag: StoreLag
  /** Why it is retrying. */
  readonly problem?: Problem
  /** What the comparison of store and journal found on opening: STORE_AHEAD, STORE_BEHIND. */
  readonly restored?: Problem
}

/** The journal's reader that fills the store. */
export interface StoreReader {
  /** Begins; does not wait for the store. */
  start(): void
  /** Writes what it has taken up, if the store answers soon, and ends. Safe twice. */
  stop(): Promise<void>
  lag(): StoreLag
  status(): StoreReaderStatus
}

const RETRY_MS_MIN = 200
const RETRY_MS_MAX = 10_000
const MARK_EVERY_MS = 10_000
const EXPIRE_EVERY_MS = 3_600_000
const SAVE_EVERY_ENTRIES = 256
const STOP_GRACE_MS = 5_000
const PARTITION = 0
const QUERY_PREFIX = 'picket-insert-'

/**
 * Every event of the journal is in the store exactly once: the range that is about to be written is
 * noted durably first (`store-inflight`), and whenever the outcome of a write is unknown (a crash
 * of either side, a lost answer) what of the range is there is read back, and the rest written.
 */
export function createStoreReader(options: StoreReaderOptions): StoreReader {
  return new JournalToStore(options)
}

class JournalToStore implements StoreReader {
  readonly #options: StoreReaderOptions
  readonly #limits: StoreReaderLimits
  readonly #tenant: string
  readonly #metrics: ReaderMetrics
  readonly #pool: BlockPool
  readonly #refused = new Set<string>()
  #stopping = new AbortController()
  #abandon = new AbortController()
  #running: Promise<void> | undefined
  #wakeUp: () => void = () => undefined
  #woken = false
  #opened = false
  #unsettled = true
  #position = 0
  #verifyUpTo = 0
  #epoch = 0
  #life = ''
  #savedPosition = 0
  #markedMs = Number.NEGATIVE_INFINITY
  #expiredMs = Number.NEGATIVE_INFINITY
  #oldestMs: number | undefined
  #ahead: Promise<Gathered | undefined> | undefined
  #state: StoreReaderStatus['state'] = 'stopped'
  #problem: Problem | undefined
  #restored: Problem | undefined

  constructor(options: StoreReaderOptions) {
    this.#options = options
    this.#limits = { ...STORE_READER_LIMITS, ...options.limits }
    this.#tenant = options.tenant ?? DEFAULT_TENANT
    this.#metrics = createReaderMetrics(options.metrics)
    this.#pool = new BlockPool(this.#tenant)
  }

  start(): void {
    if (this.#running !== undefined) return
    this.#stopping = new AbortController()
    this.#abandon = new AbortController()
    this.#opened = false
    this.#position = this.#options.journal.readerOffset(READER)
    this.#state = 'waiting'
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    if (this.#running === undefined) return
    this.#stopping.abort()
    this.#wake()
    const timer = setTimeout(() => this.#abandon.abort(), STOP_GRACE_MS)
    await this.#running
    clearTimeout(timer)
    this.#running = undefined
    this.#state = 'stopped'
  }

  lag(): StoreLag {
    const entries = Math.max(0, this.#options.journal.lastOffset() - this.#position)
    const oldestMs = entries === 0 ? undefined : this.#oldestMs
    return { entries, ms: oldestMs === undefined ? 0 : Math.max(0, this.#now() - oldestMs) }
  }

  status(): StoreReaderStatus {
    return {
      state: this.#state,
      position: this.#position,
      lag: this.lag(),
      ...(this.#problem === undefined ? {} : { problem: this.#problem }),
      ...(this.#restored === undefined ? {} : { restored: this.#restored }),
    }
  }

  #now(): number {
    return this.#options.clock.now()
  }

  async #run(): Promise<void> {
    const forget = this.#options.journal.onAppend(() => this.#wake())
    let retryMs = RETRY_MS_MIN
    while (!this.#stopping.signal.aborted) {
      try {
        if (!(await this.#options.engine.whenReady(this.#stopping.signal))) break
        await this.#settle()
        await this.#step()
        retryMs = RETRY_MS_MIN
        this.#problem = undefined
      } catch (error) {
        this.#unsettled = true
        this.#ahead = undefined
        this.#trouble(error)
        await pause(retryMs, this.#stopping.signal)
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX)
      }
    }
    forget()
    await this.#leave()
  }

  /** Makes sure of what is stored: on opening, and after a write whose outcome is unknown. */
  async #settle(): Promise<void> {
    const { engine, journal } = this.#options
    if (!this.#unsettled && this.#opened) return
    await settleInserts(engine.client('admin'), QUERY_PREFIX)
    if (!this.#opened) await this.#open()
    this.#verifyUpTo = Math.max(this.#verifyUpTo, journal.readerOffset(READER_INFLIGHT))
    this.#unsettled = false
  }

  async #open(): Promise<void> {
    const { engine, journal, log } = this.#options
    const lane = { tenant: this.#tenant, partition: PARTITION, journalLast: journal.lastOffset() }
    const mark = await readMark(engine.client('writer'), lane)
    const opening = compareStore(journal, mark)
    this.#position = opening.position
    this.#savedPosition = opening.position
    this.#verifyUpTo = opening.verifyUpTo
    this.#epoch = opening.epoch
    if (opening.problem !== undefined) {
      this.#restored = opening.problem
      log.error({ code: opening.problem.code }, opening.problem.message)
      // Before the mark: a crash in between must not end the catching up.
      await this.#save()
    }
    if (mark.none || opening.epoch !== mark.epoch) await this.#mark()
    // Tokens of an earlier life may be of rows that a restored backup no longer has.
    this.#life = randomBytes(8).toString('hex')
    this.#opened = true
  }

  /** Waits for rows, and writes a batch of them. */
  async #step(): Promise<void> {
    this.#state = 'waiting'
    const ahead = this.#ahead
    this.#ahead = undefined
    const gathered = await (ahead ?? this.#gather(this.#position))
    if (gathered === undefined) return
    this.#state = 'writing'
    const { batch, upTo } = gathered
    // While the engine writes this batch, the next is made.
    const next = this.#options.journal.lastOffset() > upTo ? this.#gather(upTo) : undefined
    next?.catch(() => undefined)
    if (batch.rows > 0) await this.#write(batch, gathered.after, upTo)
    this.#ahead = next
    await this.#refuse(batch.letters)
    this.#position = upTo
    if (next === undefined) this.#oldestMs = undefined
    const due = batch.rows > 0 || upTo - this.#savedPosition >= SAVE_EVERY_ENTRIES
    if (due) await this.#save()
    if (this.#now() - this.#markedMs >= MARK_EVERY_MS && batch.rows > 0) await this.#mark()
    if (this.#now() - this.#expiredMs >= EXPIRE_EVERY_MS) await this.#expire()
    this.#metrics.lagEntries.set(this.lag().entries)
  }

  #gather(after: number): Promise<Gathered | undefined> {
    const writer = this.#options.engine.client('writer')
    return gather({
      journal: this.#options.journal,
      after,
      pool: this.#pool,
      lane: { partition: PARTITION, epoch: this.#epoch },
      limits: this.#limits,
      stopping: this.#stopping.signal,
      verifyUpTo: this.#verifyUpTo,
      present: (first, last) =>
        readBack(writer, { tenant: this.#tenant, partition: PARTITION, first, last }),
      begun: (ingestedMs) => void (this.#oldestMs = ingestedMs),
      nap: (ms) => this.#nap(ms),
    })
  }

  async #write(batch: RowBatch, after: number, upTo: number): Promise<void> {
    const { engine, journal } = this.#options
    // Never lowered: a longer range that was begun before may be there.
    this.#verifyUpTo = Math.max(this.#verifyUpTo, upTo)
    await journal.saveReader(READER_INFLIGHT, this.#verifyUpTo)
    this.#unsettled = true
    const begunMs = performance.now()
    const call = { signal: this.#abandon.signal, queryPrefix: QUERY_PREFIX }
    const token = `${this.#life}-${PARTITION}-${this.#epoch}-${after + 1}-${upTo}-${batch.rows}`
    try {
      await insertBatch(engine.client('writer'), batch, token, call)
      this.#metrics.rows.inc({ table: 'events' }, batch.events)
      this.#metrics.rows.inc({ table: 'rollups' }, batch.rollups)
    } catch (error) {
      if (!(error instanceof StoreError) || error.kind !== 'refused') throw error
      await this.#divide(after, upTo)
    }
    this.#unsettled = false
    this.#metrics.insertSeconds.observe((performance.now() - begunMs) / 1000)
  }

  /** A refused batch: halves of it, down to the rows that are to blame. */
  async #divide(after: number, upTo: number): Promise<void> {
    const { engine, journal, log } = this.#options
    const writer = engine.client('writer')
    const range = { tenant: this.#tenant, partition: PARTITION, first: after + 1, last: upTo }
    await settleInserts(engine.client('admin'), QUERY_PREFIX)
    const outcome = await bisect({
      journal,
      writer,
      after,
      upTo,
      life: this.#life,
      pool: this.#pool,
      lane: { partition: PARTITION, epoch: this.#epoch },
      present: await readBack(writer, range),
      signal: this.#abandon.signal,
      queryPrefix: QUERY_PREFIX,
    })
    this.#metrics.rows.inc({ table: 'events' }, outcome.events)
    this.#metrics.rows.inc({ table: 'rollups' }, outcome.rollups)
    log.warn({ refused: outcome.letters.length }, 'The store refused rows.')
    await this.#refuse(outcome.letters)
  }

  async #refuse(letters: readonly DeadLetter[]): Promise<void> {
    const fresh = letters.filter((letter) => !this.#refused.has(letter.id))
    if (fresh.length === 0) return
    await this.#options.onRefused(fresh)
    if (this.#refused.size > REFUSED_REMEMBERED_MAX) this.#refused.clear()
    for (const letter of fresh) this.#refused.add(letter.id)
    this.#metrics.refused.inc(undefined, fresh.length)
  }

  async #save(): Promise<void> {
    await this.#options.journal.saveReader(READER, this.#position)
    this.#savedPosition = this.#position
  }

  /** Notes in the store how far it is; not while it is being caught up with. */
  async #mark(): Promise<void> {
    const healing = this.#opened && this.#position < this.#verifyUpTo
    if (healing) return
    const { engine, journal } = this.#options
    const lane = { tenant: this.#tenant, partition: PARTITION, epoch: this.#epoch }
    await writeMark(engine.client('writer'), lane, this.#position, this.#now())
    await journal.saveReader(READER_MARK, this.#position)
    this.#markedMs = this.#now()
  }

  async #expire(): Promise<void> {
    const { engine, keepDays, log } = this.#options
    this.#expiredMs = this.#now()
    if (keepDays === undefined) return
    const nowMs = this.#now()
    for (const { table, day, rows } of await dropExpired(engine.client('admin'), {
      keepDays,
      nowMs,
    })) {
      this.#metrics.expired.inc({ table }, rows)
      log.info({ table, day, rows }, 'A day of ingest has expired.')
    }
  }

  async #leave(): Promise<void> {
    if (!this.#opened) return
    try {
      if (this.#position > this.#savedPosition) await this.#save()
      if (this.#options.engine.state().kind === 'ready' && !this.#unsettled) await this.#mark()
    } catch (error) {
      this.#trouble(error)
    }
  }

  #trouble(error: unknown): void {
    const problem = problemOf(error)
    if (this.#problem?.message !== problem.message) {
      this.#options.log.warn({ code: problem.code, reason: problem.message }, 'Not stored yet.')
    }
    this.#problem = problem
    this.#state = 'retrying'
    this.#metrics.retries.inc({ code: problem.code })
    this.#metrics.lagEntries.set(this.lag().entries)
  }

  #wake(): void {
    this.#woken = true
    this.#wakeUp()
  }

  /** Until something is appended, or the time is over. */
  #nap(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#wakeUp = () => undefined
        this.#woken = false
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#wakeUp = done
      if (this.#woken || this.#stopping.signal.aborted) done()
    })
  }
}

const REFUSED_REMEMBERED_MAX = 100_000
