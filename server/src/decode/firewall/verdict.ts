import type { EcsDoc } from '../../model/event.ts'
import { compact, present } from '../document/values.ts'
import { addressType, endpoint, ianaNumber, type Side } from '../network/endpoint.ts'
import { type Outcome, told, type Told } from '../network/told.ts'

export type Verdict = 'allowed' | 'denied' | undefined

/** What a word for a firewall's decision says: `DROP`, `blocked`, `REJECT`, `Accept`, `pass`, … */
export function verdictOf(words: string): Verdict {
  if (/\b(?:\w*[-_])?(?:block|drop|den(?:y|ied)|reject|refus|discard|prevent|reset)/i.test(words)) {
    return 'denied'
  }
  return /\b(?:\w*[-_])?(?:accept|allow|permit|pass|forward|grant)/i.test(words)
    ? 'allowed'
    : undefined
}

export interface FlowFacts {
  readonly verdict: Verdict
  readonly code: string
  readonly reason: string
  readonly source: Side
  readonly destination: Side
  readonly transport?: string | undefined
  readonly direction?: string | undefined
  readonly bytes?: number | undefined
  readonly packets?: number | undefined
  readonly ingress?: string | undefined
  readonly egress?: string | undefined
  readonly host?: string | undefined
  readonly vendor?: string | undefined
  readonly product?: string | undefined
  readonly rule?: EcsDoc | undefined
  readonly event?: EcsDoc | undefined
}

/** A connection or packet that a firewall judged. */
export function flowOf(facts: FlowFacts): Told {
  const { verdict, source, destination, transport } = facts
  const outcome: Outcome =
    verdict === undefined ? 'unknown' : verdict === 'denied' ? 'failure' : 'success'
  const type = verdict === undefined ? ['connection'] : ['connection', verdict]
  return told('network-flow', ['network'], type, outcome, facts.code, {
    event: { reason: facts.reason, ...facts.event },
    ...compact({
      source: endpoint(source),
      destination: endpoint(destination),
      network: present({
        transport,
        iana_number: ianaNumber(transport),
        type: addressType(source.address),
        direction: facts.direction,
        bytes: facts.bytes,
        packets: facts.packets,
      }),
      rule: facts.rule,
      observer: compact({
        type: 'firewall',
        vendor: facts.vendor,
        product: facts.product,
        hostname: facts.host,
        ingress: interfaceOf(facts.ingress),
        egress: interfaceOf(facts.egress),
      }),
    }),
  })
}

const interfaceOf = (name: string | undefined): EcsDoc | undefined =>
  name === undefined || name === '' ? undefined : { interface: { name } }

/** A whole number of at most 15 digits, or undefined. */
export function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
