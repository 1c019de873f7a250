import type { EventAction } from '../../model/event.ts'

export interface Words {
  readonly action: EventAction
  readonly category: readonly string[]
  readonly type: readonly string[]
}

const NETWORK = ['network'] as const
const SESSION = ['network', 'session'] as const
const LOGIN = ['network', 'authentication', 'session'] as const
const CONFIGURATION = ['configuration'] as const
const DEVICE = ['host'] as const

const PUBLISH: Words = { action: 'mqtt-publish', category: NETWORK, type: ['info'] }
const SHADOW_READ: Words = { action: 'shadow-read', category: DEVICE, type: ['access'] }
const JOB: Words = { action: 'device-job', category: DEVICE, type: ['change'] }
const JOB_READ: Words = { action: 'device-job', category: DEVICE, type: ['access'] }
const RULE: Words = { action: 'message-rule', category: NETWORK, type: ['info'] }
const CHANGE: Words = { action: 'config-change', category: CONFIGURATION, type: ['change'] }
const CREATION: Words = { action: 'config-change', category: CONFIGURATION, type: ['creation'] }
const COMMAND: Words = { action: 'device-command', category: DEVICE, type: ['info'] }
const CALL: Words = { action: 'api-call', category: ['api'], type: ['access'] }
const FAULT: Words = { action: 'service-error', category: CONFIGURATION, type: ['error'] }

/** Event types of logs v2. Source: AWS IoT Core, "CloudWatch Logs entries for AWS IoT". */
const EVENT_TYPES: Readonly<Record<string, Words>> = {
  Connect: { action: 'mqtt-connect', category: LOGIN, type: ['connection', 'start'] },
  Disconnect: { action: 'mqtt-disconnect', category: SESSION, type: ['connection', 'end'] },
  DeleteConnection: { action: 'mqtt-disconnect', category: SESSION, type: ['connection', 'end'] },
  'Publish-In': PUBLISH,
  'Publish-Out': PUBLISH,
  'Publish-Outbound': PUBLISH,
  Queued: PUBLISH,
  GetRetainedMessage: PUBLISH,
  ListRetainedMessage: PUBLISH,
  ListRetainedMessages: PUBLISH,
  Subscribe: { action: 'mqtt-subscribe', category: NETWORK, type: ['access'] },
  Unsubscribe: { action: 'mqtt-unsubscribe', category: NETWORK, type: ['info'] },
  GetThingShadow: SHADOW_READ,
  ListNamedShadows: SHADOW_READ,
  ListNamedShadowsForThing: SHADOW_READ,
  DeleteThingShadow: { action: 'shadow-update', category: DEVICE, type: ['deletion'] },
  UpdateThingShadow: { action: 'shadow-update', category: DEVICE, type: ['change'] },
  RuleMatch: RULE,
  RuleExecution: RULE,
  StartingRuleExecution: RULE,
  StartingExecution: RULE,
  RuleExecutionThrottled: RULE,
  RuleMessageThrottled: RULE,
  RuleNotFound: RULE,
  FunctionExecution: RULE,
  PolicyEvaluation: RULE,
  GetJobExecution: JOB_READ,
  DescribeJobExecution: JOB_READ,
  GetPendingJobExecution: JOB_READ,
  GetPendingJobExecutions: JOB_READ,
  StartNextPendingJobExecution: JOB,
  UpdateJobExecution: JOB,
  ReportFinalJobExecutionCount: JOB_READ,
  JobExecution: JOB,
  ProvisionDevice: CREATION,
  RegisterThing: CREATION,
  CreateKeysAndCertificate: CREATION,
  CreateCertificateFromCsr: CREATION,
  CreateThing: CREATION,
  AddThingToDynamicThingGroupsFailed: FAULT,
  CertificateProvider: CREATION,
  CreateOTAUpdate: CHANGE,
  NamedShadowCountForDynamicGroupQueryLimitExceeded: FAULT,
  GetDeviceCredentials: { action: 'api-call', category: ['api'], type: ['access'] },
  RetrieveOCSPStapleData: { action: 'certificate-seen', category: CONFIGURATION, type: ['info'] },
  StartCommandExecution: COMMAND,
  UpdateCommandExecution: COMMAND,
  GetCommandExecution: COMMAND,
}

/** Types that AWS adds later, by what their names say; the first that fits. */
const LATER: readonly (readonly [RegExp, Words])[] = [
  [/Command/, COMMAND],
  [/Rule|Function/, RULE],
  [/Job/, JOB],
  [/^(?:Get|List).*Shadow/, SHADOW_READ],
  [/Shadow/, { action: 'shadow-update', category: DEVICE, type: ['change'] }],
  [/^Publish|Message/, PUBLISH],
  [/(?:Failed|Exceeded|Throttled)$/, FAULT],
  [/^(?:Get|List|Describe|Search|Test|Validate|Retrieve)[A-Z]/, CALL],
  [/^(?:Create|Register|Provision)[A-Z]/, CREATION],
  [/^(?:Update|Delete|Add|Remove|Attach|Detach|Set|Replace|Transfer)[A-Z]/, CHANGE],
]

export function wordsOf(eventType: string): Words | undefined {
  if (Object.hasOwn(EVENT_TYPES, eventType)) return EVENT_TYPES[eventType]
  return LATER.find(([pattern]) => pattern.test(eventType))?.[1]
}

/** Why a session ended, in logs (`reason`) and in lifecycle events (`disconnectReason`). */
export function endingAction(reason: string | undefined): EventAction {
  switch (reason) {
    case 'DUPLICATE_CLIENT_ID':
    case 'DUPLICATE_CLIENTID':
      return 'mqtt-takeover'
    case 'MQTT_KEEP_ALIVE_TIMEOUT':
      return 'mqtt-timeout'
    case undefined:
    default:
      return 'mqtt-disconnect'
  }
}

/** `DUPLICATE_CLIENT_ID` as words. */
export function readable(code: string): string {
  return code.toLowerCase().replaceAll('_', ' ')
}
