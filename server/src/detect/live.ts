import type { Problem } from '../base/problems.ts'
import { ProblemError } from '../base/problems.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { Commit, Journal, JournalBatch, JournalEntry } from '../model/journal.ts'
import type { CompiledRules } from './compiled-rules.ts'
import { Engine, type EngineOptions } from './engine.ts'
import type { EngineStats } from './engine-stats.ts'
import type { RuleCount } from './rule-counts.ts'

/** Reader whose offset stands for the saved state: what is after it is replayed at a start. */
export const STATE_READER = 'detector'
/** Reader whose offset stands for the alerts written: up to it a replay says nothing again. */
export const OUTPUT_READER = 'detector-output'
const STATE_SOURCE = 'detector'

export interface LiveLimits {
  /** Longest time that processing holds the thread before others get a turn. */
  readonly sliceMs: number
  readonly readBytesMax: number
  /** State is saved when this long has passed, or this many rows have changed. */
  readonly saveEveryMs: number
  readonly saveRows: number
  /** Alerts that may wait for the journal before processing waits too. */
  readonly alertsWaitingMax: number
  readonly retryMs: number
}

export const LIVE_LIMITS: LiveLimits = {
  sliceMs: 15,
  readBytesMax: 256 * 1024,
  saveEveryMs: 5_000,
  saveRows: 1_000,
  alertsWaitingMax: 5_000,
  retryMs: 250,
}

export interface LiveOptions {
  readonly journal: Journal
  readonly engine?: EngineOptions
  readonly limits?: Partial<LiveLimits>
  /** Wall time in ms; also measures slices. */
  readonly now: () => number
  /** Lets other work of the thread have its turn. */
  readonly turn: () => Promise<void>
  readonly pause: (ms: number) => Promise<void>
  readonly events: LiveEvents
}

export interface LiveEvents {
  /** These records are durable. `waitedMs`: since the newest entry they come of was received. */
  alerts(alerts: readonly AlertRecord[], waitedMs: number): void
  /** The journal takes nothing at the moment; undefined: it does again. */
  trouble(problem: Problem | undefined): void
}

export interface LiveStatus extends EngineStats {
  /** Journal offset of the last entry processed, and of the newest. */
  readonly offset: number
  readonly lastOffset: number
  readonly savedOffset: number
  readonly replaying: boolean
  readonly rulesHash: string
  readonly watermarkMs: number
  /** Rules came of which no index could be made; those before are in force. */
  readonly rulesProblem: Problem | undefined
}

interface Waiting {
  alerts: AlertRecord[]
  offset: number
  receivedMs: number
}

/**
 * The live detector: reads the journal on from its saved state, writes alerts back into it. What
 * was processed but not saved is replayed after a crash; alerts of entries whose alerts are already
 * in the journal are computed again (they are the same) and not written again.
 */
export class LiveDetector {
  readonly #options: LiveOptions
  readonly #limits: LiveLimits
  readonly #engine: Engine
  #offset: number
  #savedOffset: number
  readonly #outputOffset: number
  #savedAtMs: number
  #waiting: Waiting = { alerts: [], offset: 0, receivedMs: 0 }
  #writing: Promise<void> = Promise.resolve()
  #writes = 0
  /** Told to stop before all was written. */
  #gaveUp = false
  /** A state is on its way; the next waits for it. */
  #saving = false
  /** A fault that no retry mends; the thread ends of it and is started anew. */
  #broken: Error | undefined
  #pumping: Promise<void> | undefined
  #again = false
  #stopped = false

  constructor(options: LiveOptions) {
    const { journal } = options
    this.#options = options
    this.#limits = { ...LIVE_LIMITS, ...options.limits }
    this.#savedOffset = journal.readerOffset(STATE_READER)
    this.#outputOffset = Math.max(this.#savedOffset, journal.readerOffset(OUTPUT_READER))
    this.#engine = Engine.restore(journal.decoderState(STATE_SOURCE), options.engine)
    this.#offset = this.#savedOffset
    this.#savedAtMs = options.now()
  }

  status(): LiveStatus {
    return {
      ...this.#engine.stats(),
      offset: this.#offset,
      lastOffset: this.#options.journal.lastOffset(),
      savedOffset: this.#savedOffset,
      replaying: this.#offset < this.#outputOffset,
      rulesHash: this.#engine.ruleSet.hash,
      watermarkMs: this.#engine.watermarkMs,
      rulesProblem: this.#engine.rulesProblem,
    }
  }

  /** What came of each rule since the last call, replays included. */
  takeRuleCounts(): readonly RuleCount[] {
    return this.#engine.takeRuleCounts()
  }

  /** Works off what the journal has; call it again at each hint that there is more. */
  async wake(): Promise<void> {
    this.#again = true
    this.#pumping ??= this.#pump().finally(() => {
      this.#pumping = undefined
    })
    await this.#pumping
    await this.#written()
  }

  /** Whether these rules are in force, or prepared to be. */
  hasRules(hash: string): boolean {
    return this.#engine.hasRules(hash)
  }

  /** Takes over rules that are about to be journalled, while detection goes on with those in force. */
  async prepare(rules: CompiledRules): Promise<void> {
    const { now, turn } = this.#options
    const steps = this.#engine.prepare(rules)
    for (;;) {
      const untilMs = now() + this.#limits.sliceMs
      do {
        if (this.#stopped || steps.next().done === true) return
      } while (now() < untilMs)
      await turn()
    }
  }

  /** Finishes what is under way, and saves the state. Safe twice. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    await this.#pumping
    await this.#written()
    if (this.#offset > this.#savedOffset) this.#save()
    await this.#written()
  }

  async #pump(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false
      for (;;) {
        const more = this.#slice()
        if (this.#broken !== undefined) throw this.#broken
        if (this.#waiting.alerts.length > 0) this.#flush()
        if (this.#waiting.alerts.length >= this.#limits.alertsWaitingMax) await this.#written()
        // Not waited for: what comes meanwhile is looked at while the disk is.
        if (this.#saveIsDue()) this.#save()
        if (!more || this.#stopped) break
        await this.#options.turn()
      }
    }
  }

  /** What was found is durable; throws what broke that. */
  async #written(): Promise<void> {
    while (this.#writes > 0) await this.#writing
    if (this.#broken !== undefined) throw this.#broken
  }

  /** Processes entries for at most a slice of time; true when there may be more. */
  #slice(): boolean {
    const { journal, now } = this.#options
    const untilMs = now() + this.#limits.sliceMs
    const entries = journal.read(this.#offset, this.#limits.readBytesMax)
    for (const entry of entries) {
      this.#process(entry)
      if (now() >= untilMs) return true
    }
    return entries.length > 0
  }

  #process(entry: JournalEntry): void {
    this.#engine.apply(entry)
    this.#offset = entry.offset
    const alerts = this.#engine.takeAlerts()
    if (alerts.length === 0 || entry.offset <= this.#outputOffset) return
    this.#waiting.alerts.push(...alerts)
    this.#waiting.offset = entry.offset
    this.#waiting.receivedMs = entry.batch.ingestedMs
  }

  /** Sends waiting alerts off, unless a write is under way: then they go with the next. */
  #flush(): void {
    if (this.#writes > 0 || this.#gaveUp || this.#broken !== undefined) return
    const { alerts, offset, receivedMs } = this.#takeWaiting()
    const reader = { name: OUTPUT_READER, offset }
    this.#write({ alerts }, { reader }, () => this.#told(alerts, receivedMs))
  }

  /** State, position and what alerts are waiting, in one transaction. */
  #save(): void {
    const { alerts, receivedMs } = this.#takeWaiting()
    const changes = this.#engine.takeChanges()
    const offset = this.#offset
    const commit: Commit = {
      reader: { name: STATE_READER, offset },
      decoderState: { source: STATE_SOURCE, changes },
    }
    this.#savedAtMs = this.#options.now()
    this.#saving = true
    this.#write(alerts.length > 0 ? { alerts } : {}, commit, () => {
      this.#saving = false
      this.#savedOffset = offset
      this.#told(alerts, receivedMs)
    })
  }

  #saveIsDue(): boolean {
    if (this.#saving || this.#offset === this.#savedOffset) return false
    const { saveEveryMs, saveRows } = this.#limits
    const oldMs = this.#options.now() - this.#savedAtMs
    // Less than nothing: the clock was set back.
    return oldMs >= saveEveryMs || oldMs < 0 || this.#engine.changesPending >= saveRows
  }

  #told(alerts: readonly AlertRecord[], receivedMs: number): void {
    if (alerts.length === 0) return
    this.#options.events.alerts(alerts, Math.max(0, this.#options.now() - receivedMs))
  }

  #takeWaiting(): Waiting {
    const waiting = this.#waiting
    this.#waiting = { alerts: [], offset: 0, receivedMs: 0 }
    return waiting
  }

  #write(content: Partial<JournalBatch>, commit: Commit, done: () => void): void {
    this.#writes += 1
    this.#writing = this.#writing
      // After one that was not written nothing may be: its position would claim that it was.
      .then(() => !this.#gaveUp && this.#broken === undefined && this.#append(content, commit))
      .then((written) => {
        if (written) done()
        else this.#gaveUp = true
      })
      .catch((error: unknown) => {
        this.#broken ??= error instanceof Error ? error : new Error(String(error))
      })
      .finally(() => {
        this.#writes -= 1
        if (this.#waiting.alerts.length > 0) this.#flush()
      })
  }

  /**
   * Tries until the journal takes it: an alert is never given up. False when we were told to stop
   * meanwhile; the next start computes it again.
   */
  async #append(content: Partial<JournalBatch>, commit: Commit): Promise<boolean> {
    const { journal, now, pause, events } = this.#options
    let troubled = false
    for (;;) {
      try {
        await journal.append({ source: 'detector', ingestedMs: now(), ...content }, commit)
        if (troubled) events.trouble(undefined)
        return true
      } catch (error) {
        if (!(error instanceof ProblemError)) throw error
        if (!troubled) events.trouble(error.problem)
        troubled = true
        if (this.#stopped) return false
        await pause(this.#limits.retryMs)
      }
    }
  }
}
