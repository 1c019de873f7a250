import { ANEW } from '../../base/anew.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { Draft } from '../../model/decoder.ts'
import type { Envelope } from '../document/payloads.ts'
import {
  booleanAt,
  compact,
  isObject,
  listAt,
  numberAt,
  objectAt,
  present,
  textAt,
  timeAt,
} from '../document/values.ts'
import { cloudOf, hecOf, metricDoc, metricOf } from './metric.ts'
import { severityOfCheck, severityNumber } from './severity.ts'

/**
 * A violation alert, as SNS brings it or as ListViolationEvents and ListActiveViolations give it.
 * Undefined where the object is none.
 */
export function violationDraft(doc: EcsDoc, envelope: Envelope): Draft | undefined {
  const id = textAt(doc, 'violationId')
  const kind = textAt(doc, 'violationEventType')
  const behavior = objectAt(doc, 'behavior')
  if (id === undefined || (kind === undefined && behavior === undefined)) return undefined
  const type = kind ?? 'in-alarm'
  const thing = textAt(doc, 'thingName')
  const profile = textAt(doc, 'securityProfileName')
  const name = behavior === undefined ? undefined : textAt(behavior, 'name')
  const metric = behavior === undefined ? undefined : textAt(behavior, 'metric')
  const value = doc['metricValue'] ?? doc['lastViolationValue']
  const timeMs =
    timeAt(doc, 'violationEventTime', 'lastViolationTime', 'violationStartTime') ?? envelope.timeMs
  const made = compact({
    event: {
      kind: 'alert',
      category: ['intrusion_detection'],
      type: type === 'in-alarm' ? ['indicator'] : ['info'],
      outcome: type === 'in-alarm' ? 'failure' : 'success',
      code: `violation-${type}`,
      reason: `${name ?? 'A behavior'} of ${thing ?? 'a thing'}: ${type}`,
    },
    device: thing === undefined ? undefined : { id: thing },
    rule: present({ name, ruleset: profile }),
    cloud: cloudOf(envelope),
    iot: compact({
      metric:
        metric === undefined ? undefined : metricDoc(metricOf(metric, value), dimension(behavior)),
      defender: compact({
        violation: compact({
          id,
          type,
          start: timeText(timeAt(doc, 'violationStartTime')),
          verification: textAt(doc, 'verificationState'),
        }),
        behavior: compact({
          name,
          metric,
          criteria: behavior === undefined ? undefined : behavior['criteria'],
        }),
        profile,
        ...notification(envelope),
      }),
      hec: hecOf(envelope),
    }),
  })
  return { timeMs, action: 'audit-finding', doc: made }
}

function dimension(behavior: EcsDoc | undefined): EcsDoc | undefined {
  const given = behavior === undefined ? undefined : objectAt(behavior, 'metricDimension')
  return given === undefined
    ? undefined
    : compact({ name: textAt(given, 'dimensionName'), operator: textAt(given, 'operator') })
}

export function looksLikeAudit(doc: EcsDoc): boolean {
  return (
    Object.hasOwn(doc, 'auditDetails') ||
    (Object.hasOwn(doc, 'taskId') && Object.hasOwn(doc, 'taskStatus'))
  )
}

/** An audit notification, or DescribeAuditTask: one event a check, each with the facts of the task. */
export function* auditDrafts(doc: EcsDoc, envelope: Envelope): Generator<Draft> {
  const statistics = objectAt(doc, 'taskStatistics') ?? {}
  const count = (key: string, other: string): number | undefined =>
    numberAt(doc, key) ?? numberAt(statistics, other)
  const startMs = timeAt(doc, 'taskStartTime')
  const task = compact({
    id: textAt(doc, 'taskId'),
    type: textAt(doc, 'taskType'),
    status: textAt(doc, 'taskStatus'),
    start: timeText(startMs),
    schedule: textAt(doc, 'scheduledAuditName'),
    checks: present({
      total: count('totalChecksCount', 'totalChecks'),
      compliant: count('compliantChecksCount', 'compliantChecks'),
      noncompliant: count('nonCompliantChecksCount', 'nonCompliantChecks'),
      failed: count('failedChecksCount', 'failedChecks'),
      canceled: count('canceledChecksCount', 'canceledChecks'),
    }),
  })
  const inner = { ...ANEW, ...envelope, account: textAt(doc, 'accountId') ?? envelope.account }
  // The task began then; its result is as new as the notification.
  const timeMs = envelope.timeMs ?? startMs
  const checks = checksOf(doc)
  if (checks.length === 0) yield taskDraft(task, inner, timeMs)
  for (const check of checks) yield checkDraft(check, { envelope: inner, task, timeMs })
}

/** A list in notifications, an object by check name in the API's answers. */
function checksOf(doc: EcsDoc): readonly EcsDoc[] {
  const list = listAt(doc, 'auditDetails')
  if (list !== undefined) return list.filter(isObject)
  const byName = objectAt(doc, 'auditDetails')
  if (byName === undefined) return []
  return Object.entries(byName).map(([checkName, check]) => ({
    checkName,
    ...(isObject(check) ? check : {}),
  }))
}

function taskDraft(task: EcsDoc, envelope: Envelope, timeMs: number | undefined): Draft {
  const status = String(task['status'] ?? 'unknown')
  const doc = {
    event: {
      kind: 'event',
      category: ['configuration'],
      type: ['info'],
      outcome: status === 'COMPLETED' ? 'success' : status === 'FAILED' ? 'failure' : 'unknown',
      code: 'audit-task',
      reason: `Audit task ${status}`,
    },
    cloud: cloudOf(envelope),
    iot: compact({ defender: { task, ...notification(envelope) }, hec: hecOf(envelope) }),
  }
  return { timeMs, action: 'audit-finding', doc }
}

export interface CheckFacts {
  readonly envelope: Envelope
  readonly task: EcsDoc | undefined
  readonly timeMs: number | undefined
}

/** One check of an audit, also alone as the Lambda transform leaves it. */
export function checkDraft(check: EcsDoc, facts: CheckFacts): Draft {
  const { envelope, task, timeMs } = facts
  const name = textAt(check, 'checkName') ?? 'unknown'
  const status = textAt(check, 'checkRunStatus') ?? 'unknown'
  const noncompliant = numberAt(check, 'nonCompliantResourcesCount')
  const severity = severityOfCheck(name)
  const failed = status === 'COMPLETED_NON_COMPLIANT'
  const doc = compact({
    event: compact({
      kind: failed ? 'alert' : 'event',
      category: ['configuration'],
      type: ['info'],
      outcome: failed ? 'failure' : status === 'COMPLETED_COMPLIANT' ? 'success' : 'unknown',
      code: name,
      reason: `${status}${noncompliant === undefined ? '' : `: ${noncompliant} resources`}`,
      severity: failed ? severityNumber(severity) : undefined,
    }),
    rule: { name, ruleset: 'AWS IoT Device Defender Audit' },
    cloud: cloudOf(envelope),
    iot: compact({
      defender: compact({
        check: compact({
          name,
          status,
          severity,
          noncompliant,
          total: numberAt(check, 'totalResourcesCount'),
          suppressed: numberAt(
            check,
            'suppressedNonCompliantResourcesCount',
            'suppressedNonCompliantResourceCount',
          ),
          error_code: textAt(check, 'errorCode'),
          message: textAt(check, 'message'),
        }),
        task,
        ...notification(envelope),
      }),
      hec: hecOf(envelope),
    }),
  })
  return { timeMs, action: 'audit-finding', doc }
}

/** The SNS message that brought it: nothing of the envelope is lost. */
export function notification(envelope: Envelope): EcsDoc {
  const { topicArn, messageId, subject } = envelope
  const made = present({ topic_arn: topicArn, message_id: messageId, subject })
  return made === undefined ? {} : { notification: made }
}

/** An audit finding of ListAuditFindings, DescribeAuditFinding or PUBLISH_FINDING_TO_SNS. */
export function findingDraft(doc: EcsDoc, envelope: Envelope): Draft | undefined {
  const id = textAt(doc, 'findingId')
  const resource = objectAt(doc, 'nonCompliantResource')
  const name = textAt(doc, 'checkName')
  if (id === undefined && (resource === undefined || name === undefined)) return undefined
  const severity = textAt(doc, 'severity') ?? severityOfCheck(name ?? '')
  const code = textAt(doc, 'reasonForNonComplianceCode')
  const identifier = resource === undefined ? undefined : objectAt(resource, 'resourceIdentifier')
  const certificate =
    identifier === undefined
      ? undefined
      : textAt(identifier, 'deviceCertificateId', 'caCertificateId', 'deviceCertificateArn')
  const client = identifier === undefined ? undefined : textAt(identifier, 'clientId')
  const account = identifier === undefined ? undefined : textAt(identifier, 'account')
  const made = compact({
    event: compact({
      kind: 'alert',
      category: ['configuration'],
      type: ['info'],
      outcome: 'failure',
      code: code ?? name,
      reason: textAt(doc, 'reasonForNonCompliance') ?? code,
      severity: severityNumber(severity),
    }),
    rule: present({ name, ruleset: 'AWS IoT Device Defender Audit' }),
    cloud: cloudOf({ ...ANEW, ...envelope, account: account ?? envelope.account }),
    iot: compact({
      credential: certificate === undefined ? undefined : { id: lastOf(certificate), kind: 'x509' },
      mqtt: client === undefined ? undefined : { client_id: client },
      defender: compact({
        finding: compact({
          id,
          severity,
          suppressed: booleanAt(doc, 'isSuppressed'),
          reason_code: code,
          resource_type: resource === undefined ? undefined : textAt(resource, 'resourceType'),
          resource: identifier,
          additional: resource === undefined ? undefined : resource['additionalInfo'],
          related: listAt(doc, 'relatedResources'),
        }),
        check: name === undefined ? undefined : { name },
        task: present({
          id: textAt(doc, 'taskId'),
          start: timeText(timeAt(doc, 'taskStartTime')),
        }),
        ...notification(envelope),
      }),
      hec: hecOf(envelope),
    }),
  })
  const timeMs = timeAt(doc, 'findingTime', 'taskStartTime') ?? envelope.timeMs
  return { timeMs, action: 'audit-finding', doc: made }
}

const lastOf = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1)

function timeText(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString()
}
