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
]

export function guessLog(row: EcsDoc): string | undefined {
  for (const [log, ...fields] of SIGNS) {
    if (fields.every((field) => Object.hasOwn(row, field))) return log
  }
  return undefined
}
