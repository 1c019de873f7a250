import { ANEW } from '../../base/anew.ts'
import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import type { Envelope } from '../document/payloads.ts'
import {
  booleanAt,
  compact,
  listAt,
  numberAt,
  objectAt,
  textAt,
  timeAt,
  valueAt,
} from '../document/values.ts'
import { cloudOf } from '../aws-device-defender/metric.ts'
import { addressOf, principalOf } from './identity.ts'
import { endingAction, readable } from './words.ts'

interface Lifecycle {
  readonly action: EventAction
  readonly type: readonly string[]
}

const LIFECYCLE: Readonly<Record<string, Lifecycle>> = {
  connected: { action: 'mqtt-connect', type: ['connection', 'start', 'allowed'] },
  disconnected: { action: 'mqtt-disconnect', type: ['connection', 'end'] },
  subscribed: { action: 'mqtt-subscribe', type: ['access', 'allowed'] },
  unsubscribed: { action: 'mqtt-unsubscribe', type: ['info'] },
}

/**
 * Presence and subscription events (`$aws/events/presence/…`, `$aws/events/subscriptions/…`). They may
 * come out of order and twice: `iot.mqtt.session.version` orders those of one client.
 */
export function lifecycleDraft(doc: EcsDoc, envelope: Envelope): Draft | undefined {
  const type = textAt(doc, 'eventType') ?? ''
  const words = Object.hasOwn(LIFECYCLE, type) ? LIFECYCLE[type] : undefined
  const client = textAt(doc, 'clientId')
  if (words === undefined || client === undefined) return undefined
  const why = textAt(doc, 'disconnectReason')
  const { user, credential } = principalOf(textAt(doc, 'principalIdentifier'))
  const topics = listAt(doc, 'topics')
  const made = compact({
    event: compact({
      kind: 'event',
      category: type.endsWith('scribed') ? ['network'] : ['network', 'session'],
      type: [...words.type],
      outcome: 'success',
      code: why ?? type,
      reason: why === undefined ? type : readable(why),
      sequence: numberAt(doc, 'versionNumber'),
    }),
    source: addressOf(textAt(doc, 'ipAddress')),
    network: { protocol: 'mqtt', transport: 'tcp' },
    user,
    cloud: cloudOf(envelope),
    iot: compact({
      credential,
      mqtt: compact({
        client_id: client,
        topic: topics,
        session: compact({
          id: textAt(doc, 'sessionIdentifier'),
          version: numberAt(doc, 'versionNumber'),
          client_initiated: booleanAt(doc, 'clientInitiatedDisconnect'),
        }),
      }),
    }),
  })
  const action = type === 'disconnected' ? endingAction(why) : words.action
  return { timeMs: timeAt(doc, 'timestamp') ?? envelope.timeMs, action, doc: made }
}

/** Job, job execution, registry and certificate events of `$aws/events/#`. */
export function managementDraft(doc: EcsDoc, envelope: Envelope): Draft | undefined {
  const type = textAt(doc, 'eventType') ?? ''
  if (type === 'JOB' || type === 'JOB_EXECUTION') return jobDraft(doc, type, envelope)
  if (/^THING(?:_[A-Z]+)*_EVENT$/.test(type)) return registryDraft(doc, type, envelope)
  if (textAt(doc, 'certificateId') !== undefined && textAt(doc, 'caCertificateId') !== undefined) {
    return certificateDraft(doc, envelope)
  }
  return undefined
}

const FAILED = new Set(['FAILED', 'REJECTED', 'TIMED_OUT', 'REMOVED', 'failed', 'rejected'])

function jobDraft(doc: EcsDoc, type: string, envelope: Envelope): Draft {
  const operation = textAt(doc, 'operation') ?? 'unknown'
  const status = textAt(doc, 'status')
  const thing = textAt(doc, 'thingName') ?? lastOf(textAt(doc, 'thingArn'))
  const failed = FAILED.has(status ?? operation)
  const targets = listAt(doc, 'targets')
  const made = compact({
    event: {
      kind: 'event',
      category: ['host'],
      type: ['change'],
      outcome: failed ? 'failure' : 'success',
      code: `${type}-${operation}`.toLowerCase(),
      reason: status === undefined ? operation : readable(status),
    },
    device: thing === undefined ? undefined : { id: thing },
    cloud: cloudOf(envelope),
    iot: {
      job: compact({
        id: textAt(doc, 'jobId'),
        status,
        operation,
        targets,
        target_selection: textAt(doc, 'targetSelection'),
        execution: numberAt(doc, 'executionNumber'),
        version: numberAt(doc, 'versionNumber'),
        details: objectAt(doc, 'statusDetails'),
        counts: objectAt(doc, 'jobProcessDetails'),
        comment: textAt(doc, 'comment'),
      }),
    },
  })
  return { timeMs: timeAt(doc, 'timestamp') ?? envelope.timeMs, action: 'device-job', doc: made }
}

const CHANGES: Readonly<Record<string, string>> = {
  CREATED: 'creation',
  UPDATED: 'change',
  DELETED: 'deletion',
  ADDED: 'change',
  REMOVED: 'change',
}

function registryDraft(doc: EcsDoc, type: string, envelope: Envelope): Draft {
  const operation = textAt(doc, 'operation') ?? 'unknown'
  const thing = textAt(doc, 'thingName') ?? lastOf(textAt(doc, 'thingArn'))
  const made = compact({
    event: compact({
      kind: 'event',
      category: ['configuration'],
      type: [CHANGES[operation] ?? 'change'],
      outcome: 'success',
      code: `${type}-${operation}`.toLowerCase(),
      reason: `${readable(type)}: ${operation.toLowerCase()}`,
      sequence: numberAt(doc, 'versionNumber'),
    }),
    device: thing === undefined ? undefined : { id: thing },
    cloud: cloudOf({ ...ANEW, ...envelope, account: textAt(doc, 'accountId') ?? envelope.account }),
    iot: {
      registry: compact({
        type: textAt(doc, 'thingTypeName'),
        group: textAt(doc, 'thingGroupName') ?? lastOf(textAt(doc, 'thingGroupArn')),
        version: numberAt(doc, 'versionNumber'),
        attributes: valueAt(doc, 'attributes'),
      }),
    },
  })
  const timeMs = timeAt(doc, 'timestamp') ?? envelope.timeMs
  return { timeMs, action: 'config-change', doc: made }
}

/** Just-in-time registration: a certificate of a registered CA connected for the first time. */
function certificateDraft(doc: EcsDoc, envelope: Envelope): Draft {
  const id = textAt(doc, 'certificateId')
  const status = textAt(doc, 'certificateStatus') ?? 'unknown'
  const made = compact({
    event: {
      kind: 'event',
      category: ['configuration'],
      type: ['creation'],
      outcome: 'success',
      code: 'certificate-registered',
      reason: readable(status),
    },
    cloud: cloudOf({
      ...ANEW,
      ...envelope,
      account: textAt(doc, 'awsAccountId') ?? envelope.account,
    }),
    source: addressOf(textAt(doc, 'sourceIpAddress')),
    iot: { credential: compact({ id, kind: 'x509', issuer: textAt(doc, 'caCertificateId') }) },
  })
  const timeMs = timeAt(doc, 'timestamp') ?? envelope.timeMs
  return { timeMs, action: 'certificate-seen', doc: made }
}

function lastOf(arn: string | undefined): string | undefined {
  return arn === undefined ? undefined : arn.slice(arn.lastIndexOf('/') + 1)
}
