import type { StateChange } from '../model/decoder.ts'

/**
 * The interface of every correlation type, and the words around it.
 *
 * The engine gives a correlator the *observations* of one correlation rule in journal order. Event
 * time is `time`; ties are broken by `order`, which counts up in arrival order (in event-time order
 * for files that are read as complete). Nothing is observed with a time below the watermark: such
 * events are late, and the engine keeps them away from correlators.
 *
 * What came true goes to the `sink` as *hits*. A monotone correlation (more events can never undo a
 * hit) says `final` at once; an ordered one says `provisional`, and later `final` or `retract` for
 * the same (key, name). A provisional hit must be settled by the `advance` whose watermark passes
 * the point after which nothing can change it any more. Hits of one correlator are made at times
 * at or after the watermark of the moment before, so that chained correlations never see late ones.
 *
 * A correlator is a deterministic function of the calls made to it. Its whole state lives in its
 * `table`, whose rows are plain text: restoring the rows into a new correlator of the same rule
 * must continue exactly, evictions included.
 */
export interface Correlator {
  observe(observation: Observation, moment: Moment): void
  /** The watermark (ms since the epoch) has risen to `moment.watermarkMs`. Cheap when nothing is due. */
  advance(moment: Moment): void
  /**
   * The input is complete and ended at `moment.watermarkMs`: settle everything. What waits for
   * events that can no longer come (an event that must be missing) is decided now; what claims that
   * something stopped (absence) is not, since the end of a file is no silence.
   */
  finish(moment: Moment): void
  readonly table: StateTable
}

export interface Moment {
  readonly watermarkMs: number
  readonly sink: HitSink
}

export interface EventRef {
  readonly id: string
  readonly time: number
  readonly order: number
  /** Where it came from, see `origin.ts`; absent where that is not told. */
  readonly from?: string
}

/** One event (or one hit of a correlation that feeds this one), seen by one correlation rule. */
export interface Observation {
  readonly time: number
  readonly order: number
  /**
   * The event itself, or the events of the hit in a chain: none where earlier hits gave them all
   * (see `Hit.events`).
   */
  readonly events: readonly EventRef[]
  /** One for each input that matched, and for each key where a key field has several values. */
  readonly parts: readonly ObservationPart[]
}

export interface ObservationPart {
  /** Id of the matching rule, as in `correlation.inputs` (`<rule id>#<n>` for sequence stages). */
  readonly input: string
  /** See group-key.ts. */
  readonly key: string
  /** Values of the correlation's `fields`, one text for each value (several fields joined as keys are). */
  readonly values: readonly string[]
  /** Values of the field of each of the correlation's `cardinality` conditions, in their order. */
  readonly cardinality?: readonly (readonly string[])[]
}

export interface Hit {
  readonly key: string
  /** Names the hit among the unsettled ones of its key; free to be used again once settled. */
  readonly name: string
  /** Event time at which it came true: of the completing event, or of the deadline for absence. */
  readonly time: number
  readonly order: number
  /**
   * Oldest first, or in the order of its stages where it gives `all`. A correlation whose windows
   * overlap gives every event once, with the first hit that covers it; an episode then holds the union.
   */
  readonly events: readonly EventRef[]
  /** All events, in order, where `events` leaves out those of earlier hits (sequences, samples). */
  readonly all?: readonly EventRef[]
  /** What to tell a person: counts, missing stages… Short, bounded. */
  readonly facts?: Readonly<Record<string, string>>
}

export interface HitSink {
  hit(hit: Hit, certainty: 'provisional' | 'final'): void
  /** A provisional hit can no longer change. */
  final(hit: Hit): void
  /** A provisional hit turned out not to be true. */
  retract(hit: Hit): void
  /** An event out of order belongs to a hit that was final before: `events` are only the new ones. */
  more?(hit: Hit): void
}

export interface CorrelatorLimits {
  /** Keys of one rule. Beyond, the stalest key without progress goes; if there is none, the new one. */
  readonly keysMax: number
  /** Entries of one key. Beyond, the oldest go and are counted. */
  readonly entriesMax: number
}

export const CORRELATOR_LIMITS: CorrelatorLimits = { keysMax: 100_000, entriesMax: 10_000 }

/** What the engine needs to know of a correlator's state; see key-table.ts. */
export interface StateTable {
  readonly size: number
  readonly losses: Readonly<StateLosses>
  /** How many rows `takeChanges` would give. */
  readonly dirtyCount: number
  /** Rows changed or deleted (undefined) since the last call. */
  takeChanges(): readonly StateChange[]
  /** Names of all rows that are saved or would be with the next changes. */
  names(): Iterable<string>
  /** All rows, each of them whole, in any order. */
  rows(): Iterable<readonly [string, string]>
  /** Puts rows back into an empty table. */
  restore(rows: Iterable<readonly [string, string]>): void
}

/** Every way in which a correlator may forget something; all counted, none silent. */
export interface StateLosses {
  /** Keys that were pushed out by newer ones. */
  evicted: number
  /** Observations of new keys that found the table full of keys that may not be evicted. */
  refused: number
  /** Entries dropped because one key held too many. */
  trimmed: number
}
