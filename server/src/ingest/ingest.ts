import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { ProblemError } from '../base/problems.ts'
import type { StateChange } from '../model/decoder.ts'
import type { SecurityEvent } from '../model/event.ts'
import type { Commit, DeadLetter, Journal, JournalBatch, Tick } from '../model/journal.ts'
import type {
  Delivery,
  RawBatch,
  Refused,
  SeenInput,
  SourceReport,
  SourceSink,
  SourceState,
} from '../model/source.ts'
import { observeDelays } from './delays.ts'
import { SeenInputs } from './seen-inputs.ts'
import { splitBatch } from './split-batch.ts'

/** What turns raw input of one source into a journal batch; see `prepare.ts`. Synchronous. */
export interface Preparer {
  prepare(raw: RawBatch, ingestedMs: number): Prepared
  /** What a decoder still held back for a partner line; undefined where it holds nothing. */
  settle?(ingestedMs: number, quiet?: boolean): Prepared | undefined
  /** Event time of what waits for a time of its own, so that it is to be settled again; see LinePreparer. */
  waitsSinceMs?(): number | undefined
}

interface Prepared {
  readonly batch: JournalBatch
  readonly commit: Commit
  readonly seen?: readonly SeenInput[]
  readonly older?: () => Older
}

/** See `Prepared` in prepare.ts. */
interface Older {
  readonly events: readonly SecurityEvent[]
  readonly deadLetters: readonly DeadLetter[]
}

export interface IngestOptions {
  readonly source: string
  readonly journal: Journal
  readonly preparer: Preparer
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Waits the given time, or less when the source stops. */
  readonly pause: (ms: number) => Promise<void>
  /**
   * How late its events may come and still count in detection. What waits in the decoder may be told as
   * late as that, so the source is held back only beyond it. 0 unless given.
   */
  readonly latenessMs?: number
}

const RETRY_FIRST_MS = 50
const RETRY_MAX_MS = 2_000
const DROP_REASONS_MAX = 20
const DELAY_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 3_600, 86_400]
const REACHED_MAX = 10_000
/** Of the lateness, left over for what waits: its time may still be shaped a little. */
const SLACK_KEPT_MS = 1_000

/**
 * One source's way into the journal: decode, normalize, append, and only then "durable". The batches
 * of a source are journalled in the order they came; a prepared batch that finds the journal full
 * waits as it is, because its decoder has already moved on.
 */
export class Ingest implements SourceSink {
  readonly #options: IngestOptions
  readonly #counters: ReturnType<typeof makeCounters>
  readonly #dropReasons = new Set<string>()
  #tail: Promise<unknown> = Promise.resolve()
  #pending = 0
  #lastDeliveryMs = 0
  #settledMs = 0
  #watermarkMs = 0
  #tickMs = 0
  #behind: () => readonly string[] = () => []
  /** Newest event time by cursor key. */
  readonly #reached = new Map<string, number>()
  #eventTimeMaxMs = 0
  #state: SourceState = 'down'
  #detail: string | undefined
  #stopped = false
  /** Decoder changes of a refused batch: they commit with the next one. */
  #carried: StateChange[] = []
  /** What a refused batch told of earlier inputs: it is journalled with the next one. */
  #older: JournalBatch | undefined
  #isRefusing = false
  readonly #seen = new SeenInputs()
  readonly #totals = { deliveries: 0, events: 0, routine: 0, rejects: 0, dropped: 0 }
  #lastJournalledMs: number | undefined

  constructor(options: IngestOptions) {
    this.#options = options
    // A source that has just begun is not quiet: it has had no time to speak.
    this.#lastDeliveryMs = options.clock.now()
    this.#counters = makeCounters(options.metrics)
  }

  async deliver(raw: RawBatch, whenFull: 'wait' | 'refuse'): Promise<Delivery> {
    return this.#inTurn(async () => {
      const ingestedMs = this.#options.clock.now()
      const problem = whenFull === 'refuse' ? await this.#stillRefusing(ingestedMs) : undefined
      if (problem !== undefined) return { kind: 'busy', problem, retryAfterMs: RETRY_MAX_MS }
      return this.#append(this.#options.preparer.prepare(raw, ingestedMs), whenFull)
    })
  }

  /** The source has been quiet for a while: journals what waited for a partner that did not come. */
  async settle(): Promise<void> {
    const isSettled = this.#lastDeliveryMs === this.#settledMs
    if (this.#pending > 0 || (isSettled && this.#waitsSinceMs() === undefined)) return
    this.#settledMs = this.#lastDeliveryMs
    await this.#inTurn(async () => {
      const prepared = this.#options.preparer.settle?.(this.#options.clock.now(), true)
      if (prepared !== undefined) await this.#append(prepared, 'wait')
    })
  }

  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work)
    this.#tail = turn.catch(() => undefined)
    this.#pending += 1
    try {
      return await turn
    } finally {
      this.#pending -= 1
    }
  }

  /** Where the source says which of its parts have a backlog. */
  watchBacklog(behind: () => readonly string[]): void {
    this.#behind = behind
  }

  cursors(): ReadonlyMap<string, string> {
    return this.#options.journal.cursors(this.#options.source)
  }

  dropped(reason: string, count: number): void {
    const bounded =
      this.#dropReasons.has(reason) || this.#dropReasons.size < DROP_REASONS_MAX ? reason : 'other'
    this.#dropReasons.add(bounded)
    this.#totals.dropped += count
    this.#counters.dropped.inc({ source: this.#options.source, reason: bounded }, count)
  }

  status(state: SourceState, detail?: string): void {
    if (state === this.#state && detail === this.#detail) return
    this.#state = state
    this.#detail = detail
    const fields = { state, ...(detail === undefined ? {} : { detail }) }
    this.#options.log.info(fields, 'Source changed state.')
  }

  get state(): { readonly state: SourceState; readonly detail: string | undefined } {
    return { state: this.#state, detail: this.#detail }
  }

  /** For whoever set the source up and wants to see whether it works. */
  report(): SourceReport {
    const { source } = this.#options
    return {
      ...{ name: source, ...this.#totals, state: this.#state, inputs: this.#seen.list() },
      ...(this.#detail !== undefined && { detail: this.#detail }),
      ...(this.#lastJournalledMs !== undefined && { lastMs: this.#lastJournalledMs }),
    }
  }

  /**
   * How far this source is believed complete. While input flows: the newest event time, never ahead
   * of receipt. While it is connected and has nothing to say: now.
   */
  tick(nowMs: number, idleMs: number): Tick {
    if (nowMs < this.#tickMs) this.#setBack(nowMs)
    this.#tickMs = nowMs
    const quiet = this.#state === 'connected' && this.isQuiet(nowMs, idleMs)
    let watermarkMs = quiet ? nowMs : Math.min(this.#eventTimeMaxMs, nowMs)
    // A part that is caught up with holds the others: its events are old, not late.
    for (const key of this.#behind()) {
      const reachedMs = this.#reached.get(key) ?? this.#watermarkMs
      watermarkMs = Math.min(watermarkMs, Math.max(reachedMs, this.#watermarkMs))
    }
    // What waits in the decoder is not there yet, and must not be late when it is told.
    const waitsMs = this.#waitsSinceMs()
    if (waitsMs !== undefined) {
      const slackMs = Math.max(0, (this.#options.latenessMs ?? 0) - SLACK_KEPT_MS)
      watermarkMs = Math.min(watermarkMs, waitsMs + slackMs)
    }
    this.#watermarkMs = Math.max(this.#watermarkMs, watermarkMs)
    return { source: this.#options.source, state: this.#state, watermarkMs, atMs: nowMs }
  }

  #waitsSinceMs(): number | undefined {
    return this.#options.preparer.waitsSinceMs?.()
  }

  isQuiet(nowMs: number, idleMs: number): boolean {
    return this.#pending === 0 && nowMs - this.#lastDeliveryMs >= idleMs
  }

  /** Our clock was set back: nothing was received, and no time reached, after now. */
  #setBack(nowMs: number): void {
    this.#lastDeliveryMs = Math.min(this.#lastDeliveryMs, nowMs)
    this.#settledMs = Math.min(this.#settledMs, this.#lastDeliveryMs - 1)
    this.#eventTimeMaxMs = Math.min(this.#eventTimeMaxMs, nowMs)
    this.#watermarkMs = Math.min(this.#watermarkMs, nowMs)
    for (const [key, ms] of this.#reached) this.#reached.set(key, Math.min(ms, nowMs))
  }

  /** No further retries; what waits answers busy. */
  stop(): void {
    this.#stopped = true
  }

  /** While the journal refuses nothing is decoded: decoders would move on, and their senders would not. */
  async #stillRefusing(ingestedMs: number): Promise<ProblemError['problem'] | undefined> {
    if (!this.#isRefusing) return undefined
    const { source } = this.#options
    const batch: JournalBatch = { source, ingestedMs, routine: {}, ...this.#older }
    const problem = await this.#tryAppend(batch, this.#withCarried({}))
    if (problem !== undefined && problem.code !== 'JOURNAL_BATCH') return problem
    if (problem !== undefined) return undefined
    if (this.#older !== undefined) this.#noteOlder(this.#older)
    this.#taken()
    return undefined
  }

  /** What was told of earlier inputs is no part of the answer to the one it is journalled with. */
  #noteOlder(older: JournalBatch): void {
    this.#noteReached(older, undefined)
    this.#count(older, { events: 0, rejects: 0, refused: [] })
  }

  #taken(): void {
    this.#isRefusing = false
    this.#carried = []
    this.#older = undefined
  }

  #refuse(commit: Commit, older: Older | undefined): void {
    this.#isRefusing = true
    this.#carried = newest(commit.decoderState?.changes ?? [])
    const { events = [], deadLetters = [] } = older ?? {}
    if (events.length + deadLetters.length === 0) return
    const { source, clock } = this.#options
    this.#older = {
      ...{ source, ingestedMs: clock.now() },
      events: [...(this.#older?.events ?? []), ...events],
      deadLetters: [...(this.#older?.deadLetters ?? []), ...deadLetters],
    }
  }

  async #append(
    { batch, commit, seen = [], older }: Prepared,
    whenFull: 'wait' | 'refuse',
  ): Promise<Delivery> {
    const { source } = this.#options
    const whole = this.#withCarried(commit)
    const parts = this.#older === undefined ? [batch] : [this.#older, batch]
    const counted = { events: 0, rejects: 0, refused: [] as Refused[] }
    let waitMs = RETRY_FIRST_MS
    while (parts.length > 0) {
      const [part = batch] = parts
      // What commits with the batch does so with its last part: after a crash all of it comes again.
      const problem = await this.#tryAppend(part, parts.length === 1 ? whole : {})
      if (problem === undefined) {
        parts.shift()
        if (part === this.#older) {
          this.#noteOlder(part)
          this.#older = undefined
        } else {
          this.#noteReached(part, commit.cursor?.key)
          this.#count(part, counted)
        }
        waitMs = RETRY_FIRST_MS
        continue
      }
      if (problem.code === 'JOURNAL_BATCH') {
        const halves = splitBatch(part)
        if (halves.length === 0) this.dropped('too_large', 1)
        parts.splice(0, 1, ...(halves.length === 0 ? restOf(parts, batch) : halves))
        continue
      }
      if (whenFull === 'refuse' || this.#stopped) {
        this.#refuse(whole, whenFull === 'refuse' ? older?.() : undefined)
        return { kind: 'busy', problem, retryAfterMs: RETRY_MAX_MS }
      }
      this.#counters.waits.inc({ source })
      await this.#options.pause(waitMs)
      waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)
    }
    this.#taken()
    this.#totals.deliveries += 1
    if (seen.length > 0) this.#lastJournalledMs = batch.ingestedMs
    this.#seen.add(seen)
    const { events, rejects, refused } = counted
    return { kind: 'durable', events, rejects, ...(rejects > 0 && { refused }) }
  }

  #withCarried(commit: Commit): Commit {
    if (this.#carried.length === 0) return commit
    const changes = [...this.#carried, ...(commit.decoderState?.changes ?? [])]
    return { ...commit, decoderState: { source: this.#options.source, changes } }
  }

  async #tryAppend(
    batch: JournalBatch,
    commit: Commit,
  ): Promise<ProblemError['problem'] | undefined> {
    try {
      await this.#options.journal.append(batch, commit)
      return undefined
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      return error.problem
    }
  }

  #noteReached(batch: JournalBatch, key: string | undefined): void {
    let newestMs = 0
    for (const event of batch.events ?? []) newestMs = Math.max(newestMs, event.time)
    for (const { lastSeenMs } of batch.rollups ?? []) newestMs = Math.max(newestMs, lastSeenMs)
    newestMs = Math.min(newestMs, batch.ingestedMs)
    this.#eventTimeMaxMs = Math.max(this.#eventTimeMaxMs, newestMs)
    if (key === undefined || newestMs === 0) return
    const before = this.#reached.get(key) ?? 0
    this.#reached.delete(key)
    this.#reached.set(key, Math.max(before, newestMs))
    const [oldest] = this.#reached.keys()
    if (this.#reached.size > REACHED_MAX && oldest !== undefined) this.#reached.delete(oldest)
  }

  #count(batch: JournalBatch, counted: { events: number; rejects: number; refused: Refused[] }) {
    const { source } = this.#options
    const { ingestedMs } = batch
    const events = batch.events ?? []
    this.#lastDeliveryMs = ingestedMs
    const rejects = batch.deadLetters?.length ?? 0
    this.#counters.events.inc({ source }, events.length)
    observeDelays(this.#counters.delay, source, events, this.#options.clock.now())
    this.#totals.events += events.length
    this.#totals.rejects += rejects
    counted.events += events.length
    counted.rejects += rejects
    if (rejects > 0) this.#counters.rejects.inc({ source }, rejects)
    for (const [name, count] of Object.entries(batch.routine ?? {})) {
      this.#totals.routine += count
      this.#counters.routine.inc({ source, class: name }, count)
    }
    for (const { key = '', code, message } of batch.deadLetters ?? []) {
      counted.refused.push({ key, code, message })
    }
  }
}

/** What is left where one part cannot be kept; the last one still carries what commits with it all. */
function restOf(parts: readonly JournalBatch[], { source, ingestedMs }: JournalBatch) {
  return parts.length > 1 ? [] : [{ source, ingestedMs }]
}

/** The last change of each entry: a sender that is refused for hours adds none twice. */
function newest(changes: readonly StateChange[]): StateChange[] {
  const byKey = new Map<string, StateChange>()
  for (const change of changes) {
    byKey.delete(change.key)
    byKey.set(change.key, change)
  }
  return [...byKey.values()]
}

function makeCounters(metrics: Metrics) {
  return {
    events: metrics.counter('picket_source_events_total', 'Events journalled, by source.'),
    rejects: metrics.counter('picket_source_rejects_total', 'Inputs that became dead letters.'),
    routine: metrics.counter('picket_source_routine_total', 'Routine inputs, by class.'),
    dropped: metrics.counter('picket_source_dropped_total', 'Inputs let go, by reason.'),
    delay: metrics.histogram(
      'picket_source_delay_seconds',
      'Time of an event until it was journalled, by source.',
      DELAY_BUCKETS,
    ),
    waits: metrics.counter(
      'picket_source_waits_total',
      'Times a source was held by a full journal.',
    ),
  }
}
