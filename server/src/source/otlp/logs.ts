import { type Entry, type Fields, idOf, nanosOf, numberOf, type Oddities } from './values.ts'
import { textIn, timeOf, valueOf } from './values.ts'

/** https://opentelemetry.io/docs/specs/otel/logs/data-model/ */
export function logEntries(record: Fields, odd: Oddities): Entry[] {
  const body = valueOf(record['body'], odd)
  const isText = typeof body === 'string'
  const at = nanosOf(record['timeUnixNano'], odd)
  const seen = nanosOf(record['observedTimeUnixNano'], odd)
  return [
    ['@timestamp', timeOf(at ?? seen)],
    [isText ? 'message' : 'otel.body', body],
    ['log.level', textIn(record['severityText'], odd)],
    ['otel.severity_number', numberOf(record['severityNumber'], odd)],
    ['otel.event_name', textIn(record['eventName'], odd)],
    ['trace.id', idOf(record['traceId'], 32, odd)],
    ['span.id', idOf(record['spanId'], 16, odd)],
  ]
}
