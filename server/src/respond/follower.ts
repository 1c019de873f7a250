import { setImmediate as breathe } from 'node:timers/promises'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { BatchPart, Journal, JournalEntry } from '../model/journal.ts'
import type { StateConsumer } from '../state/consumer.ts'
import { readPosition, savePosition } from '../state/flow.ts'
import type { State } from '../state/state.ts'

/** The reader's name in journal and state. */
export const STATE_READER = 'state'

/** A read opens and parses batches on this thread: small enough not to hold it up. */
const READ_BYTES_MAX = 1024 * 1024
/** Entries without anything for us are only remembered; their position is saved this often. */
const SAVE_EVERY_MS = 2_000
const POLL_MS = 1_000
const RETRY_FIRST_MS = 250
const RETRY_MAX_MS = 30_000

export interface FollowerOptions {
  readonly journal: Journal
  readonly state: State
  readonly consumers: readonly StateConsumer[]
  readonly log: Logger
  readonly metrics: Metrics
}

/** Reads the journal once for all consumers; rows and position commit together. */
export class Follower {
  readonly #options: FollowerOptions
  readonly #parts: readonly BatchPart[]
  readonly #gaps
  readonly #failures
  #position = 0
  #trimmable = 0
  #failure: string | undefined
  #stopping = false
  #hinted = false
  #restedMs = 0
  #loop: Promise<void> | undefined
  #wake: (() => void) | undefined
  #unsubscribe: (() => void) | undefined

  constructor(options: FollowerOptions) {
    this.#options = options
    this.#parts = [...new Set(options.consumers.flatMap(({ parts }) => parts))]
    this.#gaps = options.metrics.counter(
      'picket_state_gap_entries_total',
      'Journal entries that were trimmed before the state had read them.',
    )
    this.#failures = options.metrics.counter(
      'picket_state_failures_total',
      'Passes over the journal that the state database refused; each is tried again.',
    )
  }

  /** Why the state takes nothing at present; undefined when all is well. */
  get failure(): string | undefined {
    return this.#failure
  }

  lagEntries(): number {
    return Math.max(0, this.#options.journal.lastOffset() - this.#position)
  }

  async start(): Promise<void> {
    if (this.#loop !== undefined || this.#stopping) return
    const { state, journal } = this.#options
    const saved = await state.query((db) => readPosition(state, db, STATE_READER))
    this.#position = this.#begin(saved)
    this.#trimmable = journal.readerOffset(STATE_READER)
    this.#unsubscribe = journal.onAppend(() => this.#hint())
    this.#loop = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#unsubscribe?.()
    this.#wake?.()
    await this.#loop
  }

  async settled(): Promise<void> {
    const goal = this.#options.journal.lastOffset()
    while (this.#position < goal && !this.#stopping) {
      this.#hint()
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  /** A journal that is shorter than we remember was replaced; one that begins later has a gap. */
  #begin(saved: number): number {
    const { journal, log } = this.#options
    const before = Math.max(0, journal.firstOffset() - 1)
    if (saved > journal.lastOffset()) {
      log.warn(
        { saved, last: journal.lastOffset() },
        'The journal is older than the state: it was restored or replaced. Reading it from the start.',
      )
      return before
    }
    if (saved < before) {
      this.#gaps.inc({}, before - saved)
      log.error(
        { saved, first: before + 1 },
        'The journal was trimmed before the state had read it.',
      )
      return before
    }
    return saved
  }

  async #run(): Promise<void> {
    let delayMs = RETRY_FIRST_MS
    while (!this.#stopping) {
      try {
        const moved = await this.#pass()
        this.#failure = undefined
        delayMs = RETRY_FIRST_MS
        if (!moved) await this.#sleep(POLL_MS, true)
        else await breathe()
        if (performance.now() - this.#restedMs > SAVE_EVERY_MS) await this.#rest()
      } catch (error) {
        this.#failure = error instanceof Error ? error.message : 'unknown failure'
        this.#failures.inc()
        this.#options.log.error({ why: this.#failure, delayMs }, 'The state took no alerts.')
        await this.#sleep(delayMs, false)
        delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)
      }
    }
    await this.#rest().catch((error: unknown) => {
      this.#options.log.warn({ why: String(error) }, 'The last position was not saved.')
    })
  }

  /** One read and, where it holds something for us, one transaction. False at the end. */
  async #pass(): Promise<boolean> {
    const { journal, consumers } = this.#options
    this.#hinted = false
    const entries = journal.read(this.#position, READ_BYTES_MAX, this.#parts)
    const last = entries.at(-1)
    if (last === undefined) return false
    const work = consumers
      .map((consumer) => ({ consumer, wanted: entries.filter((entry) => consumer.wants(entry)) }))
      .filter(({ wanted }) => wanted.length > 0)
    if (work.length > 0) await this.#commit(work, last.offset)
    this.#position = last.offset
    return true
  }

  async #commit(
    work: readonly { consumer: StateConsumer; wanted: readonly JournalEntry[] }[],
    offset: number,
  ): Promise<void> {
    const { state } = this.#options
    await state.transact(async (db) => {
      for (const { consumer, wanted } of work) await consumer.consume(db, wanted)
      await savePosition(state, db, STATE_READER, offset)
    }, 'replayable')
    for (const { consumer } of work) consumer.committed?.()
  }

  /** Says how far we are: in the state, and in the journal, which may then trim. */
  async #rest(): Promise<void> {
    const { state, journal } = this.#options
    const offset = this.#position
    if (offset > this.#trimmable) {
      // Flushed, and with it all that was written before: only then may the journal let go of it.
      await state.transact((db) => savePosition(state, db, STATE_READER, offset))
      await journal.saveReader(STATE_READER, offset)
      this.#trimmable = offset
    }
    this.#restedMs = performance.now()
  }

  #hint(): void {
    this.#hinted = true
    this.#wake?.()
  }

  /** Ends early at a stop, and where `hints` count at the next append. */
  async #sleep(ms: number, hints: boolean): Promise<void> {
    if (this.#stopping || (hints && this.#hinted)) return
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#wake = () => (hints || this.#stopping ? done() : undefined)
    })
    this.#wake = undefined
  }
}
