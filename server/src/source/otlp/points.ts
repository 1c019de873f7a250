import { type Entry, type Fields, fieldsOf, listOf, nanosOf, numberOf } from './values.ts'
import { Oddities, textIn, timeOf } from './values.ts'

/** Kinds of metrics and what their values are called (opentelemetry-proto, metrics.proto). */
export const METRIC_KINDS = [
  'gauge',
  'sum',
  'histogram',
  'exponentialHistogram',
  'summary',
] as const

/** What a metric says for all of its points, and the points. Undefined where it has no known kind. */
export function pointsOf(
  metric: Fields,
): { readonly kind: string; readonly points: readonly unknown[] } | undefined {
  for (const kind of METRIC_KINDS) {
    const points = fieldsOf(metric[kind])?.['dataPoints']
    if (metric[kind] === undefined) continue
    return points === undefined || Array.isArray(points)
      ? { kind, points: points ?? [] }
      : undefined
  }
  return undefined
}

/** One point is one event: a value of a metric of a device at a time. */
export function pointEntries(
  point: Fields,
  metric: Fields,
  kind: string,
  odd: Oddities,
): readonly Entry[] {
  const value = numberOf(point['asDouble'] ?? point['asInt'], odd)
  const isNumber = kind === 'gauge' || kind === 'sum'
  const count = numberOf(point['count'], odd)
  const sum = numberOf(point['sum'], odd)
  return [
    ['@timestamp', timeOf(nanosOf(point['timeUnixNano'], odd))],
    ['event.start', timeOf(nanosOf(point['startTimeUnixNano'], odd))],
    ['event.kind', 'metric'],
    ['event.action', 'device-metrics'],
    ['iot.metric.name', textIn(metric['name'], odd)],
    ['iot.metric.unit', textIn(metric['unit'], odd)],
    ['iot.metric.value', isNumber ? value : (sum ?? count)],
    ['otel.metric.kind', kind],
    ['otel.metric.description', textIn(metric['description'], odd)],
    ['otel.metric.count', count],
    ['otel.metric.min', numberOf(point['min'], odd)],
    ['otel.metric.max', numberOf(point['max'], odd)],
    ['otel.metric.bounds', numbersOf(point['explicitBounds'], odd)],
    ['otel.metric.buckets', numbersOf(point['bucketCounts'], odd)],
    ['otel.metric.quantiles', quantilesOf(point['quantileValues'], odd)],
  ]
}

function numbersOf(given: unknown, odd: Oddities): readonly unknown[] | undefined {
  const list = listOf(given, odd)
  return list.length === 0 ? undefined : list.map((one) => numberOf(one, odd) ?? null)
}

function quantilesOf(given: unknown, odd: Oddities): readonly unknown[] | undefined {
  const made = listOf(given, odd).map((one) => {
    const { quantile, value } = fieldsOf(one) ?? {}
    return { quantile: numberOf(quantile, odd), value: numberOf(value, odd) }
  })
  return made.length === 0 ? undefined : made
}
