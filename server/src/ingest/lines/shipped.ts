import { isDeeperThan } from '../../base/nesting.ts'
import type { DecoderSpec } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'

/**
 * Where the line stands that a log shipper put into a document: `auto` finds it in the documents of
 * known shippers, `never` leaves documents as they are, else the path of the field (`event.original`).
 */
export type Unwrap = string

type Json = Readonly<Record<string, unknown>>
type Facts = Record<string, string>

const FACT_CHARS_MAX = 4_096
const FACTS_MAX = 100
const DEPTH_MAX = 8

/** To these the document itself is the event, whoever made it. */
export function takesWhole(decoder: DecoderSpec): boolean {
  return decoder.name === 'json' || decoder.binary === true
}

/**
 * Takes the line out of the document that a log shipper made around it, so that its decoder reads it
 * as if it had come alone. What else the document says becomes facts of the delivery: host, path, time
 * and agent in their ECS places, the rest as labels. Undefined: there is nothing to take out, ever.
 */
export function unwrapping(unwrap: Unwrap): ((item: RawItem) => RawItem) | undefined {
  if (unwrap === 'never') return undefined
  const path = unwrap.split('.')
  return (item) => {
    if (item.cut !== undefined || item.text[0] !== '{') return item
    const isOtlp = item.facts?.['transport'] === 'otlp'
    if (unwrap === 'auto' && !isOtlp && !mayBeShipped(item.text)) return item
    const doc = parseObject(item.text)
    if (doc === undefined) return item
    const line = unwrap === 'auto' ? lineOf(doc, isOtlp) : textAt(doc, path)
    if (line === undefined || line === '') return item
    const { bytes: _bytes, ...rest } = item
    return { ...rest, text: line, facts: { ...item.facts, ...factsOf(doc, line) } }
  }
}

const MARKS = ['"ephemeral_id"', '"@version"', '"source_type"']

/** Cheap, because it is asked of every item; may say yes too often. */
function mayBeShipped(text: string): boolean {
  if (text.includes('"message"')) {
    return MARKS.some((mark) => text.includes(mark))
  }
  return text.includes('"log"') || text.includes('"line"')
}

/** Keys that Fluent Bit and its filters put beside `log`. */
const BESIDE_LOG = new Set(['log', 'time', 'date', '@timestamp', 'stream', '_p', 'kubernetes'])
/** Docker's `splunk` log driver, format `inline`. */
const BESIDE_LINE = new Set(['line', 'source', 'tag', 'attrs'])

function lineOf(doc: Json, isOtlp: boolean): string | undefined {
  const message = textAt(doc, ['event', 'original']) ?? doc['message']
  if (typeof message === 'string') {
    const { agent } = doc
    const isBeat = isObject(agent) && typeof agent['ephemeral_id'] === 'string'
    const isLogstash = doc['@version'] !== undefined && doc['@timestamp'] !== undefined
    const isVector = typeof doc['source_type'] === 'string'
    return isBeat || isLogstash || isVector || isOtlp ? message : undefined
  }
  const { log, line } = doc
  if (typeof log === 'string' && has(doc, BESIDE_LOG)) return log.replace(/\r?\n$/, '')
  if (typeof line === 'string' && has(doc, BESIDE_LINE)) return line
  return undefined
}

function has(doc: Json, names: ReadonlySet<string>): boolean {
  const keys = Object.keys(doc)
  const known = (key: string): boolean => names.has(key) || key.startsWith('container_')
  return keys.length > 1 && keys.every(known)
}

/** The line itself, and what says of the document that it is one. */
const OWN = new Set(['message', 'log', 'line', '@version', 'ecs', '@metadata'])

/** What has a place among the facts of any delivery. */
const TOLD = new Set([
  'host',
  'host.name',
  'file',
  'path',
  'log.file.path',
  '@timestamp',
  'timestamp',
])

/** What describes the sender in ECS; the rest may mean anything, and becomes labels. */
const ECS_NAME =
  /^(?:agent|cloud|container|device|host|observer|orchestrator|service|span|trace)(?:\.[a-z]\w*){1,4}$/

function factsOf(doc: Json, line: string): Facts {
  const facts: Facts = {}
  const host = textAt(doc, ['host', 'name']) ?? doc['host'] ?? textAt(doc, ['agent', 'hostname'])
  if (typeof host === 'string' && host !== '') facts['host'] = host.slice(0, FACT_CHARS_MAX)
  const path = textAt(doc, ['log', 'file', 'path']) ?? doc['file'] ?? doc['path']
  if (typeof path === 'string') facts['path'] = path.slice(0, FACT_CHARS_MAX)
  const stamp = doc['@timestamp'] ?? doc['timestamp']
  const timeMs = typeof stamp === 'string' ? Date.parse(stamp) : Number.NaN
  if (Number.isFinite(timeMs)) facts['time'] = String(timeMs)
  let left = FACTS_MAX
  let leftOut = 0
  const add = (value: unknown, at: readonly string[]): void => {
    if (value === line || value === null || value === undefined) return
    if (isObject(value)) {
      if (at.length >= DEPTH_MAX) leftOut += 1
      else for (const name in value) add(value[name], [...at, name])
      return
    }
    if (left === 0 || isDeeperThan(value, DEPTH_MAX)) {
      leftOut += 1
      return
    }
    left -= 1
    const text = Array.isArray(value) ? value.map(plain).join(',') : plain(value)
    const name = at.join('.').slice(0, 200)
    const isEcs = typeof value === 'string' && ECS_NAME.test(name)
    const key = isEcs ? `ecs.${name}` : `field.${name}`
    facts[key] = text.slice(0, FACT_CHARS_MAX)
  }
  for (const name in doc) {
    const value = doc[name]
    const isTold = TOLD.has(name) && (value === host || value === path || value === stamp)
    if (isTold || (OWN.has(name) && !isObject(value))) continue
    if (name === 'log' && isObject(value)) add({ offset: value['offset'] }, ['log'])
    else if (name === 'host' && isObject(value)) add(without(value, 'name'), ['host'])
    else if (name === 'event' && isObject(value)) add(without(value, 'original'), ['event'])
    else if (!OWN.has(name)) add(value, [name])
  }
  if (leftOut > 0) facts['field.fields_left_out'] = String(leftOut)
  return facts
}

function plain(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

function without(value: Json, name: string): Json {
  const { [name]: _, ...rest } = value
  return rest
}

function textAt(doc: Json, path: readonly string[]): string | undefined {
  const dotted = path.length > 1 ? doc[path.join('.')] : undefined
  if (typeof dotted === 'string') return dotted
  let value: unknown = doc
  for (const name of path) value = isObject(value) ? value[name] : undefined
  return typeof value === 'string' ? value : undefined
}

function parseObject(text: string): Json | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return isObject(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
