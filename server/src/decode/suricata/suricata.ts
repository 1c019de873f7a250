import { ANEW } from '../../base/anew.ts'
import type { Decoder, DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import {
  asTime,
  compact,
  isObject,
  numberAt,
  objectAt,
  present,
  textAt,
} from '../document/values.ts'
import { measure } from '../json/measure.ts'
import { nestDotted } from '../json/nest.ts'
import { addressType, endpoint, ianaNumber } from '../network/endpoint.ts'
import { type Told, told } from '../network/told.ts'
import { alert, anomaly, dns, fileInfo, flow, http, industrial, session, tls } from './kinds.ts'
import { mqtt } from './mqtt.ts'

const TEXT_MAX = 1_048_576
const LIMITS = { depthMax: 30, valuesMax: 50_000 }

type ReadKind = (eve: EcsDoc, kind: string) => Told

/** Suricata about itself, and parts of packets that stand beside an alert. */
const ROUTINE: ReadonlySet<string> = new Set(['stats', 'engine', 'packet', 'frame', 'metadata'])

const READERS: ReadonlyMap<string, ReadKind> = new Map<string, ReadKind>([
  ['alert', alert],
  ['drop', flow],
  ['flow', flow],
  ['netflow', flow],
  ['dns', dns],
  ['mdns', dns],
  ['llmnr', dns],
  ['firewall', flow],
  ['tls', tls],
  ['http', http],
  ['http2', http],
  ['fileinfo', fileInfo],
  ['ftp_data', fileInfo],
  ['anomaly', anomaly],
  ['mqtt', mqtt],
  ['modbus', industrial],
  ['dnp3', industrial],
  ['enip', industrial],
])

/** Protocols without a reader of their own. */
const SESSIONS: ReadonlySet<string> = new Set(
  (
    'ssh smb smtp ftp nfs tftp ike ikev2 krb5 snmp rdp rfb sip dhcp quic pgsql telnet ldap arp rpc ' +
    'dcerpc websocket pop3 imap bittorrent_dht template template-rust ntp doh2 sdp igmp ' +
    'ndpi sctp mdns'
  ).split(' '),
)

/** EVE JSON of Suricata 2 and later: one object a line (Suricata user guide, "EVE JSON Format"). */
class SuricataDecoder implements Decoder {
  decode({ text }: RawItem, out: DecodeSink): void {
    if (text.length > TEXT_MAX) {
      out.reject('DECODE_TOO_LONG', `${text.length} characters, at most ${TEXT_MAX}.`)
      return
    }
    if (text.trim() === '') {
      out.routine('blank')
      return
    }
    const begin = text.indexOf('{')
    let eve: unknown
    try {
      // A syslog header may stand before the object: `filetype: syslog`.
      eve = JSON.parse(begin > 0 ? text.slice(begin) : text)
    } catch {
      out.reject('DECODE_SYNTAX', 'Not JSON.')
      return
    }
    if (!isObject(eve)) {
      out.reject('DECODE_SYNTAX', 'An object is needed.')
      return
    }
    const { problem, dotted } = measure(eve, LIMITS)
    if (problem === undefined) tell(dotted ? nestDotted(eve) : eve, out)
    else out.reject('DECODE_TOO_DEEP', problem)
  }
}

function tell(eve: EcsDoc, out: DecodeSink): void {
  // Some collectors take the type out of an alert.
  const kind = textAt(eve, 'event_type') ?? (isObject(eve['alert']) ? 'alert' : undefined)
  if (kind === undefined) {
    out.reject('DECODE_UNKNOWN', 'There is no event_type.')
    return
  }
  if (ROUTINE.has(kind)) {
    out.routine(kind)
    return
  }
  const timeMs = asTime(eve['timestamp'])
  if (timeMs === undefined) {
    out.reject('DECODE_TIME', 'No time can be read in timestamp.')
    return
  }
  const words = read(eve, kind)
  if (words === undefined) {
    out.routine('mqtt-ping')
    return
  }
  const hidden = hidePassword(eve)
  const doc = documentOf(eve, words)
  if (hidden) out.event({ timeMs, action: words.action, doc, original: JSON.stringify(eve) })
  else out.event({ timeMs, action: words.action, doc })
}

/** With `passwords: yes` Suricata writes those of MQTT clients; they are not kept. */
function hidePassword(eve: EcsDoc): boolean {
  const connect = objectAt(objectAt(eve, 'mqtt') ?? {}, 'connect')
  if (connect === undefined || typeof connect['password'] !== 'string') return false
  connect['password'] = '***'
  return true
}

function read(eve: EcsDoc, kind: string): Told | undefined {
  const pings = kind === 'mqtt' ? objectAt(eve, 'mqtt') : undefined
  if (pings !== undefined && ('pingreq' in pings || 'pingresp' in pings)) return undefined
  // Every protocol that Suricata learns gets a kind of its name, with an object of that name.
  const spoken = SESSIONS.has(kind) || (isObject(eve[kind]) && Object.hasOwn(eve, 'src_ip'))
  const reader = READERS.get(kind) ?? (spoken ? session : undefined)
  return reader?.(eve, kind) ?? told('event', ['network'], ['info'], 'unknown', kind)
}

const MAPPED: ReadonlySet<string> = new Set(
  'timestamp src_ip src_port dest_ip dest_port proto __proto__'.split(' '),
)

function documentOf(eve: EcsDoc, words: Told): EcsDoc {
  const { event, source, destination, network, ...rest } = words.doc
  const transport = textAt(eve, 'proto')?.toLowerCase()
  const from = textAt(eve, 'src_ip')
  const protocol = textAt(eve, 'app_proto')?.toLowerCase()
  const kept: EcsDoc = {}
  for (const key in eve) if (!MAPPED.has(key)) kept[key] = eve[key]
  const vlan = eve['vlan']
  return compact({
    event: { ...ANEW, ...(event as EcsDoc), dataset: 'suricata.eve' },
    source: present({
      ...ANEW,
      ...endpoint({ address: from, port: numberAt(eve, 'src_port') }),
      ...(source as EcsDoc | undefined),
    }),
    destination: present({
      ...ANEW,
      ...endpoint({ address: textAt(eve, 'dest_ip'), port: numberAt(eve, 'dest_port') }),
      ...(destination as EcsDoc | undefined),
    }),
    network: present({
      transport,
      iana_number: ianaNumber(transport),
      type: addressType(from),
      community_id: textAt(eve, 'community_id'),
      protocol: protocol === 'failed' ? undefined : protocol,
      vlan: Array.isArray(vlan) && vlan.length > 0 ? { id: String(vlan[0]) } : undefined,
      ...(network as EcsDoc | undefined),
    }),
    observer: compact({
      vendor: 'OISF',
      product: 'Suricata',
      type: 'ids',
      name: textAt(eve, 'host'),
      ingress: interfaceOf(textAt(eve, 'in_iface')),
    }),
    ...rest,
    suricata: { eve: kept },
  })
}

const interfaceOf = (name: string | undefined): EcsDoc | undefined =>
  name === undefined ? undefined : { interface: { name } }

export const suricata: DecoderSpec = {
  name: 'suricata',
  summary: 'EVE JSON of Suricata: alerts, flows, dns (v1 to v3), tls, http, mqtt, modbus and more.',
  create: () => new SuricataDecoder(),
}
