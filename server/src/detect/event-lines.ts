import { isDeeperThan } from '../base/nesting.ts'
import { claimedTimeMs, nanosBelowMs } from '../base/timestamp.ts'
import { fieldOf, type EcsDoc, type SecurityEvent } from '../model/event.ts'
import type { RejectCode } from '../model/decoder.ts'

/** How the fields of events that are read as they are (`--ndjson`) are called. */
export interface EventFields {
  readonly timestamp?: string
  readonly tiebreaker?: string
}

/** An event with what files are put in order by. */
export interface OfflineEvent extends SecurityEvent {
  /** Value of the tie-breaker field; undefined where there is none. */
  readonly tie: string | number | undefined
  /** Nanoseconds within the millisecond, where the time is written so finely that `time` may round. */
  readonly nanos?: number
}

export type ReadEvent =
  | { readonly ok: true; readonly event: OfflineEvent; readonly timed: boolean }
  | { readonly ok: false; readonly code: RejectCode; readonly message: string }

/**
 * Looked at in this order where no field is named; the last ones are those of Windows event logs
 * exported as JSON, of CloudTrail and of Splunk.
 */
const TIME_FIELDS = [
  ...['@timestamp', 'timestamp', 'event.created', 'time', 'ts'],
  ...['EventTime', 'TimeCreated', 'UtcTime', 'eventTime', '_time'],
  'Event.System.TimeCreated.#attributes.SystemTime',
] as const
const ID_FIELDS = ['event.id', '_id', 'serial_event_id'] as const
const DEPTH_MAX = 64

/**
 * Reads a line that is one JSON event. Its id is its own (`event.id`, `_id`, `serial_event_id`) or
 * else the line's number. An event without a time, where none was asked for by name, takes
 * `untimedMs`: its place is then that of its line.
 */
export function readEventLine(
  text: string,
  at: { readonly line: string; readonly untimedMs: number; readonly fields: EventFields },
): ReadEvent {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { ok: false, code: 'DECODE_SYNTAX', message: syntaxMessage(error) }
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return { ok: false, code: 'DECODE_SYNTAX', message: 'The line is JSON, but no object.' }
  }
  if (isDeeperThan(value, DEPTH_MAX)) {
    const message = `The event is nested more than ${DEPTH_MAX} deep.`
    return { ok: false, code: 'DECODE_TOO_DEEP', message }
  }
  const doc = value as EcsDoc
  const time = timeOf(doc, at.fields.timestamp)
  if (time.wrong !== undefined) {
    return { ok: false, code: 'DECODE_TIME', message: time.wrong }
  }
  const { tiebreaker } = at.fields
  const tie = tiebreaker === undefined ? undefined : tieOf(fieldOf(doc, tiebreaker))
  const event = { id: idOf(doc) ?? at.line, time: time.ms ?? at.untimedMs, doc, tie }
  const timed = time.ms !== undefined
  return { ok: true, event: time.nanos > 0 ? { ...event, nanos: time.nanos } : event, timed }
}

function timeOf(
  doc: EcsDoc,
  named: string | undefined,
): { readonly ms?: number; readonly nanos: number; readonly wrong?: string } {
  for (const field of named === undefined ? TIME_FIELDS : [named]) {
    const value = fieldOf(doc, field)
    if (value === undefined || value === null) continue
    const one: unknown = Array.isArray(value) ? value[0] : value
    const ms = claimedTimeMs(one)
    if (ms !== undefined) return { ms, nanos: nanosBelowMs(one) }
    if (field === named || field === '@timestamp') {
      return { nanos: 0, wrong: `${field} holds no time: ${JSON.stringify(value).slice(0, 80)}` }
    }
  }
  return named === undefined ? { nanos: 0 } : { nanos: 0, wrong: `There is no ${named}.` }
}

function idOf(doc: EcsDoc): string | undefined {
  for (const field of ID_FIELDS) {
    const value = fieldOf(doc, field)
    if (typeof value === 'string' && value !== '') return value
    if (typeof value === 'number') return String(value)
  }
  return undefined
}

function tieOf(value: unknown): string | number | undefined {
  const one: unknown = Array.isArray(value) ? value[0] : value
  return typeof one === 'string' || typeof one === 'number' ? one : undefined
}

function syntaxMessage(error: unknown): string {
  const detail = error instanceof Error ? error.message : ''
  return `The line is no JSON: ${detail.slice(0, 160)}`
}

/** Event time, then the tie-breaker (numbers before text, none last); stable, so input order last. */
export function compareOffline(a: OfflineEvent, b: OfflineEvent): number {
  if (a.time !== b.time) return a.time - b.time
  if (a.nanos !== b.nanos) return (a.nanos ?? 0) - (b.nanos ?? 0)
  if (a.tie === b.tie) return 0
  if (a.tie === undefined) return 1
  if (b.tie === undefined) return -1
  if (typeof a.tie === 'number' && typeof b.tie === 'number') return a.tie - b.tie
  if (typeof a.tie !== typeof b.tie) return typeof a.tie === 'number' ? -1 : 1
  return a.tie < b.tie ? -1 : 1
}
