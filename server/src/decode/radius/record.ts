import { ANEW } from '../../base/anew.ts'
import { compact, present } from '../document/values.ts'
import { plainIp } from '../mosquitto/address.ts'
import { endpoint } from '../network/endpoint.ts'
import { type Outcome, told, type Told } from '../network/told.ts'
import { wholeNumber } from '../firewall/verdict.ts'

const GIGAWORD = 2 ** 32

/** One record (RFC 2866, 5) from its `Name = value` lines; the time is that of `Timestamp`. */
export function recordOf(lines: readonly string[]): Told & { readonly timeMs: number | undefined } {
  const pairs = new Map<string, string>()
  for (const line of lines) {
    const parts = /^\s+(\S+) [-+:]?=~? ?(.*)$/.exec(line)
    if (parts === null) continue
    const [, name = '', value = ''] = parts
    if (!pairs.has(name)) pairs.set(name, value.trim().replace(/^"(.*)"$/, '$1'))
  }
  const at = (name: string): string | undefined => pairs.get(name)
  const status = at('Acct-Status-Type')
  const packet = at('Packet-Type')
  const reply = /reject/i.test(packet ?? '')
    ? 'failure'
    : /accept/i.test(packet ?? '')
      ? 'success'
      : 'unknown'
  const seconds = wholeNumber(at('Acct-Session-Time'))
  const nas = plainIp(at('NAS-IP-Address') ?? at('NAS-IPv6-Address') ?? '')
  const rest = {
    event: compact({
      reason: at('Acct-Terminate-Cause') ?? status ?? packet ?? 'record',
      duration: seconds === undefined ? undefined : seconds * 1e9,
    }),
    network: { protocol: 'radius' },
    ...compact({
      user: present({ name: at('User-Name') }),
      source: endpoint({
        address: at('Framed-IP-Address') ?? at('Framed-IPv6-Address'),
        mac: at('Calling-Station-Id')?.replaceAll('.', ''),
        bytes: octets(at('Acct-Input-Octets'), at('Acct-Input-Gigawords')),
        packets: wholeNumber(at('Acct-Input-Packets')),
      }),
      destination: endpoint({
        address: undefined,
        bytes: octets(at('Acct-Output-Octets'), at('Acct-Output-Gigawords')),
        packets: wholeNumber(at('Acct-Output-Packets')),
      }),
      observer: compact({
        type: 'access-server',
        hostname: at('NAS-Identifier'),
        ip: nas === undefined ? undefined : [nas],
      }),
    }),
    radius: Object.fromEntries(
      [...pairs].filter(([name]) => /^[A-Z][\w-]*$/i.test(name) && name !== '__proto__'),
    ),
  }
  const stamp = wholeNumber(at('Timestamp'))
  const timeMs = stamp === undefined || stamp > 9_999_999_999 ? undefined : stamp * 1000
  if (status === undefined) {
    const outcome: Outcome = reply
    return {
      ...ANEW,
      ...told(
        'user-login',
        ['authentication', 'network'],
        ['start'],
        outcome,
        packet ?? 'record',
        rest,
      ),
      timeMs,
    }
  }
  const type = /start/i.test(status) ? 'start' : /stop/i.test(status) ? 'end' : 'info'
  const words = told(
    'network-session',
    ['network', 'session'],
    ['connection', type],
    'success',
    status.toLowerCase(),
    rest,
  )
  return { ...ANEW, ...words, timeMs }
}

function octets(low: string | undefined, high: string | undefined): number | undefined {
  const count = wholeNumber(low)
  return count === undefined ? undefined : count + (wholeNumber(high) ?? 0) * GIGAWORD
}
