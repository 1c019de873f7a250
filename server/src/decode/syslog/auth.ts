import { ANEW } from '../../base/anew.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { plainIp } from '../mosquitto/address.ts'
import { told, type Outcome, type Told } from '../network/told.ts'

interface Form {
  readonly pattern: RegExp
  readonly action: EventAction
  readonly outcome: Outcome
  readonly code: string
  readonly type?: 'start' | 'end' | 'info'
  /** Instead of `authentication`. */
  readonly category?: readonly string[]
}

const PEER = String.raw`(?<ip>[\w.:%-]+)`
const PORT = String.raw`(?: port (?<port>\d{1,5}))?`
/** Where the name is not closed off by ` from `. */
const PORTED = String.raw` port (?<port>\d{1,5})`
const PRE = String.raw`(?: \[preauth\])?`
const at = (text: string): RegExp => new RegExp(`^${text}$`)
const login = (outcome: Outcome, code: string, text: string): Form => ({
  pattern: at(text),
  action: 'user-login',
  outcome,
  code,
})
const ended = (code: string, text: string): Form => ({
  pattern: at(text),
  action: 'user-logout',
  outcome: 'success',
  code,
  type: 'end',
})

/**
 * OpenSSH's auth.c, packet.c and session.c. The names of refused users are the peer's own words and
 * may hold ` from `: those patterns take the last one, which sshd wrote.
 */
const SSHD: readonly Form[] = [
  login(
    'success',
    'accepted',
    String.raw`Accepted (?<method>\S+) for (?<user>\S+) from ${PEER}${PORT}(?: ssh2(?:: .*)?)?`,
  ),
  login(
    'failure',
    'failed',
    String.raw`Failed (?<method>\S+) for (?:invalid user )?(?<user>.*)` +
      String.raw` from ${PEER}${PORT}(?: ssh2(?:: [\w-]+ [\w:+/=-]+)?)?`,
  ),
  login(
    'failure',
    'invalid-user',
    String.raw`(?:Invalid|Illegal) user (?<user>.*) from ${PEER}${PORT}`,
  ),
  login(
    'failure',
    'too-many-attempts',
    String.raw`(?:error: )?maximum authentication attempts exceeded for` +
      String.raw` (?:invalid user )?(?<user>.*) from ${PEER}${PORT}(?: ssh2)?${PRE}`,
  ),
  login(
    'failure',
    'too-many-attempts',
    String.raw`Disconnecting (?:(?:authenticating|invalid) )?user` +
      String.raw` (?<user>.*) ${PEER}${PORTED}: Too many .*`,
  ),
  login('failure', 'not-allowed', String.raw`User (?<user>.*) from ${PEER} not allowed because .*`),
  login(
    'failure',
    'closed-unauthenticated',
    String.raw`(?:Connection (?:closed|reset) by|Disconnected from)` +
      String.raw` (?:authenticating|invalid) user (?<user>.*) ${PEER}${PORTED}${PRE}`,
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
    'invalid-user',
    String.raw`input_userauth_request: invalid user (?<user>.*?)${PRE}`,
  ),
  {
    pattern: at(
      String.raw`(?:reverse mapping checking getaddrinfo for \S+ \[(?<ip>[\w.:]+)\] failed` +
        String.raw`|Address (?<side>[\w.:]+) maps to .*) ?- POSSIBLE BREAK-IN ATTEMPT!?`,
    ),
    action: 'protocol-error',
    outcome: 'unknown',
    code: 'name-mismatch',
    type: 'info',
    category: ['network'],
  },
  ended('disconnected', String.raw`Disconnected from user (?<user>\S+) ${PEER}${PORT}`),
  ended('disconnected', String.raw`Received disconnect from ${PEER}${PORT}:.*`),
  ended('disconnected', String.raw`(?:Connection closed by|Disconnected from) ${PEER}${PORT}`),
  {
    pattern: at(
      String.raw`(?:error: )?(?:Did not receive identification string|Bad` +
        String.raw` protocol version identification '.*'|Unable to negotiate` +
        String.raw`|ssh_dispatch_run_fatal: Connection) (?:from|with) ${PEER}${PORT}(?:: .*)?`,
    ),
    action: 'protocol-error',
    outcome: 'failure',
    code: 'protocol',
    category: ['network'],
    type: 'info',
  },
]

/** Dropbear's svr-authpasswd.c, svr-authpubkey.c, svr-auth.c and svr-session.c. */
const SIDE = String.raw`(?<side>\S+?)`
const DROPBEAR: readonly Form[] = [
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
    'too-many-attempts',
    String.raw`Max auth tries reached - user '(?<user>.*)' from ${SIDE}`,
  ),
  login(
    'failure',
    'not-allowed',
    String.raw`(?:User|user) '(?<user>.*)' (?:has |not ).*from ${SIDE}`,
  ),
  login(
    'failure',
    'closed-unauthenticated',
    String.raw`Exit before auth(?: from <${SIDE}>)?:? \(user '(?<user>.*)', \d+ fails\): .*`,
  ),
  login('unknown', 'closed-before-login', String.raw`Exit before auth(?: from <${SIDE}>)?: .*`),
  ended('disconnected', String.raw`Exit \((?<user>.*?)\)(?: from <${SIDE}>)?: .*`),
]

/** shadow's and util-linux' login. */
const LOGIN: readonly Form[] = [
  login(
    'failure',
    'failed',
    String.raw`FAILED LOGIN (?:SESSION|\(?\d+\)?) (?:on '?\S+?'? )?(?:FROM` +
      String.raw` \S+ )?FOR '?(?<user>.*?)'?, .*`,
  ),
  login('success', 'accepted', String.raw`LOGIN ON \S+ BY (?<user>\S+)(?: FROM ${PEER})?`),
  login('success', 'accepted', String.raw`(?<user>ROOT) LOGIN +(?:ON|on) \S+(?: FROM ${PEER})?`),
  login(
    'failure',
    'failed',
    String.raw`(?:pam_unix\(login:auth\): |invalid password for )'?(?<user>\S+?)'? on .*`,
  ),
]

const privilege = (outcome: Outcome, code: string, text: string): Form => ({
  pattern: at(text),
  action: 'privilege-use',
  outcome,
  code,
})

/** sudo's log lines (sudoers(5), LOG FORMAT), and the two families of su. */
const WHERE = String.raw`TTY=\S* ; PWD=.* ; USER=(?<target>\S+)(?: ; .*)? ; COMMAND=(?<command>.*)`
const SUDO: readonly Form[] = [
  privilege('success', 'allowed', String.raw` *(?<user>\S+) : ${WHERE}`),
  privilege('failure', 'denied', String.raw` *(?<user>\S+) : (?<why>[^;=]+) ; ${WHERE}`),
]
const SU: readonly Form[] = [
  privilege('success', 'allowed', String.raw`\(to (?<target>.*)\) (?<user>\S+) on \S+`),
  privilege('failure', 'denied', String.raw`FAILED SU \(to (?<target>.*)\) (?<user>\S+) on \S+`),
  privilege('success', 'allowed', String.raw`Successful su for (?<target>\S+) by (?<user>\S+)`),
  privilege('failure', 'denied', String.raw`FAILED su for (?<target>\S+) by (?<user>\S+)`),
  privilege('success', 'allowed', String.raw`\+ \S+ (?<user>[^\s:]+)[:-](?<target>\S+)`),
  privilege('failure', 'denied', String.raw`- \S+ (?<user>[^\s:]+)[:-](?<target>\S+)`),
]

const session = (outcome: Outcome, code: string, type: 'start' | 'end', text: string): Form => ({
  ...ANEW,
  ...{ pattern: at(text), action: 'user-session', outcome, code, type },
  category: code === 'pam-failure' ? ['authentication'] : ['session'],
})

/** Of any program; sshd, su and sudo tell of the same login in words of their own. */
const PAM: readonly Form[] = [
  session(
    'success',
    'session-opened',
    'start',
    String.raw`pam_\w+\([\w.:-]+\): session opened for user (?<user>[^\s(]+)(?:\(.*)?(?: by .*)?`,
  ),
  session(
    'success',
    'session-closed',
    'end',
    String.raw`pam_\w+\([\w.:-]+\): session closed for user (?<user>\S+)`,
  ),
  session(
    'failure',
    'pam-failure',
    'start',
    String.raw`(?:pam_\w+\([\w.:-]+\): )?authentication failure;` +
      String.raw` logname=.*? rhost=(?<ip>\S*)(?: +user=(?<user>.*))?`,
  ),
  session(
    'success',
    'session-opened',
    'start',
    String.raw`New session \S+ of user (?<user>[^\s]+?)\.`,
  ),
]

/** What PAM says around the line that counts: more of the same, or why. */
const PAM_NOTES: readonly Form[] = [
  session(
    'unknown',
    'pam-failure',
    'start',
    String.raw`pam_\w+\([\w.:-]+\): check pass; user unknown`,
  ),
  session(
    'failure',
    'pam-failure',
    'start',
    String.raw`PAM \d+ more authentication failures?;` +
      String.raw` logname=.*? rhost=(?<ip>\S*)(?: +user=(?<user>.*))?`,
  ),
  session(
    'unknown',
    'pam-failure',
    'start',
    String.raw`PAM service\([\w-]+\) ignoring max retries; \d+ > \d+`,
  ),
]

/** Servers of remote access before SSH. */
const FTPD: readonly Form[] = [
  {
    pattern: at(String.raw`connection from ${PEER} \(.*\) at .*`),
    action: 'network-flow',
    outcome: 'unknown',
    code: 'connection',
    category: ['network'],
  },
  login(
    'failure',
    'failed',
    String.raw`(?:repeated )?(?:LOGIN|login) FAILED? ?\S* ?(?:FROM|from) ${PEER}.*`,
  ),
  login('success', 'accepted', String.raw`(?:FTP LOGIN|ANONYMOUS FTP LOGIN) FROM ${PEER}.*`),
]
const KLOGIND: readonly Form[] = [
  login('failure', 'failed', String.raw`Authentication failed from ${PEER} \(.*\): .*`),
  login('failure', 'failed', 'Kerberos authentication failed'),
]

/** The web interface of pfSense and OPNsense (auth.inc, `log_auth`). */
const WEB: readonly Form[] = [
  login(
    'success',
    'web-login',
    String.raw`(?:/\S*: )?Successful login for user '(?<user>[^']*)' from: ${PEER}(?: \(.*\))?`,
  ),
  login(
    'failure',
    'web-login',
    String.raw`(?:/\S*: )?(?:webConfigurator|Web GUI) authentication error for (?:user )?'(?<user>[^']*)'` +
      String.raw` from:? ${PEER}.*`,
  ),
  ended(
    'web-logout',
    String.raw`(?:/\S*: )?(?:User|Session timed out for user) '?(?<user>[^ ']*)'?` +
      String.raw`(?: logged out| from:) .*`,
  ),
]

const BY_PROGRAM: ReadonlyMap<string, readonly Form[]> = new Map([
  ...['sshd', 'sshd-session', 'sshd-auth'].map((name) => [name, SSHD] as const),
  ['dropbear', DROPBEAR],
  ['login', LOGIN],
  ['ftpd', FTPD],
  ['klogind', KLOGIND],
  ...['php-fpm', 'php', 'opnsense', 'audit'].map((name) => [name, WEB] as const),
  ['sudo', SUDO],
  ['su', SU],
])

const TEXT_MAX = 2_000

/** What a line of sshd, dropbear, login, sudo, su or PAM tells; undefined where it is none. */
export function authLine(program: string | undefined, message: string): Told | undefined {
  if (message.length > TEXT_MAX || program === undefined) return undefined
  const whole = program.slice(program.lastIndexOf('/') + 1)
  // Before 2005 PAM wrote its name behind that of the program: `sshd(pam_unix)[1]: session opened …`.
  const old = /^([\w.-]{1,60})\((pam_\w{1,30})\)$/.exec(whole)
  const name = old?.[1] ?? whole
  const text = old === null ? message : `${old[2]}(${name}): ${message}`
  return first(BY_PROGRAM.get(name), text) ?? first(PAM, text) ?? first(PAM_NOTES, text)
}

function first(forms: readonly Form[] | undefined, message: string): Told | undefined {
  for (const form of forms ?? []) {
    const found = form.pattern.exec(message)
    if (found !== null) return toldOf(form, found.groups ?? {})
  }
  return undefined
}

function toldOf(form: Form, said: Readonly<Record<string, string | undefined>>): Told {
  const { action, outcome, code, category = ['authentication'], type = 'start' } = form
  const reason = said['why'] ?? (said['method'] === undefined ? code : `${code} ${said['method']}`)
  const rest: EcsDoc = { event: { reason: reason.trim() }, ...sideOf(said) }
  const { user, target, command } = said
  const name = user === 'ROOT' ? 'root' : user
  if (name !== undefined && name !== '') {
    rest['user'] = { name, ...(target !== undefined && { effective: { name: target } }) }
  }
  if (command !== undefined) rest['process'] = { command_line: command }
  return told(action, category, [type], outcome, code, rest)
}

function sideOf(said: Readonly<Record<string, string | undefined>>): EcsDoc {
  const cut = /^\[?([0-9a-f.:]+?)\]?:(\d{1,5})$/i.exec(said['side'] ?? '')
  const peer = said['ip'] ?? cut?.[1]
  if (peer === undefined || peer === '' || peer === 'UNKNOWN') return {}
  const ip = plainIp(peer)
  const port = Number(said['port'] ?? cut?.[2])
  const source = {
    ...ANEW,
    ...(ip === undefined ? { address: peer, domain: peer } : { address: ip, ip }),
    ...(port > 0 && port < 65_536 && { port }),
  }
  return { source }
}
