/** Kinds of lines from the programs' own catalogues of messages, with values of our own. */
import { describe, expect, test } from 'vitest'
import type { DecoderSpec } from '../../model/decoder.ts'
import { decodeText } from '../testing/decode-text.ts'
import { bind } from './bind.ts'
import { dhcpd } from './dhcpd.ts'
import { dnsmasq } from './dnsmasq.ts'
import { kea } from './kea.ts'
import { unbound } from './unbound.ts'

type Row = readonly [line: string, expected: string]

/** `action/outcome/code`, or `routine:class`, or `reject`. */
function told(spec: DecoderSpec, line: string): string {
  const { drafts, routine, rejects } = decodeText(spec, line)
  if (rejects.length > 0) return 'reject'
  const [draft] = drafts
  if (draft === undefined) return `routine:${[...routine.keys()].join()}`
  const { outcome, code } = draft.doc['event'] as { outcome: string; code: string }
  return `${draft.action}/${outcome}/${code}`
}

const C = 'client @0x7f00 192.0.2.5#53001 (a.example): '
const BIND: readonly Row[] = [
  [`${C}query: a.example IN A +E(0)K (192.0.2.1)`, 'dns-query/unknown/query'],
  [`${C}view inside: query: a.example IN A + (192.0.2.1)`, 'dns-query/unknown/query'],
  [`${C}response: a.example IN A NXDOMAIN 0 1 1 +E(0)K (192.0.2.1)`, 'dns-query/failure/answer'],
  [`${C}response: a.example IN A NOERROR 1 0 1 + (192.0.2.1)`, 'dns-query/success/answer'],
  [
    `${C}query (cache) 'a.example/A/IN' denied (allow-query-cache did not match)`,
    'dns-query/failure/denied',
  ],
  [`${C}query 'a.example/A/IN' denied`, 'dns-query/failure/denied'],
  [`${C}zone transfer 'a.example/AXFR/IN' denied`, 'dns-query/failure/denied'],
  [`${C}update 'a.example/IN' denied`, 'dns-query/failure/denied'],
  [`${C}update forwarding 'a.example/IN' denied`, 'dns-query/failure/denied'],
  [`${C}query failed (SERVFAIL) for a.example/IN/A at query.c:5678`, 'dns-query/failure/failed'],
  [`${C}rpz QNAME NXDOMAIN rewrite a.example/A/IN via a.example.rpz`, 'dns-query/failure/rpz'],
  [`${C}rpz QNAME PASSTHRU rewrite a.example/A/IN via a.example.rpz`, 'dns-query/success/rpz'],
  [
    `${C}rate limit drop NXDOMAIN response to 192.0.2.0/24 for a.example IN A (00000000)`,
    'dns-query/failure/rate-limited',
  ],
  ['limit responses to 192.0.2.0/24 for a.example IN A (00000000)', 'reject'],
  ['rate-limit: info: limit responses to 192.0.2.0/24', 'routine:rate-limit'],
  [`${C}signer "key.example" approved`, 'dns-query/success/signer'],
  [
    `${C}updating zone 'a.example/IN': adding an RR at 'h.a.example' A 192.0.2.9`,
    'dns-query/success/update',
  ],
  [
    `${C}updating zone 'a.example/IN': update unsuccessful: h.a.example: 'name not in use' prerequisite not satisfied (YXDOMAIN)`,
    'dns-query/failure/update-failed',
  ],
  [`${C}transfer of 'a.example/IN': AXFR started (serial 7)`, 'dns-query/success/transfer'],
  [
    `${C}bad zone transfer request: 'a.example/IN': non-authoritative zone (NOTAUTH)`,
    'dns-query/failure/transfer-denied',
  ],
  [`${C}received notify for zone 'a.example'`, 'dns-query/unknown/notify'],
  [
    `${C}request has invalid signature: TSIG k: tsig verify failure (BADTIME)`,
    'dns-query/failure/bad-signature',
  ],
  [`${C}message parsing failed: bad label type`, 'dns-query/failure/malformed'],
  [`${C}no more recursive clients (1000/900/1000): quota reached`, 'dns-query/failure/limit'],
  [`${C}error sending response: host unreachable`, 'dns-query/failure/send-failed'],
  [
    "xfer-in: error: transfer of 'a.example/IN' from 192.0.2.7#53: failed to connect: host unreachable",
    'network-transaction/failure/transfer',
  ],
  [
    "transfer of 'a.example/IN' from 192.0.2.7#53: Transfer status: success",
    'network-transaction/success/transfer',
  ],
  [
    "transfer of 'a.example/IN' from 192.0.2.7#53: connected using 192.0.2.1#53",
    'routine:transfer',
  ],
  [
    'general: info: zone a.example/IN: refused notify from non-primary: 192.0.2.7#53',
    'network-transaction/failure/zone',
  ],
  ['zone a.example/IN: loaded serial 7', 'routine:zone'],
  [
    'view inside: validating a.example/A: no valid signature found',
    'dns-query/failure/validation-failure',
  ],
  [
    "lame-servers: info: broken trust chain resolving 'a.example/A/IN': 192.0.2.7#53",
    'dns-query/failure/validation-failure',
  ],
  [
    "lame-servers: info: host unreachable resolving 'a.example/A/IN': 192.0.2.7#53",
    'routine:resolver',
  ],
  ["general: info: received control channel command 'reload'", 'api-call/success/control'],
  ['general: error: invalid command from 127.0.0.1#5: bad auth', 'api-call/failure/control'],
  ['general: info: reloading configuration succeeded', 'config-change/success/reload'],
  ['general: error: loading configuration: failure', 'service-error/failure/service-error'],
  ['general: notice: starting BIND 9.18.24', 'service-start/success/service-start'],
  ['general: notice: exiting', 'service-stop/success/service-stop'],
  ['general: notice: running', 'routine:status'],
]

const K4 = '[hwtype=1 02:00:5e:00:53:01], cid=[01:02:00:5e:00:53:01], tid=0x1: '
const K6 = 'duid=[00:03:00:01:02:00:5e:00:53:01], [no hwaddr info], tid=0x1: '
const at = (level: string, part: string, id: string, text: string): string =>
  `2026-11-21 22:49:05.123 ${level.padEnd(5)} [kea-dhcp4.${part}/123.140] ${id} ${text}`
const KEA: readonly Row[] = [
  [
    at(
      'INFO',
      'leases',
      'DHCP4_LEASE_ALLOC',
      `${K4}lease 192.0.2.5 has been allocated for 3600 seconds`,
    ),
    'dhcp-lease/success/ack',
  ],
  [
    at('INFO', 'leases', 'DHCP4_LEASE_OFFER', `${K4}lease 192.0.2.5 will be offered`),
    'dhcp-lease/unknown/offer',
  ],
  [
    at(
      'INFO',
      'leases',
      'DHCP4_LEASE_REUSE',
      `${K4}lease 192.0.2.5 has been reused for 60 seconds`,
    ),
    'dhcp-lease/success/ack',
  ],
  [
    at(
      'INFO',
      'leases',
      'DHCP4_INIT_REBOOT',
      `${K4}client is in INIT-REBOOT state and requests address 192.0.2.5`,
    ),
    'dhcp-lease/unknown/request',
  ],
  [
    at('INFO', 'leases', 'DHCP4_RELEASE', `${K4}address 192.0.2.5 was released properly.`),
    'dhcp-lease/success/release',
  ],
  [
    at(
      'INFO',
      'leases',
      'DHCP4_RELEASE_FAIL_WRONG_CLIENT',
      `${K4}client is trying to release the lease 192.0.2.5 which belongs to a different client`,
    ),
    'dhcp-lease/failure/release',
  ],
  [
    at(
      'INFO',
      'leases',
      'DHCP4_DECLINE_LEASE',
      `Received DHCPDECLINE for addr 192.0.2.5 from client ${K4}x`,
    ),
    'dhcp-lease/failure/decline',
  ],
  [
    at('DEBUG', 'bad-packets', 'DHCP4_PACKET_NAK_0001', `${K4}failed to select a subnet`),
    'dhcp-lease/failure/nak',
  ],
  [
    at('WARN', 'alloc-engine', 'ALLOC_ENGINE_V4_ALLOC_FAIL_SUBNET', `${K4}failed to allocate`),
    'routine:allocation-detail',
  ],
  [
    at('WARN', 'alloc-engine', 'ALLOC_ENGINE_V4_ALLOC_FAIL', `${K4}failed to allocate`),
    'dhcp-lease/failure/fail',
  ],
  [
    at(
      'INFO',
      'leases',
      'DHCP6_LEASE_ALLOC',
      `${K6}lease for address 2001:db8::5 and iaid=1 has been allocated for 60 seconds`,
    ),
    'dhcp-lease/success/ack',
  ],
  [
    at(
      'INFO',
      'packets',
      'DHCP4_PACKET_RECEIVED',
      `${K4}DHCPDISCOVER (type 1) received from 0.0.0.0 to 255.255.255.255 on interface eth0`,
    ),
    'routine:packet',
  ],
  [at('INFO', 'commands', 'COMMAND_RECEIVED', "Received command 'status-get'"), 'routine:log-info'],
  [
    at('INFO', 'commands', 'COMMAND_RECEIVED', "Received command 'config-set'"),
    'api-call/unknown/command',
  ],
  [
    at('INFO', 'dhcp4', 'DHCP4_CONFIG_COMPLETE', 'DHCPv4 server has completed configuration'),
    'config-change/success/config',
  ],
  [
    at(
      'INFO',
      'http',
      'HTTP_CONNECTION_HANDSHAKE_FAILED',
      'TLS handshake with 192.0.2.9 failed with no shared cipher',
    ),
    'tls-handshake/failure/handshake',
  ],
  [
    at(
      'INFO',
      'auth',
      'BASIC_HTTP_AUTH_CLIENT_REQUEST_NOT_AUTHORIZED',
      'received HTTP request with not matching user id x',
    ),
    'user-login/failure/control',
  ],
  [
    at(
      'WARN',
      'ha-hooks',
      'HA_HEARTBEAT_COMMUNICATIONS_FAILED',
      'a: failed to send heartbeat to b: refused',
    ),
    'service-error/failure/service-error',
  ],
  [
    at('INFO', 'dhcp4', 'DHCP4_STARTED', 'Kea DHCPv4 server version 3.0.0 started'),
    'service-start/success/service-start',
  ],
]

const DHCPD: readonly Row[] = [
  ['DHCPDISCOVER from 02:00:5e:00:53:01 (cam) via eth0', 'dhcp-lease/unknown/discover'],
  [
    'DHCPDISCOVER from 02:00:5e:00:53:01 via eth0: network 192.0.2.0/24: no free leases',
    'dhcp-lease/failure/discover',
  ],
  ['DHCPACK on 192.0.2.5 to 02:00:5e:00:53:01 (cam) via eth0', 'dhcp-lease/success/ack'],
  ['DHCPACK to 192.0.2.5 (02:00:5e:00:53:01) via eth0', 'dhcp-lease/success/ack'],
  ['DHCPNAK on 192.0.2.5 to 02:00:5e:00:53:01 via eth0', 'dhcp-lease/failure/nak'],
  [
    'DHCPDECLINE of 192.0.2.5 from 02:00:5e:00:53:01 via eth0: abandoned',
    'dhcp-lease/failure/decline',
  ],
  [
    'DHCPRELEASE of 192.0.2.5 from 02:00:5e:00:53:01 (cam) via eth0 (found)',
    'dhcp-lease/success/release',
  ],
  ['DHCPINFORM from 192.0.2.5 via eth0', 'dhcp-lease/unknown/inform'],
  ['BOOTREPLY for 192.0.2.5 to cam (02:00:5e:00:53:01) via eth0', 'dhcp-lease/success/ack'],
  ['Abandoning IP address 192.0.2.5: pinged before offer', 'dhcp-lease/failure/conflict'],
  [
    'uid lease 192.0.2.5 for client 02:00:5e:00:53:01 is duplicate on 192.0.2.0/24',
    'dhcp-lease/failure/conflict',
  ],
  [
    'Reply NA: address 2001:db8::5 to client with duid 00:03:00:01:02:00:5e:00:53:01 iaid = 1 valid for 60 seconds',
    'dhcp-lease/success/ack',
  ],
  ['Solicit message from fe80::5 port 546, transaction ID 0x1', 'dhcp-lease/unknown/solicit'],
  [
    'reuse_lease: lease age 3 (secs) under 25% threshold, reply with unaltered, existing lease for 192.0.2.5',
    'routine:status',
  ],
  ['Wrote 3 leases to leases file.', 'routine:status'],
  [
    'Unable to add forward map from cam.example to 192.0.2.5: REFUSED',
    'service-error/failure/service-error',
  ],
  ['Server starting service.', 'service-start/success/service-start'],
]

const U = '[1795301345] unbound[7:0] '
const UNBOUND: readonly Row[] = [
  [`${U}info: 192.0.2.5 a.example. A IN`, 'dns-query/unknown/query'],
  [`${U}info: 192.0.2.5 a.example. A IN NXDOMAIN 0.01 0 60`, 'dns-query/failure/reply'],
  [`${U}query: 192.0.2.5 a.example. A IN`, 'dns-query/unknown/query'],
  [
    `${U}info: a.example. always_nxdomain 192.0.2.5@4000 w.a.example. A IN`,
    'dns-query/failure/local-zone',
  ],
  [
    `${U}info: a.example. transparent 192.0.2.5@4000 w.a.example. A IN`,
    'dns-query/success/local-zone',
  ],
  [
    `${U}info: rpz: applied [block] a.example. rpz-nxdomain 192.0.2.5@4000 a.example. A IN`,
    'dns-query/failure/rpz',
  ],
  [
    `${U}error: SERVFAIL <a.example. A IN>: all servers for this domain failed, at zone example.`,
    'dns-query/failure/failed',
  ],
  [
    `${U}info: validation failure <a.example. A IN>: no keys have a DS`,
    'dns-query/failure/validation-failure',
  ],
  [`${U}notice: ip_ratelimit exceeded 192.0.2.5 100`, 'dns-query/failure/rate-limited'],
  [`${U}notice: ssl handshake failed 192.0.2.5 port 4000`, 'tls-handshake/failure/handshake'],
  [`${U}info: control cmd:  reload`, 'api-call/success/control'],
  [`${U}info: start of service (unbound 1.19.0).`, 'service-start/success/service-start'],
  [`${U}info: service stopped (unbound 1.19.0).`, 'service-stop/success/service-stop'],
  [`${U}error: bind: address already in use`, 'service-error/failure/service-error'],
  [`${U}notice: init module 0: validator`, 'routine:status'],
]

const DNSMASQ: readonly Row[] = [
  ['dnsmasq[7]: query[A] a.example from 192.0.2.5', 'dns-query/unknown/query'],
  ['dnsmasq-dhcp[7]: DHCPACK(br0) 192.0.2.5 02:00:5e:00:53:01 cam', 'dhcp-lease/success/ack'],
  [
    'dnsmasq-dhcp[7]: DHCPREPLY(br0) 2001:db8::5 00:03:00:01:02:00:5e:00:53:01 cam',
    'dhcp-lease/success/reply',
  ],
  [
    'dnsmasq-dhcp[7]: no address range available for DHCP request via br0',
    'dhcp-lease/failure/fail',
  ],
  ['dnsmasq-dhcp[7]: DHCP relay from 192.0.2.5 to 192.0.2.1 via br0', 'routine:dhcp-detail'],
  ['dnsmasq-tftp[7]: sent /srv/boot/cam.bin to 192.0.2.5', 'file-seen/success/tftp'],
  ['dnsmasq-tftp[7]: failed sending /srv/boot/cam.bin to 192.0.2.5', 'file-seen/failure/tftp'],
  ['dnsmasq[7]: listening on br0(#3): 192.0.2.1 port 53', 'service-notice/unknown/status'],
  ['dnsmasq[7]: TCP helper process 9 died unexpectedly', 'service-error/failure/service-error'],
]

const ALL = [
  ['dnsmasq', dnsmasq, DNSMASQ.map(([line, told]) => [`Nov 21 22:49:05 ${line}`, told])],
  ['bind', bind, BIND.map(([line, told]) => [`21-Nov-2026 22:49:05.123 ${line}`, told])],
  ['kea', kea, KEA],
  ['dhcpd', dhcpd, DHCPD.map(([line, told]) => [`Nov 21 22:49:05 gw dhcpd[7]: ${line}`, told])],
  ['unbound', unbound, UNBOUND],
] as const

for (const [name, spec, rows] of ALL) {
  describe(name, () => {
    test.each(rows as readonly Row[])('%s', (line, expected) => {
      expect(told(spec, line)).toBe(expected)
    })
  })
}

test('a lease names address, hardware address and end', () => {
  const line = at(
    'INFO',
    'leases',
    'DHCP6_LEASE_ALLOC',
    `${K6}lease for address 2001:db8::5 and iaid=1 has been allocated for 60 seconds`,
  )
  const { doc } = decodeText(kea, line).drafts[0]!
  expect(doc['source']).toEqual({
    address: '2001:db8::5',
    ip: '2001:db8::5',
    mac: '02-00-5E-00-53-01',
  })
  expect((doc['event'] as { end: string }).end).toBe('2026-11-21T22:50:05.123Z')
})
