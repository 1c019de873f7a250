import type { EcsDoc } from '../../model/event.ts'
import { compact, listAt, numberAt, present, textAt } from '../document/values.ts'
import { endpoint, plainMac } from '../network/endpoint.ts'
import { told, type Told } from '../network/told.ts'
import { plainIp } from '../mosquitto/address.ts'

/** notice, intel and signatures: what a script or a list of Zeek's judged worth telling. */
export function finding(row: EcsDoc, log: string): Told {
  const message = textAt(row, 'msg', 'event_msg', 'sub_msg', 'seen.indicator')
  const from = textAt(row, 'src', 'src_addr')
  const to = textAt(row, 'dst', 'dst_addr')
  const name = textAt(row, 'note', 'sig_id', 'seen.indicator_type')
  return told('audit-finding', ['intrusion_detection', 'network'], ['info'], 'unknown', log, {
    event: { kind: 'alert', reason: message ?? name ?? log },
    message,
    rule: present({ name, description: textAt(row, 'sub', 'sub_msg') }),
    source:
      from === undefined ? undefined : endpoint({ address: from, port: numberAt(row, 'src_port') }),
    destination:
      to === undefined
        ? undefined
        : endpoint({ address: to, port: numberAt(row, 'p', 'dst_port') }),
  })
}

export function protocolFault(row: EcsDoc, log: string): Told {
  const name = textAt(row, 'name', 'failure_reason', 'cause') ?? log
  return told('protocol-error', ['network'], ['protocol', 'error'], 'unknown', log, {
    event: { reason: name },
    rule: { name },
    network: present({ protocol: textAt(row, 'analyzer', 'analyzer_name')?.toLowerCase() }),
  })
}

export function fileSeen(row: EcsDoc, log: string): Told {
  const sources = listAt(row, 'tx_hosts')
  const targets = listAt(row, 'rx_hosts')
  const path = textAt(row, 'path')
  const name = textAt(row, 'filename', 'name')
  return told('file-seen', ['network', 'file'], ['info', 'connection'], 'success', log, {
    source: firstHost(sources),
    destination: firstHost(targets),
    network: present({ protocol: protocolOf(log, textAt(row, 'source')) }),
    user: present({ name: textAt(row, 'user') }),
    file: compact({
      name,
      path: log === 'smb_files' && path !== undefined ? path : undefined,
      mime_type: textAt(row, 'mime_type'),
      size: numberAt(row, 'total_bytes', 'size', 'file_size', 'seen_bytes'),
      hash: present({
        md5: textAt(row, 'md5'),
        sha1: textAt(row, 'sha1'),
        sha256: textAt(row, 'sha256'),
      }),
    }),
  })
}

/** Commands of FTP that move a file (RFC 959, section 4.1.3). */
const TRANSFERS = new Set(['RETR', 'STOR', 'STOU', 'APPE'])

export function ftp(row: EcsDoc): Told {
  const command = textAt(row, 'command')
  const code = numberAt(row, 'reply_code')
  const moves = command !== undefined && TRANSFERS.has(command)
  const path = moves ? textAt(row, 'arg') : undefined
  const outcome = code === undefined ? 'unknown' : code < 400 ? 'success' : 'failure'
  const action = moves ? 'file-seen' : 'network-transaction'
  const category = moves ? ['network', 'file'] : ['network']
  return told(action, category, ['connection', 'protocol'], outcome, 'ftp', {
    event: { reason: textAt(row, 'reply_msg') ?? command ?? 'ftp' },
    network: { protocol: 'ftp' },
    user: present({ name: textAt(row, 'user') }),
    file: present({
      path,
      size: numberAt(row, 'file_size'),
      mime_type: textAt(row, 'mime_type'),
    }),
  })
}

/** What Zeek told switches and firewalls to do (NetControl, OpenFlow). */
export function netControl(row: EcsDoc, log: string): Told {
  const state = textAt(row, 'state')
  const failed =
    state?.endsWith('FAILED') === true || textAt(row, 'category')?.endsWith('ERROR') === true
  const done = state?.endsWith('SUCCEEDED') === true
  const outcome = failed ? 'failure' : done ? 'success' : 'unknown'
  return told('config-change', ['network', 'configuration'], ['change'], outcome, log, {
    event: {
      reason:
        textAt(row, 'msg', 'message', 'action', 'flow_mod.command', 'entity', 'location') ?? log,
    },
  })
}

function protocolOf(log: string, source: string | undefined): string | undefined {
  return log === 'smb_files' ? 'smb' : source?.toLowerCase()
}

function firstHost(hosts: readonly unknown[] | undefined): EcsDoc | undefined {
  const first = hosts?.[0]
  return typeof first === 'string' ? endpoint({ address: first }) : undefined
}

/** known_*, software: the host is the destination, because it is what was talked to. */
export function assetSeen(row: EcsDoc, log: string): Told {
  const address = textAt(row, 'host')
  const ip = address === undefined ? undefined : plainIp(address)
  const mac = plainMac(textAt(row, 'mac'))
  const services = row['service']
  const service = Array.isArray(services) ? services.find((s) => typeof s === 'string') : services
  return told('asset-seen', ['host', 'network'], ['info'], 'unknown', log, {
    host: present({
      ip: ip === undefined ? undefined : [ip],
      mac: mac === undefined ? undefined : [mac],
      hostname: textAt(row, 'dhcp_host_name', 'host_name'),
    }),
    destination: endpoint({ address, port: numberAt(row, 'port_num', 'host_p'), mac }),
    network: present({
      transport: textAt(row, 'port_proto')?.toLowerCase(),
      protocol: typeof service === 'string' && service !== '' ? service.toLowerCase() : undefined,
    }),
  })
}

export function dhcp(row: EcsDoc): Told {
  const types = listAt(row, 'msg_types')?.filter((type) => typeof type === 'string') ?? []
  const refused = types.includes('NAK') || types.includes('DECLINE')
  const given = types.includes('ACK')
  const address = textAt(row, 'assigned_addr', 'client_addr', 'requested_addr')
  const mac = plainMac(textAt(row, 'mac'))
  const outcome = refused ? 'failure' : given ? 'success' : 'unknown'
  return told('dhcp-lease', ['network'], ['connection', 'protocol'], outcome, 'dhcp', {
    event: { reason: types.join(' ') || 'DHCP' },
    network: { protocol: 'dhcp', transport: 'udp' },
    client: endpoint({ address, mac }),
    source: endpoint({ address, mac, port: 68 }),
    destination: endpoint({ address: textAt(row, 'server_addr'), port: 67 }),
    host: present({
      hostname: textAt(row, 'host_name', 'client_fqdn'),
      mac: mac === undefined ? undefined : [mac],
    }),
  })
}
