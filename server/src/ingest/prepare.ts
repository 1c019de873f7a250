import { shortId } from '../base/hash.ts'
import type { DecoderSpec, DecodeSink, Draft, RejectCode } from '../model/decoder.ts'
import type { SecurityEvent } from '../model/event.ts'
import type { Commit, DeadLetter, JournalBatch } from '../model/journal.ts'
import type { RawBatch, RawItem } from '../model/source.ts'
import { createNormalizer, type Normalize, type NormalizerOptions } from '../normalize/normalize.ts'

const RAW_MAX = 1_048_576
const ROUTINE_CLASSES_MAX = 100

export interface PreparerOptions {
  readonly source: string
  readonly decoderSpec: DecoderSpec
  readonly decoderOptions?: Readonly<Record<string, unknown>>
  readonly tenant: string
  /** See NormalizerOptions. */
  readonly skewMs?: number | undefined
  readonly ids?: NormalizerOptions['ids'] | undefined
}

export interface Prepared {
  readonly batch: JournalBatch
  readonly commit: Commit
}

/** One source's decoder and normalizer. Synchronous; keeps the decoder's memory. */
export interface LinePreparer {
  prepare(raw: RawBatch, ingestedMs: number): Prepared
  /**
   * Tells what still waits for a partner line: at the end of input, or when the source was quiet.
   * Undefined where nothing waited.
   */
  settle(ingestedMs: number): Prepared | undefined
  /** Takes the saved memory of the decoder; before the first `prepare`. */
  restore(entries: Iterable<readonly [string, string]>): void
  stats(): Readonly<Record<string, number>>
}

export function createPreparer(options: PreparerOptions): LinePreparer {
  return new Preparer(options)
}

class Preparer implements LinePreparer, DecodeSink {
  readonly #options: PreparerOptions
  readonly #decoder
  readonly #normalize: Normalize
  #item: RawItem = { text: '', key: '', receivedMs: 0 }
  #ingestedMs = 0
  #redelivered = false
  #events: SecurityEvent[] = []
  #letters: DeadLetter[] = []
  #routine = new Map<string, number>()

  constructor(options: PreparerOptions) {
    this.#options = options
    const { decoderSpec, decoderOptions, ...rest } = options
    this.#decoder = decoderSpec.create(decoderOptions)
    this.#normalize = createNormalizer({ ...rest, decoder: decoderSpec })
  }

  prepare(raw: RawBatch, ingestedMs: number): Prepared {
    this.#begin(ingestedMs, raw.redelivered === true)
    for (const item of raw.items) {
      this.#item = item
      if (item.cut === undefined) this.#decoder.decode(item, this)
      else this.reject('DECODE_TOO_LONG', `${item.cut.bytes} bytes long`)
    }
    return this.#end(raw.cursor)
  }

  settle(ingestedMs: number): Prepared | undefined {
    if (this.#decoder.settle === undefined) return undefined
    this.#begin(ingestedMs, false)
    this.#decoder.settle(this)
    return this.#events.length + this.#routine.size === 0 ? undefined : this.#end(undefined)
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#decoder.restore?.(entries)
  }

  stats(): Readonly<Record<string, number>> {
    return this.#decoder.stats?.() ?? {}
  }

  event(draft: Draft): void {
    this.#events.push(this.#normalize(draft, this.#item, this.#ingestedMs, this.#redelivered))
  }

  routine(className: string): void {
    const count = this.#routine.get(className)
    if (count !== undefined) this.#routine.set(className, count + 1)
    else if (this.#routine.size < ROUTINE_CLASSES_MAX) this.#routine.set(className, 1)
    else this.#routine.set('other', (this.#routine.get('other') ?? 0) + 1)
  }

  reject(code: RejectCode, detail: string): void {
    const { source, tenant, decoderSpec } = this.#options
    const { key, receivedMs, facts, text, bytes } = this.#item
    this.#letters.push({
      id: shortId(tenant, source, key, 'reject'),
      source,
      decoder: decoderSpec.name,
      code,
      message: detail,
      receivedMs,
      key,
      ...rawOf(text, bytes),
      ...(facts === undefined ? {} : { facts }),
    })
  }

  #begin(ingestedMs: number, redelivered: boolean): void {
    this.#ingestedMs = ingestedMs
    this.#redelivered = redelivered
    this.#events = []
    this.#letters = []
    this.#routine = new Map()
  }

  #end(cursor: RawBatch['cursor']): Prepared {
    const { source } = this.#options
    const changes = this.#decoder.takeChanges?.() ?? []
    const batch: JournalBatch = {
      source,
      ingestedMs: this.#ingestedMs,
      ...(this.#events.length === 0 ? {} : { events: this.#events }),
      ...(this.#letters.length === 0 ? {} : { deadLetters: this.#letters }),
      ...(this.#routine.size === 0 ? {} : { routine: Object.fromEntries(this.#routine) }),
    }
    const commit: Commit = {
      ...(cursor === undefined ? {} : { cursor: { source, ...cursor } }),
      ...(changes.length === 0 ? {} : { decoderState: { source, changes } }),
    }
    return { batch, commit }
  }
}

/** Text stays text; bytes, and what is not whole text, go as base64. Bounded. */
function rawOf(
  text: string,
  bytes: Uint8Array | undefined,
): Pick<DeadLetter, 'raw' | 'rawEncoding'> {
  if (bytes !== undefined) {
    const part = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, RAW_MAX))
    return { raw: part.toString('base64'), rawEncoding: 'base64' }
  }
  return { raw: text.length > RAW_MAX ? text.slice(0, RAW_MAX) : text, rawEncoding: 'utf8' }
}
