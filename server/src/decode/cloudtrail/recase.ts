import type { EcsDoc } from '../../model/event.ts'
import { isObject } from '../document/values.ts'

/**
 * Names of the members of a record. Tables that a query service fills have them in lower case, and an
 * example of AWS's own pages begins them with a capital letter and misspells one.
 */
const NAMES = (
  'eventVersion userIdentity eventTime eventSource eventName awsRegion sourceIPAddress ' +
  'userAgent errorCode errorMessage requestParameters responseElements requestID eventID ' +
  'readOnly eventType managementEvent recipientAccountId eventCategory tlsDetails resources ' +
  'apiVersion additionalEventData serviceEventDetails sharedEventID vpcEndpointId ' +
  'insightDetails type principalId arn accountId accessKeyId userName sessionContext ' +
  'attributes mfaAuthenticated creationDate sessionIssuer invokedBy tlsVersion cipherSuite ' +
  'clientProvidedHostHeader'
).split(' ')
const BY_LETTERS = new Map(NAMES.map((name) => [name.toLowerCase(), name]))
BY_LETTERS.set('requestparamters', 'requestParameters')
const DEPTH_MAX = 4
/** What stands inside these is the caller's own. */
const OWN = new Set(['requestParameters', 'responseElements', 'resources'])

/** The record under its usual names; the same object where they are usual already. */
export function withUsualNames(record: EcsDoc): EcsDoc {
  if (Object.hasOwn(record, 'eventName') || Object.hasOwn(record, 'insightDetails')) return record
  const other = Object.keys(record).some((key) => /^event_?name$/i.test(key))
  return other ? renamed(record, 0) : record
}

function renamed(doc: EcsDoc, depth: number): EcsDoc {
  const named: EcsDoc = {}
  for (const [key, value] of Object.entries(doc)) {
    const name = BY_LETTERS.get(key.toLowerCase().replaceAll('_', '')) ?? key
    const inner = depth < DEPTH_MAX && isObject(value) && !OWN.has(name)
    named[name] = inner ? renamed(value, depth + 1) : value
  }
  return named
}
