/** Every name of the closed lists that sources have: checks, metrics, event types, calls, states, claims. */
import { type Fields, type Row, testRows } from './example-rows.ts'

const json = (value: unknown): string => JSON.stringify(value)
const AT_MS = 1_795_301_345_000
const AT = '2026-11-21T22:49:05.000Z'

/** Name, severity, a code that AWS gives as the reason of a finding. */
const CHECKS: readonly (readonly [string, string, string])[] = [
  ['REVOKED_CA_CERTIFICATE_STILL_ACTIVE_CHECK', 'CRITICAL', 'CERTIFICATE_REVOKED_BY_ISSUER'],
  [
    'INTERMEDIATE_CA_REVOKED_FOR_ACTIVE_DEVICE_CERTIFICATES_CHECK',
    'CRITICAL',
    'INTERMEDIATE_CA_REVOKED_BY_ISSUER',
  ],
  ['DEVICE_CERTIFICATE_SHARED_CHECK', 'CRITICAL', 'CERTIFICATE_SHARED_BY_MULTIPLE_DEVICES'],
  ['DEVICE_CERTIFICATE_KEY_QUALITY_CHECK', 'CRITICAL', 'CERTIFICATE_KEY_VULNERABILITY_ROCA'],
  ['CA_CERTIFICATE_KEY_QUALITY_CHECK', 'CRITICAL', 'CERTIFICATE_KEY_VULNERABILITY_PREDICTABLE_RSA'],
  [
    'UNAUTHENTICATED_COGNITO_ROLE_OVERLY_PERMISSIVE_CHECK',
    'CRITICAL',
    'ALLOWS_ACCESS_TO_IOT_ADMIN_ACTIONS',
  ],
  [
    'AUTHENTICATED_COGNITO_ROLE_OVERLY_PERMISSIVE_CHECK',
    'CRITICAL',
    'ALLOWS_BROAD_ACCESS_TO_IOT_DATA_PLANE_ACTIONS',
  ],
  [
    'IOT_POLICY_OVERLY_PERMISSIVE_CHECK',
    'CRITICAL',
    'ALLOWS_BROAD_ACCESS_TO_IOT_DATA_PLANE_ACTIONS',
  ],
  [
    'IOT_POLICY_POTENTIAL_MISCONFIGURATION_CHECK',
    'MEDIUM',
    'POLICY_CONTAINS_MQTT_WILDCARDS_IN_DENY_STATEMENT',
  ],
  ['IOT_ROLE_ALIAS_OVERLY_PERMISSIVE_CHECK', 'CRITICAL', 'ALLOWS_BROAD_ACCESS_TO_IOT_THING'],
  [
    'IOT_ROLE_ALIAS_ALLOWS_ACCESS_TO_UNUSED_SERVICES_CHECK',
    'MEDIUM',
    'ALLOWS_ACCESS_TO_UNUSED_SERVICES',
  ],
  ['CA_CERTIFICATE_EXPIRING_CHECK', 'MEDIUM', 'CERTIFICATE_APPROACHING_EXPIRATION'],
  ['DEVICE_CERTIFICATE_EXPIRING_CHECK', 'MEDIUM', 'CERTIFICATE_PAST_EXPIRATION'],
  ['CONFLICTING_CLIENT_IDS_CHECK', 'HIGH', 'DUPLICATE_CLIENT_ID_ACROSS_CONNECTIONS'],
  ['REVOKED_DEVICE_CERTIFICATE_STILL_ACTIVE_CHECK', 'MEDIUM', 'CERTIFICATE_REVOKED_BY_ISSUER'],
  ['LOGGING_DISABLED_CHECK', 'LOW', 'LOGGING_DISABLED'],
  ['DEVICE_CERTIFICATE_AGE_CHECK', 'LOW', 'CERTIFICATE_PAST_AGE_THRESHOLD'],
]
const IDENTIFIERS: readonly (readonly [string, Fields])[] = [
  ['DEVICE_CERTIFICATE', { deviceCertificateId: 'abcd' }],
  ['DEVICE_CERTIFICATE', { deviceCertificateArn: 'arn:aws:iot:eu-west-1:1:cert/abcd' }],
  ['CA_CERTIFICATE', { caCertificateId: 'abcd' }],
  ['COGNITO_IDENTITY_POOL', { cognitoIdentityPoolId: 'eu-west-1:1' }],
  ['CLIENT_ID', { clientId: 'pump-7' }],
  ['IOT_POLICY', { policyVersionIdentifier: { policyName: 'p', policyVersionId: '2' } }],
  ['ACCOUNT_SETTINGS', { account: '123456789012' }],
  ['IAM_ROLE', { iamRoleArn: 'arn:aws:iam::1:role/r' }],
  ['ROLE_ALIAS', { roleAliasArn: 'arn:aws:iot:eu-west-1:1:rolealias/r' }],
  [
    'ISSUER_CERTIFICATE',
    { issuerCertificateIdentifier: { issuerCertificateSubject: 'CN=x', issuerId: 'i' } },
  ],
]
const finding = (check: string, severity: string, code: string, resource: Fields): string =>
  json({
    findingId: 'f1',
    taskId: 't1',
    checkName: check,
    taskStartTime: AT_MS / 1_000,
    findingTime: AT_MS / 1_000,
    severity,
    nonCompliantResource: resource,
    relatedResources: [],
    reasonForNonCompliance: 'Because.',
    reasonForNonComplianceCode: code,
    isSuppressed: false,
  })
const resource = { resourceType: 'ACCOUNT_SETTINGS', resourceIdentifier: { account: '1' } }
const audits: readonly Row[] = [
  ...CHECKS.map(([name, severity, code]): Row => [
    'aws-device-defender',
    finding(name, severity, code, resource),
    {
      '@timestamp': AT,
      'event.action': 'audit-finding',
      'rule.name': name,
      'iot.defender.finding.severity': severity,
      'iot.defender.finding.reason_code': code,
    },
  ]),
  ...CHECKS.map(([name, severity]): Row => [
    'aws-device-defender',
    json({
      accountId: '123456789012',
      taskId: 't1',
      taskStatus: 'COMPLETED',
      taskType: 'SCHEDULED_AUDIT_TASK',
      taskStartTime: AT_MS,
      nonCompliantChecksCount: 1,
      auditDetails: [
        {
          checkName: name,
          checkRunStatus: 'COMPLETED_NON_COMPLIANT',
          nonCompliantResourcesCount: 3,
          totalResourcesCount: 120,
        },
      ],
    }),
    {
      'event.action': 'audit-finding',
      'event.outcome': 'failure',
      'rule.name': name,
      'iot.defender.check.severity': severity,
      'iot.defender.check.noncompliant': 3,
    },
  ]),
  ...IDENTIFIERS.map(([resourceType, resourceIdentifier]): Row => [
    'aws-device-defender',
    finding('CONFLICTING_CLIENT_IDS_CHECK', 'HIGH', 'X', { resourceType, resourceIdentifier }),
    { 'event.action': 'audit-finding', 'iot.defender.finding.resource_type': resourceType },
  ]),
]

const METRICS: Readonly<Record<string, unknown>> = {
  'aws:message-byte-size': { count: 4 },
  'aws:num-messages-sent': { count: 4 },
  'aws:num-messages-received': { count: 4 },
  'aws:num-authorization-failures': { count: 4 },
  'aws:num-connection-attempts': { count: 4 },
  'aws:num-disconnects': { count: 4 },
  'aws:disconnect-duration': { count: 4 },
  'aws:all-bytes-out': { count: 4 },
  'aws:all-bytes-in': { count: 4 },
  'aws:all-packets-out': { count: 4 },
  'aws:all-packets-in': { count: 4 },
  'aws:num-listening-tcp-ports': { count: 4 },
  'aws:num-listening-udp-ports': { count: 4 },
  'aws:num-established-tcp-connections': { count: 4 },
  'aws:source-ip-address': { cidrs: ['192.0.2.0/24'] },
  'aws:destination-ip-addresses': { cidrs: ['192.0.2.0/24'] },
  'aws:listening-tcp-ports': { ports: [21] },
  'aws:listening-udp-ports': { ports: [53] },
}
const metrics: readonly Row[] = Object.entries(METRICS).map(([name, value]) => [
  'aws-device-defender',
  json({ version: '1.0', metrics: [{ name, thing: 'pump-7', value, timestamp: AT_MS }] }),
  {
    '@timestamp': AT,
    'event.action': 'device-metrics',
    'device.id': 'pump-7',
    'iot.metric.name': name,
  },
])

/** Event types of logs v2 and what they are. */
const TYPES: Readonly<Record<string, string>> = {
  Connect: 'mqtt-connect',
  Disconnect: 'mqtt-disconnect',
  DeleteConnection: 'mqtt-disconnect',
  'Publish-In': 'mqtt-publish',
  'Publish-Out': 'mqtt-publish',
  Queued: 'mqtt-publish',
  GetRetainedMessage: 'mqtt-publish',
  ListRetainedMessages: 'mqtt-publish',
  Subscribe: 'mqtt-subscribe',
  Unsubscribe: 'mqtt-unsubscribe',
  GetThingShadow: 'shadow-read',
  DeleteThingShadow: 'shadow-update',
  RuleMatch: 'message-rule',
  RuleExecution: 'message-rule',
  StartingRuleExecution: 'message-rule',
  RuleExecutionThrottled: 'message-rule',
  RuleMessageThrottled: 'message-rule',
  RuleNotFound: 'message-rule',
  FunctionExecution: 'message-rule',
  GetJobExecution: 'device-job',
  DescribeJobExecution: 'device-job',
  GetPendingJobExecution: 'device-job',
  StartNextPendingJobExecution: 'device-job',
  UpdateJobExecution: 'device-job',
  ReportFinalJobExecutionCount: 'device-job',
  ProvisionDevice: 'config-change',
  CreateKeysAndCertificate: 'config-change',
  RegisterThing: 'config-change',
  GetDeviceCredentials: 'api-call',
  RetrieveOCSPStapleData: 'certificate-seen',
  StartCommandExecution: 'device-command',
  // Of names that no page lists yet.
  UpdateThingLocation: 'config-change',
  DescribeThingLocation: 'api-call',
}
const entry = (eventType: string, more: Fields, fields: Fields): Row => [
  'aws-iot',
  json({
    timestamp: '2026-11-21 22:49:05.000',
    logLevel: 'INFO',
    traceId: 't',
    accountId: '123456789012',
    status: 'Success',
    eventType,
    protocol: 'MQTT',
    clientId: 'c1',
    principalId: '1451',
    sourceIp: '203.0.113.1',
    sourcePort: 13_490,
    ...more,
  }),
  { '@timestamp': AT, 'iot.mqtt.client_id': 'c1', 'source.ip': '203.0.113.1', ...fields },
]
const entries: readonly Row[] = [
  ...Object.entries(TYPES).flatMap(([type, action]): readonly Row[] => [
    entry(type, {}, { 'event.action': action, 'event.outcome': 'success' }),
    entry(
      type,
      { status: 'Failure', logLevel: 'ERROR', reason: 'SERVER_ERROR' },
      { 'event.action': action, 'event.outcome': 'failure', 'event.code': 'SERVER_ERROR' },
    ),
  ]),
  entry(
    'Publish-In',
    { topicName: 'a/b', retain: 'True' },
    { 'iot.mqtt.topic': 'a/b', 'iot.mqtt.retain': true },
  ),
  entry(
    'Publish-In',
    { status: 'Failure', reason: 'AUTHORIZATION_FAILURE', topicName: 'a/b' },
    { 'event.action': 'mqtt-publish-denied', 'event.outcome': 'failure' },
  ),
  entry(
    'Subscribe',
    { status: 'Failure', reason: 'AUTHORIZATION_FAILURE', topicName: 'a/#' },
    { 'event.action': 'mqtt-subscribe-denied', 'event.outcome': 'failure' },
  ),
]

/** Calls of the control plane that change IoT, with the parameters that matter. */
const CALLS: readonly (readonly [string, unknown, Fields])[] = [
  [
    'AttachPolicy',
    { principal: 'arn:aws:iot:eu-west-1:1:cert/528c', policyName: 'P' },
    { 'iot.policy.name': 'P', 'iot.credential.id': '528c' },
  ],
  ['AttachPolicy', { target: 'arn:aws:iot:eu-west-1:1:cert/528c', policyName: 'P' }, {}],
  [
    'CreatePolicyVersion',
    { policyName: 'P', policyDocument: '{}', setAsDefault: true },
    { 'iot.policy.document': '{}' },
  ],
  [
    'UpdateCertificate',
    { certificateId: '528c', newStatus: 'INACTIVE' },
    { 'iot.credential.id': '528c' },
  ],
  ['CreateKeysAndCertificate', { setAsActive: true }, {}],
  ['CreateThing', { thingName: 'pump-7' }, { 'device.id': 'pump-7' }],
  ['CreateOTAUpdate', { otaUpdateId: 'o1' }, { 'iot.job.id': 'o1' }],
  ['CreateJob', { jobId: 'j1' }, { 'iot.job.id': 'j1' }],
  ['CreateTopicRule', { ruleName: 'r1' }, { 'iot.rule.name': 'r1' }],
]
const record = (
  eventName: string,
  requestParameters: unknown,
): Readonly<Record<string, unknown>> => ({
  eventVersion: '1.08',
  userIdentity: { type: 'IAMUser', arn: 'arn:aws:iam::1:user/ann', userName: 'ann' },
  eventTime: '2026-11-21T22:49:05Z',
  eventSource: 'iot.amazonaws.com',
  eventName,
  awsRegion: 'eu-west-1',
  sourceIPAddress: '203.0.113.9',
  requestParameters,
  responseElements: null,
})
const called: Fields = {
  '@timestamp': AT,
  'event.action': 'config-change',
  'event.outcome': 'success',
  'user.name': 'ann',
  'source.ip': '203.0.113.9',
}
const recased = (change: (key: string) => string): string => {
  const { userIdentity, requestParameters, ...rest } = record('CreateJob', { jobId: 'j1' })
  const entriesOf = Object.entries({ ...rest, userIdentity })
  const odd = Object.fromEntries(entriesOf.map(([key, value]) => [change(key), value]))
  return json({ ...odd, RequestParamters: requestParameters })
}
const calls: readonly Row[] = [
  ...CALLS.map(([name, parameters, fields]): Row => [
    'cloudtrail',
    json({ Records: [record(name, parameters)] }),
    { ...called, 'event.code': name, ...fields },
  ]),
  // Names in lower case, as tables have them, and with a capital, as one of AWS's own examples.
  ['cloudtrail', recased((key) => key.toLowerCase()), { ...called, 'iot.job.id': 'j1' }],
  [
    'cloudtrail',
    recased((key) => key.slice(0, 1).toUpperCase() + key.slice(1)),
    { ...called, 'iot.job.id': 'j1' },
  ],
  [
    'cloudtrail',
    json({
      eventTime: '2026-11-21T22:49:05Z',
      eventType: 'AwsCloudTrailInsight',
      recipientAccountId: '1',
      sharedEventID: 's',
      insightDetails: {
        state: 'Start',
        eventSource: 'iot.amazonaws.com',
        eventName: 'AttachPolicy',
        insightType: 'ApiCallRateInsight',
      },
    }),
    { '@timestamp': AT, 'event.action': 'audit-finding', 'event.kind': 'alert' },
  ],
]

/** The states of a roll-out and of an action, and whether something went wrong. */
const STATES: Readonly<Record<string, string>> = {
  CREATING: 'success',
  WAITING_FOR_APPROVAL: 'success',
  APPROVAL_DENIED: 'failure',
  READY: 'success',
  PAUSED: 'success',
  STARTING: 'success',
  STOPPED: 'failure',
  STOPPING: 'failure',
  RUNNING: 'success',
  FINISHED: 'success',
  DELETING: 'failure',
}
const rollouts: readonly Row[] = [
  ...Object.entries(STATES).map(([status, outcome]): Row => [
    'hawkbit',
    json({
      id: 5,
      name: 'r',
      status,
      totalTargets: 3,
      lastModifiedAt: AT_MS,
      lastModifiedBy: 'ann',
    }),
    {
      '@timestamp': AT,
      'event.action': 'config-change',
      'event.outcome': outcome,
      'iot.firmware.campaign': '5',
      'user.name': 'ann',
    },
  ]),
  ...['FINISHED', 'CANCELED', 'RETRIEVED', 'RUNNING', 'ERROR'].map((status): Row => [
    'hawkbit',
    json({ controllerId: 'pump-7', actionId: 9, status, timestamp: AT_MS }),
    { '@timestamp': AT, 'event.action': 'config-change', 'device.id': 'pump-7' },
  ]),
  ...['DOWNLOAD', 'DOWNLOADED'].map((status): Row => [
    'hawkbit',
    json({ controllerId: 'pump-7', actionId: 9, status, timestamp: AT_MS }),
    { '@timestamp': AT, 'event.action': 'firmware-download', 'device.id': 'pump-7' },
  ]),
  ...['RolloutUpdatedEvent', 'ActionCreatedEvent', 'CancelTargetAssignmentEvent'].map(
    (type): Row => [
      'hawkbit',
      json({ type, timestamp: AT_MS, rolloutId: 5 }),
      { '@timestamp': AT, 'event.action': 'config-change', 'event.code': type },
    ],
  ),
  ['hawkbit', json({ type: 'TargetPollEvent', controllerId: 'pump-7' }), undefined],
  ...['create', 'update', 'delete', 'abort', 'reject'].map((action): Row => [
    'mender',
    json({
      actor: { id: 'u1', type: 'user', email: 'ann@example.org' },
      time: AT,
      action,
      object: { id: 'd1', type: 'deployment', deployment: { name: 'r1' } },
      change: 'x',
    }),
    { '@timestamp': AT, 'event.action': 'config-change', 'event.code': `deployment-${action}` },
  ]),
  ...['deployment', 'user', 'artifact', 'device', 'tenant'].map((type): Row => [
    'mender',
    json({
      actor: { id: 'u1', type: 'user' },
      time: AT,
      action: 'update',
      object: { id: 'o', type },
    }),
    { 'event.action': 'config-change', 'event.code': `${type}-update`, 'user.id': 'u1' },
  ]),
]

/** Claims of RFC 9711 as JSON, and of PSA tokens. */
const HASH = 'a'.repeat(64)
const claims: readonly Row[] = [
  [
    'device-report',
    json({
      eat_nonce: 'MIDBNH28iioisjPy',
      ueid: 'AgAEizrK3Q',
      oemid: 76_543,
      hwmodel: 'm7',
      swname: 'pump-os',
      swversion: ['1.3.4', 'multipartnumeric'],
      iat: AT_MS / 1_000,
    }),
    {
      '@timestamp': AT,
      'event.action': 'firmware-report',
      'device.id': 'AgAEizrK3Q',
      'device.model.identifier': 'm7',
      'iot.firmware.version': '1.3.4',
      'iot.firmware.image': 'pump-os',
    },
  ],
  [
    'eat',
    json({
      eat_profile: 'tag:psacertified.org,2023:psa#tfm',
      ueid: 'u',
      'psa-software-components': [
        { 'measurement-type': 'BL', 'measurement-value': HASH, 'signer-id': 's' },
      ],
    }),
    { 'event.action': 'firmware-report', 'iot.firmware.hash': HASH, 'iot.firmware.image': 'BL' },
  ],
  [
    'device-report',
    json({ ueid: 'u', measurements: [['application/x', json({ digest: HASH, name: 'app' })]] }),
    { 'event.action': 'firmware-report', 'iot.firmware.hash': HASH, 'iot.firmware.image': 'app' },
  ],
  [
    'device-report',
    json({ ueid: 'u', oemboot: true, dbgstat: 'disabled', bootcount: 7, uptime: 60 }),
    { 'event.action': 'device-boot', 'event.outcome': 'success', 'iot.boot.count': 7 },
  ],
  [
    'device-report',
    json({ ueid: 'u', oemboot: false, bootseed: 'x' }),
    { 'event.action': 'device-boot', 'event.outcome': 'failure' },
  ],
  [
    'device-report',
    json({ ueid: 'u', measres: [['tpm', [['pcr', 'fail']]]] }),
    { 'event.action': 'firmware-report', 'event.outcome': 'failure' },
  ],
]

const check = (event: string, type: string, more: Fields = {}): Row => [
  'wazuh',
  json({
    timestamp: '2026-11-22T03:49:05.000+0500',
    rule: { level: 7, description: 'd', id: '550', groups: ['ossec', 'syscheck'] },
    agent: { id: '001', name: 'gw-1', ip: '192.168.23.3' },
    manager: { name: 'm' },
    syscheck: { path: '/fw/app.bin', event, sha256_after: HASH, ...more },
    location: 'syscheck',
  }),
  { '@timestamp': AT, 'event.type': [type], 'file.path': '/fw/app.bin', 'device.id': 'gw-1' },
]
const siems: readonly Row[] = [
  ...['realtime', 'scheduled', 'whodata'].map((mode) => check('modified', 'change', { mode })),
  check('added', 'creation'),
  check('deleted', 'deletion'),
  [
    'wazuh',
    json({
      timestamp: AT,
      rule: { level: 7, description: 'd', id: '23505', groups: ['vulnerability-detector'] },
      agent: { id: '001', name: 'gw-1', ip: 'any' },
      data: { vulnerability: { cve: 'CVE-2026-1', severity: 'High', package: { name: 'x' } } },
    }),
    { 'vulnerability.id': 'CVE-2026-1', 'vulnerability.severity': 'High', 'host.ip': undefined },
  ],
  [
    'wazuh',
    json({
      timestamp: AT,
      rule: { level: 7, description: 'd', id: '19007', groups: ['sca'] },
      agent: { id: '001', name: 'gw-1' },
      data: { sca: { type: 'check', check: { id: '1', title: 't', result: 'failed' } } },
    }),
    { 'event.action': 'audit-finding', 'event.outcome': 'failure' },
  ],
  [
    'wazuh',
    json({
      timestamp: AT,
      rule: { level: 5, description: 'd', id: '5710', groups: ['sshd', 'authentication_failed'] },
      agent: { id: '001', name: 'gw-1' },
      data: { srcip: '203.0.113.9', srcuser: 'root' },
    }),
    { 'event.outcome': 'failure', 'source.ip': '203.0.113.9', 'user.name': 'root' },
  ],
  ...['IoT_Bruteforce_Fail', 'IoT_Bruteforce_Success'].map((AlertType): Row => [
    'defender-for-iot',
    json({
      Name: `${AlertType}/2026-11-21`,
      AlertType,
      AlertDisplayName: 'Brute force',
      ReportedSeverity: 'High',
      StartTimeUtc: AT,
      ExtendedProperties: { DeviceId: 'pump-7' },
    }),
    { '@timestamp': AT, 'event.kind': 'alert', 'rule.id': AlertType, 'device.id': 'pump-7' },
  ]),
]

testRows({ audits, metrics, entries, calls, rollouts, claims, siems })
