import { ANEW } from '../../base/anew.ts'
import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import type { Envelope } from '../document/payloads.ts'
import { compact, numberAt, textAt, timeAt, valueAt } from '../document/values.ts'
import { cloudOf } from '../aws-device-defender/metric.ts'
import { addressOf, principalOf } from './identity.ts'
import { endingAction, readable, wordsOf } from './words.ts'

/** Entry of logs v2: has an event type, and a level, a status or a trace. */
export function looksLikeLog(doc: EcsDoc): boolean {
  const type = doc['eventType']
  if (typeof type !== 'string') return false
  // Events of jobs and of the registry have a status too; types of log entries are in mixed case.
  if (/^(?:JOB|JOB_EXECUTION|THING(?:_[A-Z]+)*_EVENT)$/.test(type)) return false
  return ['logLevel', 'status', 'traceId'].some((key) => typeof doc[key] === 'string')
}

/** Facts that the join and the events share. */
export interface LogFacts {
  readonly type: string
  readonly timeMs: number | undefined
  readonly failed: boolean
  readonly topic: string | undefined
  readonly thing: string | undefined
  readonly traceId: string | undefined
  readonly clientId: string | undefined
  readonly principal: string | undefined
  readonly ip: string | undefined
  readonly port: number | undefined
  readonly protocol: string | undefined
  readonly reason: string | undefined
  readonly details: string | undefined
}

/** The stamp `2017-08-10 15:37:23.476` is UTC. */
export function readLog(doc: EcsDoc, envelope: Envelope): LogFacts {
  const topic = textAt(doc, 'topicName', 'topic')
  return {
    type: textAt(doc, 'eventType') ?? '',
    timeMs: timeAt(doc, 'timestamp') ?? envelope.timeMs,
    failed: textAt(doc, 'status') === 'Failure',
    topic,
    thing: textAt(doc, 'deviceShadowName', 'thingName', 'thingId') ?? thingOf(topic),
    traceId: textAt(doc, 'traceId'),
    clientId: textAt(doc, 'clientId'),
    principal: textAt(doc, 'principalId'),
    ip: textAt(doc, 'sourceIp'),
    port: numberAt(doc, 'sourcePort'),
    protocol: textAt(doc, 'protocol'),
    reason: textAt(doc, 'reason', 'disconnectReason'),
    details: textAt(doc, 'details'),
  }
}

/** The thing of a reserved topic; undefined for other topics. */
export function thingOf(topic: string | undefined): string | undefined {
  if (topic === undefined || !topic.startsWith('$aws/things/')) return undefined
  const end = topic.indexOf('/', 12)
  const thing = end < 0 ? topic.slice(12) : topic.slice(12, end)
  return thing === '' || thing === '+' || thing === '#' ? undefined : thing
}

/** An entry as an event; `event.code` is the reason where one is given, else the event type. */
export function logDraft(doc: EcsDoc, facts: LogFacts, envelope: Envelope): Draft {
  const words = wordsOf(facts.type)
  const action = actionOf(facts, words?.action)
  const denied = facts.failed && isDenial(facts.reason)
  const { user, credential } = principalOf(facts.principal)
  const made = compact({
    event: {
      kind: 'event',
      category: [...(words?.category ?? [])],
      type: [...(words?.type ?? ['info']), ...(denied ? ['denied'] : [])],
      outcome: facts.failed ? 'failure' : doc['status'] === 'Success' ? 'success' : 'unknown',
      code: facts.reason ?? facts.type,
      reason: facts.details ?? readable(facts.reason ?? facts.type),
    },
    ...logFields(doc, facts, envelope),
    user,
    iot: iotOf(doc, facts, credential),
  })
  return { timeMs: facts.timeMs, action, doc: made }
}

/** What all events that stand on a log entry have, but `event`, `user` and `iot`. */
export function logFields(doc: EcsDoc, facts: LogFacts, envelope: Envelope): EcsDoc {
  const account = textAt(doc, 'accountId') ?? envelope.account
  return compact({
    source: addressOf(facts.ip, facts.port),
    device: facts.thing === undefined ? undefined : { id: facts.thing },
    network: networkOf(facts.protocol),
    cloud: cloudOf({ ...ANEW, ...envelope, account }),
    trace: facts.traceId === undefined ? undefined : { id: facts.traceId },
    log: compact({ level: textAt(doc, 'logLevel')?.toLowerCase() }),
  })
}

function networkOf(protocol: string | undefined): EcsDoc | undefined {
  return protocol === undefined ? undefined : { protocol: protocol.toLowerCase(), transport: 'tcp' }
}

function iotOf(doc: EcsDoc, facts: LogFacts, credential: EcsDoc | undefined): EcsDoc {
  const retain = valueAt(doc, 'retain')
  const rule = textAt(doc, 'ruleName')
  const job = textAt(doc, 'jobId')
  return compact({
    credential,
    mqtt: compact({
      client_id: facts.clientId,
      topic: facts.topic,
      qos: numberAt(doc, 'qos'),
      retain: retain === undefined ? undefined : String(retain).toLowerCase() === 'true',
    }),
    rule: rule === undefined ? undefined : { name: rule, action: textAt(doc, 'ruleAction') },
    job: job === undefined ? undefined : { id: job },
  })
}

function actionOf(facts: LogFacts, action: EventAction | undefined): EventAction {
  if (action === undefined) return 'event'
  if (action === 'mqtt-disconnect') return endingAction(facts.reason)
  if (!facts.failed) return action
  if (action === 'mqtt-publish') return isDenial(facts.reason) ? 'mqtt-publish-denied' : action
  if (action === 'mqtt-subscribe') return isDenial(facts.reason) ? 'mqtt-subscribe-denied' : action
  return action
}

const isDenial = (reason: string | undefined): boolean =>
  reason !== undefined && /AUTH|FORBIDDEN|DENIED/i.test(reason)
