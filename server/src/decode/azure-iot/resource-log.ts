import { ANEW } from '../../base/anew.ts'
import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { plainIp } from '../mosquitto/address.ts'
import {
  asText,
  compact,
  isObject,
  numberAt,
  present,
  textAt,
  timeAt,
  valueAt,
} from '../document/values.ts'
import { takeoverOf } from '../network/takeover.ts'
import { codeMeaning } from './codes.ts'

interface Words {
  readonly action: EventAction
  readonly category: readonly string[]
  readonly type: readonly string[]
}

/** Categories of resource logs. Source: Azure IoT Hub, "Monitoring data reference". */
const CATEGORIES: Readonly<Record<string, Words>> = {
  devicetelemetry: { action: 'service-error', category: ['host'], type: ['error'] },
  c2dcommands: { action: 'device-command', category: ['host'], type: ['info'] },
  directmethods: { action: 'device-command', category: ['host'], type: ['info'] },
  deviceidentityoperations: {
    action: 'config-change',
    category: ['iam', 'configuration'],
    type: ['change'],
  },
  fileuploadoperations: { action: 'api-call', category: ['api'], type: ['info'] },
  routes: { action: 'message-rule', category: ['host'], type: ['info'] },
  d2ctwinoperations: { action: 'shadow-update', category: ['host'], type: ['change'] },
  c2dtwinoperations: { action: 'shadow-update', category: ['host'], type: ['change'] },
  twinqueries: { action: 'api-call', category: ['api'], type: ['access'] },
  jobsoperations: { action: 'device-job', category: ['host'], type: ['change'] },
  configurations: { action: 'config-change', category: ['configuration'], type: ['change'] },
  distributedtracing: { action: 'mqtt-publish', category: ['network'], type: ['info'] },
  devicestreams: { action: 'api-call', category: ['network'], type: ['connection'] },
}

/** Resource log of IoT Hub, in its own form or in the columns of AzureDiagnostics. */
export function resourceDraft(record: EcsDoc): Draft | undefined {
  const category = textAt(record, 'category', 'Category')
  const operation = textAt(record, 'operationName', 'OperationName')
  if (category === undefined || operation === undefined) return undefined
  const properties = propertiesOf(record)
  if (properties === undefined) return undefined
  const code = textAt(record, 'resultType', 'ResultType')
  const description = textAt(record, 'resultDescription', 'ResultDescription')
  const level = textAt(record, 'level', 'Level')
  const failed = isFailure(code, level, numberAt(properties, 'statusCode'))
  const words = wordsOf(category.toLowerCase(), operation, failed, code)
  const meaning = code === undefined ? undefined : codeMeaning(code)
  const device = textAt(properties, 'deviceId', 'DeviceId')
  const resource = textAt(record, 'resourceId', 'ResourceId', '_ResourceId')
  const protocol = textAt(properties, 'protocol')?.toLowerCase()
  const doc = compact({
    event: compact({
      kind: 'event',
      category: words === undefined ? [] : [...words.category],
      type: words === undefined ? ['info'] : [...words.type],
      outcome: failed ? 'failure' : 'success',
      code: code === undefined || code === '0' ? operation : code,
      reason: meaning ?? description ?? operation,
      duration: durationOf(record),
    }),
    device: device === undefined ? undefined : { id: device },
    source: addressOf(peerOf(record, properties)),
    network: protocol === undefined ? undefined : { protocol },
    cloud: azureCloud(resource, textAt(record, 'location', 'location_s', 'Location')),
    log: level === undefined ? undefined : { level: level.toLowerCase() },
    error: failed ? present({ code, message: description }) : undefined,
    iot: compact({
      mqtt: device === undefined || protocol !== 'mqtt' ? undefined : { client_id: device },
      credential: credentialOf(properties['authType']),
      shadow: words?.action === 'shadow-update' ? twinOf(category) : undefined,
      azure: compact({
        category,
        operation,
        resource,
        result: description,
        module_id: textAt(properties, 'moduleId'),
        sdk_version: textAt(properties, 'sdkVersion'),
        status_code: textAt(properties, 'statusCode'),
        error: textAt(properties, 'error', 'errorMessage'),
        correlation_id: textAt(record, 'correlationId', 'CorrelationId'),
      }),
    }),
  })
  const timeMs = timeAt(record, 'time', 'TimeGenerated', 'TimeGenerated [UTC]')
  const action = words?.action ?? 'event'
  // The hub closes the older of two connections and writes that one's address.
  return { timeMs, action, doc: action === 'mqtt-takeover' ? takeoverOf(doc, undefined) : doc }
}

/** The hub masks addresses; other services write the port behind theirs. */
function peerOf(record: EcsDoc, properties: EcsDoc): string | undefined {
  const address =
    textAt(properties, 'maskedIpAddress', 'callerIpAddress') ??
    textAt(record, 'callerIpAddress', 'CallerIPAddress')
  return address?.replace(/^((?:\d{1,3}\.){3}\d{1,3}):\d{1,5}$/, '$1')
}

/** Resource logs of what stands around the hub: vaults, storage, sign-ins. */
function elsewhere(category: string): Words {
  return category.includes('signin')
    ? { action: 'user-login', category: ['authentication'], type: ['start'] }
    : { action: 'api-call', category: ['api'], type: ['access'] }
}

function wordsOf(
  category: string,
  operation: string,
  failed: boolean,
  code: string | undefined,
): Words {
  const verb = operation.toLowerCase()
  if (category === 'connections') {
    const session = ['network', 'session']
    if (code === '409002') {
      return { action: 'mqtt-takeover', category: session, type: ['connection', 'end'] }
    }
    if (verb.includes('disconnect')) {
      return { action: 'mqtt-disconnect', category: session, type: ['connection', 'end'] }
    }
    const login = ['network', 'authentication', 'session']
    return { action: 'mqtt-connect', category: login, type: ['connection', 'start'] }
  }
  const words = Object.hasOwn(CATEGORIES, category) ? CATEGORIES[category] : undefined
  if (words === undefined) return elsewhere(category)
  if (words.action === 'service-error' && !failed) {
    return { action: 'mqtt-publish', category: ['network'], type: ['info'] }
  }
  const reading = /^(?:get|read|list|query|bulk ?get)/.test(verb)
  if (reading && words.action === 'shadow-update') {
    return { ...ANEW, ...words, action: 'shadow-read', type: ['access'] }
  }
  if (reading && words.action === 'config-change') {
    return { action: 'api-call', category: ['api'], type: ['access'] }
  }
  if (verb.startsWith('create')) return { ...ANEW, ...words, type: ['creation'] }
  return verb.startsWith('delete') ? { ...ANEW, ...words, type: ['deletion'] } : words
}

/** A device writes its own twin; which service wrote one stands nowhere, nor do the fields. */
function twinOf(category: string): EcsDoc {
  return /^d2c/i.test(category)
    ? { identity: 'exact', unknown: ['fields'], told_by: 'log' }
    : { identity: 'unknown', unknown: ['principal', 'address', 'fields'], told_by: 'log' }
}

/** A JSON text in the newer form, an object in the older, `properties_s` in AzureDiagnostics. */
function propertiesOf(record: EcsDoc): EcsDoc | undefined {
  const given = valueAt(record, 'properties', 'properties_s', 'Properties')
  if (given === undefined) return {}
  if (isObject(given)) return given
  return typeof given === 'string' ? parseObject(given) : undefined
}

function parseObject(text: string): EcsDoc | undefined {
  if (text === '') return {}
  try {
    const parsed: unknown = JSON.parse(text)
    return isObject(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

/** `authType` is JSON inside a text; a plain word in some logs. */
function credentialOf(value: unknown): EcsDoc | undefined {
  const parsed =
    typeof value === 'string' ? parseObject(value) : isObject(value) ? value : undefined
  if (parsed === undefined) {
    const kind = asText(value)
    return kind === undefined ? undefined : { kind: kind.toLowerCase() }
  }
  const kind = textAt(parsed, 'type')
  return present({
    kind: kind === undefined ? undefined : kind.toLowerCase(),
    scope: textAt(parsed, 'scope'),
    issuer: textAt(parsed, 'issuer'),
  })
}

function isFailure(
  code: string | undefined,
  level: string | undefined,
  status: number | undefined,
): boolean {
  if (code !== undefined && /^[45]\d{2,5}$/.test(code)) return true
  if (status !== undefined && status >= 400) return true
  return level !== undefined && /^(?:error|critical)$/i.test(level)
}

/** `durationMs`, in ns. */
function durationOf(record: EcsDoc): number | undefined {
  const ms = numberAt(record, 'durationMs', 'DurationMs')
  return ms === undefined ? undefined : Math.round(ms * 1e6)
}

/** IoT Hub masks the last part of an address with letters: that is text, never an address. */
export function addressOf(text: string | undefined): EcsDoc | undefined {
  if (text === undefined) return undefined
  const bare = /^[\d.]+:\d+$/.test(text) ? text.slice(0, text.indexOf(':')) : text
  return compact({ address: text, ip: plainIp(bare) })
}

const SUBSCRIPTION = /\/subscriptions\/([^/]+)/i
const RESOURCE_NAME = /\/([^/]+)$/

export function azureCloud(resource: string | undefined, region: string | undefined): EcsDoc {
  const account = resource === undefined ? undefined : SUBSCRIPTION.exec(resource)?.[1]
  const name = resource === undefined ? undefined : RESOURCE_NAME.exec(resource)?.[1]
  return compact({
    provider: 'azure',
    region,
    account: account === undefined ? undefined : { id: account },
    instance: name === undefined ? undefined : { name },
  })
}
