/** Every further wording and version of the brokers, and the hub of Azure. */
import { type Fields, type Row, testRows } from './example-rows.ts'

const json = (value: unknown): string => JSON.stringify(value)
const AT = '1795301345: '
const line = (text: string, fields: Fields | undefined): Row => [
  'mosquitto',
  text
    .split('\n')
    .map((one) => AT + one)
    .join('\n'),
  fields,
]
const connect = (outcome: string, more: Fields = {}): Fields => ({
  '@timestamp': '2026-11-21T22:49:05.000Z',
  'event.action': 'mqtt-connect',
  'event.outcome': outcome,
  ...more,
})
const action = (name: string, client?: string): Fields => ({
  'event.action': name,
  ...(client === undefined ? {} : { 'iot.mqtt.client_id': client }),
})
const refusal = (words: string): Row =>
  line(
    `New connection from 10.0.0.5:1234 on port 8883.\nOpenSSL Error[0]: ${words}\nClient <unknown> disconnected: Protocol error.`,
    { 'event.action': 'tls-handshake', 'event.outcome': 'failure' },
  )

const mosquitto: readonly Row[] = [
  // The prefixes: ISO, journal, container.
  [
    'mosquitto',
    '2026-11-21T22:51:22: New client connected from 10.0.0.5:1 as X (p2, c1, k60).',
    { ...connect('success'), '@timestamp': '2026-11-21T22:51:22.000Z' },
  ],
  [
    'mosquitto',
    '2026-11-21T22:51:22+00:00 host mosquitto[7]: 1795301345: New client connected from 10.0.0.5:1 as X (p2, c1, k60).',
    { 'event.action': 'mqtt-connect', 'iot.mqtt.client_id': 'X' },
  ],
  [
    'mosquitto',
    '<30>Nov 21 22:51:22 host mosquitto[7]: New client connected from 10.0.0.5:1 as X (p2, c1, k60).',
    { 'event.action': 'mqtt-connect', 'iot.mqtt.client_id': 'X' },
  ],
  [
    'mosquitto',
    'mosquitto_1  | 1795301345: New client connected from 10.0.0.5:1 as X (p2, c1, k60).',
    connect('success', { 'iot.mqtt.client_id': 'X' }),
  ],
  [
    'mosquitto',
    '{"log":"1795301345: New client connected from 10.0.0.5:1 as X (p2, c1, k60).\\n","stream":"stderr","time":"2026-11-21T22:49:05.1Z"}',
    { 'event.action': 'mqtt-connect', 'iot.mqtt.client_id': 'X' },
  ],
  // Connected: protocol 5, 2.1 (p4), 1.6 without a port, 1.4 without a protocol.
  line(
    "New client connected from 10.0.0.5:1 as X (p5, c0, k30, u'u1').",
    connect('success', { 'user.name': 'u1', 'source.ip': '10.0.0.5' }),
  ),
  line('New client connected from 10.0.0.5:1 as X (p4, c1, k60).', connect('success')),
  line(
    "New client connected from 10.0.0.5 as X (p2, c1, k60, u'u1').",
    connect('success', { 'user.name': 'u1' }),
  ),
  line(
    "New client connected from 10.0.0.5 as X (c1, k60, u'u1').",
    connect('success', { 'iot.mqtt.client_id': 'X' }),
  ),
  line(
    'New connection from 10.0.0.5 on port 1883.\nNew client connected from 10.0.0.5 as X (c1, k60).',
    connect('success'),
  ),
  // Refusals by version.
  line(
    'New connection from 10.0.0.5:1234 on port 1883.\nSending CONNACK to 10.0.0.5 (0, 5)\nClient <unknown> disconnected, not authorised.',
    connect('failure', { 'source.ip': '10.0.0.5' }),
  ),
  line(
    'New connection from 10.0.0.5:1234 on port 1883.\nClient bad1 disconnected, not authorised.',
    connect('failure', { 'iot.mqtt.client_id': 'bad1', 'source.ip': '10.0.0.5' }),
  ),
  line(
    'Client X [10.0.0.5:1234] disconnected: not authorised.',
    connect('failure', { 'iot.mqtt.client_id': 'X', 'source.ip': '10.0.0.5', 'source.port': 1234 }),
  ),
  line(
    'New client connected from 10.0.0.5:1 as dup1 (p2, c1, k60).\nNew connection from 10.0.0.6:2 on port 1883.\n' +
      'Client dup1 already connected, closing old connection.\nNew client connected from 10.0.0.6:2 as dup1 (p2, c1, k60).',
    action('mqtt-takeover', 'dup1'),
  ),
  // The end of a connection.
  line('Client X disconnected.', action('mqtt-disconnect', 'X')),
  line('Client X closed its connection.', action('mqtt-disconnect', 'X')),
  line('Client X has exceeded timeout, disconnecting.', action('mqtt-timeout', 'X')),
  line(
    'Client X [10.0.0.5:1] disconnected: connection closed by client.',
    action('mqtt-disconnect', 'X'),
  ),
  line('Client X [10.0.0.5:1] disconnected: exceeded timeout.', action('mqtt-timeout', 'X')),
  line('Socket error on client X, disconnecting.', action('mqtt-disconnect', 'X')),
  line('Client X disconnected, no longer authorised.', {
    'iot.mqtt.client_id': 'X',
    'event.outcome': 'failure',
  }),
  line(
    'Client dev1 been disconnected by administrative action.',
    action('mqtt-disconnect', 'dev1'),
  ),
  line('Client <unknown> disconnected due to protocol error.', {
    'event.action': 'protocol-error',
    'event.outcome': 'failure',
  }),
  line('Client X disconnected due to protocol error.', {
    'event.action': 'protocol-error',
    'iot.mqtt.client_id': 'X',
    'event.outcome': 'failure',
  }),
  line('Client X disconnected due to malformed packet.', {
    'event.action': 'protocol-error',
    'iot.mqtt.client_id': 'X',
    'event.outcome': 'failure',
  }),
  line('Client X disconnected due to oversize packet.', {
    'event.action': 'protocol-error',
    'iot.mqtt.client_id': 'X',
    'event.outcome': 'failure',
  }),
  line(
    'Client X disconnected due to using not allowed feature (QoS too high, retain not supported, or bad AUTH method).',
    { 'event.action': 'protocol-error', 'event.outcome': 'failure' },
  ),
  // Limits.
  line(
    'Client connection from 10.0.0.5 denied: max_connections exceeded.',
    connect('failure', { 'event.action': 'connection-denied', 'source.ip': '10.0.0.5' }),
  ),
  line(
    'Client connection from 10.0.0.5 denied access by tcpd.',
    connect('failure', { 'event.action': 'connection-denied', 'source.ip': '10.0.0.5' }),
  ),
  line('ACL denying access to client with dangerous client id "a+b"', {
    'event.outcome': 'failure',
    'iot.mqtt.client_id': 'a+b',
  }),
  // Handshakes.
  line('ACL denying access to client with dangerous username "a/#"', {
    'event.outcome': 'failure',
    'user.name': 'a/#',
  }),
  refusal('error:0A0000C7:SSL routines::peer did not return a certificate'),
  refusal('error:0A00010B:SSL routines::wrong version number'),
  refusal('error:0A00009C:SSL routines::http request'),
  refusal('error:0A000102:SSL routines::unsupported protocol'),
  refusal('error:140360C7:SSL routines:ACCEPT_SR_CERT:peer did not return a certificate'),
  refusal('error:14037438:SSL routines:ACCEPT_SR_KEY_EXCH:tlsv1 alert internal error'),
  line('dynsec: ctl/admin | disableClient | username=sensor-001', {
    'event.action': 'config-change',
  }),
  line('Received SUBSCRIBE from ok1\n\t# (QoS 0)\nok1 0 #\nSending SUBACK to ok1', undefined),
]

const sys = (topic: string, value: string, fields: Fields | undefined): readonly Row[] => [
  ['mosquitto-sys', `$SYS/broker/${topic} ${value}`, fields],
  ['mqtt-sys', [{ text: value, facts: { topic: `$SYS/broker/${topic}` } }], fields],
]
const counters = [
  ...['total', 'active', 'inactive', 'connected', 'disconnected', 'maximum'].map(
    (n) => `clients/${n}`,
  ),
  ...['messages/received', 'publish/sent', 'bytes/received', 'sockets', 'connections'].flatMap(
    (n) => ['1min', '5min', '15min'].map((time) => `load/${n}/${time}`),
  ),
  'messages/received',
  'publish/messages/received',
  'bytes/sent',
  'store/messages/count',
  'store/messages/bytes',
  'subscriptions/count',
  'retained messages/count',
  'heap/current',
  'heap/maximum',
]
const state: readonly Row[] = [
  ...sys('version', 'mosquitto version 2.0.11', {
    'event.action': 'device-metrics',
    'observer.version': '2.0.11',
  }),
  ...sys('uptime', '3600 seconds', { 'event.action': 'device-metrics', 'iot.metric.value': 3600 }),
  ...sys('clients/expired', '2', { 'event.outcome': 'failure', 'iot.metric.value': 2 }),
  ...sys('publish/messages/dropped', '9', { 'event.outcome': 'failure', 'iot.metric.value': 9 }),
  ...counters.flatMap((topic) => sys(topic, '1', undefined)),
]

const hook = (event: string, more: Fields, fields: Fields): Row => [
  'emqx',
  json({
    event,
    clientid: 'c1',
    username: 'u1',
    peername: '10.0.0.5:4000',
    timestamp: 1_795_301_345_000,
    node: 'n',
    ...more,
  }),
  {
    '@timestamp': '2026-11-21T22:49:05.000Z',
    'iot.mqtt.client_id': 'c1',
    'user.name': 'u1',
    ...fields,
  },
]
const gone = (reason: string, name: string): Row =>
  hook('client.disconnected', { reason }, { 'event.action': name, 'source.ip': '10.0.0.5' })
const lost = (reason: string): Row =>
  hook(
    'client.disconnected',
    { reason },
    {
      'event.action': 'mqtt-takeover',
      'iot.mqtt.previous.ip': '10.0.0.5',
      'iot.mqtt.identity': 'unknown',
      'user.name': undefined,
    },
  )
const answered = (event: string, code: string, outcome: string): Row =>
  hook(event, { reason_code: code }, { 'event.action': 'mqtt-connect', 'event.outcome': outcome })
const emqx: readonly Row[] = [
  hook(
    'client.connected',
    { proto_ver: 5, keepalive: 60 },
    { 'event.action': 'mqtt-connect', 'event.outcome': 'success', 'source.port': 4000 },
  ),
  ...['normal', 'kicked', 'tcp_closed', 'internal_error', 'not_authorized'].map((r) =>
    gone(r, 'mqtt-disconnect'),
  ),
  gone('keepalive_timeout', 'mqtt-timeout'),
  lost('discarded'),
  lost('takenover'),
  ...['bad_username_or_password', 'not_authorized', 'banned'].map((c) =>
    answered('client.connack', c, 'failure'),
  ),
  answered('client.check_authn_complete', 'bad_username_or_password', 'failure'),
  hook(
    'client.check_authz_complete',
    { topic: 't', action: 'subscribe', result: 'deny', authz_source: 'file', peerhost: '10.0.0.5' },
    { 'event.action': 'mqtt-subscribe-denied', 'iot.mqtt.topic': 't' },
  ),
  hook('$events/client_connected', {}, { 'event.action': 'mqtt-connect' }),
  [
    'emqx',
    '2026-11-21T22:51:22.1+00:00 [warning] clientid: c1, msg: authorization_permission_denied, peername: 10.0.0.5:1, username: u1, topic: t, action: publish',
    { 'event.action': 'mqtt-publish-denied', 'iot.mqtt.topic': 't', 'source.ip': '10.0.0.5' },
  ],
  [
    'emqx',
    '2026-11-21T22:51:22.1+00:00 [warning] msg: authentication_failure, clientid: c1, username: u1, peername: 10.0.0.5:1, reason: x',
    { 'event.action': 'mqtt-connect', 'event.outcome': 'failure' },
  ],
  [
    'emqx',
    '2026-11-21T22:51:22.1+00:00 [warning] msg: flapping_detected, peer_host: 10.0.0.6, detect_cnt: 15, window_time_ms: 60000, clientid: c1, banned_until: 2026',
    { 'iot.mqtt.client_id': 'c1', 'source.ip': '10.0.0.6' },
  ],
]

const hive = (text: string, fields: Fields | undefined): Row => [
  'hivemq',
  `2026-11-21 22:51:22,123 - ${text}`,
  fields && { '@timestamp': '2026-11-21T22:51:22.123Z', ...fields },
]
const verne = (text: string, fields: Fields): Row => [
  'vernemq',
  `2026-11-21 22:51:22.123 [warning] ${text}`,
  fields,
]
const others: readonly Row[] = [
  hive('Client ID: p, IP: 10.0.0.5, Clean Start: true, Session Expiry: 0 connected.', {
    'event.action': 'mqtt-connect',
    'event.outcome': 'success',
    'source.ip': '10.0.0.5',
  }),
  hive('Client ID: p, IP: 10.0.0.5 disconnected gracefully.', action('mqtt-disconnect', 'p')),
  hive(
    'Client ID: p, IP: 10.0.0.5 disconnected gracefully. Reason given by client: low',
    action('mqtt-disconnect', 'p'),
  ),
  hive(
    'Client ID: p, IP: UNKNOWN disconnected ungracefully from tcp on port: 1883.',
    action('mqtt-disconnect', 'p'),
  ),
  hive(
    'Outgoing publish message was dropped. Receiving client: p, topic: t/a, qos: 1, reason: full.',
    undefined,
  ),
  hive(
    'Client ID: p session has expired at 2026-11-21 22:51:22. All persistent data is gone.',
    undefined,
  ),
  hive('Received AUTH from Client ID: p, IP: 10.0.0.5, reason code: SUCCESS.', {
    'iot.mqtt.client_id': 'p',
    'source.ip': '10.0.0.5',
  }),
  verne('can\'t authenticate client {[],<<"c1">>} from 10.0.0.5:5 due to no_matching_hook_found', {
    'event.action': 'mqtt-connect',
    'event.outcome': 'failure',
  }),
  verne(
    'can\'t auth publish for client {[],<<"c1">>} (user <<"u">>) on topic [<<"a">>,<<"b">>] due to not_authorized',
    { 'event.action': 'mqtt-publish-denied', 'iot.mqtt.topic': 'a/b' },
  ),
  verne(
    'can\'t authorize SUBSCRIBE from v3 client {[],<<"c1">>} from 10.0.0.5:5 due to not_authorized',
    action('mqtt-subscribe-denied', 'c1'),
  ),
  verne(
    'client {[],<<"c1">>} with username <<"u">> stopped due to keepalive expired',
    action('mqtt-timeout', 'c1'),
  ),
  verne('invalid client id <<"a b">>', {
    'event.action': 'mqtt-connect',
    'event.outcome': 'failure',
  }),
]

const hub = (resultType: string, fields: Fields): Row => [
  'azure-iot',
  json({
    time: '2026-11-21T22:10:00Z',
    operationName: 'deviceDisconnect',
    category: 'Connections',
    level: 'Error',
    resultType,
    properties: { deviceId: 'pump-7', protocol: 'Mqtt', statusCode: resultType.slice(0, 3) },
  }),
  { '@timestamp': '2026-11-21T22:10:00.000Z', 'device.id': 'pump-7', ...fields },
]
const CATEGORIES = [
  'Connections',
  'DeviceTelemetry',
  'C2DCommands',
  'DeviceIdentityOperations',
  'FileUploadOperations',
  'Routes',
  'D2CTwinOperations',
  'C2DTwinOperations',
  'TwinQueries',
  'JobsOperations',
  'DirectMethods',
  'DistributedTracing',
  'Configurations',
]
const azure: readonly Row[] = [
  hub('404104', { 'event.action': 'mqtt-disconnect' }),
  hub('409002', { 'event.action': 'mqtt-takeover' }),
  hub('401003', { 'event.outcome': 'failure' }),
  ...CATEGORIES.map((category): Row => [
    'azure-iot',
    json({
      time: '2026-11-21T22:10:00Z',
      operationName: 'update',
      category,
      level: 'Error',
      properties: json({ deviceId: 'pump-7' }),
    }),
    { '@timestamp': '2026-11-21T22:10:00.000Z', 'device.id': 'pump-7' },
  ]),
  [
    'azure-iot',
    json({
      TimeGenerated: '2026-11-21T22:10:00Z',
      OperationName: 'deviceConnect',
      Category: 'Connections',
      ResultType: '0',
      properties_s: json({ deviceId: 'pump-7' }),
    }),
    { 'event.action': 'mqtt-connect', 'device.id': 'pump-7' },
  ],
]

testRows({ mosquitto, state, emqx, others, azure })
