import { ANEW } from '../../base/anew.ts'
import { at, type Form, login, PEER, seen, told } from './form.ts'

const note = (code: string, text: string): Form => told('service-notice', code, text)
const host = (
  action: Form['action'],
  outcome: Form['outcome'],
  code: string,
  text: string,
): Form => ({
  ...ANEW,
  ...{ pattern: at(text), action, outcome, code, category: ['host'] },
  type: 'info',
})

/** All else that the program says. */
const ANY = String.raw`[\s\S]*`

/** systemd's src/core: the ends of jobs, and what became of processes. `(?<service>…)` names the unit. */
const SYSTEMD: readonly Form[] = [
  told(
    'service-error',
    'failed',
    String.raw`(?<service>\S+): (?:Failed with .*|(?:Main|Control) process exited, .*(?:code=dumped|/FAILURE|/EXEC).*)`,
  ),
  told(
    'service-error',
    'failed',
    String.raw`Failed to (?:start|mount|listen on|set up) (?<service>.*?)\.?`,
  ),
  told(
    'service-error',
    'failed',
    String.raw`(?<service>\S+): .*(?:start-limit|Start request repeated|timed out|Killing|core-dump|oom-kill).*`,
  ),
  told('service-error', 'dependency', String.raw`Dependency failed for (?<service>.*?)\.?`),
  told(
    'service-error',
    'oom',
    String.raw`(?<service>\S+): A process of this unit has been killed by the OOM killer\.`,
  ),
  {
    pattern: at(String.raw`Started Session \S+ of [Uu]ser (?<user>\S+?)\.?`),
    ...ANEW,
    ...{ action: 'user-session', outcome: 'success', code: 'session-opened', type: 'start' },
    category: ['session'],
  },
  told('service-start', 'started', String.raw`(?:Started|Finished) (?<service>.*?)\.?`),
  told('service-stop', 'stopped', String.raw`Stopped (?<service>.*?)\.?`),
  host('device-boot', 'success', 'boot', String.raw`Startup finished in .*`),
  host('device-boot', 'success', 'boot', String.raw`systemd \d+.* running in system mode.*`),
  note('job', ANY),
]

const LOGIND: readonly Form[] = [
  note('seat', '(?:New seat|Removed seat|Watching system buttons) .*'),
  note('power', ANY),
]

const CRON: readonly Form[] = [
  host('scheduled-job', 'unknown', 'cron', String.raw`\((?<user>[^)]*)\) CMD \( *(?<command>.*)\)`),
  host('scheduled-job', 'unknown', 'cron', String.raw`\((?<user>[^)]*)\) .*`),
  note('cron', ANY),
]

const CLOCK: readonly Form[] = [note('clock', ANY)]

/** hostapd's and wpa_supplicant's events about stations, and about its own network. */
const WIFI: readonly Form[] = [
  {
    pattern: at(
      String.raw`\S+: STA (?<mac>[\da-fA-F:]{17}) (?:IEEE 802\.1[1X]|WPA|RADIUS|MLME): ?(?<why>.*)`,
    ),
    ...ANEW,
    ...{ action: 'network-session', outcome: 'unknown', code: 'station', type: 'info' },
    category: ['network'],
  },
  {
    pattern: at(
      String.raw`\S+: (?:AP-STA-(?:DIS)?CONNECTED|AP-STA-POSSIBLE-PSK-MISMATCH) (?<mac>[\da-fA-F:]{17}).*`,
    ),
    ...ANEW,
    ...{ action: 'network-session', outcome: 'unknown', code: 'station', type: 'info' },
    category: ['network'],
  },
  note('wifi', ANY),
]

const NETWORK: readonly Form[] = [note('link', ANY)]

const LOGGERS: readonly Form[] = [
  told('service-start', 'start', String.raw`.*\[origin software="rsyslogd".*\] (?:\(re\))?start.*`),
  told('service-start', 'start', 'syslog-ng starting up.*'),
  told('service-start', 'restart', 'syslogd .* ?(?:re)?start(?:ed)?.*'),
  told('service-stop', 'stop', '(?:syslog-ng shutting down.*|.*exiting on signal .*|exiting.*)'),
  note('logger', ANY),
]

/** Where the words before the colon name a subsystem: `usb 1-1: new high-speed USB device`. */
const KERNEL: readonly Form[] = [
  host('asset-seen', 'unknown', 'usb', String.raw`usb [\d.-]+: new .* USB device .*`),
  host(
    'asset-seen',
    'unknown',
    'usb',
    String.raw`usb [\d.-]+: (?:New USB device found|USB disconnect|Product:|Manufacturer:|SerialNumber:).*`,
  ),
  told(
    'service-error',
    'oom',
    String.raw`.*(?:Out of memory: Kill|invoked oom-killer|oom-kill:|Memory cgroup out of memory).*`,
  ),
  told(
    'service-error',
    'segfault',
    String.raw`(?<service>\S+?)\[\d+\]:? (?:segfault|general protection|trap|bad frame).*`,
  ),
  told(
    'service-error',
    'panic',
    '.*(?:Kernel panic|BUG: |Oops|Call Trace|soft lockup|hung_task|blocked for more than|I/O error' +
      '|EXT4-fs error|Machine check|Hardware Error).*',
  ),
  seen(
    'audit-finding',
    'failure',
    'denied',
    String.raw`(?:audit: )?(?:type=\d+ )?audit\([\d.:]+\): .*(?:DENIED|denied).*`,
  ),
  host('service-notice', 'unknown', 'audit', String.raw`(?:audit: )?(?:type=\d+ )?audit.*`),
  seen(
    'audit-finding',
    'unknown',
    'promiscuous',
    String.raw`.*(?:entered|left) promiscuous mode.*`,
  ),
  seen(
    'protocol-error',
    'unknown',
    'syn-flood',
    String.raw`(?:TCP: .*)?[Pp]ossible SYN flooding.*`,
  ),
  note('kernel', '[\\s\\S]*'),
]

const SNMP: readonly Form[] = [
  seen(
    'network-transaction',
    'unknown',
    'snmp',
    String.raw`(?:Received SNMP packet\(s\) from|Connection from)(?: UDP:)? \[?${PEER}\]?.*`,
  ),
  told('service-start', 'start', 'NET-SNMP version .*'),
  told('service-stop', 'stop', 'Received TERM.*'),
]

/** MikroTik's RouterOS puts its topics where others have the tag. */
const ROUTER_OS: readonly Form[] = [
  login(
    'failure',
    'failed',
    String.raw`login failure for user (?<user>.*) from ${PEER} via (?<method>\S+)`,
  ),
  login(
    'success',
    'accepted',
    String.raw`user (?<user>.*) logged in from ${PEER} via (?<method>\S+)`,
  ),
  login('success', 'accepted', String.raw`user (?<user>.*) logged in via (?<method>\S+)`),
  {
    pattern: at(String.raw`user (?<user>.*) logged out (?:from ${PEER} )?via \S+`),
    ...ANEW,
    ...{ action: 'user-logout', outcome: 'success', code: 'logged-out', type: 'end' },
  },
  {
    pattern: at(String.raw`(?<why>.+ (?:changed|added|removed|moved)) by (?<user>.*)`),
    ...ANEW,
    ...{ action: 'config-change', outcome: 'success', code: 'changed', type: 'info' },
    category: ['configuration'],
  },
  {
    pattern: at(
      String.raw`\S+ (?:de)?assigned (?<ip>[\d.]+) (?:to|for|from) (?<mac>[\dA-Fa-f:]{17}).*`,
    ),
    ...ANEW,
    ...{ action: 'dhcp-lease', outcome: 'success', code: 'lease', type: 'info' },
    category: ['network'],
  },
]

/** `system,error,critical`: topics of RouterOS, before their message. */
export const TOPICS =
  /^((?:[a-z0-9-]{2,20},){1,6}[a-z0-9-]{2,20}|system|account|dhcp|firewall|interface):? (?=\S)/

const named = (forms: readonly Form[], ...names: string[]): [string, readonly Form[]][] =>
  names.map((name) => [name, forms])

/** Basic programs of a machine, by the tag of their lines. */
export const DAEMONS: ReadonlyMap<string, readonly Form[]> = new Map([
  ...named(SYSTEMD, 'systemd', 'init'),
  ...named(LOGIND, 'systemd-logind'),
  ...named(CRON, 'CRON', 'cron', 'crond', 'anacron', 'atd', 'crontab', '/usr/sbin/cron', 'CROND'),
  ...named(CLOCK, 'ntpd', 'chronyd', 'systemd-timesyncd', 'ntpdate', 'sntp'),
  ...named(WIFI, 'hostapd', 'wpa_supplicant'),
  ...named(
    NETWORK,
    ...['NetworkManager', 'systemd-networkd', 'dhcpcd', 'netifd', 'avahi-daemon', 'network'],
    ...['nm-dispatcher', 'systemd-resolved', 'connmand'],
  ),
  ...named(LOGGERS, 'rsyslogd', 'syslog-ng', 'syslogd', 'systemd-journald', 'systemd-journal'),
  ...named(KERNEL, 'kernel'),
  ...named(SNMP, 'snmpd'),
  ...named(ROUTER_OS, 'routeros'),
  ...named(
    [note('device', '(?:creating|removing) device node .*')],
    'udev',
    'udevd',
    'systemd-udevd',
  ),
])
