import { ANEW } from '../../base/anew.ts'
import { EVENTS_MAX, toText } from '../http/documents.ts'

/** One event as Splunk's HTTP Event Collector takes it. */
export interface Envelope {
  readonly text: string
  readonly facts: Readonly<Record<string, string>>
  /** It was a text or number, not an object. */
  readonly plain: boolean
}

/** Codes of the collector's answers; see `ANSWERS` in hec.ts. */
export type EnvelopeFault = 6 | 12 | 13 | 15

export interface Envelopes {
  readonly events: readonly Envelope[]
  /** More than a request may have: none of them is taken. */
  readonly isTooMany?: boolean
  /** What stopped the reading, and at which event, counted from 0. */
  readonly fault?: { readonly code: EnvelopeFault; readonly at: number }
}

const FIELDS_MAX = 200
const VALUE_CHARS_MAX = 4_096

/** Metadata of an envelope, or of the query of a raw request. */
export interface Metadata {
  readonly time?: unknown
  readonly host?: unknown
  readonly source?: unknown
  readonly sourcetype?: unknown
  readonly index?: unknown
}

/**
 * Reads envelopes that stand one after the other with or without white space between them. Metadata
 * of one event holds for the next ones too where they give none, as Splunk has it, and that of the
 * query for all.
 */
export function readEnvelopes(text: string, query: Metadata = {}): Envelopes {
  const events: Envelope[] = []
  let carried = query
  for (const slice of splitObjects(text)) {
    const at = events.length
    if (at === EVENTS_MAX) return { events: [], isTooMany: true }
    const envelope = parseObject(slice)
    if (envelope === undefined) return { events, fault: { code: 6, at } }
    const { event, fields } = envelope
    if (event === undefined || event === null) return { events, fault: { code: 12, at } }
    if (event === '') return { events, fault: { code: 13, at } }
    const own = fieldFacts(fields)
    if (own === undefined) return { events, fault: { code: 15, at } }
    carried = { ...carried, ...metadataOf(envelope) }
    const body = typeof event === 'string' ? event : toText(event)
    if (body === undefined) return { events, fault: { code: 6, at } }
    const plain = typeof event !== 'object'
    events.push({ text: body, facts: { ...ANEW, ...toFacts(carried), ...own }, plain })
  }
  return { events }
}

/** What an envelope, or a query, says beside the event. */
export function metadataOf(envelope: Readonly<Record<string, unknown>>): Metadata {
  const { host, source, sourcetype, index, time } = envelope
  const given = Object.entries({ host, source, sourcetype, index, time })
  return Object.fromEntries(given.filter(([, value]) => value !== undefined && value !== null))
}

/** Facts of a delivery; the time as milliseconds. */
export function toFacts(metadata: Metadata): Record<string, string> {
  const facts: Record<string, string> = {}
  for (const name of ['host', 'source', 'sourcetype', 'index'] as const) {
    const value = metadata[name]
    if (typeof value === 'string' && value !== '') facts[name] = value.slice(0, VALUE_CHARS_MAX)
  }
  const timeMs = readTime(metadata.time)
  if (timeMs !== undefined) facts['time'] = String(timeMs)
  else if (typeof metadata.time === 'string') facts['unread_time'] = metadata.time.slice(0, 200)
  return facts
}

/**
 * Seconds of the epoch with a fraction, as a number or as text (`1447828325.123`); longer numbers are
 * milliseconds, microseconds or nanoseconds, as Splunk reads them.
 */
export function readTime(time: unknown): number | undefined {
  const isText = typeof time === 'string' && /^\s*\d{1,19}(?:\.\d{1,9})?\s*$/.test(time)
  const seconds = isText ? Number(time) : time
  if (typeof seconds !== 'number' || !Number.isFinite(seconds) || seconds < 0) return undefined
  let ms = seconds * 1_000
  while (ms >= 1e15) ms /= 1_000
  return Math.round(ms)
}

/** Indexed fields: a flat object of texts, numbers, booleans, or lists of them. */
function fieldFacts(fields: unknown): Record<string, string> | undefined {
  if (fields === undefined || fields === null) return {}
  if (typeof fields !== 'object' || Array.isArray(fields)) return undefined
  const entries = Object.entries(fields)
  if (entries.length > FIELDS_MAX) return undefined
  const facts: Record<string, string> = {}
  for (const [name, value] of entries) {
    const values: unknown[] = Array.isArray(value) ? value : [value]
    if (values.some((one) => typeof one === 'object')) return undefined
    facts[`field.${name.slice(0, 200)}`] = values.map(String).join(',').slice(0, VALUE_CHARS_MAX)
  }
  return facts
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    return isObject ? (parsed as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN = 0x7b
const CLOSE = 0x7d

/** Where one object ends and the next begins: by braces outside of strings. */
export function* splitObjects(text: string): Generator<string> {
  let at = 0
  for (;;) {
    while (at < text.length && text.charCodeAt(at) <= 0x20) at += 1
    if (at >= text.length) return
    const end = endOfObject(text, at)
    yield text.slice(at, end)
    at = end
  }
}

function endOfObject(text: string, start: number): number {
  if (text.charCodeAt(start) !== OPEN) return text.length
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) at = endOfString(text, at)
    else if (code === OPEN) depth += 1
    else if (code === CLOSE) {
      depth -= 1
      if (depth === 0) return at + 1
    }
  }
  return text.length
}

/** Index of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  for (;;) {
    const quote = text.indexOf('"', at)
    if (quote < 0) return text.length
    let slashes = quote
    while (text.charCodeAt(slashes - 1) === BACKSLASH) slashes -= 1
    if ((quote - slashes) % 2 === 0) return quote
    at = quote + 1
  }
}
