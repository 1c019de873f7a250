/** Every further example and spelling of AWS IoT: Device Defender, logs v2, lifecycle, jobs, CloudTrail. */
import { writeCbor } from '../src/decode/cbor/write-cbor.ts'
import { type Fields, type Row, testRows } from './example-rows.ts'

const json = (value: unknown): string => JSON.stringify(value)
const topicOf = (format: string): string => `$aws/things/pump-7/defender/metrics/${format}`
const metric = (name: string, value: unknown): Fields => ({
  'event.action': 'device-metrics',
  'device.id': 'pump-7',
  'iot.metric.name': name,
  'iot.metric.value': value,
})
const reported = (report: unknown, fields: Fields): Row => [
  'aws-device-defender',
  `${topicOf('json')} ${json(report)}`,
  fields,
]
const inCbor = (report: unknown, fields: Fields): Row => [
  'aws-device-defender',
  [{ bytes: writeCbor(report), facts: { topic: topicOf('cbor') } }],
  fields,
]

const LONG = {
  header: { report_id: 1_795_301_453, version: '1.0' },
  metrics: {
    network_stats: { bytes_in: 4042, bytes_out: 4043, packets_in: 14, packets_out: 15 },
    tcp_connections: {
      established_connections: {
        connections: [
          { remote_addr: '192.0.2.7:8000', local_interface: 'lo', local_port: 18_830 },
          { remote_addr: '[2001:db8::1]:443', local_interface: 'lo', local_port: 18_831 },
        ],
        total: 60,
      },
    },
    listening_tcp_ports: { ports: [{ port: 2024, interface: '0.0.0.0' }], total: 3 },
  },
  custom_metrics: { cpu_usage: [{ number: 52.2 }] },
}
const SHORT = {
  hed: { rid: 1_530_305_228, v: '1.0' },
  met: {
    tp: { pts: [{ if: 'eth0', pt: 24_800 }], t: 3 },
    up: { pts: [{ if: 'eth0', pt: 5353 }], t: 2 },
    ns: { bi: 1, bo: 2, pi: 3, po: 4 },
    tc: { ec: { cs: [{ li: 'eth0', lp: 80, rad: '192.168.0.1:8000' }], t: 2 } },
  },
}
const header = { header: { report_id: 1_795_301_453, version: '1.0' } }

const reports: readonly Row[] = [
  reported(LONG, metric('aws:all-bytes-in', 4042)),
  reported(LONG, metric('aws:all-bytes-out', 4043)),
  reported(LONG, metric('aws:all-packets-in', 14)),
  reported(LONG, metric('aws:all-packets-out', 15)),
  reported(LONG, metric('aws:num-listening-tcp-ports', 3)),
  reported(LONG, { ...metric('aws:listening-tcp-ports', [2024]), 'iot.metric.sampled': true }),
  reported(LONG, metric('aws:num-established-tcp-connections', 60)),
  reported(LONG, metric('aws:destination-ip-addresses', ['192.0.2.7', '2001:db8::1'])),
  reported(LONG, metric('cpu_usage', 52.2)),
  reported(SHORT, metric('aws:listening-udp-ports', [5353])),
  reported(SHORT, metric('aws:num-listening-udp-ports', 2)),
  reported(SHORT, metric('aws:all-packets-out', 4)),
  reported(SHORT, metric('aws:num-established-tcp-connections', 2)),
  // The Python agent with short names: long keys within short ones.
  reported(
    { ...SHORT, met: { tp: { pts: [{ port: 21, interface: 'lo' }], t: 1 } } },
    metric('aws:listening-tcp-ports', [21]),
  ),
  reported({ ...header, custom_metrics: { n: [{ number: 1 }] } }, metric('n', 1)),
  reported({ ...header, custom_metrics: { n: [{ number_list: [1, 2] }] } }, metric('n', [1, 2])),
  reported({ ...header, custom_metrics: { n: [{ string_list: ['a'] }] } }, metric('n', ['a'])),
  reported({ ...header, cmet: { n: [{ ip_list: ['172.0.0.0'] }] } }, metric('n', ['172.0.0.0'])),
  inCbor(LONG, metric('aws:num-listening-tcp-ports', 3)),
  inCbor(LONG, metric('cpu_usage', 52.2)),
  inCbor(SHORT, metric('aws:listening-udp-ports', [5353])),
  [
    'aws-device-defender',
    `${topicOf('json')}/accepted ${json({
      thingName: 'pump-7',
      reportId: 1_543_256_022,
      status: 'ACCEPTED',
      timestamp: 1_795_301_345_750,
    })}`,
    undefined,
  ],
  [
    'aws-device-defender',
    `${topicOf('json')}/rejected ${json({
      thingName: 'pump-7',
      reportId: 1_543_256_022,
      status: 'REJECTED',
      statusDetails: { ErrorCode: 'InvalidPayload', ErrorMessage: 'No report' },
      timestamp: 1_795_301_345_750,
    })}`,
    {
      '@timestamp': '2026-11-21T22:49:05.750Z',
      'event.outcome': 'failure',
      'event.code': 'InvalidPayload',
      'event.reason': 'No report',
      'device.id': 'pump-7',
      'iot.defender.report_id': 1_543_256_022,
    },
  ],
]

const exported = (value: unknown, version = 1): unknown => ({
  name: 'aws:num-disconnects',
  thing: 'pump-7',
  value,
  version,
  timestamp: 1_795_301_345_000,
  dimension: { name: 'Mine', operator: 'IN' },
})
const exports: readonly Row[] = (
  [
    [{ count: 4 }, 4],
    [{ number: 4.5 }, 4.5],
    [{ numbers: [1, 2] }, [1, 2]],
    [{ ports: [21, 22] }, [21, 22]],
    [{ cidrs: ['192.0.2.0/24'] }, ['192.0.2.0/24']],
    [{ strings: ['a'] }, ['a']],
  ] as const
).map(([value, seen]) => [
  'aws-device-defender',
  json({ version: '1.0', metrics: [exported({ count: 3 }, 0), exported(value)] }),
  {
    ...metric('aws:num-disconnects', seen),
    '@timestamp': '2026-11-21T22:49:05.000Z',
    'iot.metric.version': 1,
    'iot.metric.dimension.name': 'Mine',
  },
])

const violation = (type: string): unknown => ({
  violationEventTime: 1_795_301_345_515,
  thingName: 'pump-7',
  behavior: {
    criteria: { value: { count: 100 }, durationSeconds: 300, comparisonOperator: 'less-than' },
    name: 'PacketsOut',
    metric: 'aws:all-packets-out',
  },
  violationEventType: type,
  metricValue: { count: 29 },
  violationId: '76ef8d1d',
  securityProfileName: 'Normal',
})
const audit = (key: string, status: string): unknown => ({
  accountId: '123456789012',
  taskId: 't1',
  taskStatus: 'COMPLETED',
  taskType: 'ON_DEMAND_AUDIT_TASK',
  taskStartTime: 1_795_301_345_000,
  auditDetails: [
    {
      checkName: 'DEVICE_CERTIFICATE_EXPIRING_CHECK',
      checkRunStatus: status,
      nonCompliantResourcesCount: 3,
      totalResourcesCount: 120,
      [key]: 1,
    },
  ],
})
const sns = (message: unknown): Readonly<Record<string, unknown>> => ({
  Type: 'Notification',
  MessageId: '22b80b92',
  TopicArn: 'arn:aws:sns:eu-central-1:123456789012:dd',
  Subject: 'Device Defender',
  Message: json(message),
  Timestamp: '2026-11-21T22:10:00.123Z',
  SignatureVersion: '1',
  Signature: 'x',
  SigningCertURL: 'https://sns.example/cert.pem',
  MessageAttributes: {},
})
const violated = (type: string): Fields => ({
  '@timestamp': '2026-11-21T22:49:05.515Z',
  'event.action': 'audit-finding',
  'event.code': `violation-${type}`,
  'device.id': 'pump-7',
  'rule.name': 'PacketsOut',
  'rule.ruleset': 'Normal',
  'iot.metric.value': 29,
})
const checked: Fields = {
  'event.action': 'audit-finding',
  'cloud.account.id': '123456789012',
  'rule.name': 'DEVICE_CERTIFICATE_EXPIRING_CHECK',
}
const notices: readonly Row[] = [
  ...['in-alarm', 'alarm-cleared', 'alarm-invalidated'].map((type): Row => [
    'aws-device-defender',
    json(violation(type)),
    violated(type),
  ]),
  ['aws-device-defender', json(sns(violation('in-alarm'))), violated('in-alarm')],
  [
    'aws-device-defender',
    json({ Records: [{ EventSource: 'aws:sns', Sns: sns(violation('in-alarm')) }] }),
    violated('in-alarm'),
  ],
  [
    'aws-device-defender',
    json(sns(audit('suppressedNonCompliantResourceCount', 'FAILED'))),
    checked,
  ],
  ...[
    'IN_PROGRESS',
    'WAITING_FOR_DATA_COLLECTION',
    'CANCELED',
    'COMPLETED_COMPLIANT',
    'COMPLETED_NON_COMPLIANT',
    'FAILED',
  ].map((status): Row => [
    'aws-device-defender',
    json(audit('suppressedNonCompliantResourcesCount', status)),
    checked,
  ]),
  [
    'aws-device-defender',
    json(audit('suppressedNonCompliantResourceCount', 'COMPLETED_NON_COMPLIANT')),
    { ...checked, 'iot.defender.check.suppressed': 1 },
  ],
  [
    'aws-device-defender',
    json({
      findings: [
        {
          findingId: 'f1',
          taskId: 't1',
          checkName: 'DEVICE_CERTIFICATE_SHARED_CHECK',
          taskStartTime: 1_795_301_345,
          findingTime: 1_795_301_345.5,
          severity: 'CRITICAL',
          nonCompliantResource: {
            resourceType: 'DEVICE_CERTIFICATE',
            resourceIdentifier: { deviceCertificateId: 'abcd' },
          },
          relatedResources: [],
          reasonForNonCompliance: 'Certificate shared by multiple devices.',
          reasonForNonComplianceCode: 'CERTIFICATE_SHARED_BY_MULTIPLE_DEVICES',
          isSuppressed: false,
        },
      ],
    }),
    {
      '@timestamp': '2026-11-21T22:49:05.500Z',
      'event.action': 'audit-finding',
      'rule.name': 'DEVICE_CERTIFICATE_SHARED_CHECK',
    },
  ],
  // The sample's forwarder: objects of the HEC form, one behind the other.
  [
    'aws-device-defender',
    `${json({ sourcetype: 'dd', event: exported({ count: 4 }) })}${json({ sourcetype: 'dd', event: { checkName: 'LOGGING_DISABLED_CHECK', checkRunStatus: 'COMPLETED_COMPLIANT' } })}`,
    { ...metric('aws:num-disconnects', 4), 'iot.hec.sourcetype': 'dd' },
  ],
  [
    'aws-device-defender',
    json({
      records: [{ recordId: '495', data: btoa(json({ metrics: [exported({ count: 4 })] })) }],
    }),
    metric('aws:num-disconnects', 4),
  ],
]

const log = (eventType: string, more: Fields, fields: Fields): Row => [
  'aws-iot',
  json({
    timestamp: '2026-08-07 18:43:59.436',
    logLevel: 'INFO',
    accountId: '123456789012',
    status: 'Success',
    eventType,
    protocol: 'MQTT',
    clientId: 'c1',
    principalId: '1451',
    sourceIp: '203.0.113.1',
    ...more,
  }),
  { '@timestamp': '2026-08-07T18:43:59.436Z', ...fields },
]
const seen = (action: string): Fields => ({
  'event.action': action,
  'iot.mqtt.client_id': 'c1',
  'source.ip': '203.0.113.1',
})
const left = (disconnectReason: string, action: string): Row => [
  'aws-iot',
  `$aws/events/presence/disconnected/c1 ${json({
    clientId: 'c1',
    timestamp: 1_795_301_345_757,
    eventType: 'disconnected',
    sessionIdentifier: 'a4',
    clientInitiatedDisconnect: false,
    disconnectReason,
    versionNumber: 1,
  })}`,
  {
    '@timestamp': '2026-11-21T22:49:05.757Z',
    'event.action': action,
    'iot.mqtt.client_id': 'c1',
  },
]
const core: readonly Row[] = [
  log('Disconnect', {}, seen('mqtt-disconnect')),
  log(
    'Publish-In',
    { topicName: 'a/b', retain: 'True' },
    { ...seen('mqtt-publish'), 'iot.mqtt.topic': 'a/b' },
  ),
  log('Subscribe', { topicName: 'a/#' }, seen('mqtt-subscribe')),
  log('Unsubscribe', { topicName: 'a/#' }, seen('mqtt-unsubscribe')),
  log(
    'UpdateThingShadow',
    { deviceShadowName: 'Jack' },
    { 'event.action': 'shadow-update', 'device.id': 'Jack' },
  ),
  log(
    'DeleteThingShadow',
    { deviceShadowName: 'Jack' },
    { 'event.action': 'shadow-update', 'device.id': 'Jack' },
  ),
  log('UpdateJobExecution', {}, { 'event.action': 'device-job' }),
  log(
    'Publish-In',
    { status: 'Failure', reason: 'AUTHORIZATION_FAILURE', topicName: 'a' },
    seen('mqtt-publish-denied'),
  ),
  log(
    'Subscribe',
    { status: 'Failure', reason: 'AUTHORIZATION_FAILURE', topicName: 'a' },
    seen('mqtt-subscribe-denied'),
  ),
  left('CLIENT_INITIATED_DISCONNECT', 'mqtt-disconnect'),
  left('AUTH_ERROR', 'mqtt-disconnect'),
  left('MQTT_KEEP_ALIVE_TIMEOUT', 'mqtt-timeout'),
  left('CONNECTION_LOST', 'mqtt-disconnect'),
  left('SERVER_ERROR', 'mqtt-disconnect'),
  left('DUPLICATE_CLIENTID', 'mqtt-takeover'),
  ...['subscribed', 'unsubscribed'].map((eventType): Row => [
    'aws-iot',
    `$aws/events/subscriptions/${eventType}/c1 ${json({ clientId: 'c1', timestamp: 1_795_301_345_757, eventType, sessionIdentifier: '0', topics: ['a/b'] })}`,
    {
      'event.action': eventType === 'subscribed' ? 'mqtt-subscribe' : 'mqtt-unsubscribe',
      'iot.mqtt.client_id': 'c1',
    },
  ]),
  ...['completed', 'canceled', 'deleted', 'cancellation_in_progress', 'deletion_in_progress'].map(
    (operation): Row => [
      'aws-iot',
      `$aws/events/job/j1/${operation} ${json({ eventType: 'JOB', eventId: '7', timestamp: 1_795_301_345, operation, jobId: 'j1', status: operation.toUpperCase(), createdAt: 1_795_301_345_000 })}`,
      { '@timestamp': '2026-11-21T22:49:05.000Z', 'event.action': 'device-job' },
    ],
  ),
  ...['created', 'updated', 'deleted'].map((operation): Row => [
    'aws-iot',
    `$aws/events/thing/pump-7/${operation} ${json({ eventType: 'THING_EVENT', eventId: 'f', timestamp: 1_795_301_345_089, operation: operation.toUpperCase(), thingName: 'pump-7', versionNumber: 1 })}`,
    { 'event.action': 'config-change', 'device.id': 'pump-7' },
  ]),
  [
    'aws-iot',
    json({
      messageType: 'DATA_MESSAGE',
      owner: '123456789012',
      logGroup: 'AWSIotLogsV2',
      logStream: 's',
      logEvents: [
        {
          id: '0',
          timestamp: 1_795_301_345_000,
          message: json({
            timestamp: '2026-08-07 18:43:59.436',
            status: 'Success',
            eventType: 'Connect',
            clientId: 'c1',
            sourceIp: '203.0.113.1',
          }),
        },
      ],
    }),
    seen('mqtt-connect'),
  ],
  ...(
    [
      [
        'AttachPolicy',
        { principal: 'arn:aws:iot:us-east-1:123456789012:cert/528c', policyName: 'P' },
      ],
      ['AttachPolicy', { target: 'arn:aws:iot:us-east-1:123456789012:cert/528c', policyName: 'P' }],
      ['CreatePolicyVersion', { policyName: 'P', policyDocument: '{}', setAsDefault: true }],
      ['UpdateCertificate', { certificateId: '528c', newStatus: 'ACTIVE' }],
      ['CreateKeysAndCertificate', null],
      ['CreateThing', { thingName: 'pump-7' }],
      ['CreateOTAUpdate', { otaUpdateId: 'o' }],
      ['CreateJob', { jobId: 'j' }],
      ['CreateTopicRule', { ruleName: 'r' }],
    ] as const
  ).map(([eventName, requestParameters]): Row => [
    'cloudtrail',
    json({
      Records: [
        {
          eventVersion: '1.08',
          userIdentity: {
            type: 'IAMUser',
            userName: 'ann',
            arn: 'arn:aws:iam::123456789012:user/ann',
          },
          eventTime: '2026-08-26T20:47:09Z',
          eventSource: 'iot.amazonaws.com',
          eventName,
          awsRegion: 'us-east-1',
          sourceIPAddress: 'apigateway.amazonaws.com',
          requestParameters,
          responseElements: null,
          readOnly: false,
        },
      ],
    }),
    {
      'event.code': eventName,
      'event.outcome': 'success',
      'user.name': 'ann',
      'source.address': 'apigateway.amazonaws.com',
    },
  ]),
]

testRows({ reports, exports, notices, core })
