import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { plainIp } from '../mosquitto/address.ts'
import type { Envelope } from '../document/payloads.ts'
import {
  booleanAt,
  compact,
  isObject,
  objectAt,
  present,
  textAt,
  timeAt,
} from '../document/values.ts'
import { userOf } from './user.ts'

/** Services whose writing calls change configuration; calls of others are `api-call`. */
const CONFIGURING = new RegExp(
  '^(?:iot[a-z0-9-]*|greengrass(?:v2)?|iam|cloudtrail|cognito-id(?:entity|p)|organizations|sns' +
    '|logs|firehose|events)\\.amazonaws\\.com$',
)

const READING =
  /^(?:Get|List|Describe|Search|Head|Batch(?:Get|Describe)|Lookup|Test|Validate|Check|Query|Scan)/

/** Data-plane calls, where data events are switched on. */
const DATA_PLANE: Readonly<Record<string, EventAction>> = {
  UpdateThingShadow: 'shadow-update',
  DeleteThingShadow: 'shadow-update',
  GetThingShadow: 'shadow-read',
  ListNamedShadowsForThing: 'shadow-read',
  Publish: 'mqtt-publish',
}

const PARAMETERS_MAX = 32_768

/**
 * One record. `event.code` is the event name, `event.provider` the service; fields of the record
 * without a word in ECS stand under `aws.cloudtrail`, named as Elastic's integration names them.
 * Source: AWS CloudTrail, "Record contents".
 */
export function recordDraft(record: EcsDoc, envelope: Envelope): Draft {
  const name = textAt(record, 'eventName') ?? ''
  const service = textAt(record, 'eventSource') ?? ''
  const errorCode = textAt(record, 'errorCode')
  const failed = errorCode !== undefined || loginFailed(record)
  const action = actionOf(record, name, service)
  const parameters = objectAt(record, 'requestParameters') ?? {}
  const response = objectAt(record, 'responseElements') ?? {}
  const identity = objectAt(record, 'userIdentity')
  const account =
    textAt(record, 'recipientAccountId') ?? envelope.account ?? textAt(identity ?? {}, 'accountId')
  const address = textAt(record, 'sourceIPAddress')
  const ip = address === undefined ? undefined : plainIp(address)
  const thing = textAt(parameters, 'thingName') ?? textAt(response, 'thingName')
  const agent = textAt(record, 'userAgent')
  const doc = compact({
    event: {
      kind: 'event',
      category: categoryOf(action, name),
      type: typeOf(action, name, errorCode),
      outcome: failed ? 'failure' : 'success',
      code: name,
      provider: service,
      module: 'aws',
      dataset: 'aws.cloudtrail',
      reason: textAt(record, 'errorMessage') ?? errorCode ?? name,
    },
    cloud: compact({
      provider: 'aws',
      region: textAt(record, 'awsRegion') ?? envelope.region,
      account: account === undefined ? undefined : { id: account },
      service: service === '' ? undefined : { name: service.split('.', 1)[0] },
    }),
    source: address === undefined ? undefined : compact({ address, ip }),
    user: identity === undefined ? undefined : userOf(identity),
    user_agent: agent === undefined ? undefined : { original: agent },
    device: thing === undefined ? undefined : { id: thing },
    error: present({ code: errorCode, message: textAt(record, 'errorMessage') }),
    tls: tlsOf(record),
    aws: { cloudtrail: trailOf(record, identity, parameters, response) },
    iot: iotOf(parameters, response),
  })
  return { timeMs: timeAt(record, 'eventTime') ?? envelope.timeMs, action, doc }
}

function actionOf(record: EcsDoc, name: string, service: string): EventAction {
  if (service === 'iot.amazonaws.com' || service.startsWith('iotdata')) {
    const known = Object.hasOwn(DATA_PLANE, name) ? DATA_PLANE[name] : undefined
    if (known !== undefined) return known
  }
  if (name === 'ConsoleLogin') return 'user-login'
  if (booleanAt(record, 'readOnly') === true || READING.test(name)) return 'api-call'
  return CONFIGURING.test(service) ? 'config-change' : 'api-call'
}

/** A console login that failed has no error code of its own. */
function loginFailed(record: EcsDoc): boolean {
  const response = objectAt(record, 'responseElements')
  return response !== undefined && Object.values(response).includes('Failure')
}

function categoryOf(action: EventAction, name: string): string[] {
  if (name === 'ConsoleLogin' || name.startsWith('AssumeRole')) return ['authentication']
  if (action === 'config-change') return ['configuration']
  return action === 'api-call' ? ['api'] : ['host']
}

function typeOf(action: EventAction, name: string, errorCode: string | undefined): string[] {
  const denied = errorCode !== undefined && /denied|unauthori[sz]ed|forbidden/i.test(errorCode)
  const kind = /^(?:Create|Register|Put|Run|Add)/.test(name)
    ? 'creation'
    : /^(?:Delete|Deregister|Remove|Detach|Revoke|Cancel)/.test(name)
      ? 'deletion'
      : 'change'
  if (action === 'user-login') return ['start']
  const words = action === 'api-call' || action === 'shadow-read' ? ['access'] : [kind]
  return denied ? [...words, 'denied'] : words
}

function tlsOf(record: EcsDoc): EcsDoc | undefined {
  const details = objectAt(record, 'tlsDetails')
  if (details === undefined) return undefined
  const version = textAt(details, 'tlsVersion')
  const host = textAt(details, 'clientProvidedHostHeader')
  return present({
    version: version?.replace(/^TLSv/, ''),
    version_protocol: version === undefined ? undefined : 'tls',
    cipher: textAt(details, 'cipherSuite'),
    client: host === undefined ? undefined : { server_name: host },
  })
}

function trailOf(
  record: EcsDoc,
  identity: EcsDoc | undefined,
  parameters: EcsDoc,
  response: EcsDoc,
): EcsDoc {
  const session = identity === undefined ? undefined : objectAt(identity, 'sessionContext')
  const attributes = session === undefined ? undefined : objectAt(session, 'attributes')
  const issuer = session === undefined ? undefined : objectAt(session, 'sessionIssuer')
  return compact({
    event_version: textAt(record, 'eventVersion'),
    event_type: textAt(record, 'eventType'),
    event_category: textAt(record, 'eventCategory'),
    event_id: textAt(record, 'eventID'),
    request_id: textAt(record, 'requestID'),
    read_only: booleanAt(record, 'readOnly'),
    management_event: booleanAt(record, 'managementEvent'),
    recipient_account_id: textAt(record, 'recipientAccountId'),
    vpc_endpoint_id: textAt(record, 'vpcEndpointId'),
    error_code: textAt(record, 'errorCode'),
    error_message: textAt(record, 'errorMessage'),
    request_parameters: jsonOf(parameters),
    response_elements: jsonOf(response),
    resources: Array.isArray(record['resources']) ? record['resources'] : undefined,
    user_identity:
      identity === undefined
        ? undefined
        : compact({
            type: textAt(identity, 'type'),
            arn: textAt(identity, 'arn'),
            account_id: textAt(identity, 'accountId'),
            access_key_id: textAt(identity, 'accessKeyId'),
            invoked_by: textAt(identity, 'invokedBy'),
            session_context: present({
              mfa_authenticated:
                attributes === undefined ? undefined : booleanAt(attributes, 'mfaAuthenticated'),
              creation_date:
                attributes === undefined ? undefined : textAt(attributes, 'creationDate'),
              session_issuer:
                issuer === undefined
                  ? undefined
                  : present({
                      type: textAt(issuer, 'type'),
                      arn: textAt(issuer, 'arn'),
                      principal_id: textAt(issuer, 'principalId'),
                      account_id: textAt(issuer, 'accountId'),
                    }),
            }),
          }),
  })
}

/** As text, because names of parameters are without number. */
function jsonOf(value: EcsDoc): string | undefined {
  const text = JSON.stringify(value)
  return text === '{}' ? undefined : text.slice(0, PARAMETERS_MAX)
}

/** What the parameters of IoT calls name. */
function iotOf(parameters: EcsDoc, response: EcsDoc): EcsDoc | undefined {
  const target = textAt(parameters, 'principal', 'target', 'certificateArn')
  const certificate =
    textAt(parameters, 'certificateId') ??
    textAt(response, 'certificateId') ??
    (target?.includes(':cert/') === true ? target.slice(target.indexOf(':cert/') + 6) : undefined)
  const policy = textAt(parameters, 'policyName')
  const job = textAt(parameters, 'jobId', 'otaUpdateId')
  const rule = textAt(parameters, 'ruleName')
  const status = textAt(parameters, 'newStatus')
  return present({
    credential:
      certificate === undefined ? undefined : compact({ id: certificate, kind: 'x509', status }),
    policy:
      policy === undefined
        ? undefined
        : compact({ name: policy, document: documentOf(parameters['policyDocument']) }),
    job: job === undefined ? undefined : { id: job },
    rule: rule === undefined ? undefined : { name: rule },
  })
}

function documentOf(value: unknown): string | undefined {
  if (isObject(value)) return jsonOf(value)
  return typeof value === 'string' ? value.slice(0, PARAMETERS_MAX) : undefined
}
