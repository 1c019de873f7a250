import { OfflineDetector } from '../detect/offline.ts'
import { LATENESS_MS } from '../detect/source-clock.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { Rollup } from '../model/journal.ts'
import type { RuleSet } from '../model/rule.ts'
import { StoreError } from '../store/failure.ts'
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
  const { fromMs, toMs } = options
  const { huntable, unknowable } = withoutSilence(options.ruleSet)
  const readFromMs = Math.max(TIME_MS_MIN, fromMs - (options.warmUpMs ?? warmUpMs(huntable)))
  const readToMs = toMs + Math.max(LATENESS_MS, lookAheadMs(huntable))
  const { asOfNow } = options
  const where = necessaryOf(huntable, asOfNow && AS_OF_NOW)
  const detector = new OfflineDetector(huntable, {
    tell: options.tell,
    latenessMs: 0,
    early: false,
  })
  let alerts = 0
  let events = 0
  let total = 0
  const inRange = (found: readonly AlertRecord[]): AlertRecord[] => {
    const kept = found.filter((alert) => overlaps(alert, fromMs, toMs))
    alerts += kept.length
    return kept.toSorted((a, b) => Date.parse(a.first) - Date.parse(b.first))
  }
  const range = {
    ...{ fromMs: readFromMs, toMs: readToMs },
    ...(options.signal !== undefined && { signal: options.signal }),
  }
  const waits = huntable.correlations.some(({ correlation }) => correlation.type === 'absence')
  const folded = new RollupLane(waits ? options.rollups?.(range) : undefined)
  const alive = (one: Rollup): void =>
    detector.alive(asOfNow === undefined ? one : rollupNow(one, asOfNow))
  const stream = source({
    fromMs: readFromMs,
    toMs: readToMs,
    ...(where !== undefined && { where }),
    ...(options.signal !== undefined && { signal: options.signal }),
    onTotal: (count) => (total = count),
  })
  for await (const batch of stream) {
    for (let at = 0; at < batch.length; at += TURN_EVENTS) {
      if (options.signal?.aborted === true) throw calledOff()
      const part = batch.slice(at, at + TURN_EVENTS)
      for (const event of part) {
        if (folded.isDue(event.time)) await folded.until(event.time, alive)
        detector.observe(asOfNow === undefined ? event : eventNow(event, asOfNow))
      }
      events += part.length
      const timeMs = part.at(-1)?.time ?? fromMs
      options.onProgress?.({ events, total, timeMs })
      const found = inRange(detector.take())
      if (found.length > 0) yield found
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  await folded.until(Number.POSITIVE_INFINITY, alive)
  detector.finish(Math.min(toMs, options.nowMs ?? toMs))
  const last = inRange(detector.take())
  if (last.length > 0) yield last
  const { evicted, refused, trimmed, left } = detector.stats()
  const losses = { evicted, refused, trimmed }
  const narrowed = where !== undefined
  const context = asOfNow === undefined ? 'as-of-then' : 'as-of-now'
  const assets = asOfNow && { assets: asOfNow.assets.size }
  const read = { alerts, events, readFromMs, readToMs, narrowed, context, ...assets } as const
  return { ...read, ...losses, left, unknowable }
}

function calledOff(): StoreError {
  return new StoreError('cancelled', 'The hunt was called off.')
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
