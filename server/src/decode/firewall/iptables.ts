import { ANEW } from '../../base/anew.ts'
import type { DecoderSpec, DecodeSink } from '../../model/decoder.ts'
import type { Frame } from '../line/frame.ts'
import { LineDecoder } from '../line/line-decoder.ts'
import { checkStampOptions, STAMP_OPTIONS } from '../line/options.ts'
import { flowOf, type Verdict, verdictOf, wholeNumber } from './verdict.ts'

const BEGIN = /(?:^|[\s\]:])IN=\S* OUT=/
const PAIRS_MAX = 80

/** `[WAN_IN-default-D]`: EdgeOS and UniFi end the name of the rule with its action. */
function ruleVerdict(prefix: string): Verdict {
  const letter = /-([ADR])\]$/.exec(prefix)?.[1]
  return letter === undefined ? undefined : letter === 'A' ? 'allowed' : 'denied'
}

/** Netfilter's LOG target, of iptables, nftables and ufw (Linux: net/netfilter/nf_log_syslog.c). */
function read(message: string, frame: Frame, out: DecodeSink): void {
  const at = message.search(BEGIN)
  if (at < 0) {
    const known = frame.program !== undefined || /(?:^|\s)\S+?(?:\[\d+\])?: /.test(message)
    if (!known) out.reject('DECODE_UNKNOWN', 'There is no IN= and OUT= in the line.')
    else out.routine(isKernel(message, frame) ? 'kernel' : 'other-program')
    return
  }
  const start = message.startsWith('IN=', at) ? at : at + 1
  const prefix = message
    .slice(0, start)
    .replace(/^(?:\S+ )?kernel:\s?/, '')
    .replace(/^\[\s*\d+\.\d+\]\s?/, '')
    .trim()
  const { pairs, flags } = pairsOf(message.slice(start))
  const from = pairs.get('SRC')
  const transport = transportOf(pairs.get('PROTO'))
  const mac = pairs.get('MAC')?.split(':') ?? []
  const ingress = pairs.get('IN')
  const egress = pairs.get('OUT')
  const words = flowOf({
    verdict: verdictOf(prefix) ?? ruleVerdict(prefix),
    code: 'packet',
    reason: prefix === '' ? 'logged' : prefix.slice(0, 200),
    source: {
      address: from,
      port: wholeNumber(pairs.get('SPT')),
      mac: mac.length >= 12 ? mac.slice(6, 12).join(':') : undefined,
    },
    destination: {
      address: pairs.get('DST'),
      port: wholeNumber(pairs.get('DPT')),
      mac: mac.length >= 12 ? mac.slice(0, 6).join(':') : undefined,
    },
    transport,
    direction: directionOf(ingress, egress),
    bytes: wholeNumber(pairs.get('LEN')),
    packets: 1,
    ingress,
    egress,
    host: frame.host,
    vendor: 'Netfilter',
    product: prefix.startsWith('[UFW') ? 'ufw' : 'iptables',
    rule: prefix === '' ? undefined : { name: prefix.slice(0, 200).replace(/:$/, '') },
  })
  const iptables: Record<string, unknown> = {}
  for (const [key, value] of pairs) if (value !== '') iptables[key.toLowerCase()] = value
  if (flags.length > 0) iptables['flags'] = flags
  out.event({
    timeMs: frame.timeMs,
    action: words.action,
    doc: { ...ANEW, ...words.doc, iptables },
  })
}

function pairsOf(text: string): { pairs: Map<string, string>; flags: string[] } {
  // An ICMP error quotes the packet that it is about, in brackets.
  const quoted = text.indexOf(' [')
  const pairs = new Map<string, string>()
  const flags: string[] = []
  for (const word of (quoted < 0 ? text : text.slice(0, quoted)).split(/\s+/, PAIRS_MAX)) {
    const equals = word.indexOf('=')
    if (equals > 0) {
      // The second LEN is that of the UDP datagram, within the packet.
      const key = word.slice(0, equals)
      if (!pairs.has(key) && /^[A-Z0-9]{1,16}$/.test(key)) pairs.set(key, word.slice(equals + 1))
    } else if (/^[A-Z]{2,3}$/.test(word)) flags.push(word)
  }
  return { pairs, flags }
}

function transportOf(proto: string | undefined): string | undefined {
  const name = proto?.toLowerCase()
  return name === 'icmpv6' ? 'ipv6-icmp' : name
}

function directionOf(ingress: string | undefined, egress: string | undefined): string | undefined {
  if (ingress === undefined || egress === undefined) return undefined
  if (ingress !== '' && egress !== '') return undefined
  return egress === '' ? 'ingress' : 'egress'
}

const isKernel = (message: string, frame: Frame): boolean =>
  frame.program === 'kernel' || /(?:^|\s)kernel: /.test(message)

export const iptables: DecoderSpec = {
  name: 'iptables',
  summary: 'Packets logged by Linux netfilter: iptables, nftables, ufw, in syslog or kernel logs.',
  options: STAMP_OPTIONS,
  check: checkStampOptions,
  create: (options = {}) => new LineDecoder(read, options),
}
