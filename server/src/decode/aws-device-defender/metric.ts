import { ANEW } from '../../base/anew.ts'
import type { EcsDoc } from '../../model/event.ts'
import { asTime, compact, isObject, listAt, numberAt, textAt } from '../document/values.ts'
import type { Envelope } from '../document/payloads.ts'

/** One value of one metric; exactly one of the value members is set. */
export interface Metric {
  readonly name: string
  readonly unit?: string
  readonly value?: number
  readonly numbers?: readonly number[]
  readonly ports?: readonly number[]
  readonly addresses?: readonly string[]
  readonly strings?: readonly string[]
  /** The list holds a sample; the count beside it is true. */
  readonly sampled?: boolean
}

/** One metric of the metrics export. */
export interface ExportedMetric {
  readonly metric: Metric
  readonly thing: string
  readonly timeMs: number | undefined
  readonly version: number
  readonly dimension: EcsDoc | undefined
  /** Same for all versions of one value. */
  readonly key: string
}

const LIST_MAX = 10_000

/**
 * Reads one element of `metrics` of an export. The timestamp is taken in s or ms, by magnitude.
 * Source: AWS IoT Device Defender, "Metrics export", JSON schema.
 */
export function readExported(doc: EcsDoc): ExportedMetric | undefined {
  const { value } = doc
  const name = textAt(doc, 'name')
  const thing = textAt(doc, 'thing')
  if (name === undefined || thing === undefined || !isObject(value)) return undefined
  const metric = valueOf(name, value)
  if (metric === undefined) return undefined
  const dimension = isObject(doc['dimension']) ? doc['dimension'] : undefined
  const given = dimension === undefined ? '' : `${dimension['name']}\n${dimension['operator']}`
  return {
    metric,
    thing,
    timeMs: asTime(doc['timestamp']),
    version: numberAt(doc, 'version') ?? 0,
    dimension,
    key: `${thing}\n${name}\n${String(doc['timestamp'])}\n${given}`.slice(0, 1_024),
  }
}

function valueOf(name: string, value: EcsDoc): Metric | undefined {
  const unit = unitOf(name)
  const number = numberAt(value, 'count', 'number')
  if (number !== undefined) return { name, value: number, ...(unit === undefined ? {} : { unit }) }
  const ports = numbersAt(value, 'ports')
  if (ports !== undefined) return { name, ports }
  const numbers = numbersAt(value, 'numbers')
  if (numbers !== undefined) return { name, numbers }
  const addresses = textsAt(value, 'cidrs')
  if (addresses !== undefined) return { name, addresses }
  const strings = textsAt(value, 'strings')
  return strings === undefined ? undefined : { name, strings }
}

/** Reads the `metricValue` of a violation too. */
export function metricOf(name: string, value: unknown): Metric {
  return (isObject(value) ? valueOf(name, value) : undefined) ?? { name }
}

function numbersAt(doc: EcsDoc, key: string): number[] | undefined {
  const list = listAt(doc, key)
  if (list === undefined || list.length > LIST_MAX) return undefined
  const numbers = list.map((item) => (typeof item === 'string' ? Number(item) : item))
  return numbers.every((item) => typeof item === 'number' && Number.isFinite(item))
    ? (numbers as number[])
    : undefined
}

function textsAt(doc: EcsDoc, key: string): string[] | undefined {
  const list = listAt(doc, key)
  if (list === undefined || list.length > LIST_MAX) return undefined
  return list.every((item) => typeof item === 'string') ? (list as string[]) : undefined
}

/** Units of the metrics that the service itself defines. */
function unitOf(name: string): string | undefined {
  if (name.includes('-bytes-') || name === 'aws:message-byte-size') return 'byte'
  if (name.includes('-packets-')) return 'packet'
  return name.startsWith('aws:num-') ? 'count' : undefined
}

/** `iot.metric`: `value` holds whatever was reported, a list under the name of its kind too. */
export function metricDoc(metric: Metric, dimension: EcsDoc | undefined): EcsDoc {
  const { name, unit, value, numbers, ports, addresses, strings, sampled } = metric
  return compact({
    name,
    value: value ?? numbers ?? ports ?? addresses ?? strings,
    unit,
    dimension,
    numbers,
    ports,
    addresses,
    strings,
    sampled,
  })
}

export interface MetricWords {
  readonly thing: string | undefined
  readonly code: string
  readonly reason: string
  readonly dimension?: EcsDoc | undefined
  readonly defender?: EcsDoc | undefined
  /** Members of `iot.metric` that the way of arrival adds. */
  readonly more?: EcsDoc
}

/** The document of a `device-metrics` event. */
export function metricEvent(metric: Metric, words: MetricWords, envelope: Envelope): EcsDoc {
  const { thing, code, reason, dimension, defender, more } = words
  return compact({
    event: { kind: 'metric', category: ['host'], type: ['info'], outcome: 'success', code, reason },
    device: thing === undefined ? undefined : { id: thing },
    cloud: cloudOf(envelope),
    iot: compact({
      metric: { ...ANEW, ...metricDoc(metric, dimension), ...more },
      defender,
      mqtt: envelope.topic === undefined ? undefined : { topic: envelope.topic },
      hec: hecOf(envelope),
    }),
  })
}

export function cloudOf({ account, region }: Envelope): EcsDoc {
  return compact({
    provider: 'aws',
    account: account === undefined ? undefined : { id: account },
    region,
  })
}

/** What a HEC envelope named, which Splunk searches ask for. */
export function hecOf({ sourcetype, index, host }: Envelope): EcsDoc | undefined {
  if (sourcetype === undefined && index === undefined && host === undefined) return undefined
  return compact({ sourcetype, index, host })
}
