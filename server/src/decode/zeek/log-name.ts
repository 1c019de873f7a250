import type { EcsDoc } from '../../model/event.ts'
import { isKnownLog } from './logs.ts'

/** `conn` of `/logs/2026-11-22/conn.10:00:00-11:00:00.log.gz`; undefined for names of no log of Zeek. */
export function logOfFile(path: string | undefined): string | undefined {
  if (path === undefined) return undefined
  const name = path.slice(path.lastIndexOf('/') + 1)
  const stem = /^[a-z][a-z0-9_]*/.exec(name)?.[0]
  return stem !== undefined && isKnownLog(stem) ? stem : undefined
}

/** Fields that only one kind of log has. */
const SIGNS: readonly (readonly [log: string, ...fields: string[]])[] = [
  ['conn', 'conn_state'],
  ['mqtt_connect', 'connect_status'],
  ['mqtt_publish', 'from_client', 'payload_len'],
  ['mqtt_subscribe', 'action', 'granted_qos_level'],
  ['mqtt_subscribe', 'action', 'topics'],
  ['x509', 'certificate.serial'],
  ['dns', 'trans_id', 'rejected'],
  ['dns', 'query', 'qtype_name'],
  ['ssl', 'established', 'resumed'],
  ['ssl', 'cipher', 'version'],
  ['http', 'trans_depth', 'request_body_len'],
  ['ssh', 'auth_attempts'],
  ['ssh', 'host_key_alg'],
  ['files', 'fuid', 'seen_bytes'],
  ['notice', 'note', 'actions'],
  ['notice', 'note', 'msg'],
  ['dnp3', 'fc_request'],
  ['dnp3', 'iin'],
  ['modbus', 'func'],
  ['known_services', 'port_num', 'service'],
  ['known_certs', 'port_num', 'issuer_subject'],
  ['weird', 'name', 'notice'],
  ['dhcp', 'msg_types'],
  ['known_devices', 'mac', 'dhcp_host_name'],
  ['analyzer', 'cause', 'analyzer_kind'],
  ['dpd', 'analyzer', 'failure_reason'],
  ['dce_rpc', 'endpoint', 'operation'],
  ['ftp', 'command', 'user'],
  ['ftp', 'command', 'reply_code'],
  ['kerberos', 'request_type'],
  ['kerberos', 'client', 'service', 'success'],
  ['ldap_search', 'message_id', 'scope'],
  ['ldap', 'message_id', 'opcode'],
  ['ntlm', 'server_nb_computer_name'],
  ['ntlm', 'domainname', 'username'],
  ['ntlm', 'hostname', 'username', 'success'],
  ['ntp', 'stratum'],
  ['ocsp', 'issuerNameHash'],
  ['ocsp', 'certStatus'],
  ['pe', 'machine', 'subsystem'],
  ['pe', 'is_exe'],
  ['rdp', 'cookie', 'security_protocol'],
  ['rdp', 'result', 'cert_count'],
  ['rdp', 'cookie'],
  ['rfb', 'client_major_version'],
  ['radius', 'mac', 'result'],
  ['radius', 'username', 'result'],
  ['smb_files', 'action', 'path'],
  ['smb_files', 'action', 'name'],
  ['smb_mapping', 'share_type'],
  ['smb_cmd', 'command', 'sub_command'],
  ['smtp', 'helo'],
  ['smtp', 'mailfrom'],
  ['smtp', 'trans_depth', 'last_reply'],
  ['snmp', 'get_requests'],
  ['snmp', 'community', 'version'],
  ['sip', 'call_id'],
  ['irc', 'nick', 'command'],
  ['mysql', 'cmd', 'arg'],
  ['mysql', 'cmd', 'success'],
  ['socks', 'bound.host'],
  ['socks', 'request.host'],
  ['tunnel', 'tunnel_type'],
  ['syslog', 'facility', 'severity', 'message'],
  ['software', 'software_type', 'unparsed_version'],
  ['intel', 'seen.indicator'],
  ['signatures', 'sig_id', 'event_msg'],
  ['traceroute', 'src', 'dst', 'proto'],
  ['quic', 'server_scid'],
  ['websocket', 'subprotocol'],
  ['postgresql', 'frontend'],
  ['redis', 'cmd.name'],
  ['stats', 'pkts_proc', 'mem'],
  ['capture_loss', 'percent_lost', 'gaps'],
  ['packet_filter', 'filter', 'init'],
  ['reporter', 'level', 'message', 'location'],
  ['dhcp', 'mac', 'assigned_ip'],
  ['dhcp', 'mac', 'lease_time'],
  ['http', 'method', 'uri'],
  ['ssh', 'hassh'],
  ['ssh', 'client', 'server', 'version'],
  ['files', 'fuid', 'source'],
  ['ssl', 'version', 'server_name'],
  ['dns', 'query', 'trans_id'],
  ['conn', 'orig_pkts', 'resp_pkts'],
  ['conn', 'history', 'proto'],
  ['conn', 'missed_bytes', 'proto'],
]

/**
 * Which log a row is of: what the option, `#path` or `_path` names, else the file's name, else the fields. A
 * name of a filter's own making (`conn-failed`, `dns_internal`) is read as the log that its fields are of.
 */
export function logOf(
  row: EcsDoc,
  named: string | undefined,
  file: string | undefined,
): string | undefined {
  if (named !== undefined && isKnownLog(named)) return named
  const guess = logOfFile(file) ?? guessLog(row) ?? plainLog(row)
  if (guess !== undefined) return guess
  const stem = named === undefined ? 'unknown' : (/^[a-z0-9]+/.exec(named)?.[0] ?? named)
  if (isKnownLog(stem)) return stem
  return Object.hasOwn(row, 'id.orig_h') && Object.hasOwn(row, 'uid') ? `other_${stem}` : named
}

/** Logs of two or three columns, whose fields others have too. */
function plainLog(row: EcsDoc): string | undefined {
  const names = Object.keys(row).filter((name) => !name.startsWith('_') && name !== 'ts')
  if (names.length === 1 && names[0] === 'host') return 'known_hosts'
  if (names.length === 1 && names[0] === 'name') return 'loaded_scripts'
  const device = names.every((name) => name === 'host' || name === 'device_type')
  return names.length === 2 && device ? 'known_modbus' : undefined
}

function guessLog(row: EcsDoc): string | undefined {
  for (const [log, ...fields] of SIGNS) {
    if (fields.every((field) => Object.hasOwn(row, field))) return log
  }
  return undefined
}
