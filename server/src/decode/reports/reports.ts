import type { DecoderSpec } from '../../model/decoder.ts'
import { documentSpec } from '../document/json-decoder.ts'
import { readElastic, readGrafana, readKeycloak } from './audit-logs.ts'
import { readDeviceReport } from './device-report.ts'
import { readNotable, readSentinel } from './findings.ts'
import { mosquittoSys } from './mosquitto-sys.ts'
import { postgresql } from './postgresql.ts'
import { readWazuh } from './wazuh.ts'

/** Decoders of reports, findings and audit logs, by name. */
export const reportDecoders: Readonly<Record<string, DecoderSpec>> = {
  'device-report': documentSpec(
    {
      name: 'device-report',
      summary: 'Reports of devices: firmware hash, boot, clock; EAT in JSON.',
    },
    readDeviceReport,
  ),
  'elasticsearch-audit': documentSpec(
    { name: 'elasticsearch-audit', summary: 'The audit log of Elasticsearch (JSON).' },
    readElastic,
  ),
  grafana: documentSpec(
    { name: 'grafana', summary: 'Grafana: audit log, and request lines of its log as JSON.' },
    readGrafana,
  ),
  keycloak: documentSpec(
    { name: 'keycloak', summary: 'User and admin events of Keycloak (JSON).' },
    readKeycloak,
  ),
  'mosquitto-sys': mosquittoSys,
  postgresql,
  sentinel: documentSpec(
    { name: 'sentinel', summary: 'Microsoft Sentinel SecurityAlert and Defender for IoT alerts.' },
    readSentinel,
    ['value', 'alerts'],
  ),
  'splunk-notable': documentSpec(
    { name: 'splunk-notable', summary: 'Notable events of Splunk Enterprise Security.' },
    readNotable,
    ['results'],
  ),
  wazuh: documentSpec(
    { name: 'wazuh', summary: "Wazuh's alerts.json, file integrity included." },
    readWazuh,
  ),
}
