import type { Told } from '../network/told.ts'
import { leaseOf } from './lease.ts'
import { serverWords } from './query.ts'

const NETWORK_FAULT =
  /^(?:no free leases|.*: no free leases|.*peer holds all free leases|Unable to pick client)/
const CONFLICT = new RegExp(
  '^(?:Abandoning IP address|uid lease|Lease conflict at|ICMP Echo reply while lease|Dynamic and static' +
    '|Reclaiming|IP address \\S+ answers a ping|Possible release spoof|already acking|Client \\S+ requests' +
    '|client \\S+ has duplicate)',
)
/** `Reply NA: address 2001:db8::5 to client with duid 00:01:… iaid = 1 valid for 3600 seconds` (dhcpv6.c). */
const GIVEN = new RegExp(
  '^(Advertise|Reply) (?:NA|TA|PD): (?:address|prefix) ([0-9a-f:]{2,45})(?:/\\d+)? to client with duid' +
    ' ([0-9a-f:]{2,400})',
  'i',
)
const FROM = new RegExp(
  '^(Solicit|Request|Confirm|Renew|Rebind|Release|Decline|Information-request)' +
    ' message from ([0-9a-f:%\\w]{2,60}) port',
  'i',
)
const BOOTP = /^BOOT(REQUEST|REPLY) (?:from|for) (\S+)/
const FAULT = new RegExp(
  "^(?:Can't|Cannot|Could not|Unable to|Error|ERROR|unable|failed|Failed|No subnet|Not configured" +
    '|bind update on .* rejected' +
    '|There.s already|Corrupt|WARNING|Warning|Multiple interfaces|peer \\S+: (?:disconnected' +
    '|timeout)|Both|Unknown|send_packet' +
    '|receive_packet|[^ ]+ line \\d+:|Configuration file errors|exiting|timeout|unexpected' +
    '|dhcp_failover|Bad|.*[Oo]ut of memory)',
)
const ROUTINE = new RegExp(
  '^(?:Wrote|reuse_lease|Added|Removed|added|removed|if |delete|add |DDNS|Sending|Listening|Socket' +
    '|Config|Database|PID' +
    '|Copyright|All rights|For info|Please|Internet|ldap|LDAP|Server|balanc|failover|bind update' +
    '|pool|Picking|Rating|peer' +
    '|Best|Interface|Relay-forward|Encapsulated|Option|option|lease|Lease|data|commit|execute|remote' +
    '|id=|class|host|Ignoring' +
    '|\\*\\*|None|rbuf|Releasing|Pool|shared|static|Removing|Deleting|new_|DHCPv?4?6?|Ifaces' +
    '|Starting|Write|write|The |This' +
    '|DHCP )',
)

/** What dhcpd says beside the messages of DHCPv4: an event, the class of a routine line, or undefined. */
export function dhcpdNote(text: string, host: string | undefined): Told | string | undefined {
  const given = GIVEN.exec(text)
  const base = { product: 'ISC DHCP', host }
  if (given !== null) {
    const [, verb, address, duid = ''] = given
    const mac = /^00:0(?:1:00:01(?::[0-9a-f]{2}){4}|3:00:01)((?::[0-9a-f]{2}){6})$/i.exec(duid)?.[1]
    const message = verb === 'Reply' ? 'ACK' : 'OFFER'
    return leaseOf({ ...base, message, address, mac: mac?.slice(1) })
  }
  const from = FROM.exec(text)
  if (from !== null) {
    return leaseOf({ ...base, message: (from[1] ?? '').toUpperCase(), address: from[2] })
  }
  const boot = BOOTP.exec(text)
  if (boot !== null) {
    const mac = /(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/i.exec(text)?.[0]
    const message = boot[1] === 'REPLY' ? 'ACK' : 'REQUEST'
    const address = /(?:\d{1,3}\.){3}\d{1,3}/.exec(text)?.[0]
    return leaseOf({ ...base, message, mac, address: message === 'ACK' ? address : undefined })
  }
  if (CONFLICT.test(text) || NETWORK_FAULT.test(text)) {
    const address = /(?:\d{1,3}\.){3}\d{1,3}/.exec(text)?.[0]
    const mac = /(?:[0-9a-f]{2}:){5}[0-9a-f]{2}/i.exec(text)?.[0]
    return leaseOf({ ...base, message: 'CONFLICT', address, mac, reason: text.slice(0, 300) })
  }
  if (
    /^(?:Server starting service|Internet (?:Systems|Software) Consortium DHCP Server)/.test(text)
  ) {
    return text.startsWith('Server') ? serverWords('service-start', text, 'ISC DHCP') : 'status'
  }
  if (FAULT.test(text)) return serverWords('service-error', text, 'ISC DHCP')
  return ROUTINE.test(text) ? 'status' : undefined
}
