import { expect, test } from 'vitest'
import { decodeText } from '../testing/decode-text.ts'
import { syslog } from './syslog.ts'

const PEER = '203.0.113.7'

/** The messages of sshd and of programs about it, as their sources have them, retyped. */
const LINES: readonly (readonly [string, string, string, string?])[] = [
  [
    'Accepted publickey for depot from 203.0.113.7 port 50122 ssh2: ED25519 SHA256:abc',
    'user-login',
    'success',
    'depot',
  ],
  [
    'Accepted password for depot from 203.0.113.7 port 50122 ssh2',
    'user-login',
    'success',
    'depot',
  ],
  ['Failed password for root from 203.0.113.7 port 50122 ssh2', 'user-login', 'failure', 'root'],
  [
    'Failed password for invalid user a b from 203.0.113.7 port 50122 ssh2',
    'user-login',
    'failure',
    'a b',
  ],
  ['Failed none for invalid user x from 203.0.113.7 port 50122 ssh1', 'user-login', 'failure', 'x'],
  [
    'Failed hostbased for depot from 203.0.113.7 port 9 ssh2: RSA 8c:e3, client user "root from 192.0.2.1 port 1", client host "a"',
    'user-login',
    'failure',
    'depot',
  ],
  [
    'Failed password for invalid user a from 192.0.2.1 port 1 ssh2 from 203.0.113.7 port 9 ssh2',
    'user-login',
    'failure',
    'a from 192.0.2.1 port 1 ssh2',
  ],
  ['Invalid user admin from 203.0.113.7 port 50122', 'user-login', 'failure', 'admin'],
  [
    'User root from 203.0.113.7 not allowed because not listed in AllowUsers',
    'user-login',
    'failure',
    'root',
  ],
  ['User root not allowed because account is locked', 'user-login', 'failure', 'root'],
  ['ROOT LOGIN REFUSED FROM 203.0.113.7 port 1', 'user-login', 'failure', 'root'],
  [
    'error: maximum authentication attempts exceeded for root from 203.0.113.7 port 1 ssh2 [preauth]',
    'user-login',
    'failure',
    'root',
  ],
  [
    'Disconnecting: Too many authentication failures for root [preauth]',
    'user-login',
    'failure',
    'root',
  ],
  [
    'Connection closed by authenticating user root 203.0.113.7 port 22 [preauth]',
    'user-login',
    'failure',
    'root',
  ],
  ['Connection closed by invalid user 203.0.113.7 port 22 [preauth]', 'user-login', 'failure'],
  ['Connection reset by 203.0.113.7 port 22 [preauth]', 'user-login', 'unknown'],
  [
    'Postponed publickey for depot from 203.0.113.7 port 22 ssh2 [preauth]',
    'user-login',
    'unknown',
    'depot',
  ],
  ['fatal: Timeout before authentication for 203.0.113.7 port 22', 'user-login', 'unknown'],
  [
    'Timeout before authentication for connection from 203.0.113.7 to 192.0.2.9, pid = 7',
    'user-login',
    'unknown',
  ],
  [
    'error: PAM: Authentication failure for illegal user x from 203.0.113.7',
    'user-session',
    'failure',
    'x',
  ],
  ['Connection from 203.0.113.7 port 9 on 192.0.2.9 port 22 rdomain ""', 'network-flow', 'unknown'],
  ['refused connect from host.example (203.0.113.7)', 'connection-denied', 'failure'],
  [
    'drop connection #10 from [203.0.113.7]:55 on [192.0.2.9]:22 past MaxStartups',
    'connection-denied',
    'failure',
  ],
  ['error: beginning MaxStartups throttling', 'connection-denied', 'failure'],
  [
    'Received disconnect from 203.0.113.7 port 22:11: disconnected by user',
    'user-logout',
    'success',
  ],
  ['Disconnected from user depot 203.0.113.7 port 22', 'user-logout', 'success', 'depot'],
  [
    'Starting session: command for depot from 203.0.113.7 port 22 id 0',
    'user-session',
    'success',
    'depot',
  ],
  ['Close session: user depot from 203.0.113.7 port 22 id 0', 'user-session', 'success', 'depot'],
  ['subsystem request for sftp by user depot', 'user-session', 'success', 'depot'],
  [
    'Unable to negotiate with 203.0.113.7 port 22: no matching cipher found. Their offer: x [preauth]',
    'protocol-error',
    'failure',
  ],
  [
    'banner exchange: Connection from 203.0.113.7 port 22: invalid format',
    'protocol-error',
    'failure',
  ],
  [
    'error: kex_exchange_identification: Connection closed by remote host',
    'protocol-error',
    'failure',
  ],
  ['Bad packet length 4081586742. [preauth]', 'protocol-error', 'failure'],
  [
    "Bad protocol version identification '\\003' from 203.0.113.7 port 22",
    'protocol-error',
    'failure',
  ],
  [
    'ssh_dispatch_run_fatal: Connection from 203.0.113.7 port 22: message authentication code incorrect',
    'protocol-error',
    'failure',
  ],
  [
    'Address 203.0.113.7 maps to a.example, but this does not map back to the address.',
    'protocol-error',
    'unknown',
  ],
  ['Server listening on 0.0.0.0 port 22.', 'service-start', 'success'],
  ['Received signal 15; terminating.', 'service-stop', 'success'],
  ['error: Bind to port 22 on 0.0.0.0 failed: Address already in use.', 'service-error', 'failure'],
  [
    'Authentication refused: bad ownership or modes for directory /home/depot',
    'service-error',
    'failure',
  ],
  [
    'pam_faillock(sshd:auth): Consecutive login failures for user root account temporarily locked',
    'user-session',
    'failure',
    'root',
  ],
]

test.each(LINES)('sshd: %s', (message, action, outcome, user) => {
  const { drafts } = decodeText(syslog, `Nov 22 01:00:00 gw sshd[7]: ${message}`)
  const { event, source, user: who } = drafts[0]!.doc as Record<string, Record<string, unknown>>
  expect([drafts.length, drafts[0]!.action, event!['outcome']]).toEqual([1, action, outcome])
  if (user !== undefined) expect(who?.['name']).toBe(user)
  if (message?.includes(PEER) === true) expect(source?.['ip']).toBe(PEER)
})

test.each([
  ['kernel: [ 1.5] usb 1-1: new high-speed USB device number 2 using xhci_hcd', 'asset-seen'],
  ['kernel: Out of memory: Killed process 812 (mosquitto) total-vm:1kB', 'service-error'],
  [
    'kernel: [UFW BLOCK] IN=eth0 OUT= SRC=203.0.113.7 DST=192.0.2.9 PROTO=TCP SPT=1 DPT=23',
    'network-flow',
  ],
  ['kernel: eth0: Link is Up - 1Gbps/Full', 'service-notice'],
  ['CRON[12]: (root) CMD (run-parts /etc/cron.hourly)', 'scheduled-job'],
  ["systemd[1]: mosquitto.service: Failed with result 'exit-code'.", 'service-error'],
  ['systemd[1]: Started Mosquitto MQTT Broker.', 'service-start'],
  ['systemd[1]: Stopped Mosquitto MQTT Broker.', 'service-stop'],
  ['hostapd: wlan0: AP-STA-CONNECTED 02:00:5e:00:53:01', 'network-session'],
  ['dhcpd[3]: DHCPACK on 192.0.2.5 to 02:00:5e:00:53:01 (cam) via eth1', 'dhcp-lease'],
  ['dnsmasq[3]: query[A] a.example from 192.0.2.5', 'dns-query'],
  ['su: BAD SU depot to root on /dev/ttyp0', 'privilege-use'],
  ['app[3]: something else', 'event'],
])('%s', (words, action) => {
  const { drafts } = decodeText(syslog, `Nov 22 01:00:00 gw ${words}`)
  expect(drafts.map((one) => one.action)).toEqual([action])
})

test('the router of a site tells who changed it', () => {
  const line =
    'Nov 22 01:00:00 gw system,error,critical login failure for user a b from 203.0.113.7 via web'
  const { doc, action } = decodeText(syslog, line).drafts[0]!
  expect(action).toBe('user-login')
  expect([doc['user'], doc['source']]).toEqual([{ name: 'a b' }, { address: PEER, ip: PEER }])
})
