import type { WireMessage } from './wire.ts'

// opentelemetry-proto 1.x: common, resource, logs and trace (https://github.com/open-telemetry/opentelemetry-proto)

const anyValue: WireMessage = {
  fields: {
    1: ['stringValue', 'text'],
    2: ['boolValue', 'bool'],
    3: ['intValue', 'int64'],
    4: ['doubleValue', 'double'],
    5: ['arrayValue', () => arrayValue],
    6: ['kvlistValue', () => keyValueList],
    7: ['bytesValue', 'base64'],
  },
}
const arrayValue: WireMessage = { fields: { 1: ['values', anyValue, 'many'] } }
const keyValue: WireMessage = { fields: { 1: ['key', 'text'], 2: ['value', anyValue] } }
const keyValueList: WireMessage = { fields: { 1: ['values', keyValue, 'many'] } }
const resource: WireMessage = { fields: { 1: ['attributes', keyValue, 'many'] } }
const scope: WireMessage = {
  fields: { 1: ['name', 'text'], 2: ['version', 'text'], 3: ['attributes', keyValue, 'many'] },
}

const logRecord: WireMessage = {
  fields: {
    1: ['timeUnixNano', 'fixed64'],
    2: ['severityNumber', 'int'],
    3: ['severityText', 'text'],
    5: ['body', anyValue],
    6: ['attributes', keyValue, 'many'],
    9: ['traceId', 'hex'],
    10: ['spanId', 'hex'],
    11: ['observedTimeUnixNano', 'fixed64'],
    12: ['eventName', 'text'],
  },
}
const spanEvent: WireMessage = {
  fields: {
    1: ['timeUnixNano', 'fixed64'],
    2: ['name', 'text'],
    3: ['attributes', keyValue, 'many'],
  },
}
const link: WireMessage = {
  fields: { 1: ['traceId', 'hex'], 2: ['spanId', 'hex'], 4: ['attributes', keyValue, 'many'] },
}
const span: WireMessage = {
  fields: {
    1: ['traceId', 'hex'],
    2: ['spanId', 'hex'],
    4: ['parentSpanId', 'hex'],
    5: ['name', 'text'],
    6: ['kind', 'int'],
    7: ['startTimeUnixNano', 'fixed64'],
    8: ['endTimeUnixNano', 'fixed64'],
    9: ['attributes', keyValue, 'many'],
    3: ['traceState', 'text'],
    11: ['events', spanEvent, 'many'],
    13: ['links', link, 'many'],
    15: ['status', { fields: { 2: ['message', 'text'], 3: ['code', 'int'] } }],
  },
}

const quantile: WireMessage = { fields: { 1: ['quantile', 'double'], 2: ['value', 'double'] } }
const pointTimes = { 2: ['startTimeUnixNano', 'fixed64'], 3: ['timeUnixNano', 'fixed64'] } as const
const numberPoint: WireMessage = {
  fields: {
    ...pointTimes,
    4: ['asDouble', 'double'],
    6: ['asInt', 'sfixed64'],
    7: ['attributes', keyValue, 'many'],
  },
}
const summed = { ...pointTimes, 4: ['count', 'fixed64'], 5: ['sum', 'double'] } as const
const histogramPoint: WireMessage = {
  fields: {
    ...summed,
    6: ['bucketCounts', 'fixed64', 'many'],
    7: ['explicitBounds', 'double', 'many'],
    9: ['attributes', keyValue, 'many'],
    11: ['min', 'double'],
    12: ['max', 'double'],
  },
}
const exponentialPoint: WireMessage = {
  fields: {
    ...summed,
    1: ['attributes', keyValue, 'many'],
    12: ['min', 'double'],
    13: ['max', 'double'],
  },
}
const summaryPoint: WireMessage = {
  fields: {
    ...summed,
    6: ['quantileValues', quantile, 'many'],
    7: ['attributes', keyValue, 'many'],
  },
}
const pointList = (of: WireMessage): WireMessage => ({ fields: { 1: ['dataPoints', of, 'many'] } })
const metric: WireMessage = {
  fields: {
    1: ['name', 'text'],
    2: ['description', 'text'],
    3: ['unit', 'text'],
    5: ['gauge', pointList(numberPoint)],
    7: ['sum', pointList(numberPoint)],
    9: ['histogram', pointList(histogramPoint)],
    10: ['exponentialHistogram', pointList(exponentialPoint)],
    11: ['summary', pointList(summaryPoint)],
  },
}

/** Field of scopes under the name that exporters before version 0.15 of the protocol gave them. */
const OLD_SCOPES = 1_000

/** `resourceLogs` or `resourceSpans`, `scopeLogs` or `scopeSpans`, and the records in them. */
function requestOf(resources: string, scopes: string, name: string, of: WireMessage): WireMessage {
  const inScope = { fields: { 1: ['scope', scope], 2: [name, of, 'many'] } } as const
  const oldScope = {
    fields: { 1: ['instrumentationLibrary', scope], 2: [name, of, 'many'] },
  } as const
  const inResource = {
    fields: {
      1: ['resource', resource],
      2: [scopes, inScope, 'many'],
      [OLD_SCOPES]: [scopes.replace('scope', 'instrumentationLibrary'), oldScope, 'many'],
    },
  } as const
  return { fields: { 1: [resources, inResource, 'many'] } }
}

export interface Signal {
  readonly resources: string
  readonly scopes: string
  readonly records: 'logRecords' | 'spans' | 'metrics'
  /** How the answer calls the number of records that could not be read. */
  readonly rejected: string
  readonly request: WireMessage
}

function signalOf(name: 'Logs' | 'Spans' | 'Metrics', rejected: string, of: WireMessage): Signal {
  const [resources, scopes] = [`resource${name}`, `scope${name}`]
  const records = name === 'Logs' ? 'logRecords' : name === 'Spans' ? 'spans' : 'metrics'
  return {
    resources,
    scopes,
    records,
    rejected,
    request: requestOf(resources, scopes, records, of),
  }
}

/** What is taken, by path. */
export const SIGNALS: ReadonlyMap<string, Signal> = new Map([
  ['/v1/logs', signalOf('Logs', 'rejectedLogRecords', logRecord)],
  ['/v1/traces', signalOf('Spans', 'rejectedSpans', span)],
  ['/v1/metrics', signalOf('Metrics', 'rejectedDataPoints', metric)],
])
