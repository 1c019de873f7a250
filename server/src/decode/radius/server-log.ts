import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import { eventOf } from '../document/json-decoder.ts'
import { compact, present } from '../document/values.ts'
import { plainIp } from '../mosquitto/address.ts'
import { endpoint, plainMac } from '../network/endpoint.ts'

const LEVEL = /^ ?: (Auth|Info|Error|Proxy|Warning|Warn|Debug|Acct)\s*: /
/** `Login OK: [user/<via Auth-Type = eap>] (from client ap port 3 cli 02-00-00-00-00-01 via TLS tunnel)` */
const LOGIN = new RegExp(
  '^(?:\\(\\d+\\)\\s*)?(Login OK|Login incorrect|Invalid user|Multiple logins|rejected|Rejected)[^\\[]{0,200}' +
    '\\[([^\\]/]{0,255})(?:/[^\\]]{0,255})?\\](.{0,400})$',
)
const FROM = /\(from client (\S+) port (\S+)(?: cli (\S+?))?(?: via TLS tunnel)?\)/
const STRANGER = /from unknown client (\S+)(?: port (\d+))?/
const TLS =
  /TLS Alert|SSL error|TLS_accept|TLS handshake|eap_tls?s?: ERROR|SSL_read failed|certificate verify failed/i

/** What stands behind the time of a line of FreeRADIUS' `radius.log`; undefined for any other text. */
export function serverLevel(behind: string): { level: string; message: string } | undefined {
  const found = LEVEL.exec(behind)
  if (found === null) return undefined
  return { level: (found[1] ?? '').toLowerCase(), message: behind.slice(found[0].length).trim() }
}

/** A draft, or the class of a routine line. */
export function readServerLine(level: string, message: string): Omit<Draft, 'timeMs'> | string {
  const login = LOGIN.exec(message)
  if (login !== null) return loginOf(message, login)
  const stranger = STRANGER.exec(message)
  const reason = message.slice(0, 500)
  if (stranger !== null) {
    const [, address = '', port] = stranger
    return drafted('connection-denied', ['network', 'authentication'], ['denied'], reason, {
      source: endpoint({ address, port: port === undefined ? undefined : Number(port) }),
    })
  }
  if (TLS.test(message))
    return drafted('tls-handshake', ['network', 'authentication'], ['error'], reason, {})
  if (level === 'error') return drafted('service-error', ['authentication'], ['error'], reason, {})
  if (message.startsWith('Ready to process requests'))
    return service('service-start', 'start', reason)
  if (message.startsWith('Exiting normally')) return service('service-stop', 'end', reason)
  return `log-${level}`
}

function service(action: EventAction, type: string, reason: string): Omit<Draft, 'timeMs'> {
  return {
    action,
    doc: {
      event: eventOf(['process'], [type], 'success', { reason }),
      service: { type: 'radius' },
    },
  }
}

function drafted(
  action: EventAction,
  category: readonly string[],
  type: readonly string[],
  reason: string,
  more: EcsDoc,
): Omit<Draft, 'timeMs'> {
  const event = eventOf(category, type, 'failure', { reason })
  return { action, doc: compact({ event, service: { type: 'radius' }, ...more }) }
}

function loginOf(message: string, login: RegExpExecArray): Omit<Draft, 'timeMs'> {
  const [, words = '', user, rest = ''] = login
  const ok = words === 'Login OK'
  const from = FROM.exec(rest)
  const station = from?.[3]
  const mac = plainMac(station?.replaceAll('.', ''))
  const ip = station === undefined ? undefined : plainIp(station)
  const said = /\(([^)]{1,200})\): \[/.exec(message)?.[1]
  const client = from?.[1]
  return {
    action: 'user-login',
    doc: compact({
      event: eventOf(
        ['authentication', 'network'],
        ok ? ['start', 'allowed'] : ['start', 'denied'],
        ok ? 'success' : 'failure',
        {
          code: words.toLowerCase().replaceAll(' ', '-'),
          reason: said === undefined ? words : `${words}: ${said}`,
        },
      ),
      user: present({ name: user }),
      source: present({ mac, ip, address: mac === undefined ? station : undefined }),
      service: { type: 'radius' },
      observer: present({ type: 'access-server', name: client }),
      radius: present({ nas_port: from?.[2], client }),
    }),
  }
}

/** Without the password that `auth_badpass` and `auth_goodpass` write behind the user. */
export const withoutPassword = (text: string): string =>
  text.replace(/(Login (?:OK|incorrect)[^[]{0,200}\[[^\]/]{0,255}\/)(?!<)[^\]]{0,255}\]/, '$1***]')
