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
    15: ['status', { fields: { 2: ['message', 'text'], 3: ['code', 'int'] } }],
  },
}

/** `resourceLogs` or `resourceSpans`, `scopeLogs` or `scopeSpans`, and the records in them. */
function requestOf(resources: string, scopes: string, name: string, of: WireMessage): WireMessage {
  const inScope = { fields: { 1: ['scope', scope], 2: [name, of, 'many'] } } as const
  const inResource = {
    fields: { 1: ['resource', resource], 2: [scopes, inScope, 'many'] },
  } as const
  return { fields: { 1: [resources, inResource, 'many'] } }
}

export interface Signal {
  readonly resources: string
  readonly scopes: string
  readonly records: string
  /** How the answer calls the number of records that could not be read. */
  readonly rejected: string
  readonly request: WireMessage
}

function signalOf(resources: string, scopes: string, records: string, of: WireMessage) {
  const rejected = records === 'spans' ? 'rejectedSpans' : 'rejectedLogRecords'
  const request = requestOf(resources, scopes, records, of)
  return { resources, scopes, records, rejected, request }
}

/** What is taken, by path. */
export const SIGNALS: ReadonlyMap<string, Signal> = new Map([
  ['/v1/logs', signalOf('resourceLogs', 'scopeLogs', 'logRecords', logRecord)],
  ['/v1/traces', signalOf('resourceSpans', 'scopeSpans', 'spans', span)],
])
