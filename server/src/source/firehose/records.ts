import { base64Bytes, gunzipBounded, isGzip } from '../../base/inflate.ts'
import { splitObjects } from '../hec/envelopes.ts'

/** A request of Amazon Data Firehose's HTTP endpoint contract. */
export interface FirehoseRequest {
  readonly requestId: string
  readonly records: readonly string[]
}

const TEXTS_MAX = 100_000

/** The request, or what is wrong with it. */
export function readRequest(text: string): FirehoseRequest | { readonly fault: string } {
  const parsed = parse(text)
  if (parsed === undefined) return { fault: 'the body is no JSON object' }
  const { requestId, records } = parsed
  if (typeof requestId !== 'string' || requestId === '' || requestId.length > 200) {
    return { fault: 'requestId is missing' }
  }
  if (!Array.isArray(records)) return { fault: 'records is missing' }
  const data: string[] = []
  for (const record of records as readonly unknown[]) {
    const one: unknown =
      typeof record === 'object' && record !== null ? Reflect.get(record, 'data') : undefined
    if (typeof one !== 'string') return { fault: `record ${data.length + 1} has no data` }
    data.push(one)
  }
  return { requestId, records: data }
}

/**
 * The inputs that the records hold: lines, or JSON objects one after the other with or without white
 * space between them. Records that are gzip (CloudWatch Logs sends such) are unpacked; all of them
 * together may grow to `bytesMax`.
 */
export function readTexts(
  records: readonly string[],
  split: 'auto' | 'record',
  bytesMax: number,
): string[] | { readonly fault: string; readonly tooLarge: boolean } {
  const texts: string[] = []
  let room = bytesMax
  for (const [index, data] of records.entries()) {
    const of = `record ${index + 1}`
    if (data.trim() === '') continue
    const bytes = base64Bytes(data)
    if (bytes === undefined) return { fault: `${of} is no base64`, tooLarge: false }
    const plain = isGzip(bytes) ? gunzipBounded(bytes, Math.max(1, room)) : bytes
    if (plain === undefined || plain.length > room) {
      return { fault: `${of} is damaged gzip or unpacks to too much`, tooLarge: true }
    }
    room -= plain.length
    const text = Buffer.from(plain).toString('utf8')
    for (const one of split === 'record' ? [text] : inputsOf(text)) {
      if (texts.length === TEXTS_MAX) {
        return { fault: `more than ${TEXTS_MAX} inputs in one request`, tooLarge: true }
      }
      texts.push(one)
    }
  }
  return texts
}

function* inputsOf(text: string): Generator<string> {
  if (!/^\s*\{/.test(text)) {
    yield* linesOf(text)
    return
  }
  for (const slice of splitObjects(text)) {
    if (slice.startsWith('{')) yield slice
    else yield* linesOf(slice)
  }
}

function* linesOf(text: string): Generator<string> {
  for (const line of text.split(/\r?\n/)) if (line.trim() !== '') yield line
}

const ATTRIBUTES_MAX = 50

/** Attributes of the delivery stream, as facts (`X-Amz-Firehose-Common-Attributes`). */
export function attributeFacts(header: string | undefined): Record<string, string> {
  const common = header === undefined ? undefined : parse(header)?.['commonAttributes']
  if (typeof common !== 'object' || common === null) return {}
  const facts: [string, string][] = []
  for (const [name, value] of Object.entries(common).slice(0, ATTRIBUTES_MAX)) {
    if (typeof value === 'string')
      facts.push([`field.${name.slice(0, 256)}`, value.slice(0, 1_024)])
  }
  return Object.fromEntries(facts)
}

/** A JSON object; undefined for anything else. */
export function parse(text: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
    return isObject ? (parsed as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
