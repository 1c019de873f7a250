import type { EcsDoc, EventAction } from './event.ts'
import type { RawItem } from './source.ts'

/** A decoded event before normalization: ECS fields, without ids and receipt times. */
export interface Draft {
  /** Event time in ms since the epoch as the input claims it; undefined where it names none. */
  readonly timeMs: number | undefined
  readonly action: EventAction
  /** Nested ECS document; the decoder sets event.kind/category/type/outcome/reason where known. */
  readonly doc: EcsDoc
  /** Distinguishes several events of one item; 0 for the first. */
  readonly part?: number
  /** The item that the event belongs to, where that is an earlier one than the item being decoded. */
  readonly origin?: RawItem
  /** What `event.original` keeps, where several lines together tell the event. */
  readonly original?: string
}

/** What routine telemetry leaves behind of a message: see `Rollup`. */
export interface LifeSign {
  readonly action: EventAction
  readonly clientId: string
  /** As the input claims it; undefined: when it was received. */
  readonly timeMs: number | undefined
  /** Of the payload. */
  readonly bytes: number
  readonly topic?: string
}

/** Closed list of why an input could not be read; `detail` is for a person. */
export type RejectCode =
  | 'DECODE_SYNTAX'
  | 'DECODE_UNKNOWN'
  | 'DECODE_TOO_LONG'
  | 'DECODE_TOO_DEEP'
  | 'DECODE_ENCODING'
  | 'DECODE_TIME'
  | 'DECODE_FIELD'
  /** A mistake of ours: the decoder threw on it. */
  | 'DECODE_FAULT'

/**
 * Each item ends in exactly one of: events, a counted routine line, or a reject. An item that waits for
 * a partner ends when that came: as routine if it became part of the partner's event, else with an
 * event of its own (`origin`).
 */
export interface DecodeSink {
  event(draft: Draft): void
  /**
   * A line understood and of no security interest by itself, counted under a bounded class name. Where
   * it is a sign of life of a device, `sign` tells so much of it that it can be folded.
   */
  routine(className: string, sign?: LifeSign): void
  reject(code: RejectCode, detail: string): void
}

/** One changed entry of a decoder's memory; undefined deletes it. */
export interface StateChange {
  readonly key: string
  readonly value: string | undefined
}

/**
 * Synchronous and pure: bytes in, drafts out; time only from the items. A decoder never throws on
 * any input and bounds its memory. One instance serves one source instance.
 */
export interface Decoder {
  decode(item: RawItem, out: DecodeSink): void
  /**
   * What changed in the decoder's memory since the last call (joins, sessions): journalled in the
   * same transaction as the events, so that a restart continues exactly. Absent: stateless.
   */
  takeChanges?(): readonly StateChange[]
  restore?(entries: Iterable<readonly [string, string]>): void
  /**
   * Emits what still waits for a partner line: called at the end of input, and when the source has
   * been quiet for a while. Only `out.event` is called, each with its `origin`, and `out.routine`
   * for inputs whose content an event of another input tells. `quiet`: more may come, so that what is
   * only counted up may go on being counted, and what waits for a time of its own may go on waiting:
   * `nowMs` says how late it is, and `waitsSinceMs` has it called again.
   */
  settle?(out: DecodeSink, quiet?: boolean, nowMs?: number): void
  /**
   * Event time of the oldest event that is still to be told although its source is quiet: up to there
   * the source is complete, not further. Undefined where nothing waits for a time of its own.
   */
  waitsSinceMs?(): number | undefined
  /** Counters since the instance was made: evictions by kind of memory, sizes of what is kept. */
  stats?(): Readonly<Record<string, number>>
}

export interface DecoderSpec {
  readonly name: string
  readonly summary: string
  /** The document holds all of the input, so `event.original` is left out. */
  readonly wholeInput?: boolean
  /** The input is one JSON object a line: what is none was perhaps meant as text. */
  readonly objects?: boolean
  /** The input is JSON, and a document may stand on several lines: files are cut at its end. */
  readonly documents?: boolean
  /** A line that begins so begins a record of several lines, up to the next one or a JSON object. */
  readonly recordStart?: string
  /** The input is bytes, so that they are no text is no fault of theirs. */
  readonly binary?: boolean
  /** The input is a packet capture: streams and files are cut into its records, one an item. */
  readonly framing?: 'capture'
  /** The options that `create` takes, each with one sentence. */
  readonly options?: Readonly<Record<string, string>>
  /** Options that name a file: `check` and `create` get `{path, text}` in the name's place. */
  readonly files?: readonly string[]
  /** What is wrong with the options, as a sentence without a period; undefined if they will do. */
  check?(options: Readonly<Record<string, unknown>>): string | undefined
  /** Unknown or wrong options fall back to their defaults: `check` says so beforehand. */
  create(options?: Readonly<Record<string, unknown>>): Decoder
}
