import { ANEW } from '../../base/anew.ts'
import type { Draft } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { isObject, numberAt, objectAt, textAt } from '../document/values.ts'
import { KeptMap } from '../kept-map.ts'
import { type Since, takeoverOf, takerOf } from '../network/takeover.ts'

const CLIENTS_MAX = 10_000

type Told = Omit<Draft, 'part'>

interface Connection extends Since {
  readonly source?: EcsDoc | undefined
}

/** Knows the newest connection of each client id: EMQX tells of a takeover in the words of the old one. */
export class Takers {
  readonly connections = new KeptMap<Connection>('t:', CLIENTS_MAX, undefined, revived)

  /** What is told, with `source` and `user` of the connection that took a client id. */
  told<T extends Told>(told: T, item: RawItem): T {
    const { action, doc } = told
    if (action !== 'mqtt-connect' && action !== 'mqtt-takeover') return told
    const iot = objectAt(doc, 'iot')
    const client = iot === undefined ? undefined : textAt(objectAt(iot, 'mqtt') ?? {}, 'client_id')
    const atMs = told.timeMs ?? item.receivedMs
    const one = connectionOf(doc, atMs)
    if (action === 'mqtt-connect') {
      const accepted = objectAt(doc, 'event')?.['outcome'] === 'success'
      if (accepted && client !== undefined) this.connections.set(client, one)
      return told
    }
    const newest = client === undefined ? undefined : this.connections.get(client)
    const taker = newest === undefined ? undefined : takerOf([newest], one, atMs)
    return { ...ANEW, ...told, doc: takeoverOf(doc, taker && fieldsOf(taker)) }
  }
}

function connectionOf(doc: EcsDoc, sinceMs: number): Connection {
  const source = objectAt(doc, 'source')
  const user = objectAt(doc, 'user')
  return {
    sinceMs,
    address: source && textAt(source, 'address'),
    port: source && numberAt(source, 'port'),
    user: user && textAt(user, 'name'),
    source,
  }
}

const fieldsOf = ({ source, user }: Connection): EcsDoc => ({
  source,
  user: user === undefined ? undefined : { name: user },
})

function revived(saved: unknown): Connection | undefined {
  return isObject(saved) && typeof saved['sinceMs'] === 'number'
    ? (saved as unknown as Connection)
    : undefined
}
