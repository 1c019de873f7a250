import type { Signal } from './messages.ts'

type Fields = Readonly<Record<string, unknown>>

const RECORDS_MAX = 100_000
const DEPTH_MAX = 24

export type OtlpTexts =
  | { readonly ok: true; readonly texts: readonly string[]; readonly rejected: number }
  | { readonly ok: false; readonly fault: string }

/** One JSON object for each log record or span of a request in OTLP's JSON form. */
export function readRecords(request: Fields, signal: Signal): OtlpTexts {
  const texts: string[] = []
  let rejected = 0
  for (const resource of objects(request[signal.resources])) {
    const shared = attributesOf(fieldsOf(resource['resource'])['attributes'])
    for (const inScope of objects(resource[signal.scopes])) {
      const scope = fieldsOf(inScope['scope'])
      const outer = [...shared, ...attributesOf(scope['attributes']), ...scopeEntries(scope)]
      for (const record of listOf(inScope[signal.records])) {
        if (texts.length + rejected === RECORDS_MAX) {
          return { ok: false, fault: `more than ${RECORDS_MAX} records in one request` }
        }
        if (typeof record !== 'object' || record === null) rejected += 1
        else texts.push(textOf(record as Fields, outer, signal.records === 'spans'))
      }
    }
  }
  return { ok: true, texts, rejected }
}

type Entry = readonly [string, unknown]

/** Attributes keep their OTel names, which are ECS's for service, host and device; the record's win. */
function textOf(record: Fields, outer: readonly Entry[], isSpan: boolean): string {
  const own = isSpan ? spanEntries(record) : logEntries(record)
  const ids = [
    ['trace.id', idOf(record['traceId'], 32)],
    ['span.id', idOf(record['spanId'], 16)],
  ] as const
  const all = [...outer, ...attributesOf(record['attributes']), ...own, ...ids]
  return JSON.stringify(Object.fromEntries(all.filter(([, value]) => value !== undefined)))
}

function logEntries(record: Fields): Entry[] {
  const body = valueOf(record['body'], 0)
  const isText = typeof body === 'string'
  const severity = record['severityText']
  return [
    ['@timestamp', timeOf(record['timeUnixNano']) ?? timeOf(record['observedTimeUnixNano'])],
    [isText ? 'message' : 'otel.body', body],
    ['log.level', typeof severity === 'string' && severity !== '' ? severity : undefined],
    ['otel.severity_number', numberOf(record['severityNumber'])],
    ['otel.event_name', textField(record['eventName'])],
  ]
}

const STATUS = ['unset', 'ok', 'error'] as const

function spanEntries(span: Fields): Entry[] {
  const status = fieldsOf(span['status'])
  const [start, end] = [nanosOf(span['startTimeUnixNano']), nanosOf(span['endTimeUnixNano'])]
  const code = numberOf(status['code'])
  const outcome = code === 1 ? 'success' : code === 2 ? 'failure' : undefined
  return [
    ['@timestamp', timeOf(span['startTimeUnixNano'])],
    ['event.start', timeOf(span['startTimeUnixNano'])],
    ['event.end', timeOf(span['endTimeUnixNano'])],
    ['event.duration', start === undefined || end === undefined ? undefined : Number(end - start)],
    ['event.outcome', outcome],
    ['message', textField(span['name'])],
    ['span.name', textField(span['name'])],
    ['parent.id', idOf(span['parentSpanId'], 16)],
    ['otel.span_kind', numberOf(span['kind'])],
    ['otel.status', STATUS[code ?? 0]],
    ['otel.status_message', textField(status['message'])],
  ]
}

function scopeEntries(scope: Fields): Entry[] {
  return [
    ['otel.scope.name', textField(scope['name'])],
    ['otel.scope.version', textField(scope['version'])],
  ]
}

function attributesOf(given: unknown): Entry[] {
  return objects(given).flatMap(({ key, value }): Entry[] =>
    typeof key === 'string' && key !== '' ? [[key.slice(0, 512), valueOf(value, 0)]] : [],
  )
}

/** The plain value of an AnyValue; undefined where it has none. */
function valueOf(given: unknown, depth: number): unknown {
  const any = fieldsOf(given)
  if (depth > DEPTH_MAX) return undefined
  const whole = any['intValue']
  if (whole !== undefined) {
    const number = Number(whole)
    return Number.isSafeInteger(number) ? number : String(whole)
  }
  const array = any['arrayValue']
  if (array !== undefined) {
    return listOf(fieldsOf(array)['values']).map((one) => valueOf(one, depth + 1) ?? null)
  }
  const list = any['kvlistValue']
  if (list === undefined) {
    return any['stringValue'] ?? any['boolValue'] ?? any['doubleValue'] ?? any['bytesValue']
  }
  const entries = objects(fieldsOf(list)['values']).map(({ key, value }): Entry => {
    return [String(key), valueOf(value, depth + 1)]
  })
  return Object.fromEntries(entries)
}

/** Hex of that length; an id of zeros is none. */
function idOf(value: unknown, length: number): string | undefined {
  if (typeof value !== 'string' || value.length !== length) return undefined
  return /^[0-9a-fA-F]+$/.test(value) && !/^0+$/.test(value) ? value.toLowerCase() : undefined
}

function nanosOf(value: unknown): bigint | undefined {
  const text = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value
  if (typeof text !== 'string' || !/^\d{1,20}$/.test(text)) return undefined
  const nanos = BigInt(text)
  return nanos === 0n ? undefined : nanos
}

/** ISO 8601 with nanoseconds. */
function timeOf(value: unknown): string | undefined {
  const nanos = nanosOf(value)
  if (nanos === undefined) return undefined
  const seconds = new Date(Number(nanos / 1_000_000_000n) * 1_000).toISOString().slice(0, 19)
  return `${seconds}.${String(nanos % 1_000_000_000n).padStart(9, '0')}Z`
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

function textField(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {}
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

function objects(value: unknown): readonly Fields[] {
  return listOf(value).filter((one) => typeof one === 'object' && one !== null) as Fields[]
}
