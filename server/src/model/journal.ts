import type { AlertRecord } from './alert.ts'
import type { StateChange } from './decoder.ts'
import type { SecurityEvent } from './event.ts'

/** An input that could not be read, kept whole and replayable. */
export interface DeadLetter {
  readonly id: string
  readonly source: string
  readonly decoder: string
  readonly code: string
  readonly message: string
  readonly receivedMs: number
  /** Of the item, as its source named it. */
  readonly key?: string
  /** The input itself; base64 where it is not text. */
  readonly raw: string
  readonly rawEncoding: 'utf8' | 'base64'
  readonly facts?: Readonly<Record<string, string>>
}

/**
 * What a source's silence means at this point: its watermark (event time in ms up to which it is
 * believed complete, clipped at receipt time) and whether it is connected.
 */
export interface Tick {
  readonly source: string
  readonly state: 'connected' | 'paused' | 'down'
  readonly watermarkMs: number
  readonly atMs: number
}

/** A change of what detection depends on: rule set, assets, changes, exceptions, configuration. */
export interface ControlRecord {
  readonly type: string
  readonly atMs: number
  readonly body: unknown
}

/** Who did what: access, administration, decisions. Ids are pseudonyms, not people. */
export interface AuditEntry {
  readonly atMs: number
  readonly actor: string
  readonly action: string
  readonly outcome: 'success' | 'failure'
  readonly from?: string
  readonly detail?: Readonly<Record<string, unknown>>
}

/**
 * Routine telemetry folded per device, kind and interval. Rows of one key are to be added up: one is
 * written for every batch of input that had something of it.
 */
export interface Rollup {
  /** `device.id`, else what names the device best; empty where nothing does. */
  readonly device: string
  /** The field that `device` was taken from; absent: `device.id`. */
  readonly deviceField?: string
  /** The interval, of event time; the end is excluded. */
  readonly fromMs: number
  readonly toMs: number
  readonly messages: number
  readonly bytes: number
  readonly firstSeenMs?: number
  readonly lastSeenMs: number
  /** At most so many as the configuration says; `topicsCount` counts all of this row, up to a bound. */
  readonly topics?: readonly string[]
  readonly topicsCount?: number
  readonly action?: string
  readonly dataset?: string
  readonly clientId?: string
  readonly site?: string
  readonly deviceType?: string
  /** The entry of the filter's policy that folded it. */
  readonly entry?: string
  /** There were more devices in the batch than are told apart: this row is of all the others. */
  readonly overflow?: boolean
}

/** One value of the journal: written whole or not at all. Empty lists are left out. */
export interface JournalBatch {
  /** The source instance, or `detector`, `api`, `app` for what Picket itself writes. */
  readonly source: string
  readonly ingestedMs: number
  readonly events?: readonly SecurityEvent[]
  readonly rollups?: readonly Rollup[]
  readonly deadLetters?: readonly DeadLetter[]
  readonly routine?: Readonly<Record<string, number>>
  readonly ticks?: readonly Tick[]
  readonly controls?: readonly ControlRecord[]
  readonly audit?: readonly AuditEntry[]
  readonly alerts?: readonly AlertRecord[]
}

/** In the order of the bits by which a stored batch tells what is in it: add at the end. */
export const BATCH_PARTS = [
  'events',
  'rollups',
  'deadLetters',
  'routine',
  'ticks',
  'controls',
  'audit',
  'alerts',
] as const
export type BatchPart = (typeof BATCH_PARTS)[number]

/** Stands for a batch that was not decoded because it has nothing that was wanted. */
export const NOTHING_WANTED: JournalBatch = Object.freeze({ source: '', ingestedMs: 0 })

/** What commits together with a batch. */
export interface Commit {
  readonly cursor?: { readonly source: string; readonly key: string; readonly value: string }
  readonly decoderState?: { readonly source: string; readonly changes: readonly StateChange[] }
  readonly reader?: { readonly name: string; readonly offset: number }
}

export interface JournalEntry {
  readonly offset: number
  readonly batch: JournalBatch
}

/** The ordered, durable log. Offsets count from 1 without a gap; 0 means "before the first". */
export interface Journal {
  /** Resolves with the offset once flushed. Rejects with ProblemError JOURNAL_FULL or JOURNAL_DISK. */
  append(batch: JournalBatch, commit?: Commit): Promise<number>
  /** Moves a reader without writing a batch; resolves once flushed. */
  saveReader(name: string, offset: number): Promise<void>
  /**
   * Copies entries with offset > after, oldest first, up to about bytesMax (at least one). `wanted`
   * spares the work of decoding: an entry with none of these parts may come as NOTHING_WANTED.
   */
  read(after: number, bytesMax: number, wanted?: readonly BatchPart[]): readonly JournalEntry[]
  readerOffset(name: string): number
  lastOffset(): number
  firstOffset(): number
  cursors(source: string): ReadonlyMap<string, string>
  decoderState(source: string): Iterable<readonly [string, string]>
  /** Called after each durable append of any thread; a hint, never a promise. */
  onAppend(listener: () => void): () => void
  stats(): { readonly bytes: number; readonly entries: number; readonly bytesMax: number }
}
