/**
 * The example payloads of the vendors' pages, one row each: what stands in the input, and the fields of ECS that it
 * must become. `undefined` in the place of the fields: a line that is counted, not told.
 */
import { type Row, testRows } from './example-rows.ts'

const json = (value: unknown): string => JSON.stringify(value)
/** The hub hides the last part of an address. */
const MASKED = `73.162.215.${'X'.repeat(3)}`
const REPORT = '$aws/things/pump-7/defender/metrics/json '

const deviceDefender: readonly Row[] = [
  [
    'aws-device-defender',
    REPORT +
      json({
        header: { report_id: 1_795_301_453, version: '1.0' },
        metrics: {
          network_stats: { bytes_in: 4042, bytes_out: 4042, packets_in: 14, packets_out: 14 },
          tcp_connections: {
            established_connections: {
              connections: [{ remote_addr: '127.0.0.1:44976' }],
              total: 6,
            },
          },
          listening_tcp_ports: { ports: [{ port: 2024, interface: '0.0.0.0' }], total: 3 },
        },
        custom_metrics: { cpu_usage: [{ number: 52.2 }] },
      }),
    { 'event.action': 'device-metrics', 'device.id': 'pump-7' },
  ],
  [
    'device-defender',
    REPORT +
      json({
        hed: { rid: 1_530_305_228, v: '1.0' },
        met: {
          tp: { pts: [{ if: 'eth0', pt: 24_800 }], t: 3 },
          ns: { bi: 1, bo: 2, pi: 3, po: 4 },
          tc: { ec: { cs: [{ li: 'eth0', lp: 80, rad: '192.168.0.1:8000' }], t: 2 } },
        },
        cmet: { Own: [{ number: 1 }] },
      }),
    { 'event.action': 'device-metrics', 'device.id': 'pump-7' },
  ],
  [
    'aws-device-defender',
    json({
      version: '1.0',
      metrics: [
        {
          name: 'aws:num-listening-tcp-ports',
          thing: 'pump-7',
          value: { count: 4 },
          timestamp: 1_795_301_345_000,
        },
      ],
    }),
    { 'event.action': 'device-metrics', 'device.id': 'pump-7', 'iot.metric.value': 4 },
  ],
  [
    'aws-device-defender',
    json({
      violationEventTime: 1_795_301_345_000,
      thingName: 'pump-7',
      behavior: {
        name: 'Messages',
        metric: 'aws:num-messages-sent',
        criteria: { comparisonOperator: 'less-than' },
      },
      violationEventType: 'in-alarm',
      metricValue: { count: 54 },
      violationId: '37e18651d207bbc7',
      securityProfileName: 'Fleet',
    }),
    { 'event.action': 'audit-finding', 'event.kind': 'alert', 'device.id': 'pump-7' },
  ],
  [
    'aws-device-defender',
    json({
      accountId: '123456789012',
      taskId: 't1',
      taskStatus: 'COMPLETED',
      taskType: 'SCHEDULED_AUDIT_TASK',
      taskStartTime: 1_795_301_345_000,
      auditDetails: [
        {
          checkName: 'LOGGING_DISABLED_CHECK',
          checkRunStatus: 'COMPLETED_NON_COMPLIANT',
          totalResourcesCount: 1,
        },
      ],
    }),
    { 'event.action': 'audit-finding', 'cloud.account.id': '123456789012' },
  ],
]

const awsCore: readonly Row[] = [
  [
    'aws-iot-logs',
    '{"timestamp":"2026-11-21 15:37:23.476","logLevel":"INFO","traceId":"20b2","accountId":"123456789012","status":"Success",' +
      '"eventType":"Connect","protocol":"MQTT","clientId":"pump-7","principalId":"1451","sourceIp":"205.251.233.181","sourcePort":13490}',
    {
      '@timestamp': '2026-11-21T15:37:23.476Z',
      'event.action': 'mqtt-connect',
      'event.outcome': 'success',
      'source.ip': '205.251.233.181',
      'source.port': 13_490,
      'iot.mqtt.client_id': 'pump-7',
    },
  ],
  [
    'aws-iot-logs',
    '{"timestamp":"2026-09-19 19:19:13.620","logLevel":"ERROR","status":"Failure","eventType":"Connect","clientId":"pilot",' +
      '"principalId":"AROA","reason":"AUTHORIZATION_FAILURE","details":"Authorization Failure"}',
    { 'event.action': 'mqtt-connect', 'event.outcome': 'failure', 'iot.mqtt.client_id': 'pilot' },
  ],
  [
    'aws-iot-logs',
    '{"timestamp":"2026-04-28 22:05:30.105","logLevel":"ERROR","status":"Failure","eventType":"Disconnect","clientId":"c1",' +
      '"sourceIp":"203.0.113.1","sourcePort":21335,"reason":"DUPLICATE_CLIENT_ID"}',
    {
      'event.action': 'mqtt-takeover',
      'iot.mqtt.client_id': 'c1',
      'source.ip': undefined,
      'iot.mqtt.previous.ip': '203.0.113.1',
      'iot.mqtt.previous.port': 21_335,
    },
  ],
  [
    'aws-iot-logs',
    '{"timestamp":"2026-08-07 18:43:59.436","logLevel":"INFO","traceId":"d0","status":"Success","eventType":"UpdateThingShadow",' +
      '"deviceShadowName":"Jack","topicName":"$aws/things/Jack/shadow/update"}',
    { 'event.action': 'shadow-update', 'device.id': 'Jack' },
  ],
  [
    'aws-iot',
    '{"clientId":"186b5","timestamp":1795301345757,"eventType":"connected","sessionIdentifier":"a466","principalIdentifier":"12",' +
      '"ipAddress":"192.0.2.0","versionNumber":0}',
    { 'event.action': 'mqtt-connect', 'source.ip': '192.0.2.0', 'iot.mqtt.client_id': '186b5' },
  ],
  [
    'aws-iot-lifecycle',
    '{"clientId":"186b5","timestamp":1795301345757,"eventType":"disconnected","clientInitiatedDisconnect":false,' +
      '"disconnectReason":"DUPLICATE_CLIENTID","versionNumber":1}',
    { 'event.action': 'mqtt-takeover', 'iot.mqtt.client_id': '186b5' },
  ],
  [
    'aws-iot-jobs',
    '{"eventType":"JOB","eventId":"7364","timestamp":1795301345,"operation":"completed","jobId":"j1","status":"COMPLETED",' +
      '"targetSelection":"SNAPSHOT","targets":["arn:aws:iot:eu-west-1:1:thing/pump-7"],"jobProcessDetails":{"numberOfFailedThings":0}}',
    { 'event.action': 'device-job', 'event.outcome': 'success' },
  ],
  [
    'aws-iot',
    '{"eventType":"THING_EVENT","eventId":"f5ae","timestamp":1795301345089,"operation":"CREATED","accountId":"123456789012",' +
      '"thingId":"b6a4","thingName":"pump-7","versionNumber":1,"thingTypeName":null,"attributes":{}}',
    { 'event.action': 'config-change', 'device.id': 'pump-7' },
  ],
  [
    'cloudtrail',
    '{"eventVersion":"1.08","userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::107513503799:user/temp-user","userName":"temp-user"},' +
      '"eventTime":"2026-08-26T20:47:09Z","eventSource":"iot.amazonaws.com","eventName":"ListAuthorizers","awsRegion":"us-east-1",' +
      '"sourceIPAddress":"84.32.71.29","errorCode":"AccessDenied","requestParameters":null,"responseElements":null}',
    {
      'event.action': 'api-call',
      'event.outcome': 'failure',
      'event.code': 'ListAuthorizers',
      'source.ip': '84.32.71.29',
      'user.name': 'temp-user',
      'cloud.region': 'us-east-1',
    },
  ],
]

const azure: readonly Row[] = [
  [
    'azure-iot-hub',
    '{"time":"2026-12-17T18:19:25Z","resourceId":"/SUBSCRIPTIONS/X/IOTHUBS/HUB","operationName":"deviceDisconnect",' +
      '"category":"Connections","level":"Error","resultType":"404104","resultDescription":"DeviceConnectionClosedRemotely",' +
      `"properties":{"deviceId":"pump-7","protocol":"Mqtt","authType":null,"maskedIpAddress":"${MASKED}","statusCode":"404"}}`,
    {
      'event.action': 'mqtt-disconnect',
      'device.id': 'pump-7',
      'source.address': MASKED,
    },
  ],
  [
    'azure-iot',
    json({
      records: [
        {
          time: '2026-11-21T22:10:00Z',
          operationName: 'deviceConnect',
          category: 'Connections',
          level: 'Error',
          resultType: '401003',
          properties: json({
            deviceId: 'pump-8',
            protocol: 'Mqtt',
            authType: json({ scope: 'device', type: 'sas', issuer: 'iothub' }),
            maskedIpAddress: MASKED,
          }),
        },
      ],
    }),
    { 'event.action': 'mqtt-connect', 'event.outcome': 'failure', 'device.id': 'pump-8' },
  ],
]

const brokers: readonly Row[] = [
  [
    'mosquitto',
    "1795301345: New client connected from 127.0.0.1:35616 as ok1 (p2, c1, k60, u'sensor-001').",
    {
      'event.action': 'mqtt-connect',
      'event.outcome': 'success',
      'iot.mqtt.client_id': 'ok1',
      'user.name': 'sensor-001',
      'source.port': 35_616,
    },
  ],
  [
    'mosquitto',
    '1795301345: Client bad1 disconnected, not authorised.',
    { 'event.action': 'mqtt-connect', 'event.outcome': 'failure', 'iot.mqtt.client_id': 'bad1' },
  ],
  [
    'mosquitto',
    '1795301345: Client X [10.0.0.5:1234] disconnected: session taken over.',
    { 'event.action': 'mqtt-takeover', 'iot.mqtt.previous.ip': '10.0.0.5' },
  ],
  [
    'mosquitto',
    "1795301345: Denied PUBLISH from ok1 (d0, q1, r0, m1, 'devices/other/t', ... (5 bytes))",
    { 'event.action': 'mqtt-publish-denied', 'iot.mqtt.topic': 'devices/other/t' },
  ],
  [
    'mosquitto',
    '1795301345: OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed\n' +
      '1795301345: Client <unknown> disconnected: Protocol error.',
    { 'event.action': 'tls-handshake', 'event.outcome': 'failure' },
  ],
  [
    'emqx',
    '{"username":"u_emqx","topic":"t/a","action":"publish","result":"deny","authz_source":"file","clientid":"c_emqx"}',
    { 'event.action': 'mqtt-publish-denied', 'user.name': 'u_emqx', 'iot.mqtt.topic': 't/a' },
  ],
  [
    'hivemq',
    '2026-11-21 22:51:22,123 - Client ID: p1, IP: 10.0.0.5 was disconnected. reason: Not authorized to connect. Authentication failed.',
    { 'event.action': 'mqtt-connect', 'event.outcome': 'failure', 'source.ip': '10.0.0.5' },
  ],
  [
    'vernemq',
    '2026-11-21 22:51:22.123 [warning] can\'t authenticate client {[],<<"client1">>} from 10.0.0.5:5000 due to invalid_credentials',
    { 'event.action': 'mqtt-connect', 'event.outcome': 'failure', 'iot.mqtt.client_id': 'client1' },
  ],
]

const network: readonly Row[] = [
  [
    'zeek',
    '{"_path":"dns","ts":"2026-03-24T17:15:20.865716Z","uid":"CqKs","id.orig_h":"10.47.1.100","id.orig_p":41772,' +
      '"id.resp_h":"10.0.0.100","id.resp_p":53,"proto":"udp","query":"ise.example.org","qtype_name":"A","rcode_name":"NOERROR",' +
      '"answers":["134.71.3.16"],"rejected":false}',
    {
      'event.action': 'dns-query',
      'dns.question.name': 'ise.example.org',
      'source.ip': '10.47.1.100',
    },
  ],
  [
    'suricata',
    '{"timestamp":"2026-11-21T22:10:00.123456+0200","event_type":"dns","src_ip":"10.0.0.5","src_port":1,"dest_ip":"10.0.0.1",' +
      '"dest_port":53,"proto":"UDP","dns":{"version":3,"type":"request","id":16000,"queries":[{"rrname":"twitter.example","rrtype":"A"}]}}',
    {
      '@timestamp': '2026-11-21T20:10:00.123Z',
      'event.action': 'dns-query',
      'dns.question.name': 'twitter.example',
      'network.transport': 'udp',
    },
  ],
  [
    'vpcflow',
    '2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK',
    {
      'event.action': 'network-flow',
      'source.ip': '172.31.16.139',
      'destination.port': 22,
      'network.transport': 'tcp',
      'source.bytes': 4249,
    },
  ],
  [
    'pfsense',
    'Nov 21 22:10:00 fw filterlog[15121]: 8,,,1000000103,em0,match,block,in,4,0x0,,43,6291,0,none,6,tcp,44,162.142.125.83,' +
      '64.71.189.18,16568,12283,0,S,2868024203,,1024,,mss',
    {
      'event.action': 'network-flow',
      'event.outcome': 'failure',
      'source.ip': '162.142.125.83',
      'destination.port': 12_283,
    },
  ],
  [
    'iptables',
    'Nov 21 22:10:00 gw kernel: [123.4] IOT-DROP IN=br-iot OUT=eth0 MAC= SRC=10.0.5.7 DST=10.0.1.20 LEN=60 TTL=63 ID=1 DF ' +
      'PROTO=TCP SPT=40112 DPT=445 WINDOW=29200 RES=0x00 SYN URGP=0',
    { 'event.action': 'network-flow', 'event.outcome': 'failure', 'destination.port': 445 },
  ],
  [
    'pihole',
    'Nov 21 00:00:09 dnsmasq[3468]: query[A] example.com from 10.143.0.103',
    {
      'event.action': 'dns-query',
      'dns.question.name': 'example.com',
      'source.ip': '10.143.0.103',
    },
  ],
  [
    'unbound',
    '[1795301345] unbound[123:0] info: 10.0.0.5 evil.example. A IN',
    { 'event.action': 'dns-query', 'dns.question.name': 'evil.example', 'source.ip': '10.0.0.5' },
  ],
  [
    'cef',
    'CEF:0|Vendor|Product|1|100|worm stopped|10|src=10.0.0.1 dst=2.1.2.2 spt=1232 msg=a\\=b',
    { 'source.ip': '10.0.0.1', 'source.port': 1232, 'rule.id': '100' },
  ],
  [
    'leef',
    'LEEF:2.0|V|P|1|ID|^|src=10.0.0.1^dst=10.0.0.2^usrName=joe',
    { 'source.ip': '10.0.0.1', 'user.name': 'joe' },
  ],
  [
    'syslog',
    '<34>1 2026-10-11T22:14:15.003Z host sshd 7 - - Failed password for root from 10.0.0.9 port 4000 ssh2',
    {
      'event.action': 'user-login',
      'event.outcome': 'failure',
      'source.ip': '10.0.0.9',
      'user.name': 'root',
    },
  ],
]

const firmware: readonly Row[] = [
  [
    'nginx',
    '10.0.0.5 - user [21/Nov/2026:22:10:00 +0000] "GET /fw/model-a/1.2.3.bin HTTP/1.1" 200 524288 "-" "esp-idf/1.0"',
    {
      'event.action': 'firmware-download',
      'iot.firmware.version': '1.2.3',
      'device.model.identifier': 'model-a',
    },
  ],
  [
    'hawkbit',
    '{"type":"RolloutStoppedEvent","timestamp":1795301345000,"rolloutId":5,"tenant":"DEFAULT"}',
    { 'event.action': 'config-change', 'iot.firmware.campaign': '5' },
  ],
  [
    'mender',
    '{"actor":{"id":"u1","type":"user","email":"ann@example.org"},"time":"2026-11-21T22:10:00Z","action":"create",' +
      '"object":{"id":"d1","type":"deployment","deployment":{"name":"r1"}},"change":"x"}',
    {
      '@timestamp': '2026-11-21T22:10:00.000Z',
      'event.action': 'config-change',
      'event.outcome': 'success',
    },
  ],
]

const others: readonly Row[] = [
  [
    'wazuh',
    json({
      timestamp: '2026-02-14T22:06:01.209+0500',
      rule: {
        level: 5,
        description: 'Integrity checksum changed.',
        id: '550',
        groups: ['ossec', 'syscheck'],
      },
      agent: { id: '001', name: 'gw-1', ip: '192.168.23.3' },
      manager: { name: 'm' },
      id: '1707930361.228338',
      syscheck: {
        path: '/fw/app.bin',
        event: 'modified',
        sha256_after: 'a'.repeat(64),
        uname_after: 'root',
      },
      location: 'syscheck',
    }),
    { '@timestamp': '2026-02-14T17:06:01.209Z', 'rule.id': '550', 'file.path': '/fw/app.bin' },
  ],
  [
    'defender-for-iot',
    json({
      TimeGenerated: '2026-11-21T22:10:00Z',
      AlertName: 'Successful local login',
      AlertSeverity: 'High',
      Description: 'd',
      ProductName: 'Azure Security Center for IoT',
      ExtendedProperties: json({ DeviceId: 'pump-7' }),
    }),
    { 'event.action': 'audit-finding', 'event.kind': 'alert', 'device.id': 'pump-7' },
  ],
]

const rows = { deviceDefender, awsCore, azure, brokers, network, firmware, others }

testRows(rows)
