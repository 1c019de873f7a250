import type { MessagePort } from 'node:worker_threads'
import type { LogFields } from '../base/log.ts'
import type { Problem } from '../base/problems.ts'

/**
 * What passes between the threads that use a journal and the one that writes it. Batches travel as
 * bytes (moved, not copied); nothing else is large.
 */

/**
 * What may use the reserved space: `data` none of it, `tick` half, `control` (control records, alerts,
 * audit entries) all. `progress`, what commits with the position of a reader, has no limit: were it
 * held back, the reader could not move on, nothing could be trimmed, and all would stand still. It is
 * bounded by what that reader has before it.
 */
export type Weight = 'data' | 'tick' | 'control' | 'progress'

export interface AppendRequest {
  readonly kind: 'append'
  readonly id: number
  readonly source: string
  readonly weight: Weight
  readonly payload: Uint8Array
  readonly nowMs: number
  readonly cursor?: { readonly source: string; readonly key: string; readonly value: string }
  /** Packed list: key, value or null, key, value or null … */
  readonly state?: { readonly source: string; readonly changes: Uint8Array }
  readonly reader?: { readonly name: string; readonly offset: number }
}

export interface ReaderRequest {
  readonly kind: 'reader'
  readonly id: number
  readonly nowMs: number
  readonly reader: { readonly name: string; readonly offset: number }
}

export interface TrimRequest {
  readonly kind: 'trim'
  readonly id: number
  readonly nowMs: number
  readonly upTo: number
}

export type WriteRequest = AppendRequest | ReaderRequest

export type ToWriter =
  | WriteRequest
  | TrimRequest
  | { readonly kind: 'attach'; readonly port: MessagePort }
  | { readonly kind: 'close' }

/** `value`: the offset of an append, the number of entries a trim removed, else 0. */
export type Reply =
  | { readonly id: number; readonly ok: true; readonly value: number }
  | { readonly id: number; readonly ok: false; readonly problem: Problem }

export type FromWriter =
  | { readonly kind: 'ready' }
  | { readonly kind: 'refused'; readonly problem: Problem }
  | { readonly kind: 'replies'; readonly replies: readonly Reply[] }
  /** Something was appended, by whichever thread. */
  | { readonly kind: 'appended' }
  | { readonly kind: 'trouble'; readonly problem: Problem | undefined }
  | { readonly kind: 'keys-gone'; readonly ids: readonly string[] }
  | {
      readonly kind: 'log'
      readonly level: 'debug' | 'info' | 'warn' | 'error'
      readonly fields: LogFields
      readonly message: string
    }
  | { readonly kind: 'closed' }

export interface WriterSettings {
  readonly dir: string
  readonly bytesMax: number
  readonly ageMaxMs: number
  readonly reservedBytes: number
  readonly epochBytes: number
  readonly epochMs: number
  /** When the journal was opened, for the first key. */
  readonly openedMs: number
}

/** The largest batch in its plain form: it and its header stay below what LMDB hands out by copy. */
export const ENTRY_BYTES_MAX = 12 * 1024 * 1024
