import { ANEW } from '../../base/anew.ts'
import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { base64Bytes, utf8Text } from '../../base/inflate.ts'
import { changesOf } from '../aws-iot/shadow.ts'
import {
  compact,
  isObject,
  numberAt,
  objectAt,
  textAt,
  timeAt,
  valueAt,
} from '../document/values.ts'
import { azureCloud } from './resource-log.ts'

interface Kind {
  readonly action: EventAction
  readonly category: readonly string[]
  readonly type: readonly string[]
}

const CONNECT: Kind = {
  action: 'mqtt-connect',
  category: ['network', 'session'],
  type: ['connection', 'start', 'allowed'],
}
const DISCONNECT: Kind = {
  action: 'mqtt-disconnect',
  category: ['network', 'session'],
  type: ['connection', 'end'],
}
const change = (type: string): Kind => ({
  action: 'config-change',
  category: ['iam', 'configuration'],
  type: [type],
})
const TWIN: Kind = { action: 'shadow-update', category: ['host'], type: ['change'] }

/** Operations of routed messages (`opType`) and types of Event Grid, in lower case. */
const KINDS: Readonly<Record<string, Kind>> = {
  deviceconnected: CONNECT,
  devicedisconnected: DISCONNECT,
  moduleconnected: CONNECT,
  moduledisconnected: DISCONNECT,
  mqttclientsessionconnected: CONNECT,
  mqttclientsessiondisconnected: DISCONNECT,
  devicecreated: change('creation'),
  devicedeleted: change('deletion'),
  createdeviceidentity: change('creation'),
  deletedeviceidentity: change('deletion'),
  createmoduleidentity: change('creation'),
  deletemoduleidentity: change('deletion'),
  mqttclientcreatedorupdated: change('change'),
  mqttclientdeleted: change('deletion'),
  updatetwin: TWIN,
  replacetwin: TWIN,
  devicetelemetry: { action: 'mqtt-publish', category: ['network'], type: ['info'] },
}

/** An event in the schema of Event Grid or as a CloudEvent. */
export function gridDraft(doc: EcsDoc): Draft | undefined {
  const type = textAt(doc, 'eventType', 'type')
  const data = objectAt(doc, 'data')
  if (type === undefined || data === undefined || !type.startsWith('Microsoft.')) return undefined
  const kind = kindOf(type.slice(type.lastIndexOf('.') + 1))
  const info = objectAt(data, 'deviceConnectionStateEventInfo')
  const device =
    textAt(data, 'deviceId', 'clientAuthenticationName') ?? lastOf(textAt(doc, 'subject'))
  const made = compact({
    event: {
      ...ANEW,
      ...frameOf(kind),
      code: type,
      reason: textAt(data, 'disconnectionReason') ?? type.slice(type.lastIndexOf('.') + 1),
    },
    device: device === undefined ? undefined : { id: device },
    cloud: azureCloud(textAt(doc, 'topic', 'source'), undefined),
    iot: compact({
      mqtt: device === undefined ? undefined : { client_id: device },
      azure: compact({
        hub: textAt(data, 'hubName', 'namespaceName'),
        module_id: textAt(data, 'moduleId'),
        sequence: info === undefined ? undefined : textAt(info, 'sequenceNumber'),
        event_id: textAt(doc, 'id'),
      }),
    }),
  })
  return { timeMs: timeAt(doc, 'eventTime', 'time'), action: kind?.action ?? 'event', doc: made }
}

/**
 * A twin, lifecycle or connection event that IoT Hub routes as a message: what happened stands in
 * the application properties (`opType`, `deviceId`, `operationTimestamp`), what changed in the body.
 */
export function routedDraft(doc: EcsDoc): Draft | undefined {
  const facts = factsOf(doc)
  if (facts === undefined) return undefined
  const operation = textAt(facts, 'opType') ?? ''
  const kind = kindOf(operation)
  const body = bodyOf(valueAt(doc, 'Body', 'body', 'payload', 'data'))
  const device = textAt(facts, 'deviceId')
  const twin = kind?.action === 'shadow-update' ? twinOf(body) : undefined
  const made = compact({
    event: {
      ...ANEW,
      ...frameOf(kind),
      code: operation,
      reason: textAt(facts, 'iothub-message-schema') ?? operation,
    },
    device: device === undefined ? undefined : { id: device },
    cloud: azureCloud(undefined, undefined),
    iot: compact({
      mqtt: device === undefined ? undefined : { client_id: device },
      shadow: twin,
      azure: compact({
        hub: textAt(facts, 'hubName'),
        module_id: textAt(facts, 'moduleId'),
        sequence: textAt(body, 'sequenceNumber'),
      }),
    }),
  })
  const timeMs =
    timeAt(facts, 'operationTimestamp') ?? timeAt(doc, 'EnqueuedTimeUtc', 'enqueuedTime')
  return { timeMs, action: kind?.action ?? 'event', doc: made }
}

function factsOf(doc: EcsDoc): EcsDoc | undefined {
  const outer = valueAt(doc, 'Properties', 'properties', 'applicationProperties')
  const inner = isObject(outer) ? (objectAt(outer, 'application') ?? outer) : doc
  return textAt(inner, 'opType') === undefined ? undefined : inner
}

/** JSON, JSON within a text, or base64 of it. */
function bodyOf(value: unknown): EcsDoc {
  if (isObject(value)) return value
  if (typeof value !== 'string') return {}
  const bytes = base64Bytes(value)
  const text = value.startsWith('{') || bytes === undefined ? value : utf8Text(bytes)
  try {
    const parsed: unknown = JSON.parse(text ?? '')
    return isObject(parsed) ? parsed : {}
  } catch {
    return {}
  }
}

/** Who changed a twin is not in the event; C2DTwinOperations of the resource log tells of services. */
function twinOf(body: EcsDoc): EcsDoc {
  const { desired, reported } = objectAt(body, 'properties') ?? {}
  const { list, ...changed } = changesOf({}, { desired: plain(desired), reported: plain(reported) })
  return compact({
    fields: list.map(({ field }) => field),
    changes: list,
    desired: changed.desired,
    reported: changed.reported,
    tags: objectAt(body, 'tags'),
    version: numberAt(body, 'version'),
    identity: 'unknown',
    unknown: ['principal', 'address'],
  })
}

/** Without `$metadata` and `$version`. */
function plain(section: unknown): EcsDoc {
  if (!isObject(section)) return {}
  return Object.fromEntries(Object.entries(section).filter(([key]) => !key.startsWith('$')))
}

function frameOf(kind: Kind | undefined): EcsDoc {
  return {
    kind: 'event',
    category: [...(kind?.category ?? [])],
    type: [...(kind?.type ?? ['info'])],
    outcome: 'success',
  }
}

function kindOf(name: string): Kind | undefined {
  const key = name.toLowerCase()
  return Object.hasOwn(KINDS, key) ? KINDS[key] : undefined
}

function lastOf(path: string | undefined): string | undefined {
  return path === undefined ? undefined : path.slice(path.lastIndexOf('/') + 1)
}
