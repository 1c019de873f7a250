import { utf8Text } from '../../base/inflate.ts'
import { readCbor } from '../cbor/read-cbor.ts'
import { writeCbor } from '../cbor/write-cbor.ts'
import { measure } from '../json/measure.ts'
import { isObject, numberAt, objectAt } from '../document/values.ts'
import { parseReport } from './report.ts'

export interface DefenderReply {
  readonly topic: string
  /** JSON, or CBOR where the report was CBOR. */
  readonly payload: Uint8Array
  readonly accepted: boolean
}

export interface ReportTopic {
  readonly thing: string
  readonly format: 'json' | 'cbor'
}

const TOPIC = /^\$aws\/things\/([^/+#]{1,128})\/defender\/metrics\/(json|cbor)$/

/** Thing and format of a topic that reports are published on; the thing need not be the publisher. */
export function reportTopic(topic: string): ReportTopic | undefined {
  const found = TOPIC.exec(topic)
  if (found === null) return undefined
  return { thing: found[1] ?? '', format: found[2] === 'cbor' ? 'cbor' : 'json' }
}

const REPORT_BYTES_MAX = 131_072
const LIMITS = { depthMax: 32, valuesMax: 20_000 } as const

/**
 * What the service answers a device that published a report: on `TOPIC/accepted` or
 * `TOPIC/rejected`. Undefined where the topic is none that reports are published on. `nowMs` stands
 * in the answer. `throttled`: the device reported sooner than the service takes (5 minutes).
 */
export function replyToReport(
  topic: string,
  payload: Uint8Array,
  nowMs: number,
  throttled = false,
): DefenderReply | undefined {
  const place = reportTopic(topic)
  if (place === undefined) return undefined
  const { thing, format } = place
  const read = readPayload(payload, format)
  const report = read.ok ? parseReport(read.value) : undefined
  const refusal: Refusal | undefined = throttled
    ? { code: 'Throttled', message: 'Reports come more often than every 5 minutes' }
    : !read.ok
      ? { code: read.code, message: read.detail }
      : report?.ok === false
        ? { code: 'InvalidPayload', message: report.problem }
        : undefined
  const reportId = report?.ok === true ? report.value.id : read.ok ? idOf(read.value) : undefined
  const answer = {
    thingName: thing,
    ...(reportId === undefined ? {} : { reportId }),
    status: refusal === undefined ? 'ACCEPTED' : 'REJECTED',
    timestamp: nowMs,
    ...(refusal === undefined
      ? {}
      : { statusDetails: { ErrorCode: refusal.code, ErrorMessage: refusal.message } }),
  }
  const accepted = refusal === undefined
  return {
    topic: `${topic}/${accepted ? 'accepted' : 'rejected'}`,
    payload:
      format === 'cbor' ? writeCbor(answer) : new TextEncoder().encode(JSON.stringify(answer)),
    accepted,
  }
}

interface Refusal {
  readonly code: string
  readonly message: string
}

type PayloadRead =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: string; readonly detail: string }

function readPayload(payload: Uint8Array, format: 'json' | 'cbor'): PayloadRead {
  if (payload.length > REPORT_BYTES_MAX) {
    return { ok: false, code: 'InvalidPayload', detail: 'The report is larger than 128 KiB' }
  }
  if (format === 'cbor') {
    const read = readCbor(payload, LIMITS)
    if (read.ok) return read
    return { ok: false, code: 'InvalidPayload', detail: `No CBOR: ${read.problem}` }
  }
  const text = utf8Text(payload)
  try {
    const value: unknown = JSON.parse(text ?? '')
    const size = isObject(value) ? measure(value, LIMITS).problem : undefined
    if (size === undefined) return { ok: true, value }
    return { ok: false, code: 'InvalidPayload', detail: size }
  } catch {
    return { ok: false, code: 'InvalidPayload', detail: 'The payload is no JSON' }
  }
}

function idOf(value: unknown): number | undefined {
  if (!isObject(value)) return undefined
  const header = objectAt(value, 'header') ?? objectAt(value, 'hed')
  return header === undefined ? undefined : numberAt(header, 'report_id', 'rid')
}
