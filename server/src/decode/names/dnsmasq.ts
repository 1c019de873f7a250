import { ANEW } from '../../base/anew.ts'
import type { DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'
import type { Frame } from '../line/frame.ts'
import { LineDecoder } from '../line/line-decoder.ts'
import { checkStampOptions, STAMP_OPTIONS } from '../line/options.ts'
import { plainIp } from '../mosquitto/address.ts'
import { compact } from '../document/values.ts'
import { endpoint } from '../network/endpoint.ts'
import { told, type Told } from '../network/told.ts'
import { dhcpLine, leaseOf } from './lease.ts'
import { type QueryFacts, queryOf, serverWords } from './query.ts'

const PROGRAM = /^(?:\S+ )?((?:dnsmasq|pihole-FTL)[\w-]*)(?:\[\d+\])?: /
const LEASE = /^(\d{1,10}) ((?:[0-9a-f]{2}[:-])*[0-9a-f]{2}) ([0-9a-f.:]+) (\S+) (\S+)$/i
const EXTRA = /^(\d{1,10}) ([0-9a-f.:]+)\/(\d{1,5}) /i
const QUERY = /^query\[([^\]]{1,20})\] (\S*) from (\S+)$/
const ANSWER = /^(.{1,200}?) (\S+) is (.+)$/
const BLOCKING = /gravity|blocked|denied|blacklist|denylist|\.list$|^\/etc\/pihole/i
const FAULT = new RegExp(
  [
    String.raw`^(?:failed|cannot|Maximum number|out of|no (?:servers|upstream)|ignoring|overflow`,
    String.raw`|bad |nameserver .* refused|Rate-limiting|dnsmasq: failed)`,
  ].join(''),
)
const ROUTINE = new RegExp(
  [
    String.raw`^(?:forwarded |dnssec-|validation |compile time|using |reading |read |cleared cache`,
    String.raw`|queries |server |time |cache size|pool memory|inotify|DNS service|DNSSEC|setting `,
    String.raw`|bound to|child process|asynchronous|chown|LOUD|cached .* is <|reply is truncated`,
    String.raw`|nameserver |Host |DBus|UBus|warning: no|auth answered|authoritative )`,
  ].join(''),
)
const DHCP_ROUTINE = new RegExp(
  [
    String.raw`^(?:\d+ )?(?:available DHCP|vendor class|client provides|next server|tags`,
    String.raw`|requested options|sent size|DHCP,|DHCPv6,|RTR-|router advertisement|DHCPv4-`,
    String.raw`|DHCPv6-|sockets bound|user class|bootfile|broadcast response|IPv6 router`,
    String.raw`|server name|not using|SLAAC`,
    String.raw`|DHCPINFORMATION-REQUEST|script|stale|read |duplicate|BOOTP`,
    String.raw`|Ignoring|client MAC|reply delay|DHCP relay|DHCP split-relay|not giving name)`,
  ].join(''),
)

/** The log of dnsmasq (`log-queries`, also `extra`; `log-dhcp`), Pi-hole's, and the file of leases. */
function read(message: string, frame: Frame, out: DecodeSink, item: RawItem): void {
  const lease = LEASE.exec(item.text.trim())
  if (lease !== null) {
    leased(lease, out)
    return
  }
  if (/^duid [0-9a-f:]+$/i.test(item.text.trim())) {
    out.routine('duid')
    return
  }
  const header = PROGRAM.exec(message)
  const program = header?.[1] ?? frame.program
  const text = header === null ? message : message.slice(header[0].length)
  if (program !== undefined && !/^(?:dnsmasq|pihole)/.test(program)) {
    out.routine('other-program')
    return
  }
  const words =
    program?.endsWith('-dhcp') === true
      ? dhcp(text, frame)
      : program?.endsWith('-tftp') === true
        ? tftp(text, frame)
        : names(text, frame)
  if (words === undefined)
    out.routine(program?.endsWith('-dhcp') === true ? 'dhcp-detail' : 'status')
  else if (words === 'unknown' && program === undefined) {
    out.reject('DECODE_UNKNOWN', 'This is no line of dnsmasq.')
  } else {
    const known = words === 'unknown' ? other(text) : words
    out.event({ timeMs: frame.timeMs, action: known.action, doc: known.doc })
  }
}

/** What dnsmasq says of itself in words that are neither of a query nor of a lease. */
function other(text: string): Told {
  if (TROUBLE.test(text)) return serverWords('service-error', text, 'dnsmasq')
  const event = { reason: text.slice(0, 500) }
  return told('service-notice', ['process'], ['info'], 'unknown', 'status', { event })
}

const TROUBLE =
  /fail|error|cannot|can't|bad |invalid|exceeded|unable|timed out|died|BUG|Assertion|inaccessible|unsupported|killed/i
/** tftp.c: `sent FILE to ADDRESS`, `failed sending FILE to ADDRESS`, `error 0 MESSAGE received from ADDRESS`. */
const TFTP =
  /^(sent|failed sending|timeout sending|error \d{1,5} .{0,200} received) (?:(.{1,500}) to|from) (\S+)$/
/** rfc2131.c and rfc3315.c: what was not given, and why. */
const UNGIVEN = new RegExp(
  '^(?:no address range available|abandoning lease|disabling DHCP static|leasequery from .* not permitted' +
    '|DHCP packet received on .* no address)',
)

function tftp(text: string, frame: Frame): Told | 'unknown' {
  const found = TFTP.exec(text)
  if (found === null) return 'unknown'
  const [, how, path, address] = found
  const outcome = how === 'sent' ? 'success' : 'failure'
  return told('file-seen', ['network', 'file'], ['access'], outcome, 'tftp', {
    event: { reason: text.slice(0, 300) },
    network: { protocol: 'tftp', transport: 'udp' },
    ...compact({
      source: endpoint({ address }),
      file: path === undefined ? undefined : { path, name: path.slice(path.lastIndexOf('/') + 1) },
      observer: { product: 'dnsmasq', ...(frame.host !== undefined && { hostname: frame.host }) },
    }),
  })
}

function ungiven(text: string, frame: Frame): Told | undefined {
  if (!UNGIVEN.test(text)) return undefined
  const address = /(?:\d{1,3}\.){3}\d{1,3}/.exec(text)?.[0]
  const reason = text.slice(0, 300)
  return leaseOf({ message: 'FAIL', address, reason, product: 'dnsmasq', host: frame.host })
}

function leased(lease: RegExpExecArray, out: DecodeSink): void {
  const [, expiry = '0', mac, address, name] = lease
  const endMs = Number(expiry) * 1000
  const { action, doc } = leaseOf({
    message: 'LEASE',
    address,
    mac,
    name,
    endMs: endMs === 0 ? undefined : endMs,
    product: 'dnsmasq',
  })
  out.event({ timeMs: undefined, action, doc })
}

function dhcp(text: string, frame: Frame): Told | 'unknown' | undefined {
  const known = dhcpLine(text, 'dnsmasq', frame.host) ?? ungiven(text, frame)
  if (known !== undefined) return known
  return DHCP_ROUTINE.test(text) ? undefined : 'unknown'
}

function names(whole: string, frame: Frame): Told | 'unknown' | undefined {
  const extra = EXTRA.exec(whole)
  const text = extra === null ? whole : whole.slice(extra[0].length)
  const asked = QUERY.exec(text)
  const base = {
    product: 'dnsmasq',
    host: frame.host,
    id: extra?.[1],
    port: extra === null ? undefined : Number(extra[3]),
  }
  if (asked !== null) {
    const [, type, name, client] = asked
    return queryOf({
      ...ANEW,
      ...base,
      name,
      type,
      client,
      kind: 'query',
      code: 'query',
      reason: 'query',
      outcome: 'unknown',
    })
  }
  if (text.startsWith('started, version')) return serverWords('service-start', text, 'dnsmasq')
  if (text.startsWith('exiting on receipt')) return serverWords('service-stop', text, 'dnsmasq')
  const rebind = /^possible DNS-rebind attack detected: (\S+)/.exec(text)
  if (rebind !== null) {
    const facts: QueryFacts = {
      ...ANEW,
      ...base,
      name: rebind[1],
      code: 'rebind',
      reason: text,
      outcome: 'failure',
      denied: true,
    }
    return queryOf(facts)
  }
  if (FAULT.test(text)) {
    return serverWords('service-error', text, 'dnsmasq')
  }
  if (ROUTINE.test(text)) return undefined
  return answered(text, { ...ANEW, ...base, client: extra?.[2] })
}

function answered(
  text: string,
  base: Pick<QueryFacts, 'product' | 'host' | 'id' | 'port' | 'client'>,
): Told | 'unknown' {
  const answer = ANSWER.exec(text)
  const [, how = '', name, value = ''] = answer ?? []
  if (answer === null || value.length > 1_000) return 'unknown'
  const blocked = BLOCKING.test(how) || /blocked/.test(value)
  const code = codeOf(value)
  const failed = code !== 'NOERROR' || blocked
  return queryOf({
    ...ANEW,
    ...base,
    name,
    kind: 'answer',
    code: blocked ? 'blocked' : how.startsWith('/') ? 'hosts' : (how.split(' ')[0] ?? 'reply'),
    reason: blocked ? `blocked: ${how}` : code,
    outcome: failed ? 'failure' : 'success',
    denied: blocked,
    responseCode: code,
    answers: isData(value) ? [{ data: value }] : [],
  })
}

function codeOf(value: string): string {
  const code = /^(?:NXDOMAIN|SERVFAIL|REFUSED|NOTIMP|FORMERR)/.exec(value)?.[0]
  return code ?? 'NOERROR'
}

const isData = (value: string): boolean =>
  plainIp(value) !== undefined || /^[\w-]+(?:\.[\w-]+)+$/.test(value)

export const dnsmasq: DecoderSpec = {
  name: 'dnsmasq',
  summary: 'dnsmasq and Pi-hole: queries, answers, DHCP messages, and the file of leases.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new LineDecoder(read, options),
}
