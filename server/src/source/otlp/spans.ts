import { attributesOf, type Entry, type Fields, fieldsOf, idOf, listOf } from './values.ts'
import { nanosOf, numberOf, type Oddities, textIn, timeOf } from './values.ts'

const STATUS = ['unset', 'ok', 'error'] as const
const LINKS_MAX = 128

/** https://opentelemetry.io/docs/specs/otel/trace/api/#span. Its events are records of their own. */
export function spanEntries(span: Fields, odd: Oddities): Entry[] {
  const status = fieldsOf(span['status']) ?? {}
  if (span['status'] !== undefined && fieldsOf(span['status']) === undefined) {
    odd.add(span['status'])
  }
  const start = nanosOf(span['startTimeUnixNano'], odd)
  const end = nanosOf(span['endTimeUnixNano'], odd)
  const code = numberOf(status['code'], odd)
  const outcome = code === 1 ? 'success' : code === 2 ? 'failure' : undefined
  const name = textIn(span['name'], odd)
  return [
    ['@timestamp', timeOf(start)],
    ['event.start', timeOf(start)],
    ['event.end', timeOf(end)],
    ['event.duration', start === undefined || end === undefined ? undefined : Number(end - start)],
    ['event.outcome', outcome],
    ['message', name],
    ['span.name', name],
    ...spanIds(span, odd),
    ['parent.id', idOf(span['parentSpanId'], 16, odd)],
    ['otel.span_kind', numberOf(span['kind'], odd)],
    ['otel.status', STATUS[code ?? 0]],
    ['otel.status_message', textIn(status['message'], odd)],
    ['otel.trace_state', textIn(span['traceState'], odd)],
    ['otel.links', linksOf(span['links'], odd)],
  ]
}

/** What ties a span's events to it. */
export function spanIds(span: Fields, odd: Oddities): Entry[] {
  return [
    ['trace.id', idOf(span['traceId'], 32, odd)],
    ['span.id', idOf(span['spanId'], 16, odd)],
  ]
}

export function spanEventEntries(event: Fields, span: Fields, odd: Oddities): Entry[] {
  return [
    ['@timestamp', timeOf(nanosOf(event['timeUnixNano'], odd))],
    ['message', textIn(event['name'], odd)],
    ['otel.event_name', textIn(event['name'], odd)],
    // What is wrong with the span's own fields stands with the span.
    ...spanIds(span, odd),
  ]
}

/** Other spans that a span belongs with: a list of ids with what is said of each. */
function linksOf(given: unknown, odd: Oddities): unknown {
  const links = []
  for (const one of listOf(given, odd)) {
    const link = fieldsOf(one)
    if (link === undefined || links.length === LINKS_MAX) odd.add(one)
    else {
      const attributes = attributesOf(link['attributes'], odd)
      links.push({
        trace_id: idOf(link['traceId'], 32, odd),
        span_id: idOf(link['spanId'], 16, odd),
        ...(attributes.length > 0 && { attributes: Object.fromEntries(attributes) }),
      })
    }
  }
  return links.length === 0 ? undefined : links
}
