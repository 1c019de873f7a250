import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { Envelope } from '../document/payloads.ts'
import { compact, textAt, timeAt } from '../document/values.ts'

/**
 * An unusual rate of a call, as CloudTrail Insights found it.
 * Source: AWS CloudTrail, "CloudTrail Insights insightDetails element".
 */
export function insightDraft(record: EcsDoc, insight: EcsDoc, envelope: Envelope): Draft {
  const name = textAt(insight, 'eventName') ?? ''
  const error = textAt(insight, 'errorCode')
  const account = textAt(record, 'recipientAccountId') ?? envelope.account
  const state = textAt(insight, 'state')?.toLowerCase() ?? 'found'
  const kind = textAt(insight, 'insightType') ?? 'insight'
  const doc = compact({
    event: {
      kind: 'alert',
      category: ['intrusion_detection'],
      type: ['info'],
      outcome: 'unknown',
      code: `${kind}-${state}`.toLowerCase(),
      provider: textAt(insight, 'eventSource') ?? 'cloudtrail.amazonaws.com',
      module: 'aws',
      dataset: 'aws.cloudtrail',
      reason: `Unusual rate of ${name}${error === undefined ? '' : ` with ${error}`}: ${state}`,
      reference: textAt(record, 'sharedEventID', 'eventID'),
    },
    rule: { name: kind, ruleset: 'CloudTrail Insights' },
    cloud: compact({
      provider: 'aws',
      region: textAt(record, 'awsRegion') ?? envelope.region,
      account: account === undefined ? undefined : { id: account },
    }),
    aws: {
      cloudtrail: compact({
        event_type: textAt(record, 'eventType'),
        event_category: textAt(record, 'eventCategory'),
        event_id: textAt(record, 'eventID'),
        error_code: error,
        insight_details: JSON.stringify(insight).slice(0, 32_768),
      }),
    },
  })
  return { timeMs: timeAt(record, 'eventTime') ?? envelope.timeMs, action: 'audit-finding', doc }
}
