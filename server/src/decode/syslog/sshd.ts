import { ANEW } from '../../base/anew.ts'
import { at, ended, type Form, login, PEER, PORT, PORTED, PRE, seen, told } from './form.ts'

/** Of logins: who tried, by what, from where, and how it ended (auth.c, auth2.c, monitor.c). */
const LOGINS: readonly Form[] = [
  login(
    'success',
    'accepted',
    String.raw`Accepted (?<method>\S+) for (?<user>\S+) from ${PEER}${PORT}(?: ssh\d(?:: .*)?)?`,
  ),
  login(
    'failure',
    'failed',
    String.raw`Failed (?<method>hostbased) for (?:invalid user )?(?<user>.*?) from ${PEER}${PORT}` +
      String.raw` ssh\d: \S+ \S+, client user ".*", client host ".*"`,
  ),
  login(
    'failure',
    'failed',
    String.raw`Failed (?<method>\S+) for (?:(?:invalid|illegal) user )?(?<user>.*)` +
      String.raw` from ${PEER}${PORT}(?: ssh\d(?:: [\w-]+ [\w:+/=$-]+)?)?`,
  ),
  login(
    'unknown',
    'postponed',
    String.raw`(?:Postponed|Partial) (?<method>\S+) for (?:invalid user )?(?<user>.*)` +
      String.raw` from ${PEER}${PORT}(?: ssh\d)?${PRE}`,
  ),
  login('unknown', 'key-found', String.raw`Accepted (?:key|certificate) .* found at .*`),
  login('unknown', 'second-factor', String.raw`Accepted (?<method>\S+) for (?<user>\S+)`),
  login(
    'failure',
    'invalid-user',
    String.raw`(?:Invalid|Illegal) user (?<user>.*) from ${PEER}${PORT}`,
  ),
  login(
    'failure',
    'too-many-attempts',
    String.raw`(?:error: )?maximum authentication attempts exceeded for` +
      String.raw` (?:invalid user )?(?<user>.*) from ${PEER}${PORT}(?: ssh\d)?${PRE}`,
  ),
  login(
    'failure',
    'too-many-attempts',
    String.raw`Disconnecting (?:(?:authenticating|invalid|illegal) )?user` +
      String.raw` (?<user>.*) ${PEER}${PORTED}: Too many .*`,
  ),
  login(
    'failure',
    'too-many-attempts',
    String.raw`Disconnecting: Too many authentication failures(?: for (?<user>.*?))?${PRE}`,
  ),
  login('failure', 'not-allowed', String.raw`User (?<user>.*) from ${PEER} not allowed because .*`),
  login('failure', 'not-allowed', String.raw`User (?<user>.*) not allowed because .*`),
  login(
    'failure',
    'not-allowed',
    String.raw`(?<user>ROOT) LOGIN REFUSED FROM ${PEER}${PORT}${PRE}`,
  ),
  login(
    'failure',
    'not-allowed',
    String.raw`Authentication tried for (?<user>.*) with correct (?:key|cert) but not from a` +
      String.raw` permitted (?:host|source address) \(.*ip=(?<ip>[\w.:%-]+)\).*`,
  ),
  login('failure', 'not-allowed', String.raw`Login restricted for (?<user>[^:]*):.*`),
  login(
    'failure',
    'closed-unauthenticated',
    String.raw`(?:Connection (?:closed|reset) by|Disconnected from)` +
      String.raw` (?:authenticating|invalid|illegal) user (?:(?<user>.*) )?${PEER}${PORTED}${PRE}`,
  ),
  login(
    'unknown',
    'closed-before-login',
    String.raw`(?:Connection (?:closed|reset) by|Disconnected from) ${PEER}${PORT} \[preauth\]`,
  ),
  login(
    'unknown',
    'closed-before-login',
    String.raw`(?:error: )?Received disconnect from ${PEER}${PORT}:.* \[preauth\]`,
  ),
  login(
    'unknown',
    'timeout',
    String.raw`(?:fatal: )?Timeout before authentication for (?:connection from )?` +
      String.raw`${PEER}(?:${PORT}\.?| to \S+, pid = \d+)`,
  ),
  login(
    'unknown',
    'invalid-user',
    String.raw`input_userauth_request: (?:invalid|illegal) user (?<user>.*?)${PRE}`,
  ),
  login('unknown', 'invalid-user', String.raw`Could not get shadow information for (?<user>.*)`),
]

const session = (code: string, type: 'start' | 'end', text: string): Form => ({
  ...ANEW,
  ...{ pattern: at(text), action: 'user-session', outcome: 'success', code, type },
  category: ['session'],
})

/** Of connections before and after a login, and of peers that do not speak the protocol. */
const CONNECTIONS: readonly Form[] = [
  seen(
    'network-flow',
    'unknown',
    'connection',
    String.raw`Connection from ${PEER}${PORT}(?: on .*)?`,
  ),
  seen(
    'connection-denied',
    'failure',
    'refused',
    String.raw`(?:error: )?refused connect from .* \(${PEER}\)`,
  ),
  seen(
    'connection-denied',
    'failure',
    'max-startups',
    String.raw`(?:error: )?drop connection #?\d* ?(?:from )?\[${PEER}\]:(?<port>\d{1,5}) .*`,
  ),
  seen(
    'connection-denied',
    'failure',
    'max-startups',
    String.raw`(?:error: )?(?:beginning|exited) MaxStartups throttling.*`,
  ),
  seen(
    'connection-denied',
    'failure',
    'penalty',
    String.raw`srclimit_penalise: .*? new ${PEER}/\d+ .*`,
  ),
  seen(
    'protocol-error',
    'unknown',
    'name-mismatch',
    String.raw`(?:reverse mapping checking getaddrinfo for \S+ \[(?<ip>[\w.:]+)\] failed` +
      String.raw`|Address (?<side>[\w.:]+) maps to .*?)[ .]*(?:- POSSIBLE BREAK-IN ATTEMPT!?)?`,
  ),
  seen('protocol-error', 'unknown', 'name-mismatch', String.raw`Nasty PTR record .* for ${PEER}.*`),
  ended('disconnected', String.raw`Disconnected from user (?<user>\S+) ${PEER}${PORT}`),
  ended('disconnected', String.raw`(?:error: )?Received disconnect from ${PEER}${PORT}:.*`),
  ended(
    'disconnected',
    String.raw`(?:Connection (?:closed|reset) by|Disconnected from|Closing connection to)` +
      String.raw` ${PEER}${PORT}`,
  ),
  ended(
    'timeout',
    String.raw`(?:Timeout, client not responding|Read error from remote host)` +
      String.raw`(?: from (?:user (?<user>\S+) )?)? ?${PEER}?${PORT}(?:[:.].*)?`,
  ),
  session(
    'session-opened',
    'start',
    String.raw`Starting session: .* for (?<user>\S+) from ${PEER}${PORT}.*`,
  ),
  session(
    'session-closed',
    'end',
    String.raw`Close session: user (?<user>\S+) from ${PEER}${PORT}.*`,
  ),
  session('session-child', 'start', String.raw`User child is on pid \d+`),
  session(
    'subsystem',
    'start',
    String.raw`subsystem request for \S+(?: by user (?<user>[^\s,]+).*)?`,
  ),
  seen(
    'protocol-error',
    'failure',
    'protocol',
    String.raw`(?:fatal: |error: )?(?:Did not receive identification string|Bad` +
      String.raw` protocol version identification '.*'|Unable to negotiate|Protocol major versions` +
      String.raw` differ|Bad remote protocol version identification|banner exchange: Connection` +
      String.raw`|ssh_dispatch_run_fatal: Connection|Magic value check failed .*)` +
      String.raw`(?: (?:from|with|for|to) (?:\S+ \S+ )??${PEER}${PORT})?(?:[: ].*)?`,
  ),
  seen(
    'protocol-error',
    'failure',
    'protocol',
    String.raw`Disconnecting (?:(?:authenticating|invalid|illegal) )?(?:user (?<user>.*) )?` +
      String.raw`${PEER}${PORTED}: .*`,
  ),
  seen('protocol-error', 'failure', 'protocol', String.raw`Disconnecting: .*`),
  seen(
    'protocol-error',
    'failure',
    'protocol',
    String.raw`(?:fatal: |error: )?(?:packet_write_\w+: |ssh_packet_\w+: )?Connection` +
      String.raw` (?:to|from) (?:(?:authenticating|invalid) user (?<user>.*) )?${PEER}${PORT}:? .*`,
  ),
  seen(
    'protocol-error',
    'failure',
    'protocol',
    String.raw`(?:fatal: |error: )?(?:kex_|ssh_exchange_|banner exchange|buffer_get|packet_|ssh_packet` +
      String.raw`|ssh_dispatch|no matching |Unable to negotiate|Bad packet length|Corrupted MAC|Missing` +
      String.raw` MAC|padding error|Hm, kex|key_exchange|dispatch_protocol_error|message authentication` +
      String.raw`|Read from socket failed|Write failed|Read error|userauth_finish|monitor_read|client sent` +
      String.raw`|crc32 compensation|Received (?:ping|unexpected)|channel \d+: bad|incomplete message).*`,
  ),
]

/** Of the server itself. */
const SERVER: readonly Form[] = [
  told('service-start', 'listening', String.raw`Server listening on \S+ port \d+\.?`),
  told('service-start', 'restart', 'Received SIGHUP; restarting.'),
  told('service-stop', 'signal', String.raw`Received signal \d+; terminating\.`),
  told('service-stop', 'signal', String.raw`Exiting on signal .*`),
  told('service-error', 'authorized-keys', 'Authentication refused: .*'),
  told('service-error', 'error', String.raw`(?:error|fatal): .*`),
  told('service-error', 'pam', String.raw`PAM (?:unable to|adding faulty) .*`),
  told('service-error', 'config', String.raw`/\S+(?:: line \d+| line \d+): .*`),
  told('service-notice', 'debug', String.raw`debug\d: .*`),
  told('service-notice', 'transferred', 'Transferred: sent .*'),
  told('service-notice', 'environment', 'Set /proc/self/oom_.*'),
  told('service-notice', 'algorithm', String.raw`(?:main: )?sshd: \S+ algorithm is disabled`),
  told(
    'service-notice',
    'forwarding',
    String.raw`(?:.* port forwarding|channel \d+: |Local|X11) .*`,
  ),
]

/** PAM's answer as sshd repeats it: the line `Failed …` is the one that counts. */
const PAM_ECHO: Form = {
  pattern: at(
    String.raw`(?:error: )?PAM: (?<why>.*) for (?:(?:illegal|invalid) user )?(?<user>.*) from ${PEER}` +
      String.raw`(?: via \S+)? ?`,
  ),
  ...ANEW,
  ...{ action: 'user-session', outcome: 'failure', code: 'pam-failure' },
}

/**
 * OpenSSH's server, at its own level of logging and the ones above. The names of refused users are the
 * peer's own words and may hold ` from `: those patterns take the last one, which sshd wrote.
 */
export const SSHD: readonly Form[] = [...LOGINS, PAM_ECHO, ...CONNECTIONS, ...SERVER]

const SIDE = String.raw`(?<side>\S+?)`
const free = (form: Form): Form => ({
  ...ANEW,
  ...form,
  pattern: new RegExp(form.pattern.source, 'i'),
})

/** Dropbear's svr-authpasswd.c, svr-authpubkey.c, svr-auth.c, svr-session.c and svr-main.c. */
export const DROPBEAR: readonly Form[] = [
  login(
    'success',
    'accepted',
    String.raw`(?<method>\S+) auth succeeded for '(?<user>.*)' (?:with .* )?from ${SIDE}`,
  ),
  login(
    'failure',
    'failed',
    String.raw`Bad (?:PAM )?(?<method>\S+) (?:attempt|auth attempt) for '(?<user>.*)' from ${SIDE}`,
  ),
  login('failure', 'invalid-user', String.raw`Login attempt for nonexistent user from ${SIDE}`),
  login(
    'failure',
    'invalid-user',
    String.raw`Login attempt for nonexistent user '(?<user>.*)' from ${SIDE}`,
  ),
  login(
    'failure',
    'not-allowed',
    String.raw`Login attempt with wrong user (?<user>.*) from ${SIDE}`,
  ),
  login(
    'failure',
    'too-many-attempts',
    String.raw`Max auth tries reached - user '(?<user>.*)' from ${SIDE}`,
  ),
  login(
    'failure',
    'not-allowed',
    String.raw`(?:User|user) '(?<user>.*)' (?:has |not |is not ).*from ${SIDE}`,
  ),
  login('failure', 'not-allowed', String.raw`User '(?<user>.*)' (?:has|is) .*`),
  login(
    'failure',
    'closed-unauthenticated',
    String.raw`Exit before auth(?: from <${SIDE}>)?:? \(user '(?<user>.*)', \d+ fails\): .*`,
  ),
  login(
    'failure',
    'too-many-attempts',
    String.raw`Exit before auth(?: from <${SIDE}>)?: Max auth tries reached - user '(?<user>.*)'.*`,
  ),
  login('unknown', 'closed-before-login', String.raw`Exit before auth(?: from <${SIDE}>)?: .*`),
  ended('disconnected', String.raw`Exit \((?<user>.*?)\)(?: from <${SIDE}>)?: .*`),
  seen('network-flow', 'unknown', 'connection', String.raw`Child connection from ${SIDE}`),
  seen('protocol-error', 'failure', 'protocol', String.raw`(?:Early exit|Premature exit).*`),
  told('service-start', 'running', '(?:Running in background|Not backgrounding)'),
  told('service-stop', 'signal', String.raw`(?:Early exit: )?Terminated by signal`),
  told('service-error', 'error', '(?:Failed |Error |Couldn.t |Can.t |Pubkey auth attempt ).*'),
].map(free)

/** `[825] Jul 10 23:53:52 ` before the message, where dropbear writes to standard error as well. */
export const dropbearText = (text: string): string =>
  text.replace(/^\[\d{1,10}\] [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d /, '')
