import { compact, present } from '../document/values.ts'
import { endpoint, plainMac } from '../network/endpoint.ts'
import { type Outcome, told, type Told } from '../network/told.ts'
import { plainIp } from '../mosquitto/address.ts'

export interface LeaseFacts {
  /** `DISCOVER`, `OFFER`, `REQUEST`, `ACK`, `NAK`, … (RFC 2131, table 2), or `LEASE` of a lease file. */
  readonly message: string
  readonly address?: string | undefined
  readonly mac?: string | undefined
  readonly name?: string | undefined
  readonly server?: string | undefined
  readonly ingress?: string | undefined
  readonly reason?: string | undefined
  readonly endMs?: number | undefined
  readonly product: string
  readonly host?: string | undefined
}

const DONE = new Set(['ACK', 'LEASE', 'RELEASE', 'REPLY'])
const REFUSED = new Set(['NAK', 'DECLINE', 'FAIL'])

/** One message of DHCP, or one lease. The device is `client` and `source`. */
export function leaseOf(facts: LeaseFacts): Told {
  const { message, address, name, server, endMs } = facts
  const mac = plainMac(facts.mac)
  const ip = address === undefined ? undefined : plainIp(address)
  const outcome: Outcome =
    REFUSED.has(message) || facts.reason !== undefined
      ? 'failure'
      : DONE.has(message)
        ? 'success'
        : 'unknown'
  const side = endpoint({ address, mac })
  return told(
    'dhcp-lease',
    ['network'],
    ['connection', 'protocol'],
    outcome,
    message.toLowerCase(),
    {
      event: compact({
        reason: facts.reason ?? message,
        end: endMs === undefined ? undefined : new Date(endMs).toISOString(),
      }),
      network: { protocol: 'dhcp', transport: 'udp' },
      ...compact({
        client: side,
        source: side,
        destination: server === undefined ? undefined : endpoint({ address: server }),
        host: present({
          hostname: name === '*' ? undefined : name,
          ip: ip === undefined ? undefined : [ip],
          mac: mac === undefined ? undefined : [mac],
        }),
        observer: compact({
          product: facts.product,
          type: 'dhcp',
          hostname: facts.host,
          ingress: facts.ingress === undefined ? undefined : { interface: { name: facts.ingress } },
        }),
      }),
    },
  )
}

const VERB =
  /^(?:\d+ )?DHCPv?6?:? ?(?:DHCP)?([A-Z]{3,14}(?:-[A-Z]+)?)(?:\(([^)\s]{1,40})\))?(?= |$)/
const MAC = /(?:^| |\()((?:[0-9a-f]{2}:){5}[0-9a-f]{2})(?= |$|,|\)|:)/i
const FAULT = new RegExp(
  [
    String.raw`(?:: | )(no free leases|no address available|wrong (?:network|address|server-ID)`,
    String.raw`|unknown lease|address not available|abandoned|ignored|lease .{0,60} unavailable`,
    String.raw`)`,
  ].join(''),
)
const WORDS = new Set([
  ...'DISCOVER OFFER REQUEST ACK NAK RELEASE DECLINE INFORM EXPIRE'.split(' '),
  ...'SOLICIT ADVERTISE REPLY RENEW REBIND CONFIRM'.split(' '),
  ...'LEASEQUERY LEASEACTIVE LEASEUNKNOWN LEASEUNASSIGNED'.split(' '),
])

/** A line on one message: `DHCPACK(br0) 10.0.0.5 MAC name`, `DHCPACK on 10.0.0.5 to MAC (name) via eth0`. */
export function dhcpLine(
  text: string,
  product: string,
  host: string | undefined,
): Told | undefined {
  const verb = VERB.exec(text.slice(0, 120))
  const message = verb?.[1]
  if (verb === null || message === undefined || !WORDS.has(message)) return undefined
  const rest = text.slice(verb[0].length, 1_000)
  const mac = MAC.exec(rest)
  const words = rest.trim().split(/\s+/, 40)
  const address = words.find((word) => plainIp(word.replace(/,$/, '')) !== undefined)
  const via = / via ([^\s:]+)/.exec(rest)?.[1]
  const brackets = / \(([^)\s]+)\)/g
  const named = [...rest.matchAll(brackets)].map(([, word]) => word ?? '')
  const server = named.find((word) => plainIp(word) !== undefined)
  const isIsc = / (?:via|from|to|on|for|of) /.test(rest)
  const behind = mac === null ? undefined : rest.slice(mac.index + mac[0].length).trim()
  const name = isIsc
    ? named.find((word) => plainIp(word) === undefined && word !== 'found' && !word.includes(':'))
    : (message === 'ACK' || message === 'REPLY') && behind !== ''
      ? behind?.split(' ')[0]
      : undefined
  const fault = FAULT.exec(rest)?.[1]
  return leaseOf({
    message,
    address: address?.replace(/,$/, ''),
    mac: mac?.[1],
    name,
    server,
    ingress: verb[2] ?? via,
    reason: fault,
    product,
    host,
  })
}
