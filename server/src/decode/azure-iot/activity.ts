import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import { asText, compact, isObject, objectAt, textAt, timeAt, valueAt } from '../document/values.ts'
import { addressOf, azureCloud } from './resource-log.ts'

/**
 * An entry of the Activity Log, as diagnostic settings export it or as the API gives it (then words
 * are objects `{value, localizedValue}`). Undefined where the record is none.
 */
export function activityDraft(record: EcsDoc): Draft | undefined {
  const operation = wordAt(record, 'operationName', 'OperationNameValue', 'OperationName')
  const category = wordAt(record, 'category', 'CategoryValue', 'Category')
  if (operation === undefined || !/^microsoft\.[a-z]+\//i.test(operation)) return undefined
  const status = wordAt(record, 'resultType', 'status', 'ActivityStatusValue') ?? 'unknown'
  const identity = objectAt(record, 'identity')
  const claims = objectAt(record, 'claims') ?? (identity && objectAt(identity, 'claims')) ?? {}
  const caller = textAt(record, 'caller', 'Caller') ?? callerOf(claims)
  const resource = textAt(record, 'resourceId', 'ResourceId', '_ResourceId')
  const reading = /\/(?:read|listkeys\/action|list[a-z]*\/action)$/i.test(operation)
  const failed = /^fail/i.test(status)
  const done = /^(?:succe|accept)/i.test(status)
  const verb = operation.toLowerCase().slice(operation.lastIndexOf('/') + 1)
  const signature = textAt(record, 'resultSignature')
  const doc = compact({
    event: {
      kind: 'event',
      category: reading ? ['api'] : ['configuration'],
      type: [reading ? 'access' : verb === 'delete' ? 'deletion' : 'change'],
      outcome: failed ? 'failure' : done ? 'success' : 'unknown',
      code: operation,
      reason: signature ?? wordAt(record, 'subStatus') ?? status,
    },
    user: caller === undefined ? undefined : { id: caller, name: caller },
    source: addressOf(
      textAt(record, 'callerIpAddress', 'CallerIpAddress') ?? textAt(claims, 'ipaddr'),
    ),
    cloud: azureCloud(resource, textAt(record, 'location')),
    iot: {
      azure: compact({
        category,
        operation,
        resource,
        status,
        correlation_id: textAt(record, 'correlationId', 'CorrelationId'),
      }),
    },
  })
  const timeMs = timeAt(record, 'time', 'eventTimestamp', 'TimeGenerated')
  return { timeMs, action: reading ? 'api-call' : 'config-change', doc }
}

function wordAt(record: EcsDoc, ...keys: readonly string[]): string | undefined {
  const value = valueAt(record, ...keys)
  return isObject(value) ? textAt(value, 'value', 'localizedValue') : asText(value)
}

const NAME_CLAIMS = [
  'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn',
  'http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name',
  'name',
  'appid',
] as const

function callerOf(claims: EcsDoc): string | undefined {
  return textAt(claims, ...NAME_CLAIMS)
}
