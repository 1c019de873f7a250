import { shortId } from '../base/hash.ts'
import type { Metrics } from '../base/metrics.ts'
import type { DecoderSpec, DecodeSink, Draft, LifeSign, RejectCode } from '../model/decoder.ts'
import { fieldOf, type SecurityEvent } from '../model/event.ts'
import type { Commit, DeadLetter, JournalBatch } from '../model/journal.ts'
import type { RawBatch, RawItem, SeenInput, SenderScope } from '../model/source.ts'
import { createNormalizeStages, SKEW_DEFAULT_MS } from '../normalize/normalize.ts'
import type { NormalizerOptions, NormalizeStages } from '../normalize/normalize.ts'
import type { Enricher } from './enrich/enricher.ts'
import type { FilterInForce } from './filter/filter.ts'
import { FilterLane } from './filter/lane.ts'
import { type JoinEnd, type Joining, LineJoiner } from './lines/joiner.ts'
import { partsJoiner } from './lines/parts.ts'
import { takesWhole, type Unwrap, unwrapping } from './lines/shipped.ts'
import { outOfScope } from './sender-scope.ts'
import { SEEN_MAX, SEEN_TEXT_MAX } from './seen-inputs.ts'
import { settleClaim } from './time/claims.ts'

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
  /** Folds what is routine; absent: every event is kept. */
  readonly filter?: FilterInForce
  /** Joins events to assets; absent: they stay as their decoder made them. */
  readonly enricher?: Enricher
  readonly metrics?: Metrics
  /** Joins lines that belong together before they are decoded; absent: each item stands alone. */
  readonly joining?: Joining | undefined
  /** False: pieces of lines that a container runtime cut are joined already. */
  readonly joinParts?: boolean
  /** Takes lines out of the documents of log shippers; absent: of the shippers that are known. */
  readonly unwrap?: Unwrap | undefined
}

export interface Prepared {
  readonly batch: JournalBatch
  readonly commit: Commit
  /** What became of its last inputs. */
  readonly seen?: readonly SeenInput[]
  /** What of the batch is told of inputs that came before it: no sender sends these again. */
  readonly older?: () => Older
}

export type Older = Required<Pick<JournalBatch, 'events' | 'deadLetters'>>

/** One source's decoder and normalizer. Synchronous; keeps the decoder's memory. */
export interface LinePreparer {
  prepare(raw: RawBatch, ingestedMs: number): Prepared
  /**
   * Tells what still waits for a partner line: at the end of input, or when the source was quiet.
   * Undefined where nothing waited. `quiet`: more may come.
   */
  settle(ingestedMs: number, quiet?: boolean): Prepared | undefined
  /**
   * Event time (else receipt) of the oldest that waits for a time of its own, so that it is to be
   * settled again, and the source is not complete beyond it. Undefined where nothing waits.
   */
  waitsSinceMs(): number | undefined
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
  readonly #stages: NormalizeStages
  readonly #lane: FilterLane | undefined
  readonly #parts: LineJoiner | undefined
  readonly #joiner: LineJoiner | undefined
  readonly #unwrap: ((item: RawItem) => RawItem) | undefined
  #item: RawItem = { text: '', key: '', receivedMs: 0 }
  #ingestedMs = 0
  #redelivered = false
  #scope: SenderScope | undefined
  #events: SecurityEvent[] = []
  #letters: DeadLetter[] = []
  #routine = new Map<string, number>()
  #lastRoutine: string | undefined
  /** What may be of an earlier input than the batch: its partner or its end came only now. */
  #told: (readonly [of: string, made: SecurityEvent | DeadLetter])[] = []
  #wasHolding = false

  constructor(options: PreparerOptions) {
    this.#options = options
    const { decoderSpec, decoderOptions, filter, metrics, joining, enricher: _, ...more } = options
    const { unwrap = 'auto', joinParts = true, ...rest } = more
    this.#decoder = decoderSpec.create(decoderOptions)
    this.#stages = createNormalizeStages({ ...rest, decoder: decoderSpec })
    this.#lane = filter && new FilterLane(filter, options.source, metrics)
    this.#unwrap = takesWhole(decoderSpec) ? undefined : unwrapping(unwrap)
    const joined = joinCounter(options.source, metrics)
    this.#joiner = joining && new LineJoiner(joining, joined)
    this.#parts = joinParts && decoderSpec.binary !== true ? partsJoiner(joined) : undefined
  }

  prepare(raw: RawBatch, ingestedMs: number): Prepared {
    this.#begin(ingestedMs, raw.redelivered === true, raw.scope)
    // What one sender may speak for does not hold for what another adds.
    const isWhole = raw.whole === true || raw.scope !== undefined
    this.#wasHolding = this.#joiner?.isHolding === true || this.#parts?.isHolding === true
    const entries = this.#parts?.join(raw.items, ingestedMs, isWhole) ?? raw.items
    const items = this.#lines(entries, ingestedMs, isWhole)
    const shownFrom = items.length - SEEN_MAX
    const seen: SeenInput[] = []
    for (let index = 0; index < items.length; index++) {
      const item = items[index]
      if (item === undefined) continue
      this.#item = item
      const events = this.#events.length
      const letters = this.#letters.length
      this.#lastRoutine = undefined
      this.#decode(item)
      if (index >= shownFrom) seen.push(this.#seen(events, letters))
    }
    const told = this.#told
    const older = told.length === 0 ? {} : { older: () => olderThan(raw.items, told) }
    return { ...this.#end(raw.cursor), seen, ...older }
  }

  /** Whole lines, and records of several, out of the entries of a log. */
  #lines(entries: readonly RawItem[], nowMs: number, isWhole: boolean): readonly RawItem[] {
    const lines = this.#unwrap === undefined ? entries : entries.map(this.#unwrap)
    return this.#joiner?.join(lines, nowMs, isWhole) ?? lines
  }

  #decode(item: RawItem): void {
    const { cut, unreadable } = item
    if (cut !== undefined) this.reject('DECODE_TOO_LONG', `${cut.bytes} bytes long`)
    else if (unreadable !== undefined) this.reject(unreadable.code, unreadable.detail)
    else {
      try {
        this.#decoder.decode(item, this)
      } catch (error) {
        // No input may make a decoder throw; where one does, its source must not stand still for it.
        const why = error instanceof Error ? error.message : String(error)
        this.reject('DECODE_FAULT', `the decoder failed on it: ${why.slice(0, 200)}`)
      }
    }
  }

  settle(ingestedMs: number, quiet = false): Prepared | undefined {
    const isHolding = this.#joiner?.isHolding === true || this.#parts?.isHolding === true
    if (this.#decoder.settle === undefined && !isHolding) return undefined
    this.#begin(ingestedMs, false, undefined)
    const entries = this.#parts?.settle(ingestedMs, !quiet) ?? []
    const lines = this.#lines(entries, ingestedMs, false)
    const ended = [...lines, ...(this.#joiner?.settle(ingestedMs, !quiet) ?? [])]
    for (const item of ended) {
      this.#item = item
      this.#decode(item)
    }
    this.#decoder.settle?.(this, quiet, ingestedMs)
    const told = this.#events.length + this.#letters.length + this.#routine.size
    return ended.length + told === 0 ? undefined : this.#end(undefined)
  }

  waitsSinceMs(): number | undefined {
    return earliest([
      this.#parts?.waitsSinceMs(),
      this.#joiner?.waitsSinceMs(),
      this.#decoder.waitsSinceMs?.(),
    ])
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    const { enricher } = this.#options
    const all = [...entries].filter(([key, value]) => enricher?.restore(key, value) !== true)
    const lines = this.#parts?.restore(all) ?? all
    const own = this.#joiner?.restore(lines) ?? lines
    this.#decoder.restore?.(own)
  }

  stats(): Readonly<Record<string, number>> {
    return this.#decoder.stats?.() ?? {}
  }

  event(draft: Draft): void {
    const shaped = this.#stages.shape(draft, this.#item, this.#redelivered)
    // After shaping: what the delivery says beside the input counts as much as the input.
    const beyond = this.#scope === undefined ? undefined : outOfScope(shaped.doc, this.#scope)
    if (beyond !== undefined) {
      this.reject('DECODE_FIELD', `${beyond}, which the sender's token is not of`)
      return
    }
    const { enricher, source } = this.#options
    if (enricher !== undefined) {
      enricher.enrich(shaped.doc, shaped.time)
      shaped.time = settleClaim(shaped, source, enricher.cohorts)
    }
    const folded = this.#lane?.fold(shaped)
    if (folded !== undefined) return this.routine(folded)
    const made = this.#stages.finish(shaped, this.#ingestedMs)
    this.#events.push(made)
    const { origin } = shaped
    if (this.#wasHolding || origin !== this.#item) this.#told.push([origin.key, made])
  }

  routine(className: string, sign?: LifeSign): void {
    if (sign !== undefined) this.#sign(sign)
    this.#lastRoutine = className
    const count = this.#routine.get(className)
    if (count !== undefined) this.#routine.set(className, count + 1)
    else if (this.#routine.size < ROUTINE_CLASSES_MAX) this.#routine.set(className, 1)
    else this.#routine.set('other', (this.#routine.get('other') ?? 0) + 1)
  }

  /** A sign of life goes the way of events, as far as it is one. */
  #sign({ action, clientId, timeMs, bytes, topic }: LifeSign): void {
    if (this.#lane === undefined) return
    const { receivedMs } = this.#item
    const { skewMs = SKEW_DEFAULT_MS, decoderSpec, enricher } = this.#options
    const time = timeMs === undefined || timeMs > receivedMs + skewMs ? receivedMs : timeMs
    const mqtt = {
      client_id: clientId,
      payload_bytes: bytes,
      ...(topic !== undefined && { topic }),
    }
    const doc = { event: { action, dataset: `${decoderSpec.name}.log` }, iot: { mqtt } }
    enricher?.enrich(doc, time)
    this.#lane.sign(doc, time, this.#item)
  }

  reject(code: RejectCode, detail: string): void {
    const { source, tenant, decoderSpec } = this.#options
    const { key, receivedMs, facts, text, bytes } = this.#item
    const letter: DeadLetter = {
      id: shortId(tenant, source, key, 'reject'),
      source,
      decoder: decoderSpec.name,
      code,
      message: detail,
      receivedMs,
      key,
      ...rawOf(text, bytes),
      ...(facts === undefined ? {} : { facts }),
    }
    this.#letters.push(letter)
    if (this.#wasHolding) this.#told.push([key, letter])
  }

  /** What became of the item just decoded; the counts are those before it. */
  #seen(events: number, letters: number): SeenInput {
    const { receivedMs, text } = this.#item
    const shown = { receivedMs, text: text.slice(0, SEEN_TEXT_MAX) }
    const letter = this.#letters[letters]
    if (letter !== undefined) {
      return { ...shown, outcome: 'reject', code: letter.code, message: letter.message }
    }
    if (this.#events.length > events) {
      const made = this.#events.slice(events).map(({ doc }) => String(fieldOf(doc, 'event.action')))
      return { ...shown, outcome: 'events', actions: [...new Set(made)].slice(0, SEEN_MAX) }
    }
    if (this.#lastRoutine === undefined) return { ...shown, outcome: 'held' }
    return { ...shown, outcome: 'routine', code: this.#lastRoutine }
  }

  #begin(ingestedMs: number, redelivered: boolean, scope: SenderScope | undefined): void {
    this.#scope = scope
    this.#ingestedMs = ingestedMs
    this.#redelivered = redelivered
    this.#events = []
    this.#letters = []
    this.#told = []
    this.#routine = new Map()
    this.#lane?.begin()
  }

  #end(cursor: RawBatch['cursor']): Prepared {
    const { source } = this.#options
    const learnt = this.#options.enricher?.takeChanges() ?? []
    const held = [...(this.#parts?.takeChanges() ?? []), ...(this.#joiner?.takeChanges() ?? [])]
    const changes = [...held, ...(this.#decoder.takeChanges?.() ?? []), ...learnt]
    const rollups = this.#lane?.take() ?? []
    const batch: JournalBatch = {
      source,
      ingestedMs: this.#ingestedMs,
      ...(this.#events.length === 0 ? {} : { events: this.#events }),
      ...(rollups.length === 0 ? {} : { rollups }),
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

/** The earliest of the times that there are. */
export function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

export function joinCounter(source: string, metrics: Metrics | undefined): (end: JoinEnd) => void {
  const joined = metrics?.counter(
    'picket_source_joined_total',
    'Records of several lines, by how they ended: whole, next, quiet, limit.',
  )
  return (end) => joined?.inc({ source, end })
}

function olderThan(
  items: readonly RawItem[],
  told: readonly (readonly [of: string, made: SecurityEvent | DeadLetter])[],
): Older {
  const keys = new Set(items.map(({ key }) => key))
  const events: SecurityEvent[] = []
  const deadLetters: DeadLetter[] = []
  for (const [of, made] of told) {
    if (keys.has(of)) continue
    if ('doc' in made) events.push(made)
    else deadLetters.push(made)
  }
  return { events, deadLetters }
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
