import { ANEW } from '../../base/anew.ts'
import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import { booleanAt, compact, numberAt, present, textAt } from '../document/values.ts'
import { nestDotted } from '../json/nest.ts'
import { addressType, endpoint, ianaNumber } from '../network/endpoint.ts'
import type { Told } from '../network/told.ts'
import { told } from '../network/told.ts'
import {
  assetSeen,
  dhcp,
  fileSeen,
  finding,
  ftp,
  netControl,
  protocolFault,
} from './logs-assets.ts'
import { conn, dns, http, industrial, login, ssl, transaction, x509 } from './logs-traffic.ts'
import { mqttConnect, mqttPublish, mqttSubscribe } from './logs-mqtt.ts'

type ReadLog = (row: EcsDoc, log: string) => Told

/** Logs of Zeek about itself. */
export const ROUTINE_LOGS: ReadonlySet<string> = new Set(
  (
    'stats capture_loss reporter packet_filter loaded_scripts broker cluster telemetry ' +
    'telemetry_histogram prof print config stderr stdout management storage weird_stats app_stats ' +
    'event_groups known_certs_stats analyzer_stats profiling'
  ).split(' '),
)

/** Logs of Zeek or of a Corelight sensor about itself. */
export const isRoutineLog = (log: string): boolean =>
  ROUTINE_LOGS.has(log) || log.startsWith('corelight_')

const all = (read: ReadLog, names: string): [string, ReadLog][] =>
  names.split(' ').map((name) => [name, read])

const READERS: ReadonlyMap<string, ReadLog> = new Map([
  ...all(conn, 'conn conn_long conn_red'),
  ...all(dns, 'dns dns_red'),
  ...all(ssl, 'ssl ssl_red'),
  ...all(x509, 'x509 x509_red known_certs ocsp'),
  ...all(http, 'http http_red'),
  ...all(login, 'ssh ntlm kerberos radius rdp'),
  ...all(
    netControl,
    'netcontrol netcontrol_drop netcontrol_shunt netcontrol_catch_release openflow',
  ),
  ...all(mqttConnect, 'mqtt_connect'),
  ...all(mqttPublish, 'mqtt_publish'),
  ...all(mqttSubscribe, 'mqtt_subscribe'),
  ...all(finding, 'notice notice_alarm intel signatures suricata_corelight barnyard2'),
  ...all(protocolFault, 'weird weird_red dpd analyzer analyzer_debug unknown_protocols'),
  ...all(fileSeen, 'files files_red pe smb_files'),
  ...all(ftp, 'ftp'),
  ...all(assetSeen, 'known_hosts known_services known_devices known_modbus software known_names'),
  ...all(dhcp, 'dhcp'),
  ...all(
    transaction,
    'ntp snmp smtp smb_mapping smb_cmd dce_rpc sip irc socks rfb mysql ldap ldap_search tunnel ' +
      'traceroute syslog quic websocket wireguard stun stun_nat ipsec tftp redis postgresql rpc nfs xmpp ' +
      'http2 vpn tds tds_rpc tds_sql_batch ssdp mdns gquic ospf igmp pim vxlan geneve gtpv1 ayiya teredo',
  ),
])

/** Protocols of plants, as Zeek and the ICSNPP packages name their logs: `PROTOCOL` or `PROTOCOL_PART`. */
const INDUSTRIAL = new RegExp(
  '^(?:modbus|dnp3|bacnet|s7comm|cip|enip|opcua|profinet|ecat|ethercat|bsap|genisys|hart|ge_srtp|synchrophasor|' +
    'omron|roc_plus|c1222|cotp|iec104|goose|mms)(?:_|$)',
)

function readerOf(log: string): ReadLog | undefined {
  const read = READERS.get(log)
  if (read !== undefined) return read
  if (INDUSTRIAL.test(log)) return industrial
  return log.startsWith('other_') ? transaction : undefined
}

export function isKnownLog(name: string): boolean {
  return (
    (READERS.has(name) || isRoutineLog(name) || INDUSTRIAL.test(name)) && !/[^a-z0-9_]/.test(name)
  )
}

/** `ts`, `id.*` and the like stand in fields of ECS; the rest is kept under `zeek.LOG`. */
const MAPPED = new Set([
  ...['ts', 'uid', 'id', 'id.orig_h', 'id.orig_p', 'id.resp_h', 'id.resp_p', '_path', '_write_ts'],
  ...['__proto__', '_system_name'],
])

export function draftOf(log: string, row: EcsDoc, timeMs: number | undefined): Draft {
  const read = readerOf(log)
  const words = read?.(row, log) ?? told('event', ['network'], ['info'], 'unknown', log)
  const { event, source, destination, network, ...rest } = words.doc
  const name = /^[a-z0-9_]+$/i.test(log) ? log : 'other'
  const transport = textAt(row, 'proto')
  const from = textAt(row, 'id.orig_h')
  const doc: EcsDoc = compact({
    event: { ...ANEW, ...(event as EcsDoc), dataset: `zeek.${name}` },
    source: present({
      ...ANEW,
      ...endpoint({ address: from, port: numberAt(row, 'id.orig_p') }),
      ...(source as EcsDoc | undefined),
    }),
    destination: present({
      ...ANEW,
      ...endpoint({ address: textAt(row, 'id.resp_h'), port: numberAt(row, 'id.resp_p') }),
      ...(destination as EcsDoc | undefined),
    }),
    network: present({
      transport: transport === 'unknown_transport' ? undefined : transport?.toLowerCase(),
      iana_number: ianaNumber(transport),
      type: addressType(from),
      direction: directionOf(row),
      ...(network as EcsDoc | undefined),
    }),
    observer: compact({
      vendor: 'Zeek',
      product: 'Zeek',
      type: 'sensor',
      name: textAt(row, '_system_name'),
    }),
    ...rest,
  })
  const own: EcsDoc = {}
  for (const field in row) {
    const value = row[field]
    if (!MAPPED.has(field) && value !== null) own[field] = value
  }
  const uid = textAt(row, 'uid')
  if (uid !== undefined) own['session_id'] = uid
  doc['zeek'] = { [name]: nestDotted(own) }
  return { timeMs, action: words.action, doc }
}

function directionOf(row: EcsDoc): string | undefined {
  const from = booleanAt(row, 'local_orig')
  const to = booleanAt(row, 'local_resp')
  if (from === undefined || to === undefined) return undefined
  if (from) return to ? 'internal' : 'outbound'
  return to ? 'inbound' : 'external'
}
