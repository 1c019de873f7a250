import type { Problem } from '../base/problems.ts'
import type { RejectCode } from './decoder.ts'

/** One input as a source received it: a line, a message, a datagram, a request's element. */
export interface RawItem {
  /**
   * Text as decoded by the source's encoding. `bytes`: the input itself, where the format is binary or
   * the bytes are not valid in that encoding (the text then holds U+FFFD in their place).
   */
  readonly text: string
  readonly bytes?: Uint8Array
  /**
   * Present where the input was longer than the source takes: `text` is its beginning, `bytes` its true
   * length. Such an item is to be rejected (DECODE_TOO_LONG), not decoded.
   */
  readonly cut?: { readonly bytes: number }
  /**
   * Present where the source itself found that the input is none of its format (a span that is no
   * object): it is to be rejected with this reason, not decoded.
   */
  readonly unreadable?: { readonly code: RejectCode; readonly detail: string }
  /**
   * The sender gave it as text, not as a document (a string `event` of HEC): where the decoder reads
   * documents and this is none, it is kept as text.
   */
  readonly plain?: boolean
  /**
   * Names this delivery within its source, the same at every redelivery: `file-id:offset` for files,
   * a message id for MQTT. Where a protocol has none the source makes one that is unique.
   */
  readonly key: string
  /** When the source saw it (ms since the epoch). */
  readonly receivedMs: number
  /**
   * Names the sequence that it is part of, where lines that follow one another may belong together: a
   * connection, a partition, a topic. Absent: its file.
   */
  readonly stream?: string
  /** Facts of the delivery: `path`, `line`, `topic`, `peer`, `sourcetype`… */
  readonly facts?: Readonly<Record<string, string>>
}

/** The stream of an item; the same for all where neither it nor a file is named. */
export function streamOf(item: RawItem): string {
  return item.stream ?? item.facts?.['path'] ?? ''
}

/** A sender whose token is of these sites or device types may deliver nothing that says another. */
export interface SenderScope {
  readonly sites?: readonly string[]
  readonly deviceTypes?: readonly string[]
}

/** What a token is worth to a listener. */
export type SenderToken =
  | { readonly kind: 'known'; readonly id: string; readonly scope?: SenderScope }
  | { readonly kind: 'unknown' | 'disabled' | 'forbidden' }

/**
 * What came in at once, with the cursor that stands behind its last item. No items: only the cursor
 * moved (a file was found, or read to its end), and it is to be saved all the same.
 */
export interface RawBatch {
  readonly items: readonly RawItem[]
  /** Opaque to all but the source; saved in the same transaction as the events. */
  readonly cursor?: { readonly key: string; readonly value: string }
  /** What the sender may speak for; absent: anything. */
  readonly scope?: SenderScope
  /** It is whole by itself (a request): lines of later batches do not continue its last. */
  readonly whole?: boolean
  /** The input is already marked as seen before (MQTT DUP, HEC replay). */
  readonly redelivered?: boolean
}

export interface Refused {
  readonly key: string
  readonly code: string
  readonly message: string
}

/** How a batch ended. `durable`: journalled and flushed, so the source may acknowledge. */
export type Delivery =
  | {
      readonly kind: 'durable'
      readonly events: number
      readonly rejects: number
      /** Which items could not be read and why, by their keys. They are kept as dead letters. */
      readonly refused?: readonly Refused[]
    }
  | { readonly kind: 'busy'; readonly problem: Problem; readonly retryAfterMs: number }

/** What a source is given. Nothing upstream is called back; pressure travels through `deliver`. */
export interface SourceSink {
  /**
   * Resolves when the batch is durable. With `whenFull: 'wait'` (TCP, files, MQTT) it waits while the
   * journal is full; with `'refuse'` (HTTP, UDP) it answers `busy` at once. Batches of one source are
   * journalled in the order of the calls.
   */
  deliver(batch: RawBatch, whenFull: 'wait' | 'refuse'): Promise<Delivery>
  /** Saved cursors of this source, by key. */
  cursors(): ReadonlyMap<string, string>
  /** Input that was let go on purpose or could not be kept; always with a reason of a closed list. */
  dropped(reason: string, count: number): void
  /** Connected sources are ticked: their silence is then the silence of their devices. */
  status(state: SourceState, detail?: string): void
}

/** One of the last inputs of a source, and what became of it. */
export interface SeenInput {
  readonly receivedMs: number
  /** The first 300 characters. */
  readonly text: string
  /** `held`: its event waits for a partner line, or another input told it. */
  readonly outcome: 'events' | 'routine' | 'reject' | 'held'
  /** Class of a routine input, code of a reject. */
  readonly code?: string
  /** Why it was rejected. */
  readonly message?: string
  /** `event.action` of its events, without doubles. */
  readonly actions?: readonly string[]
}

/** How a source is doing; counts are since it was started, of what was journalled. */
export interface SourceReport {
  readonly name: string
  readonly state: SourceState
  readonly detail?: string
  readonly deliveries: number
  readonly events: number
  readonly routine: number
  readonly rejects: number
  readonly dropped: number
  /** When it last delivered something that was journalled. */
  readonly lastMs?: number
  /** The last ten, the newest last. */
  readonly inputs: readonly SeenInput[]
}

export type SourceState = 'connected' | 'paused' | 'down'

/**
 * A configured listener or puller. `start` resolves once it listens or has begun to read. `stop`
 * drains what is under way, is safe twice and before `start`.
 */
export interface Source {
  start(sink: SourceSink): Promise<void>
  stop(): Promise<void>
  /**
   * Cursor keys of parts (files, partitions) with input that is there and not yet delivered: old
   * input that is caught up with after a pause must not count as late because another part of the
   * source is already further. Absent: the source has no backlog.
   */
  behind?(): readonly string[]
}
