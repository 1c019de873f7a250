import { ANEW } from '../../base/anew.ts'
import { base64Bytes, gunzipBounded, isGzip, utf8Text } from '../../base/inflate.ts'
import type { EcsDoc } from '../../model/event.ts'
import { measure } from '../json/measure.ts'
import { splitJson } from './json-texts.ts'
import {
  asText,
  asTime,
  isObject,
  listAt,
  numberAt,
  objectAt,
  textAt,
  timeAt,
  valueAt,
} from './values.ts'

/** What the envelopes around a payload said of it. */
export interface Envelope {
  readonly topic?: string | undefined
  readonly timeMs?: number | undefined
  readonly account?: string | undefined
  readonly region?: string | undefined
  readonly topicArn?: string | undefined
  readonly messageId?: string | undefined
  readonly subject?: string | undefined
  readonly logGroup?: string | undefined
  readonly logStream?: string | undefined
  readonly sourcetype?: string | undefined
  readonly index?: string | undefined
  readonly host?: string | undefined
}

export interface Payload {
  readonly value: EcsDoc
  readonly envelope: Envelope
  /** The payload is all that was delivered, so the input itself is its original. */
  readonly whole: boolean
}

export interface Fault {
  readonly code: 'DECODE_SYNTAX' | 'DECODE_TOO_DEEP'
  readonly detail: string
}

export interface Payloads {
  readonly payloads: readonly Payload[]
  /** One for each part that could not be opened. */
  readonly faults: readonly Fault[]
  /** Parts understood that hold nothing: confirmations, control messages. */
  readonly empty: readonly string[]
}

const DEPTH_MAX = 8
const PAYLOADS_MAX = 200_000
const INFLATED_MAX = 33_554_432
const PAYLOAD_LIMITS = { depthMax: 48, valuesMax: 500_000 } as const

/**
 * Opens what services wrap their payloads in, one within another: lists, `Records` and `records`,
 * SNS (HTTP, Lambda, SQS), CloudWatch Logs subscriptions (base64 of gzip, or plain `logEvents`) and
 * `aws logs` output, Kinesis and Firehose records, EventBridge, HEC events, `{topic, payload}`.
 * `textual`: the input was text, so that it can itself be the original of its only payload.
 */
export function openPayloads(
  values: readonly unknown[],
  envelope: Envelope,
  textual: boolean,
): Payloads {
  const opener = new Opener()
  const whole = textual && values.length === 1
  for (const value of values) opener.open(value, envelope, whole, 0)
  return opener
}

class Opener implements Payloads {
  readonly payloads: Payload[] = []
  readonly faults: Fault[] = []
  readonly empty: string[] = []
  #inflated = 0

  open(value: unknown, envelope: Envelope, whole: boolean, depth: number): void {
    if (depth > DEPTH_MAX) return this.#fault(`Envelopes are nested more than ${DEPTH_MAX} deep`)
    if (this.payloads.length >= PAYLOADS_MAX) {
      return this.#fault(`More than ${PAYLOADS_MAX} records in one document`)
    }
    if (Array.isArray(value)) return this.#each(value, envelope, depth)
    if (!isObject(value)) return this.#fault(`An object is needed, this is ${nameOf(value)}`)
    if (this.#unwrap(value, envelope, depth + 1)) return
    const { problem } = measure(value, PAYLOAD_LIMITS)
    if (problem === undefined) this.payloads.push({ value, envelope, whole })
    else this.faults.push({ code: 'DECODE_TOO_DEEP', detail: problem })
  }

  #fault(sentence: string): void {
    this.faults.push({ code: 'DECODE_SYNTAX', detail: `${sentence}.` })
  }

  #each(items: readonly unknown[], envelope: Envelope, depth: number): void {
    if (items.length === 0) this.empty.push('empty-list')
    for (const item of items) this.open(item, envelope, false, depth + 1)
  }

  /** True if the object was an envelope, whose inside was then opened. */
  #unwrap(doc: EcsDoc, envelope: Envelope, depth: number): boolean {
    const records = listAt(doc, 'Records', 'records')
    if (records !== undefined) return this.#done(this.#each(records, envelope, depth))
    if (isObject(doc['Sns'])) return this.#sns(doc['Sns'], envelope, depth)
    if (typeof doc['Message'] === 'string' && Object.hasOwn(doc, 'TopicArn')) {
      return this.#sns(doc, envelope, depth)
    }
    const logs = objectAt(doc, 'awslogs')
    if (logs !== undefined) return this.#packed(logs['data'], envelope, depth)
    if (this.#cloudWatch(doc, envelope, depth)) return true
    if (this.#streams(doc, envelope, depth)) return true
    return this.#events(doc, envelope, depth)
  }

  #done(_done: void): true {
    return true
  }

  #sns(doc: EcsDoc, outer: Envelope, depth: number): true {
    const type = textAt(doc, 'Type')
    if (type === 'SubscriptionConfirmation' || type === 'UnsubscribeConfirmation') {
      this.empty.push('sns-confirmation')
      return true
    }
    const envelope: Envelope = {
      ...ANEW,
      ...outer,
      timeMs: timeAt(doc, 'Timestamp') ?? outer.timeMs,
      topicArn: textAt(doc, 'TopicArn'),
      messageId: textAt(doc, 'MessageId'),
      subject: textAt(doc, 'Subject'),
      ...arnFacts(textAt(doc, 'TopicArn')),
    }
    return this.#text(doc['Message'], envelope, depth)
  }

  /** JSON within a text. */
  #text(value: unknown, envelope: Envelope, depth: number): true {
    if (typeof value !== 'string') return this.#done(this.open(value, envelope, false, depth))
    try {
      this.open(JSON.parse(value), envelope, false, depth)
    } catch {
      const parts = splitJson(value, PAYLOADS_MAX)
      if (parts === undefined || !this.#parts(parts, envelope, depth)) {
        this.#fault(`A message within is no JSON: ${value.slice(0, 60)}`)
      }
    }
    return true
  }

  #parts(parts: readonly string[], envelope: Envelope, depth: number): boolean {
    let parsed: unknown[]
    try {
      parsed = parts.map((part) => JSON.parse(part) as unknown)
    } catch {
      return false
    }
    for (const part of parsed) this.open(part, envelope, false, depth)
    return true
  }

  /** Base64 of JSON, or of gzip of JSON. */
  #packed(value: unknown, envelope: Envelope, depth: number): true {
    if (isObject(value)) return this.#done(this.open(value, envelope, false, depth))
    const bytes = typeof value === 'string' ? base64Bytes(value) : undefined
    if (bytes === undefined) return this.#done(this.#fault('Data within is no base64'))
    const plain = isGzip(bytes) ? this.#inflate(bytes) : bytes
    const text = plain === undefined ? undefined : utf8Text(plain)
    if (text === undefined) return this.#done(this.#fault('Data within is damaged or too large'))
    return this.#text(text, envelope, depth)
  }

  #inflate(bytes: Uint8Array): Uint8Array | undefined {
    const inflated = gunzipBounded(bytes, Math.max(1, INFLATED_MAX - this.#inflated))
    this.#inflated += inflated?.length ?? 0
    return inflated
  }

  #cloudWatch(doc: EcsDoc, outer: Envelope, depth: number): boolean {
    const type = textAt(doc, 'messageType')
    const entries = listAt(doc, 'logEvents') ?? logOutput(doc)
    if (entries === undefined) return false
    if (type === 'CONTROL_MESSAGE') {
      this.empty.push('control-message')
      return true
    }
    const envelope: Envelope = {
      ...ANEW,
      ...outer,
      account: textAt(doc, 'owner') ?? outer.account,
      logGroup: textAt(doc, 'logGroup'),
      logStream: textAt(doc, 'logStream'),
    }
    if (entries.length === 0) this.empty.push('empty-list')
    for (const entry of entries) {
      if (!isObject(entry)) this.#fault('A log event is no object')
      else {
        const timeMs = timeAt(entry, 'timestamp') ?? envelope.timeMs
        this.#text(entry['message'], { ...ANEW, ...envelope, timeMs }, depth)
      }
    }
    return true
  }

  #streams(doc: EcsDoc, envelope: Envelope, depth: number): boolean {
    const kinesis = objectAt(doc, 'kinesis')
    if (kinesis !== undefined && typeof kinesis['data'] === 'string') {
      return this.#packed(kinesis['data'], envelope, depth)
    }
    if (typeof doc['data'] === 'string' && Object.hasOwn(doc, 'recordId')) {
      return this.#packed(doc['data'], envelope, depth)
    }
    if (typeof doc['body'] === 'string' && Object.hasOwn(doc, 'receiptHandle')) {
      return this.#text(doc['body'], envelope, depth)
    }
    return false
  }

  #events(doc: EcsDoc, outer: Envelope, depth: number): boolean {
    const detail = objectAt(doc, 'detail')
    if (detail !== undefined && Object.hasOwn(doc, 'detail-type')) {
      const envelope: Envelope = {
        ...ANEW,
        ...outer,
        account: textAt(doc, 'account') ?? outer.account,
        region: textAt(doc, 'region') ?? outer.region,
        timeMs: timeAt(doc, 'time') ?? outer.timeMs,
        subject: textAt(doc, 'detail-type'),
      }
      return this.#done(this.open(detail, envelope, false, depth))
    }
    if (isHec(doc)) {
      const envelope: Envelope = {
        ...ANEW,
        ...outer,
        timeMs: timeAt(doc, 'time') ?? outer.timeMs,
        sourcetype: textAt(doc, 'sourcetype'),
        index: textAt(doc, 'index'),
        host: textAt(doc, 'host'),
      }
      return this.#text(doc['event'], envelope, depth)
    }
    const payload = valueAt(doc, 'payload')
    const topic = textAt(doc, 'topic')
    if (payload !== undefined && topic?.includes('/') === true) {
      const timeMs = asTime(valueAt(doc, 'tst', 'timestamp', 'time')) ?? outer.timeMs
      return this.#text(payload, { ...ANEW, ...outer, topic, timeMs }, depth)
    }
    return false
  }
}

const HEC_KEYS = ['sourcetype', 'index', 'host', 'time', 'source', 'fields'] as const

function isHec(doc: EcsDoc): boolean {
  const event = doc['event']
  if (!isObject(event) && typeof event !== 'string') return false
  for (const key in doc) {
    if (key !== 'event' && !HEC_KEYS.includes(key as (typeof HEC_KEYS)[number])) return false
  }
  return Object.hasOwn(doc, 'sourcetype') || Object.hasOwn(doc, 'time')
}

/** `aws logs filter-log-events` and `get-log-events`. */
function logOutput(doc: EcsDoc): readonly unknown[] | undefined {
  const events = listAt(doc, 'events')
  const first = events?.[0]
  if (!isObject(first) || typeof first['message'] !== 'string') return undefined
  return numberAt(first, 'timestamp') === undefined ? undefined : events
}

/** Region and account of `arn:aws:sns:eu-central-1:123456789012:topic`. */
export function arnFacts(arn: string | undefined): {
  readonly region?: string
  readonly account?: string
} {
  const parts = arn?.split(':', 6) ?? []
  if (parts[0] !== 'arn') return {}
  const region = asText(parts[3])
  const account = asText(parts[4])
  return {
    ...ANEW,
    ...(region === undefined ? {} : { region }),
    ...(account === undefined ? {} : { account }),
  }
}

function nameOf(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value === 'object') return 'a list'
  return `a ${typeof value}: ${String(value).slice(0, 1_000)}`
}
