import { ANEW } from '../base/anew.ts'
import { shortId } from '../base/hash.ts'
import type { DecoderSpec, Draft } from '../model/decoder.ts'
import type { EcsDoc, SecurityEvent } from '../model/event.ts'
import type { RawItem } from '../model/source.ts'
import { fillRelated } from './related.ts'

/** Version of the Elastic Common Schema that documents follow; that of the package `@elastic/ecs`. */
export const ECS_VERSION = '9.4.0'
export const SKEW_DEFAULT_MS = 300_000
const TIME_MIN_MS = Date.UTC(1, 0, 1)
const TIME_MAX_MS = Date.UTC(9999, 11, 31)

export interface NormalizerOptions {
  readonly source: string
  readonly decoder: DecoderSpec
  readonly tenant: string
  /**
   * How far ahead of its receipt an event may claim to be; 5 minutes unless set. Infinity where
   * files are read as complete, long after.
   */
  readonly skewMs?: number | undefined
  /** `hash` unless set: of tenant, source, delivery key and part. `own` keeps the document's id. */
  readonly ids?: 'hash' | 'own' | undefined
  /** Leave out `event.original`. */
  readonly withoutOriginal?: boolean
}

export type Normalize = (
  draft: Draft,
  item: RawItem,
  ingestedMs: number,
  redelivered?: boolean,
) => SecurityEvent

/** A draft on its way to an event: its document but for ids, times, input and what is gathered. */
export interface Shaped {
  readonly draft: Draft
  readonly origin: RawItem
  /** `@timestamp` to be, in ms since the epoch. */
  time: number
  /** The document; its top level and `event` may be changed, what hangs below belongs to the draft. */
  readonly doc: EcsDoc
  readonly event: EcsDoc
  /** Time that the input claims, in ms; `time` is another where it was set aside. */
  readonly claim: number | undefined
}

/** The two halves of normalization, so that what is only counted is never made whole. */
export interface NormalizeStages {
  readonly shape: (draft: Draft, item: RawItem, redelivered?: boolean) => Shaped
  readonly finish: (shaped: Shaped, ingestedMs: number) => SecurityEvent
}

/**
 * Makes a decoded draft an event: ids, receipt times, what every document must have. Rule of time: a
 * claim beyond the skew ahead of receipt, or before year 1, moves nothing; `@timestamp` is then the
 * receipt, the claim stands in `iot.time.claimed`, and `iot.time.ahead` is true.
 */
export function createNormalizer(options: NormalizerOptions): Normalize {
  const { shape, finish } = createNormalizeStages(options)
  return (draft, item, ingestedMs, redelivered = false) =>
    finish(shape(draft, item, redelivered), ingestedMs)
}

export function createNormalizeStages(options: NormalizerOptions): NormalizeStages {
  const { source, decoder, tenant, skewMs = SKEW_DEFAULT_MS, ids = 'hash' } = options
  const keepOriginal = decoder.wholeInput !== true && options.withoutOriginal !== true
  const claimedIso = new IsoCache()
  const createdIso = new IsoCache()
  const ingestedIso = new IsoCache()
  const module = decoder.name
  const dataset = `${decoder.name}.log`

  const shape = (draft: Draft, item: RawItem, redelivered = false): Shaped => {
    const origin = draft.origin ?? item
    const createdMs = origin.receivedMs
    const claimMs = draft.timeMs ?? timeOf(origin.facts)
    const late = claimMs !== undefined && (claimMs > createdMs + skewMs || !inRange(claimMs))
    const time = claimMs === undefined || late ? createdMs : claimMs
    const given = draft.doc['event']
    const inner = isObject(given) ? given : undefined
    const event: EcsDoc = {
      id: '',
      kind: 'event',
      action: draft.action,
      outcome: 'unknown',
      module,
      dataset,
      provider: module,
      created: '',
      ingested: '',
    }
    if (inner !== undefined) fill(event, inner)
    const upstream = inner?.['id']
    if (ids === 'hash' && upstream !== undefined) event['reference'] ??= String(upstream)
    if (event['category'] === undefined) event['category'] = []
    if (event['type'] === undefined) event['type'] = ['info']
    const doc: EcsDoc = { '@timestamp': '', ...draft.doc, event }
    doc['ecs'] = ECS
    if (given !== undefined && inner === undefined) addIot(doc, 'upstream', { event: given })
    if (late) addIot(doc, 'time', { claimed: isoOf(claimMs), ahead: true })
    if (redelivered) addIot(doc, 'redelivered', true)
    if (origin.facts !== undefined) addFacts(doc, origin.facts)
    return { draft, origin, time, doc, event, claim: claimMs }
  }

  const finish = (
    { draft, origin, time, doc, event }: Shaped,
    ingestedMs: number,
  ): SecurityEvent => {
    const given = draft.doc['event']
    const inner = isObject(given) ? given : undefined
    const id =
      (ids === 'own' ? ownId(draft.doc, inner) : undefined) ??
      shortId(tenant, source, origin.key, String(draft.part ?? 0))
    event['id'] = id
    event['created'] = createdIso.of(origin.receivedMs)
    event['ingested'] = ingestedIso.of(ingestedMs)
    const upstream = ids === 'own' ? inner?.['id'] : undefined
    if (upstream !== undefined && upstream !== id) event['reference'] ??= String(upstream)
    if (keepOriginal) event['original'] ??= draft.original ?? origin.text
    doc['@timestamp'] = claimedIso.of(time)
    if (origin.bytes !== undefined && decoder.binary !== true) addTag(doc, 'invalid-encoding')
    fillRelated(doc)
    return { id, time, doc }
  }
  return { shape, finish }
}

const ECS = { version: ECS_VERSION } as const

/** What an upstream says of its events is kept; when and as what we received them is ours to say. */
function fill(event: EcsDoc, given: EcsDoc): void {
  Object.assign(event, given)
  event['id'] = ''
  event['created'] = ''
  event['ingested'] = ''
}

function ownId(doc: EcsDoc, event: EcsDoc | undefined): string | undefined {
  const id = event?.['id'] ?? doc['_id'] ?? doc['serial_event_id']
  if (typeof id === 'string' && id !== '') return id
  return typeof id === 'number' ? String(id) : undefined
}

/** A time that the delivery named beside the input (HEC's `time`), in ms. */
function timeOf(facts: RawItem['facts']): number | undefined {
  const time = facts?.['time']
  return time === undefined ? undefined : Number(time)
}

/** What a delivery said beside the input; names that have no place in ECS become labels. */
function addFacts(doc: EcsDoc, facts: Readonly<Record<string, string>>): void {
  const { path, host } = facts
  if (path !== undefined) {
    const log = isObject(doc['log']) ? doc['log'] : {}
    doc['log'] = { ...ANEW, ...log, file: { path } }
  }
  if (facts['transport'] === undefined) return
  if (host !== undefined) {
    const known = isObject(doc['host']) ? doc['host'] : {}
    doc['host'] = { name: host, ...known }
  }
  let labels: EcsDoc | undefined
  for (const name in facts) {
    if (NO_LABELS.has(name)) continue
    const value = facts[name]!
    if (name === 'topic') addTopic(doc, value)
    else if (name.startsWith('ecs.')) fillPath(doc, name.slice(4).split('.'), value)
    else {
      labels ??= isObject(doc['labels']) ? { ...doc['labels'] } : {}
      labels[name.startsWith('field.') ? name.slice(6).replaceAll('.', '_') : name] ??= value
    }
  }
  if (labels !== undefined) doc['labels'] = labels
}

/** As `fillPath`, for what stands on every message of a broker. */
function addTopic(doc: EcsDoc, topic: string): void {
  const iot = doc['iot']
  if (iot === undefined) {
    doc['iot'] = { mqtt: { topic } }
    return
  }
  if (!isObject(iot)) return
  const mqtt = iot['mqtt']
  if (mqtt === undefined) doc['iot'] = { ...ANEW, ...iot, mqtt: { topic } }
  else if (isObject(mqtt)) {
    doc['iot'] = { ...ANEW, ...iot, mqtt: { ...ANEW, ...mqtt, topic: mqtt['topic'] ?? topic } }
  }
}

const NO_LABELS: ReadonlySet<string> = new Set(['path', 'host', 'time', 'transport'])

/** Sets a field that the document does not have; what it says itself counts more. */
function fillPath(doc: EcsDoc, path: readonly string[], value: string): void {
  let at = doc
  for (const name of path.slice(0, -1)) {
    const inner = at[name]
    if (inner !== undefined && !isObject(inner)) return
    const copy: EcsDoc = { ...inner }
    at[name] = copy
    at = copy
  }
  const last = path.at(-1)
  if (last !== undefined) at[last] ??= value
}

function addTag(doc: EcsDoc, tag: string): void {
  const tags = Array.isArray(doc['tags']) ? (doc['tags'] as unknown[]) : []
  doc['tags'] = [...tags, tag]
}

function addIot(doc: EcsDoc, name: string, value: unknown): void {
  const iot = isObject(doc['iot']) ? doc['iot'] : {}
  const before = iot[name]
  const whole = isObject(before) && isObject(value) ? { ...ANEW, ...before, ...value } : value
  doc['iot'] = { ...ANEW, ...iot, [name]: whole }
}

function inRange(ms: number): boolean {
  return ms >= TIME_MIN_MS && ms <= TIME_MAX_MS
}

/** ISO 8601, or the number itself where no calendar reaches. */
function isoOf(ms: number): string | number {
  return Math.abs(ms) <= 8.64e15 ? new Date(ms).toISOString() : ms
}

function isObject(value: unknown): value is EcsDoc {
  return value !== null && typeof value === 'object' && !Array.isArray(value)
}

/** Neighbouring events mostly share their times to the millisecond. */
class IsoCache {
  #ms = Number.NaN
  #text = ''
  of(ms: number): string {
    if (ms !== this.#ms) {
      this.#ms = ms
      this.#text = new Date(ms).toISOString()
    }
    return this.#text
  }
}
