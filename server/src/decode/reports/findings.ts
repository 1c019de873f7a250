import { ANEW } from '../../base/anew.ts'
import type { EcsDoc } from '../../model/event.ts'
import { eventOf, type ReadDocument } from '../document/json-decoder.ts'
import {
  asText,
  compact,
  isObject,
  listAt,
  numberAt,
  objectAt,
  present,
  textAt,
  timeAt,
} from '../document/values.ts'
import { endpoint } from '../network/endpoint.ts'
import { severityRank } from './wazuh.ts'

/** Severity on the scale of alerts, of whichever words or numbers a product uses. */
export function severityOf(word: string | undefined): string {
  const text = word?.toLowerCase() ?? ''
  if (/^(?:critical|crit|fatal|5|6)$/.test(text)) return 'critical'
  if (/^(?:high|severe|major|4)$/.test(text)) return 'high'
  if (/^(?:low|minor|2)$/.test(text)) return 'low'
  return /^(?:info|informational|unknown|none|1)$/.test(text) ? 'informational' : 'medium'
}

/** Microsoft Sentinel `SecurityAlert` rows, and alerts of Defender for IoT (cloud, sensor, resource). */
export const readSentinel: ReadDocument = (given, context) => {
  const doc = { ...ANEW, ...given, ...objectAt(given, 'properties') }
  const name = textAt(
    doc,
    'AlertName',
    'AlertDisplayName',
    'alertDisplayName',
    'DisplayName',
    'title',
    'name',
  )
  const type = textAt(doc, 'AlertType', 'alertType', 'type', 'alert_type')
  const word = textAt(
    doc,
    'AlertSeverity',
    'ReportedSeverity',
    'reportedSeverity',
    'Severity',
    'severity',
  )
  if (name === undefined || word === undefined) return undefined
  const extended = jsonAt(doc, 'ExtendedProperties', 'extendedProperties') ?? {}
  const entities = entitiesOf(doc)
  const severity = severityOf(word)
  const address = entities.find((entity) => textAt(entity, 'Type', 'type')?.toLowerCase() === 'ip')
  const account = entities.find(
    (entity) => textAt(entity, 'Type', 'type')?.toLowerCase() === 'account',
  )
  const ip =
    textAt(address ?? {}, 'Address', 'address') ??
    textAt(extended, 'SourceDeviceAddress', 'Source IP')
  const device =
    textAt(extended, 'DeviceId', 'deviceId', 'Device Id', 'SourceDevice') ??
    textAt(doc, 'DeviceId', 'deviceId', 'sourceDevice', 'CompromisedEntity', 'compromisedEntity') ??
    deviceOf(entities)
  return {
    timeMs:
      timeAt(
        doc,
        'TimeGenerated',
        'StartTime',
        'StartTimeUtc',
        'startTimeUtc',
        'timeGeneratedUtc',
        'CreatedTime',
        'createdTimeUtc',
        'created_time_utc',
        'createdDateTime',
        'eventDateTime',
        'firstActivityTimeUtc',
        'firstActivityDateTime',
        'lastEventTime',
        'alertCreationTime',
        'lastUpdateTime',
        'firstSeen',
        'detectionTime',
        'time',
        'timestamp',
      ) ?? context.timeMs,
    action: 'audit-finding',
    doc: compact({
      event: eventOf(['intrusion_detection'], ['info'], 'unknown', {
        kind: 'alert',
        code: type,
        reason: textAt(doc, 'Description', 'description', 'message') ?? name,
        severity: severityRank(severity),
        reference: textAt(doc, 'SystemAlertId', 'systemAlertId', 'id'),
      }),
      rule: compact({
        id: type,
        name,
        ruleset: textAt(doc, 'ProductName', 'productName', 'VendorName'),
      }),
      log: { level: severity },
      device: present({ id: device }),
      source: ip === undefined ? undefined : endpoint({ address: ip }),
      user: present({ name: textAt(account ?? {}, 'Name', 'name') }),
      observer: { vendor: 'Microsoft', product: textAt(doc, 'ProductName') ?? 'Defender for IoT' },
      cloud: { provider: 'azure' },
      finding: compact({
        entities: entities.length === 0 ? undefined : entities,
        properties: extended,
      }),
    }),
  }
}

function jsonAt(doc: EcsDoc, ...keys: readonly string[]): EcsDoc | undefined {
  for (const key of keys) {
    const value = doc[key]
    if (isObject(value)) return value
    const parsed = parseText(value)
    if (isObject(parsed)) return parsed
  }
  return undefined
}

function parseText(value: unknown): unknown {
  if (typeof value !== 'string' || value.length > 262_144) return undefined
  try {
    return JSON.parse(value) as unknown
  } catch {
    return undefined
  }
}

function entitiesOf(doc: EcsDoc): readonly EcsDoc[] {
  const value = doc['Entities'] ?? doc['entities']
  const list = Array.isArray(value) ? (value as unknown[]) : parseText(value)
  return Array.isArray(list) ? list.filter(isObject).slice(0, 500) : []
}

function deviceOf(entities: readonly EcsDoc[]): string | undefined {
  for (const entity of entities) {
    const type = textAt(entity, 'Type', 'type')?.toLowerCase()
    if (type === 'iotdevice') return textAt(entity, 'DeviceId', 'deviceId', 'DeviceName')
    if (type === 'host') return textAt(entity, 'HostName', 'hostName')
  }
  return undefined
}

/** Splunk Enterprise Security notable events: search results, `| outputlookup` rows, webhook alerts. */
export const readNotable: ReadDocument = (given, context) => {
  const result = objectAt(given, 'result')
  const doc = { ...ANEW, ...given, ...result }
  const name =
    textAt(doc, 'rule_title', 'search_name', 'rule_name', 'savedsearch_name', 'source') ??
    textAt(doc, 'orig_source')
  const notable =
    'rule_name' in doc ||
    'rule_title' in doc ||
    'search_name' in doc ||
    'event_id' in doc ||
    'sid' in doc
  if (name === undefined || !notable) return undefined
  const severity = severityOf(textAt(doc, 'urgency', 'severity', 'priority'))
  const [from, to] = [firstText(doc, 'src', 'src_ip'), firstText(doc, 'dest', 'dest_ip')]
  const device = firstText(doc, 'device_id', 'dvc', 'thing', 'risk_object', 'dest', 'host')
  const user = firstText(doc, 'user', 'src_user')
  return {
    timeMs:
      timeAt(doc, '_time', 'event_time', 'orig_time', 'time', 'info_search_time') ?? context.timeMs,
    action: 'audit-finding',
    doc: compact({
      event: eventOf(['intrusion_detection'], ['info'], 'unknown', {
        kind: 'alert',
        code: textAt(doc, 'search_name', 'rule_name'),
        reason: textAt(doc, 'rule_description', 'description') ?? name,
        severity: severityRank(severity),
        reference: textAt(doc, 'event_id', 'sid'),
      }),
      rule: compact({
        id: textAt(doc, 'rule_id', 'search_name'),
        name,
        category: textAt(doc, 'security_domain'),
        ruleset: 'splunk',
      }),
      log: { level: severity },
      device: present({ id: device }),
      source:
        from === undefined
          ? undefined
          : endpoint({ address: from, port: numberAt(doc, 'src_port') }),
      destination:
        to === undefined ? undefined : endpoint({ address: to, port: numberAt(doc, 'dest_port') }),
      user: user === undefined ? undefined : { name: user },
      observer: { vendor: 'Splunk', product: 'Enterprise Security' },
      notable: compact({
        owner: textAt(doc, 'owner'),
        status: textAt(doc, 'status_label', 'status'),
        risk_score: numberAt(doc, 'risk_score'),
      }),
    }),
  }
}

/** Multi-value fields come as lists. */
function firstText(doc: EcsDoc, ...keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const text = asText(listAt(doc, key)?.[0] ?? doc[key])
    if (text !== undefined && text !== 'unknown' && text !== '-') return text
  }
  return undefined
}
