import { OfflineDetector, type OfflineState } from '../detect/offline.ts'
import { LATENESS_MS } from '../detect/source-clock.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { Rollup } from '../model/journal.ts'
import type { RuleSet } from '../model/rule.ts'
import { StoreError } from '../store/failure.ts'
import type { Sql } from '../store/sql.ts'
import type { RollupRange } from '../store/search/rollup-stream.ts'
import type { EventStreamOptions, StoredEvent } from '../store/search/stream.ts'
import type { RejoinOptions } from '../fleet/rejoin.ts'
import { AS_OF_NOW, eventNow, rollupNow } from './as-of-now.ts'
import { RollupLane } from './rollup-lane.ts'
import { necessaryOf } from './push-down.ts'
import { lookAheadMs, warmUpMs } from './span.ts'

export interface HuntOptions {
  readonly ruleSet: RuleSet
  /** Event time; alerts with any of their events in [fromMs, toMs) are told. */
  readonly fromMs: number
  readonly toMs: number
  /** `matches`: each match of an ad-hoc rule by itself. */
  readonly tell: 'alerts' | 'matches'
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: HuntProgress) => void
  /** Routine messages that were folded, for rules of absence; without it they see events only. */
  readonly rollups?: RollupSource
  /** The range may reach past it: silence is no absence before it has happened. */
  readonly nowMs?: number
  /** Events are joined anew to these (as-of-now); else they stay as they were stored (as-of-then). */
  readonly asOfNow?: RejoinOptions
  /** Read before the range; as long as the rules look back unless given. */
  readonly warmUpMs?: number
  /** Goes on where another hunt of the same options left off. */
  readonly resume?: HuntCheckpoint
  /**
   * Called when the last whole day (UTC) of event time is behind, and everything that was found up to
   * there has been taken; `checkpoint` makes what `resume` takes.
   */
  readonly onDay?: (checkpoint: () => HuntCheckpoint) => Promise<void>
  /** Called between stretches of events; what it throws ends the hunt. */
  readonly check?: () => void
}

/** A hunt between two days: plain data. */
export interface HuntCheckpoint {
  /** Events before it were seen. */
  readonly doneToMs: number
  readonly alerts: number
  readonly events: number
  readonly losses: Losses
  readonly detector: OfflineState
}

interface Losses {
  readonly evicted: number
  readonly refused: number
  readonly trimmed: number
}

export interface HuntProgress {
  /** Events read, of how many that the store found worth reading. */
  readonly events: number
  readonly total: number
  /** How far event time has come. */
  readonly timeMs: number
}

export interface HuntSummary {
  readonly context: 'as-of-then' | 'as-of-now'
  /** Of today's table; as-of-now only. */
  readonly assets?: number
  readonly alerts: number
  readonly events: number
  /** From where events were read; `fromMs` less the warm-up. */
  readonly readFromMs: number
  readonly readToMs: number
  /** False where the store had to give every event of the range. */
  readonly narrowed: boolean
  readonly evicted: number
  readonly refused: number
  readonly trimmed: number
  /** Rules of which the store cannot know (the silence of a source), left out. */
  readonly unknowable: readonly string[]
  /** Rules that cannot run, and why. */
  readonly left: readonly { readonly ruleId: string; readonly reason: string }[]
}

/** Where events come from: `Search.streamEvents`, or the like. */
export type EventSource = (options: EventStreamOptions) => AsyncIterable<readonly StoredEvent[]>

/** Where rollups come from, in order of when their device was last seen: `Search.streamRollups`. */
export type RollupSource = (range: RollupRange) => AsyncIterable<readonly Rollup[]>

/** Events between two turns of the event loop. */
const TURN_EVENTS = 2_000

/**
 * The detectors over the stored past: the same code as live, on events in order of event time, all
 * of which are there. It sees assets as they were (as-of-then), since that is what stands on the
 * stored events, or joins them anew (as-of-now). Silence of sources leaves no events and cannot be hunted for.
 *
 * Yields alerts as they close, those that close together in the order of their first event,
 * and returns the summary. Throws StoreError.
 */
export async function* hunt(
  source: EventSource,
  options: HuntOptions,
): AsyncGenerator<readonly AlertRecord[], HuntSummary> {
  return yield* new Hunt(source, options).run()
}

const DAY_MS = 86_400_000
const NO_LOSSES: Losses = { evicted: 0, refused: 0, trimmed: 0 }

class Hunt {
  readonly #options: HuntOptions
  readonly #source: EventSource
  readonly #rules: ReturnType<typeof withoutSilence>
  readonly #where: Sql | undefined
  readonly #detector: OfflineDetector
  readonly #readFromMs: number
  readonly #readToMs: number
  #alerts: number
  #events: number
  #total = 0

  constructor(source: EventSource, options: HuntOptions) {
    const { fromMs, toMs, tell, resume, asOfNow } = options
    this.#source = source
    this.#options = options
    this.#rules = withoutSilence(options.ruleSet)
    const { huntable } = this.#rules
    this.#readFromMs = Math.max(TIME_MS_MIN, fromMs - (options.warmUpMs ?? warmUpMs(huntable)))
    this.#readToMs = toMs + Math.max(LATENESS_MS, lookAheadMs(huntable))
    this.#where = necessaryOf(huntable, asOfNow && AS_OF_NOW)
    const how = { tell, latenessMs: 0, early: false }
    this.#detector = new OfflineDetector(huntable, how, resume?.detector)
    this.#alerts = resume?.alerts ?? 0
    this.#events = resume?.events ?? 0
  }

  async *run(): AsyncGenerator<readonly AlertRecord[], HuntSummary> {
    const { toMs, nowMs, signal, onProgress, onDay } = this.#options
    const fromMs = this.#options.resume?.doneToMs ?? this.#readFromMs
    const range = { fromMs, toMs: this.#readToMs, ...(signal !== undefined && { signal }) }
    const folded = this.#rollups(range)
    const eventsBefore = this.#events
    const stream = this.#source({
      ...range,
      ...(this.#where !== undefined && { where: this.#where }),
      onTotal: (count) => (this.#total = eventsBefore + count),
    })
    let dayEndMs = onDay === undefined ? Number.POSITIVE_INFINITY : nextDay(fromMs)
    for await (const batch of stream) {
      for (let at = 0; at < batch.length; at += TURN_EVENTS) {
        goOnUnless(signal)
        this.#options.check?.()
        const part = batch.slice(at, at + TURN_EVENTS)
        for (const event of part) {
          if (event.time >= dayEndMs) {
            const doneToMs = nextDay(event.time) - DAY_MS
            if (folded.isDue(doneToMs - 1)) await folded.until(doneToMs - 1, this.#alive)
            yield this.#found()
            await onDay?.(() => this.#checkpoint(doneToMs))
            goOnUnless(signal)
            dayEndMs = doneToMs + DAY_MS
          }
          if (folded.isDue(event.time)) await folded.until(event.time, this.#alive)
          this.#observe(event)
        }
        const timeMs = part.at(-1)?.time ?? fromMs
        onProgress?.({ events: this.#events, total: this.#total, timeMs })
        yield this.#found()
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await folded.until(Number.POSITIVE_INFINITY, this.#alive)
    this.#detector.finish(Math.min(toMs, nowMs ?? toMs))
    yield this.#found()
    return this.#summary()
  }

  #observe(event: StoredEvent): void {
    const { asOfNow } = this.#options
    this.#events += 1
    this.#detector.observe(asOfNow === undefined ? event : eventNow(event, asOfNow))
  }

  readonly #alive = (one: Rollup): void => {
    const { asOfNow } = this.#options
    this.#detector.alive(asOfNow === undefined ? one : rollupNow(one, asOfNow))
  }

  #rollups(range: RollupRange): RollupLane {
    const { correlations } = this.#rules.huntable
    const waits = correlations.some(({ correlation }) => correlation.type === 'absence')
    return new RollupLane(waits ? this.#options.rollups?.(range) : undefined)
  }

  /** What can be told since the last time, of the range; in the order of first events. */
  #found(): readonly AlertRecord[] {
    const { fromMs, toMs } = this.#options
    const kept = this.#detector.take().filter((alert) => overlaps(alert, fromMs, toMs))
    this.#alerts += kept.length
    return kept.toSorted((a, b) => Date.parse(a.first) - Date.parse(b.first))
  }

  #losses(): Losses {
    const { evicted, refused, trimmed } = this.#detector.stats()
    const before = this.#options.resume?.losses ?? NO_LOSSES
    return {
      evicted: before.evicted + evicted,
      refused: before.refused + refused,
      trimmed: before.trimmed + trimmed,
    }
  }

  #checkpoint(doneToMs: number): HuntCheckpoint {
    const found = { alerts: this.#alerts, events: this.#events }
    return { doneToMs, ...found, losses: this.#losses(), detector: this.#detector.save() }
  }

  #summary(): HuntSummary {
    const { asOfNow } = this.#options
    return {
      ...{ alerts: this.#alerts, events: this.#events },
      ...{ readFromMs: this.#readFromMs, readToMs: this.#readToMs },
      narrowed: this.#where !== undefined,
      context: asOfNow === undefined ? 'as-of-then' : 'as-of-now',
      ...(asOfNow && { assets: asOfNow.assets.size }),
      ...this.#losses(),
      left: this.#detector.stats().left,
      unknowable: this.#rules.unknowable,
    }
  }
}

function nextDay(timeMs: number): number {
  return (Math.floor(timeMs / DAY_MS) + 1) * DAY_MS
}

function goOnUnless(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new StoreError('cancelled', 'The hunt was called off.')
}

/** Times in the store begin here. */
const TIME_MS_MIN = Date.UTC(1900, 0, 1)

function overlaps(alert: AlertRecord, fromMs: number, toMs: number): boolean {
  return Date.parse(alert.last) >= fromMs && Date.parse(alert.first) < toMs
}

function withoutSilence(ruleSet: RuleSet): {
  readonly huntable: RuleSet
  readonly unknowable: readonly string[]
} {
  const ofSources = ruleSet.correlations.filter(
    ({ correlation }) => correlation.type === 'absence' && correlation.of === 'source',
  )
  const correlations = ruleSet.correlations.filter((rule) => !ofSources.includes(rule))
  return {
    huntable: { ...ruleSet, correlations },
    unknowable: ofSources.map(({ meta }) => meta.id),
  }
}
