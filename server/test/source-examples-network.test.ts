/** Every further example of networks, update servers and other SIEMs; the binary ones are built here. */
import { type Fields, type Input, type Row, testRows } from './example-rows.ts'

const json = (value: unknown): string => JSON.stringify(value)
/** Numbers of 1, 2 or 4 octets, most significant first. */
const octets = (
  ...parts: readonly (readonly [size: 1 | 2 | 4, ...values: number[]])[]
): Uint8Array =>
  Uint8Array.from(
    parts.flatMap(([size, ...values]) =>
      values.flatMap((value) =>
        Array.from({ length: size }, (_, at) => (value >>> (8 * (size - 1 - at))) & 255),
      ),
    ),
  )
const SRC = 0x0a_00_05_07
const DST = 0xcb_00_71_09
const UNIX = 1_795_301_345
const flow: Fields = {
  'event.action': 'network-flow',
  'source.ip': '10.0.5.7',
  'source.port': 40_112,
  'destination.ip': '203.0.113.9',
  'destination.port': 445,
  'network.transport': 'tcp',
  'source.bytes': 4249,
  'source.packets': 20,
}
const V5 = octets(
  [2, 5, 1],
  [4, 60_000, UNIX, 0, 1],
  [1, 0, 0],
  [2, 0],
  [4, SRC, DST, 0],
  [2, 1, 2],
  [4, 20, 4249, 50_000, 59_000],
  [2, 40_112, 445],
  [1, 0, 2, 6, 0],
  [2, 0, 0],
  [1, 24, 24],
  [2, 0],
)
const FIELDS = [8, 4, 12, 4, 7, 2, 11, 2, 4, 1, 1, 4, 2, 4]
const RECORD = octets([4, SRC, DST], [2, 40_112, 445], [1, 6], [4, 4249, 20], [1, 0, 0, 0])
/** One datagram with sets, each of an id and its content. */
function datagram(version: 9 | 10, sets: readonly (readonly [number, Uint8Array])[]): Uint8Array {
  const body = sets.flatMap(([id, content]) => [...octets([2, id, content.length + 4]), ...content])
  const length = body.length + 16
  const head =
    version === 9
      ? octets([2, 9, sets.length], [4, 60_000, UNIX, 1, 7])
      : octets([2, 10, length], [4, UNIX, 1, 7])
  return Uint8Array.from([...head, ...body])
}
const template = octets([2, 256, FIELDS.length / 2, ...FIELDS])
const one = (...datagrams: readonly Uint8Array[]): Input =>
  datagrams.map((bytes) => ({ bytes, facts: { peer: '192.0.2.1' } }))
const netflow: readonly Row[] = [
  ['netflow', one(V5), flow],
  [
    'netflow-v9',
    one(
      datagram(9, [
        [0, template],
        [256, RECORD],
      ]),
    ),
    flow,
  ],
  [
    'ipfix',
    one(
      datagram(10, [
        [2, template],
        [256, RECORD],
      ]),
    ),
    flow,
  ],
  // Data before their template.
  ['netflow', one(datagram(9, [[256, RECORD]]), datagram(9, [[0, template]])), flow],
  ['netflow', one(datagram(10, [[256, RECORD]]), datagram(10, [[2, template]])), flow],
]

const zeek = (path: string, more: Fields, fields: Fields): Row => [
  'zeek',
  json({
    _path: path,
    ts: 1_795_301_345.5,
    uid: 'C1',
    'id.orig_h': '10.0.0.5',
    'id.orig_p': 40_000,
    'id.resp_h': '10.0.0.1',
    'id.resp_p': 1883,
    ...more,
  }),
  { '@timestamp': '2026-11-21T22:49:05.500Z', ...fields },
]
const tsv = (path: string, names: string, types: string, values: string): string =>
  [
    '#separator \\x09',
    '#set_separator\t,',
    '#empty_field\t(empty)',
    '#unset_field\t-',
    `#path\t${path}`,
    `#fields\t${names.replaceAll(' ', '\t')}`,
    `#types\t${types.replaceAll(' ', '\t')}`,
    values,
  ].join('\n')
const eve = (event_type: string, more: Fields, fields: Fields): Row => [
  'suricata',
  json({
    timestamp: '2026-11-21T22:10:00.123456+0200',
    flow_id: 1,
    event_type,
    src_ip: '10.0.0.5',
    src_port: 40_000,
    dest_ip: '10.0.0.1',
    dest_port: 1883,
    proto: 'TCP',
    ...more,
  }),
  { '@timestamp': '2026-11-21T20:10:00.123Z', 'source.ip': '10.0.0.5', ...fields },
]
const sensors: readonly Row[] = [
  zeek(
    'mqtt_connect',
    {
      proto_name: 'MQIsdp',
      proto_version: '3.1',
      client_id: 'paho/34AA',
      connect_status: 'Connection Accepted',
    },
    {
      'event.action': 'mqtt-connect',
      'event.outcome': 'success',
      'iot.mqtt.client_id': 'paho/34AA',
    },
  ),
  zeek(
    'mqtt_publish',
    {
      from_client: true,
      retain: false,
      qos: 'at most once',
      status: 'ok',
      topic: 't/a',
      payload: 'x',
      payload_len: 1,
    },
    { 'event.action': 'mqtt-publish', 'iot.mqtt.topic': 't/a' },
  ),
  zeek(
    'mqtt_subscribe',
    {
      action: 'MQTT::SUBSCRIBE',
      topics: ['t/#'],
      qos_levels: [0],
      granted_qos_level: 0,
      ack: true,
    },
    { 'event.action': 'mqtt-subscribe' },
  ),
  [
    'zeek',
    tsv(
      'mqtt_connect',
      'ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto_name proto_version client_id connect_status will_topic will_payload',
      'time string addr port addr port string string string string string string',
      '1795301345.500000\tC1\t10.0.0.5\t40000\t10.0.0.1\t1883\tMQIsdp\t3.1\tpaho/34AA\tConnection Accepted\t-\t(empty)',
    ),
    {
      '@timestamp': '2026-11-21T22:49:05.500Z',
      'event.action': 'mqtt-connect',
      'iot.mqtt.client_id': 'paho/34AA',
      'source.port': 40_000,
    },
  ],
  zeek(
    'ssl',
    {
      version: 'TLSv12',
      cipher: 'C',
      server_name: 's.example',
      established: false,
      validation_status: 'certificate has expired',
    },
    {
      'event.action': 'tls-handshake',
      'event.outcome': 'failure',
      'tls.client.server_name': 's.example',
    },
  ),
  zeek(
    'x509',
    {
      fingerprint: 'ab12',
      'certificate.serial': '01',
      'certificate.subject': 'CN=pump-7',
      'certificate.issuer': 'CN=ca',
      'certificate.not_valid_before': 1_790_000_000,
      'certificate.not_valid_after': 1_795_000_000,
    },
    { 'event.action': 'certificate-seen' },
  ),
  eve(
    'alert',
    {
      alert: {
        action: 'allowed',
        gid: 1,
        signature_id: 2_001,
        rev: 2,
        signature: 'Worm',
        category: 'Bad',
        severity: 1,
      },
    },
    { 'event.kind': 'alert', 'rule.id': '2001', 'rule.name': 'Worm' },
  ),
  ...[
    { type: 'query', id: 1, rrname: 'a.example', rrtype: 'A' },
    { version: 2, type: 'query', id: 1, rrname: 'a.example', rrtype: 'A' },
    { version: 3, type: 'request', id: 1, queries: [{ rrname: 'a.example', rrtype: 'A' }] },
  ].map((dns) =>
    eve('dns', { dns }, { 'event.action': 'dns-query', 'dns.question.name': 'a.example' }),
  ),
  eve(
    'flow',
    {
      flow: {
        pkts_toserver: 3,
        pkts_toclient: 2,
        bytes_toserver: 300,
        bytes_toclient: 200,
        start: '2026-11-21T22:09:00.000000+0200',
        end: '2026-11-21T22:09:09.000000+0200',
        age: 9,
        state: 'closed',
        reason: 'timeout',
        alerted: false,
      },
    },
    { 'event.action': 'network-flow', 'source.bytes': 300, 'destination.packets': 2 },
  ),
  eve(
    'tls',
    {
      tls: {
        subject: 'CN=s',
        issuerdn: 'CN=ca',
        serial: '01',
        fingerprint: 'ab',
        sni: 's.example',
        version: 'TLS 1.2',
        notbefore: '2026-01-01T00:00:00',
        notafter: '2027-01-01T00:00:00',
      },
    },
    { 'event.action': 'tls-handshake', 'tls.client.server_name': 's.example' },
  ),
  ...[3, 4, 5].map((protocol_version) =>
    eve(
      'mqtt',
      {
        mqtt: {
          connect: {
            protocol_string: 'MQTT',
            protocol_version,
            flags: { username: true, clean_session: true },
            client_id: 'p',
            username: 'u',
          },
          connack: { session_present: false, return_code: 5 },
        },
      },
      {
        'event.action': 'mqtt-connect',
        'event.outcome': 'failure',
        'iot.mqtt.client_id': 'p',
        'user.name': 'u',
      },
    ),
  ),
  eve(
    'mqtt',
    { mqtt: { publish: { topic: 't/a', message_id: 1, message: 'x' } } },
    { 'event.action': 'mqtt-publish', 'iot.mqtt.topic': 't/a' },
  ),
  eve(
    'mqtt',
    { mqtt: { subscribe: { message_id: 1, topics: [{ topic: 't/#', qos: 0 }] } } },
    { 'event.action': 'mqtt-subscribe' },
  ),
]

const dns = (decoder: string, text: string, name: string): Row => [
  decoder,
  text,
  { 'event.action': 'dns-query', 'dns.question.name': name },
]
const lines: readonly Row[] = [
  ['vpc-flow', '2 123456789010 eni-1 - - - - - - - 1795301345 1795301405 - NODATA', undefined],
  [
    'vpc-flow',
    'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status flow-direction tcp-flags\n' +
      '5 1 eni-1 10.0.5.7 203.0.113.9 40112 445 6 20 4249 1795301285 1795301345 REJECT OK egress 2',
    { ...flow, 'event.outcome': 'failure' },
  ],
  [
    'pfsense',
    'Nov 21 22:10:00 fw filterlog[1]: 8,,,1,em0,match,block,in,6,0x00,0x00000,255,UDP,17,64,2001:db8::1,2001:db8::2,5353,53,64',
    {
      'event.action': 'network-flow',
      'source.ip': '2001:db8::1',
      'destination.port': 53,
      'network.transport': 'udp',
    },
  ],
  dns(
    'dnsmasq',
    'Nov 21 00:00:09 dnsmasq[3468]: 106331 192.168.1.249/5001 query[A] example.com from 192.168.1.249',
    'example.com',
  ),
  ...(
    [
      ['reply example.com is 1.2.3.4', 'reply', 'success'],
      ['cached example.com is NXDOMAIN', 'cached', 'failure'],
      ['/etc/pihole/gravity.list example.com is 0.0.0.0', 'blocked', 'failure'],
    ] as const
  ).map(([text, code, outcome]): Row => [
    'pihole',
    `Jan 21 00:00:09 dnsmasq[3468]: ${text}`,
    {
      'event.action': 'dns-query',
      'event.code': code,
      'event.outcome': outcome,
      'dns.question.name': 'example.com',
    },
  ]),
  dns(
    'unbound',
    '[1795301345] unbound[123:0] info: 10.0.0.5 evil.example. A IN NOERROR 0.000100 0 54',
    'evil.example',
  ),
  [
    'syslog',
    '<34>Oct 11 22:14:15 host sshd[7]: Failed password for root from 10.0.0.9 port 4000 ssh2',
    { 'event.action': 'user-login', 'event.outcome': 'failure', 'source.ip': '10.0.0.9' },
  ],
  [
    'syslog',
    '<34>1 2026-10-11T22:14:15.003Z host app 7 ID1 [sd@32473 k="v"] msg',
    { '@timestamp': '2026-10-11T22:14:15.003Z', 'host.name': 'host', message: 'msg' },
  ],
  [
    'cef',
    'CEF:0|Ven\\|dor|Product|1|100|a \\\\ b|10|src=10.0.0.1 msg=a\\=b c',
    { 'observer.vendor': 'Ven|dor', 'source.ip': '10.0.0.1', message: 'a=b c' },
  ],
]

const rollout = (type: string): Row => [
  'hawkbit',
  json({
    type,
    timestamp: UNIX * 1000,
    rolloutId: 5,
    tenant: 'DEFAULT',
    controllerId: 'pump-7',
    actionId: 9,
    targetId: 3,
  }),
  { '@timestamp': '2026-11-21T22:49:05.000Z' },
]
const firmware: readonly Row[] = [
  ...[
    'RolloutUpdatedEvent',
    'RolloutStoppedEvent',
    'ActionCreatedEvent',
    'CancelTargetAssignmentEvent',
  ].map(rollout),
  [
    'hawkbit',
    json({
      type: 'TargetPollEvent',
      timestamp: UNIX * 1000,
      tenant: 'DEFAULT',
      controllerId: 'pump-7',
    }),
    undefined,
  ],
  [
    'nginx',
    '10.0.0.5 - - [21/Nov/2026:22:10:00 +0000] "GET /DEFAULT/controller/v1/pump-7/softwaremodules/3/artifacts/app.bin HTTP/1.1" 200 524288 "-" "esp"',
    { 'event.action': 'firmware-download', 'source.ip': '10.0.0.5' },
  ],
  [
    's3',
    'owner bucket [21/Nov/2026:22:10:00 +0000] 10.0.0.5 req 3E57 REST.GET.OBJECT fw/model-a/1.2.3.bin "GET /fw/model-a/1.2.3.bin HTTP/1.1" 200 - 524288 524288 70 10 "-" "esp" -',
    {
      '@timestamp': '2026-11-21T22:10:00.000Z',
      'event.action': 'firmware-download',
      'source.ip': '10.0.0.5',
      'iot.firmware.version': '1.2.3',
    },
  ],
  ...['create', 'update', 'delete', 'abort'].map((action): Row => [
    'mender',
    json({
      actor: { id: 'u', type: 'user', email: 'ann@example.org' },
      time: '2026-11-21T22:10:00Z',
      action,
      object: { id: 'd', type: 'deployment' },
    }),
    { 'event.action': 'config-change', 'user.email': 'ann@example.org' },
  ]),
]

const wazuh = (id: string, event: string, mode: string): Row => [
  'wazuh',
  json({
    timestamp: '2026-02-14T22:06:01.209+0500',
    rule: {
      level: 7,
      description: 'd',
      id,
      mitre: { id: ['T1565.001'], tactic: ['Impact'], technique: ['x'] },
      firedtimes: 1,
      groups: ['syscheck'],
    },
    agent: { id: '001', name: 'gw-1', ip: '192.168.23.3' },
    manager: { name: 'm' },
    id: '1.2',
    full_log: 'f',
    syscheck: { path: '/fw/app.bin', mode, event, sha256_after: 'a'.repeat(64) },
    location: 'syscheck',
  }),
  {
    '@timestamp': '2026-02-14T17:06:01.209Z',
    'rule.id': id,
    'file.path': '/fw/app.bin',
    'threat.technique.id': ['T1565.001'],
  },
]
const siems: readonly Row[] = [
  wazuh('550', 'modified', 'realtime'),
  wazuh('554', 'added', 'scheduled'),
  wazuh('553', 'deleted', 'whodata'),
  [
    'sentinel',
    json({
      Name: 'IoT_Bruteforce_Fail/2026-02-02',
      AlertType: 'IoT_Bruteforce_Fail',
      AlertDisplayName: 'Brute force',
      ReportedSeverity: 'High',
    }),
    { 'event.action': 'audit-finding', 'event.kind': 'alert' },
  ],
]

testRows({ netflow, sensors, lines, firmware, siems })
