/**
 * The typed columns of `events`: what searches filter on and hunts push down. `text` is a string
 * of any cardinality, `word` one of few values (dictionary-encoded), `words` a list of them,
 * `number` a whole number that may be absent. Text is '' where the event has none. A document's
 * value that does not fit its column as it stands (a list, an object, another type, cut for
 * length) is named in the row's `unfit`, so that a condition pushed down can be
 * `column = x OR has(unfit, 'column')` and never loses a match.
 *
 * A new column needs a migration (migrations.ts), a higher SCHEMA_VERSION, and reads that fall back
 * to `doc` for rows of a lower version.
 */
export type ColumnKind = 'text' | 'word' | 'words' | 'number'

export interface EventColumn {
  readonly name: string
  readonly path: string
  readonly kind: ColumnKind
  /** Rows of a lower version were written without it: for them only `doc` says all. */
  readonly since?: number
}

export const SCHEMA_VERSION = 2

/** Longer values are cut in the column (and named in `unfit`); `doc` has them whole. */
export const COLUMN_CHARACTERS_MAX = 1_024

export const EVENT_COLUMNS = [
  { name: 'event_kind', path: 'event.kind', kind: 'word' },
  { name: 'event_category', path: 'event.category', kind: 'words' },
  { name: 'event_type', path: 'event.type', kind: 'words' },
  { name: 'event_action', path: 'event.action', kind: 'word' },
  { name: 'event_outcome', path: 'event.outcome', kind: 'word' },
  { name: 'event_reason', path: 'event.reason', kind: 'text' },
  { name: 'event_code', path: 'event.code', kind: 'text' },
  { name: 'event_provider', path: 'event.provider', kind: 'word' },
  { name: 'event_module', path: 'event.module', kind: 'word' },
  { name: 'event_dataset', path: 'event.dataset', kind: 'word' },
  { name: 'event_severity', path: 'event.severity', kind: 'number' },
  { name: 'device_id', path: 'device.id', kind: 'text' },
  { name: 'device_type', path: 'device.type', kind: 'word' },
  { name: 'iot_device_class', path: 'iot.device_class', kind: 'word' },
  { name: 'iot_site', path: 'iot.site', kind: 'word' },
  { name: 'host_name', path: 'host.name', kind: 'text' },
  { name: 'observer_name', path: 'observer.name', kind: 'text' },
  { name: 'source_ip', path: 'source.ip', kind: 'text' },
  { name: 'source_port', path: 'source.port', kind: 'number' },
  { name: 'source_address', path: 'source.address', kind: 'text' },
  { name: 'destination_ip', path: 'destination.ip', kind: 'text' },
  { name: 'destination_port', path: 'destination.port', kind: 'number' },
  { name: 'destination_domain', path: 'destination.domain', kind: 'text' },
  { name: 'network_protocol', path: 'network.protocol', kind: 'word' },
  { name: 'network_transport', path: 'network.transport', kind: 'word' },
  { name: 'user_name', path: 'user.name', kind: 'text' },
  { name: 'user_id', path: 'user.id', kind: 'text' },
  { name: 'mqtt_client_id', path: 'iot.mqtt.client_id', kind: 'text' },
  { name: 'mqtt_topic', path: 'iot.mqtt.topic', kind: 'text' },
  { name: 'mqtt_reason_code', path: 'iot.mqtt.reason_code', kind: 'number' },
  { name: 'firmware_version', path: 'iot.firmware.version', kind: 'text' },
  { name: 'firmware_hash', path: 'iot.firmware.hash', kind: 'text' },
  { name: 'firmware_campaign', path: 'iot.firmware.campaign', kind: 'text' },
  { name: 'credential_id', path: 'iot.credential.id', kind: 'text' },
  { name: 'metric_name', path: 'iot.metric.name', kind: 'text' },
  { name: 'change_id', path: 'iot.change.id', kind: 'text' },
  { name: 'dns_question_name', path: 'dns.question.name', kind: 'text' },
  { name: 'url_path', path: 'url.path', kind: 'text' },
  { name: 'http_status', path: 'http.response.status_code', kind: 'number' },
  { name: 'tls_server_name', path: 'tls.client.server_name', kind: 'text' },
  { name: 'tls_ja3', path: 'tls.client.ja3', kind: 'text' },
  { name: 'file_sha256', path: 'file.hash.sha256', kind: 'text' },
  { name: 'cloud_account', path: 'cloud.account.id', kind: 'text' },
  { name: 'rule_id', path: 'rule.id', kind: 'text' },
  { name: 'rule_name', path: 'rule.name', kind: 'text' },
  { name: 'trace_id', path: 'trace.id', kind: 'text', since: 2 },
] as const satisfies readonly EventColumn[]

export type EventColumnName = (typeof EVENT_COLUMNS)[number]['name']
