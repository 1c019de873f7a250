import { ANEW } from '../../base/anew.ts'
import { base64Bytes, gunzipBounded, hexBytes, isGzip, utf8Text } from '../../base/inflate.ts'
import { readCbor } from '../cbor/read-cbor.ts'
import type { RawItem } from '../../model/source.ts'
import { splitJson } from './json-texts.ts'
import { asTime } from './values.ts'

/** Largest text that a decoder of documents takes, and what gzip may grow to. */
export const DOCUMENT_CHARACTERS_MAX = 33_554_432
const PARTS_MAX = 100_000
const HEAD_MAX = 1_024
const CBOR_LIMITS = { depthMax: 32, valuesMax: 100_000 } as const

export type Read =
  | {
      readonly ok: true
      readonly values: readonly unknown[]
      /** MQTT topic, where a fact or the words before the value name one. */
      readonly topic?: string | undefined
      readonly timeMs?: number | undefined
    }
  | {
      readonly ok: false
      readonly code: 'DECODE_SYNTAX' | 'DECODE_TOO_LONG' | 'DECODE_ENCODING'
      readonly detail: string
    }

/**
 * The values of one delivery: JSON (one value, or several without anything between), CBOR on a topic
 * that ends in `/cbor` (bytes, hex or base64), gzip of JSON. Before the value may stand what tools
 * print there: an ISO time, a topic, the name of a log stream. `undefined`: blank.
 */
export function readDelivery(item: RawItem): Read | undefined {
  const { bytes } = item
  const topic = item.facts?.['topic']
  if (bytes !== undefined) {
    const fromBytes = readBytes(bytes, topic)
    if (fromBytes !== undefined) return fromBytes
  }
  return readText(item.text, topic)
}

function readBytes(bytes: Uint8Array, topic: string | undefined): Read | undefined {
  if (isGzip(bytes)) return readGzip(bytes, topic)
  if (isCborTopic(topic) || looksLikeCborMap(bytes)) return cborOf(bytes, topic)
  return undefined
}

function readGzip(bytes: Uint8Array, topic: string | undefined): Read | undefined {
  const inflated = gunzipBounded(bytes, DOCUMENT_CHARACTERS_MAX)
  const text = inflated === undefined ? undefined : utf8Text(inflated)
  if (text !== undefined) return readText(text, topic)
  return { ok: false, code: 'DECODE_ENCODING', detail: 'The gzip bytes are damaged or too large.' }
}

function readText(text: string, known: string | undefined): Read | undefined {
  if (text.length > DOCUMENT_CHARACTERS_MAX) {
    const detail = `${text.length} characters, at most ${DOCUMENT_CHARACTERS_MAX}.`
    return { ok: false, code: 'DECODE_TOO_LONG', detail }
  }
  const from = firstInk(text)
  if (from < 0) return undefined
  const first = text.charCodeAt(from)
  if (first === 123 || first === 91) return jsonOf(from === 0 ? text : text.slice(from), known)
  return readHeaded(text.slice(from), known)
}

/** `2026-11-22T10:00:00Z $aws/things/t/shadow/update/documents {…}` and its parts. */
function readHeaded(text: string, known: string | undefined): Read {
  const begin = firstOf(text.slice(0, HEAD_MAX))
  const head = begin < 0 ? text.slice(0, HEAD_MAX) : text.slice(0, begin)
  const words = head.trim().split(/\s+/, 12)
  const topic = known ?? words.find((word) => word.startsWith('$aws/')) ?? words.find(isTopic)
  const timeMs = asTime(words[0])
  const seen = { topic, timeMs }
  if (begin >= 0 && !isCborTopic(topic)) {
    const read = jsonOf(text.slice(begin), topic)
    return read.ok ? { ...ANEW, ...read, ...seen } : read
  }
  const last = text.slice(text.trimEnd().search(/\S+$/)).trim()
  const bytes = isCborTopic(topic) ? (hexBytes(last) ?? base64Bytes(last)) : undefined
  if (bytes !== undefined) {
    const read = cborOf(bytes, topic)
    return read.ok ? { ...ANEW, ...read, ...seen } : read
  }
  return { ok: false, code: 'DECODE_SYNTAX', detail: 'No JSON object or list begins here.' }
}

function jsonOf(text: string, topic: string | undefined): Read {
  try {
    return { ok: true, values: [JSON.parse(text) as unknown], topic }
  } catch (error) {
    const parts = splitJson(text, PARTS_MAX)
    if (parts === undefined || parts.length < 2) return syntax(error)
    try {
      return { ok: true, values: parts.map((part) => JSON.parse(part) as unknown), topic }
    } catch (inner) {
      return syntax(inner)
    }
  }
}

function syntax(error: unknown): Read {
  const text = error instanceof Error ? error.message : 'Not JSON.'
  const at = /position (\d+)/.exec(text)
  const place = at === null ? '' : ` (column ${Number(at[1]) + 1})`
  return { ok: false, code: 'DECODE_SYNTAX', detail: text.slice(0, 160) + place }
}

function cborOf(bytes: Uint8Array, topic: string | undefined): Read {
  const read = readCbor(bytes, CBOR_LIMITS)
  if (read.ok) return { ok: true, values: [read.value], topic }
  return { ok: false, code: 'DECODE_SYNTAX', detail: `This is no CBOR: ${read.problem}.` }
}

export const isCborTopic = (topic: string | undefined): boolean => topic?.endsWith('/cbor') === true

/** A map of at most 23 members, or a tagged or open one: what a report begins with. */
function looksLikeCborMap(bytes: Uint8Array): boolean {
  const first = bytes[0] ?? 0
  return (first >= 0xa1 && first <= 0xb7) || first === 0xbf || first === 0xd9
}

function firstInk(text: string): number {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 32 && code !== 0xfeff) return at
  }
  return -1
}

function firstOf(text: string): number {
  const brace = text.indexOf('{')
  const bracket = text.indexOf('[')
  if (brace < 0 || bracket < 0) return Math.max(brace, bracket)
  return Math.min(brace, bracket)
}

const isTopic = (word: string): boolean => word.includes('/') && asTime(word) === undefined
