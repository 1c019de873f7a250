import type { IncomingHttpHeaders } from 'node:http'
import { splitJson } from '../../decode/document/json-texts.ts'
import type { RawItem } from '../../model/source.ts'

export type Documents =
  | { readonly ok: true; readonly texts: readonly string[] }
  | { readonly ok: false; readonly message: string; readonly isTooMany?: boolean }

/** Events of one request: each is an object of its own while they are read, however short. */
export const EVENTS_MAX = 200_000
const TOO_MANY = {
  ok: false,
  message: `more than ${EVENTS_MAX} events in one request`,
  isTooMany: true,
} as const

/**
 * The events of a body: one JSON object a line, or each on several lines; a JSON array; CloudEvents 1.0
 * in structured, batch or binary form (https://github.com/cloudevents/spec, HTTP binding, section 3).
 */
export function splitDocuments(body: Buffer, headers: IncomingHttpHeaders): Documents {
  const text = body.toString('utf8').replace(/^\uFEFF/, '')
  const type = (headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (headers['ce-specversion'] !== undefined) return binaryEvent(text, type, headers)
  if (type === 'application/cloudevents+json') return ofOne(text)
  if (/^\s*\[/.test(text)) return ofArray(text)
  const texts = jsonTexts(text)
  if (texts !== undefined) return { ok: true, texts }
  const lines = linesOf(text)
  return lines === undefined ? TOO_MANY : { ok: true, texts: lines }
}

/** The lines with something in them; undefined where they are more than a request may have. */
export function linesOf(text: string): readonly string[] | undefined {
  const lines: string[] = []
  for (let from = 0; from < text.length;) {
    const feed = text.indexOf('\n', from)
    const end = feed < 0 ? text.length : feed
    const line = text.slice(from, text.charCodeAt(end - 1) === 13 ? end - 1 : end)
    from = end + 1
    if (line.trim() === '') continue
    if (lines.length === EVENTS_MAX) return undefined
    lines.push(line)
  }
  return lines
}

/** The JSON documents of a text, where the first of them stands on several lines; else undefined. */
export function jsonTexts(text: string): readonly string[] | undefined {
  const [, first = ''] = /^\s*([{[][^\n]*)/.exec(text) ?? []
  const begun = first.trimEnd()
  if (begun === '' || begun.endsWith('}') || begun.endsWith(']')) return undefined
  return splitJson(text, EVENTS_MAX)
}

const TOO_DEEP = { ok: false, message: 'the body is nested too deeply' } as const

/** JSON of what was parsed; undefined where it is nested deeper than can be written. */
export function toText(value: unknown): string | undefined {
  try {
    return JSON.stringify(value)
  } catch (error) {
    if (error instanceof RangeError) return undefined
    throw error
  }
}

function ofOne(text: string): Documents {
  const parsed = parse(text)
  if (parsed === undefined) return { ok: false, message: 'the body is no JSON' }
  const one = toText(parsed)
  return one === undefined ? TOO_DEEP : { ok: true, texts: [one] }
}

function ofArray(text: string): Documents {
  const parsed = parse(text)
  if (!Array.isArray(parsed)) return { ok: false, message: 'the body is no JSON array' }
  if (parsed.length > EVENTS_MAX) return TOO_MANY
  const texts = parsed.map((one: unknown) => toText(one))
  return texts.every((one) => one !== undefined) ? { ok: true, texts } : TOO_DEEP
}

/** Attributes stand in `ce-` headers, percent-encoded; the body is the data. */
function binaryEvent(text: string, type: string, headers: IncomingHttpHeaders): Documents {
  const event: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('ce-') && typeof value === 'string') event[name.slice(3)] = decoded(value)
  }
  const isJson = type === 'application/json' || type.endsWith('+json')
  const data = isJson ? parse(text) : text
  if (isJson && data === undefined && text !== '') {
    return { ok: false, message: 'the data of the CloudEvent is no JSON' }
  }
  if (type !== '') event['datacontenttype'] = type
  const one = toText({ ...event, data })
  return one === undefined ? TOO_DEEP : { ok: true, texts: [one] }
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    return value
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** An item of limited length. */
export function toHttpItem(
  text: string,
  of: Pick<RawItem, 'key' | 'receivedMs' | 'facts' | 'stream'>,
  bytesMax: number,
): RawItem {
  if (text.length * 3 <= bytesMax) return { text, ...of }
  const bytes = Buffer.byteLength(text)
  if (bytes <= bytesMax) return { text, ...of }
  const beginning = Buffer.from(text)
    .subarray(0, bytesMax)
    .toString('utf8')
    .replace(/\uFFFD$/, '')
  return { text: beginning, ...of, cut: { bytes } }
}
