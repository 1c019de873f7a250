import type { EcsDoc } from '../../model/event.ts'
import { compact, present } from '../document/values.ts'
import { type DnsFacts, dnsOf } from '../network/dns-words.ts'
import { endpoint } from '../network/endpoint.ts'
import { type Outcome, told, type Told } from '../network/told.ts'

export interface QueryFacts extends DnsFacts {
  readonly code: string
  readonly reason: string
  readonly outcome: Outcome
  readonly denied?: boolean
  readonly client?: string | undefined
  readonly port?: number | undefined
  readonly server?: string | undefined
  readonly product: string
  readonly host?: string | undefined
}

/** One line of a name server about one name. */
export function queryOf(facts: QueryFacts): Told {
  const { client, server, outcome, denied } = facts
  const type = denied === true ? ['protocol', 'denied'] : ['connection', 'protocol']
  return told('dns-query', ['network'], type, outcome, facts.code, {
    event: { reason: facts.reason },
    ...compact({
      source: client === undefined ? undefined : endpoint({ address: client, port: facts.port }),
      destination: server === undefined ? undefined : endpoint({ address: server }),
    }),
    network: { protocol: 'dns' },
    dns: dnsOf(facts),
    observer: observerOf(facts.product, facts.host),
  })
}

export function observerOf(product: string, host: string | undefined): EcsDoc {
  return compact({ product, type: 'dns', hostname: host })
}

/** What a server says of itself. */
export function serverWords(
  action: 'service-start' | 'service-stop' | 'service-error',
  message: string,
  product: string,
): Told {
  const type =
    action === 'service-error' ? ['error'] : [action === 'service-start' ? 'start' : 'end']
  const outcome = action === 'service-error' ? 'failure' : 'success'
  return told(action, ['process'], type, outcome, action, {
    event: { reason: message.slice(0, 500) },
    ...compact({ observer: present({ product }) }),
  })
}
