import { ANEW } from '../../base/anew.ts'
import type { EcsDoc } from '../../model/event.ts'
import { plainIp } from '../mosquitto/address.ts'
import { plainMac } from '../network/endpoint.ts'
import { type Outcome, told, type Told } from '../network/told.ts'
import { DAEMONS } from './daemons.ts'
import { FTP } from './ftp.ts'
import { at, ended, type Form, login, PEER } from './form.ts'
import { DROPBEAR, dropbearText, SSHD } from './sshd.ts'

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
  privilege('failure', 'denied', String.raw`BAD SU (?<user>\S+) to (?<target>\S+) on \S+`),
  privilege(
    'failure',
    'denied',
    String.raw`failed: \S+ changing from (?<user>\S+) to (?<target>\S+)`,
  ),
  privilege('success', 'allowed', String.raw`(?<user>\S+) to (?<target>\S+) on /dev/\S+`),
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
    String.raw`(?:pam_\w+(?:\([\w.:-]+\))?: )?authentication failure;` +
      String.raw` logname=.*? rhost=(?<ip>\S*)(?: +user=(?<user>.*?))?(?: \[preauth\])? *`,
  ),
  session(
    'success',
    'session-opened',
    'start',
    String.raw`New session \S+ of user (?<user>[^\s]+?)\.`,
  ),
  session('success', 'session-closed', 'end', String.raw`Removed session [\w-]+\.`),
  session(
    'success',
    'session-closed',
    'end',
    String.raw`Session [\w-]+ logged out\. Waiting for processes to exit\.`,
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
    String.raw`(?:PAM |pam_\w+(?:\([\w.:-]+\))?: )?\d+ more authentication failures?;` +
      String.raw` logname=.*? rhost=(?<ip>\S*)(?: +user=(?<user>.*))?`,
  ),
  session(
    'unknown',
    'pam-failure',
    'start',
    String.raw`PAM service\([\w-]+\) ignoring max retries; \d+ > \d+`,
  ),
  session(
    'failure',
    'pam-locked',
    'start',
    String.raw`pam_\w+\([\w.:-]+\): Consecutive login failures for user (?<user>\S+) .*`,
  ),
  session(
    'success',
    'pam-granted',
    'start',
    String.raw`pam_\w+\([\w.:-]+\): user '?(?<user>[^' ]+)'? granted access`,
  ),
  session(
    'failure',
    'pam-failure',
    'start',
    String.raw`pam_\w+(?:\([\w.:-]+\))?: .*(?:fail|denied|unknown|invalid|error|unable|lock).*`,
  ),
  session('unknown', 'pam-note', 'start', String.raw`pam_\w+(?:\([\w.:-]+\))?: .*`),
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
  login('failure', 'failed', String.raw`repeated login failures from ${PEER}.*`),
  {
    pattern: at(String.raw`getpeername \(\S+\): .*`),
    ...ANEW,
    ...{ action: 'protocol-error', outcome: 'failure', code: 'socket', type: 'info' },
    category: ['network'],
  },
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
  ...FTP,
  ['login', LOGIN],
  ['ftpd', FTPD],
  ['klogind', KLOGIND],
  ...['php-fpm', 'php', 'opnsense', 'audit'].map((name) => [name, WEB] as const),
  ['sudo', SUDO],
  ['su', SU],
])

const TEXT_MAX = 2_000
/** Seconds since the start of the machine, in the kernel's ring buffer. */
const SINCE_BOOT = /^\[ {0,9}\d{1,10}\.\d{1,9}\] /

/** What a line of sshd, dropbear, login, sudo, su or PAM tells; undefined where it is none. */
export function authLine(program: string | undefined, message: string): Told | undefined {
  if (message.length > TEXT_MAX || program === undefined) return undefined
  const whole = program.slice(program.lastIndexOf('/') + 1)
  // Before 2005 PAM wrote its name behind that of the program: `sshd(pam_unix)[1]: session opened …`.
  const old = /^([\w.-]{1,60})\((pam_\w{1,30})\)$/.exec(whole)
  const name = old?.[1] ?? whole
  const said = name === 'dropbear' ? dropbearText(message) : message
  const text =
    old === null ? said.replace(/^\((pam_\w{1,30})\) /, '$1: ') : `${old[2]}(${name}): ${said}`
  return first(BY_PROGRAM.get(name), text) ?? first(PAM, text) ?? first(PAM_NOTES, text)
}

/** What a basic program of the machine tells, or its kernel. */
export function daemonLine(program: string | undefined, message: string): Told | undefined {
  if (program === undefined) return undefined
  const name = program.slice(program.lastIndexOf('/') + 1)
  return first(DAEMONS.get(name), message.slice(0, TEXT_MAX).replace(SINCE_BOOT, ''))
}

function first(forms: readonly Form[] | undefined, message: string): Told | undefined {
  for (const form of forms ?? []) {
    const found = form.pattern.exec(message)
    if (found !== null) return toldOf(form, message, found.groups ?? {})
  }
  return undefined
}

function toldOf(
  form: Form,
  message: string,
  said: Readonly<Record<string, string | undefined>>,
): Told {
  const { action, outcome, code, category = ['authentication'], type = 'start' } = form
  const method = said['method'] === undefined ? code : `${code} ${said['method']}`
  const reason = said['why'] ?? (action.startsWith('service-') ? message.slice(0, 500) : method)
  const rest: EcsDoc = { event: { reason: reason.trim() }, ...sideOf(said) }
  const { user, target, command, service } = said
  const name = user === 'ROOT' ? 'root' : user
  if (name !== undefined && name !== '') {
    rest['user'] = { name, ...(target !== undefined && { effective: { name: target } }) }
  }
  if (command !== undefined) rest['process'] = { command_line: command }
  if (service !== undefined) rest['service'] = { name: service }
  return told(action, category, [type], outcome, code, rest)
}

function sideOf(said: Readonly<Record<string, string | undefined>>): EcsDoc {
  const cut = /^\[?([0-9a-f.:]+?)\]?:(\d{1,5})$/i.exec(said['side'] ?? '')
  const peer = said['ip'] ?? cut?.[1] ?? said['side']
  if (peer === undefined || peer === '' || peer === 'UNKNOWN') {
    const mac = plainMac(said['mac'])
    return mac === undefined ? {} : { source: { mac } }
  }
  const ip = plainIp(peer)
  const port = Number(said['port'] ?? cut?.[2])
  const mac = plainMac(said['mac'])
  const source = {
    ...ANEW,
    ...(mac !== undefined && { mac }),
    ...(ip === undefined ? { address: peer, domain: peer } : { address: ip, ip }),
    ...(port > 0 && port < 65_536 && { port }),
  }
  return { source }
}
