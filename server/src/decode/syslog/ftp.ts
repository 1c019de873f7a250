import { ANEW } from '../../base/anew.ts'
import { at, type Form, login, PEER, seen, told } from './form.ts'

/** `user (NAME[ADDRESS])`, as ProFTPD names the peer of a session. */
const SESSION = String.raw`\S+ \((?:\S*\[)?(?<ip>[\w.:%-]+)\]?\)(?::| -) `

/** ProFTPD's mod_auth and main. */
const PROFTPD: readonly Form[] = [
  login('failure', 'invalid-user', String.raw`${SESSION}USER (?<user>.*): no such user.*`),
  login('failure', 'failed', String.raw`${SESSION}USER (?<user>.*) \(Login failed\): .*`),
  login('failure', 'not-allowed', String.raw`${SESSION}SECURITY VIOLATION: (?<user>\w+) login .*`),
  login('failure', 'too-many-attempts', String.raw`${SESSION}Maximum login attempts .*`),
  login(
    'success',
    'accepted',
    String.raw`${SESSION}(?:USER|ANON) (?<user>.*?): Login successful\.?`,
  ),
  seen(
    'network-flow',
    'unknown',
    'connection',
    String.raw`${SESSION}FTP session (?:opened|closed).*`,
  ),
  told('service-start', 'start', String.raw`.*ProFTPD \S+ .*standalone mode STARTUP`),
  told('service-stop', 'stop', String.raw`.*ProFTPD .*(?:killed|SHUTDOWN).*`),
]

const VSFTPD: readonly Form[] = [
  login(
    'failure',
    'failed',
    String.raw`(?:\[pid \d+\] )?\[(?<user>.*)\] FAIL LOGIN: Client "${PEER}".*`,
  ),
  login(
    'success',
    'accepted',
    String.raw`(?:\[pid \d+\] )?\[(?<user>.*)\] OK LOGIN: Client "${PEER}".*`,
  ),
  seen(
    'network-flow',
    'unknown',
    'connection',
    String.raw`(?:\[pid \d+\] )?CONNECT: Client "${PEER}".*`,
  ),
  seen(
    'file-seen',
    'unknown',
    'transfer',
    String.raw`(?:\[pid \d+\] )?\[(?<user>.*)\] (?:OK|FAIL) (?:UPLOAD|DOWNLOAD|DELETE|RENAME|MKDIR|RMDIR)` +
      String.raw`: Client "${PEER}".*`,
  ),
]

const PURE_FTPD: readonly Form[] = [
  login(
    'failure',
    'failed',
    String.raw`\(.*@${PEER}\) \[WARNING\] Authentication failed for user \[(?<user>.*)\]`,
  ),
  login('success', 'accepted', String.raw`\(.*@${PEER}\) \[INFO\] (?<user>\S+) is now logged in`),
  seen('network-flow', 'unknown', 'connection', String.raw`\(.*@${PEER}\) \[INFO\] .*onnection.*`),
  seen('file-seen', 'unknown', 'transfer', String.raw`\(.*@${PEER}\) \[NOTICE\] .*`),
]

const XINETD: readonly Form[] = [
  seen('connection-denied', 'failure', 'refused', String.raw`FAIL: \S+ .*?from=${PEER}`),
  seen('network-flow', 'unknown', 'connection', String.raw`START: \S+ .*?from=${PEER}`),
  seen('network-flow', 'unknown', 'connection', 'EXIT: .*'),
  seen('protocol-error', 'failure', 'socket', String.raw`warning: can't get client address: .*`),
  told('service-start', 'start', '(?:xinetd Version .* started .*|Started working: .*)'),
  told('service-notice', 'config', '(?:Reading included|removing|Swapping|Starting reconfig).*'),
  told('service-stop', 'stop', 'Exiting\\.*'),
]

const RSHD: readonly Form[] = [
  seen(
    'protocol-error',
    'failure',
    'illegal-port',
    String.raw`Connection from ${PEER} on illegal port`,
  ),
]

/** Servers of files and remote commands, by the tag of their lines. */
export const FTP: readonly (readonly [string, readonly Form[]])[] = [
  ['proftpd', PROFTPD],
  ['vsftpd', VSFTPD],
  ['pure-ftpd', PURE_FTPD],
  ['xinetd', XINETD],
  ['rshd', RSHD],
  ['in.rshd', RSHD],
  [
    'wu-ftpd',
    [
      {
        ...ANEW,
        ...login('failure', 'failed', ''),
        pattern: at(String.raw`failed login from \S+ \[${PEER}\]`),
      },
    ],
  ],
]
