import type { DecoderSpec } from '../../model/decoder.ts'
import { documentSpec } from '../document/json-decoder.ts'
import { mixedSpec } from '../document/mixed-decoder.ts'
import { readElastic, readElasticText } from '../databases/elasticsearch.ts'
import { readGrafana, readGrafanaText } from '../databases/grafana.ts'
import { influxdb } from '../databases/influxdb.ts'
import { readKeycloak, readKeycloakText } from '../databases/keycloak.ts'
import { readDeviceReport } from './device-report.ts'
import { readNotable, readSentinel } from './findings.ts'
import { mosquittoSys } from './mosquitto-sys.ts'
import { postgresql } from '../postgresql/postgresql.ts'
import { decodeWazuh } from './wazuh.ts'
import { ALERT_START } from './wazuh-text.ts'

/** Decoders of reports, findings and audit logs, by name. */
export const reportDecoders: Readonly<Record<string, DecoderSpec>> = {
  'device-report': documentSpec(
    {
      name: 'device-report',
      summary: 'Reports of devices: firmware hash, boot, clock; EAT in JSON.',
    },
    readDeviceReport,
  ),
  'elasticsearch-audit': mixedSpec(
    {
      name: 'elasticsearch-audit',
      summary: 'The audit log of Elasticsearch: JSON, and the text of versions before 7.',
    },
    readElastic,
    readElasticText,
  ),
  grafana: mixedSpec(
    {
      name: 'grafana',
      summary: 'Grafana: audit log, and requests and logins in its log (logfmt, JSON, console).',
    },
    readGrafana,
    readGrafanaText,
  ),
  keycloak: mixedSpec(
    {
      name: 'keycloak',
      summary: 'User and admin events of Keycloak: JSON, and the log of the server.',
    },
    readKeycloak,
    readKeycloakText,
  ),
  influxdb,
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
  wazuh: {
    name: 'wazuh',
    summary: "Wazuh's alerts.json and alerts.log (also OSSEC's), file integrity included.",
    recordStart: ALERT_START,
    create: () => ({ decode: decodeWazuh }),
  },
}
