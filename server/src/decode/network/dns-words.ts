import type { EcsDoc } from '../../model/event.ts'
import { plainIp } from '../mosquitto/address.ts'
import { compact } from '../document/values.ts'

export interface DnsAnswer {
  readonly data: string
  readonly type?: string | undefined
  readonly ttl?: number | undefined
  readonly name?: string | undefined
}

export interface DnsFacts {
  readonly name: string | undefined
  readonly type?: string | undefined
  readonly class?: string | undefined
  readonly id?: string | undefined
  readonly kind?: 'query' | 'answer' | undefined
  readonly responseCode?: string | undefined
  readonly answers?: readonly DnsAnswer[] | undefined
  readonly flags?: readonly string[] | undefined
}

const ANSWERS_MAX = 100

/** `dns` of a document. The registered domain is not worked out: that needs the public suffix list. */
export function dnsOf(facts: DnsFacts): EcsDoc {
  const { name, answers = [] } = facts
  const kept = answers.slice(0, ANSWERS_MAX).map((answer) => compact({ ...answer }))
  const ips: string[] = []
  for (const { data } of answers.slice(0, ANSWERS_MAX)) {
    const ip = plainIp(data)
    if (ip !== undefined && !ips.includes(ip)) ips.push(ip)
  }
  return compact({
    type: facts.kind,
    id: facts.id,
    question: compact({ name: plainName(name), type: facts.type, class: facts.class }),
    answers: kept.length === 0 ? undefined : kept,
    resolved_ip: ips.length === 0 ? undefined : ips,
    response_code: facts.responseCode,
    header_flags: facts.flags,
  })
}

/** Lower case, without the root's dot: as rules compare names. */
export function plainName(name: string | undefined): string | undefined {
  if (name === undefined || name === '') return undefined
  const lower = name.toLowerCase()
  return lower.length > 1 && lower.endsWith('.') ? lower.slice(0, -1) : lower
}

/** Success and failure by the code of the answer (RFC 1035 4.1.1); unknown while there is none. */
export function dnsOutcome(code: string | undefined): 'success' | 'failure' | 'unknown' {
  if (code === undefined) return 'unknown'
  return code === 'NOERROR' ? 'success' : 'failure'
}

/** Names of response codes (IANA "DNS RCODEs"). */
export function rcodeName(code: number): string {
  return RCODES[code] ?? `RCODE${code}`
}

const RCODES =
  'NOERROR FORMERR SERVFAIL NXDOMAIN NOTIMP REFUSED YXDOMAIN YXRRSET NXRRSET NOTAUTH NOTZONE'.split(
    ' ',
  )
