import { describe, expect, test } from 'vitest'
import { decoders } from './registry.ts'
import { describeDecoder, type DecoderUnderTest } from './testing/describe-decoder.ts'
import { reportDecoders } from './reports/reports.ts'
import { exampleMapping } from './testing/example-mapping.ts'
import { corpusLines } from './testing/cloud-lines.ts'
import { jsonLines, mosquittoLines } from './testing/mosquitto-lines.ts'

const underTest: Readonly<Record<string, Omit<DecoderUnderTest, 'spec'>>> = {
  'aws-device-defender': {
    lines: corpusLines('aws-device-defender'),
    limits: { versions: 100_000 },
  },
  ...Object.fromEntries(
    Object.keys(reportDecoders).map((name) => [name, { lines: corpusLines(name) }]),
  ),
  custom: { lines: corpusLines('custom'), options: exampleMapping },
  hivemq: { lines: corpusLines('hivemq') },
  'aws-iot': {
    lines: corpusLines('aws-iot'),
    limits: { shadows: 5_000, sessions: 100_000, held_characters: 34_000_000 },
  },
  'azure-iot': { lines: corpusLines('azure-iot') },
  cloudtrail: { lines: corpusLines('cloudtrail') },
  apache: { lines: corpusLines('apache'), limits: { downloads: 20_000 } },
  emqx: { lines: corpusLines('emqx'), limits: { refused: 10_000 } },
  hawkbit: { lines: corpusLines('hawkbit'), limits: { downloads: 20_000 } },
  mender: { lines: corpusLines('mender') },
  nginx: { lines: corpusLines('nginx'), limits: { downloads: 20_000 } },
  's3-access': { lines: corpusLines('s3-access'), limits: { downloads: 20_000 } },
  json: { lines: jsonLines },
  mosquitto: {
    lines: mosquittoLines,
    limits: { sessions: 100_000, accepts: 4_096, clients: 100_000, retries: 20_000 },
  },
  'mqtt-pcap': {
    lines: corpusLines('mqtt-pcap'),
    limits: { young: 10_000, live: 20_000, bytes_kept: 32 * 2 ** 20, devices: 20_000 },
  },
  cef: { lines: corpusLines('cef') },
  iptables: { lines: corpusLines('iptables') },
  leef: { lines: corpusLines('leef') },
  pfsense: { lines: corpusLines('pfsense') },
  'vpc-flow': { lines: corpusLines('vpc-flow'), limits: { headers: 1_000 } },
  bind: { lines: corpusLines('bind') },
  dhcpd: { lines: corpusLines('dhcpd'), limits: { leases: 100 } },
  influxdb: { lines: corpusLines('influxdb') },
  dnsmasq: { lines: corpusLines('dnsmasq') },
  kea: { lines: corpusLines('kea') },
  unbound: { lines: corpusLines('unbound') },
  netflow: { lines: corpusLines('netflow'), limits: { templates: 10_000, held: 200 } },
  radius: { lines: corpusLines('radius'), limits: { records: 1_000 } },
  syslog: { lines: corpusLines('syslog') },
  text: { lines: corpusLines('text') },
  suricata: { lines: corpusLines('suricata') },
  zeek: { lines: corpusLines('zeek'), limits: { headers: 1_000 } },
  vernemq: { lines: corpusLines('vernemq') },
}

describe('the registry', () => {
  test('every decoder is under contract', () => {
    expect(Object.keys(underTest).sort()).toEqual(Object.keys(decoders).sort())
  })
  test('names are keys', () => {
    for (const [name, spec] of Object.entries(decoders)) expect(spec.name).toBe(name)
  })
})

for (const [name, rest] of Object.entries(underTest)) {
  describeDecoder(name, { spec: decoders[name]!, ...rest })
}
