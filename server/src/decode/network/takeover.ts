import { ANEW } from '../../base/anew.ts'
import type { EcsDoc } from '../../model/event.ts'
import { compact, isObject, present, textAt } from '../document/values.ts'

/** Broker and cloud write of both connections within moments; what is farther apart is another one's. */
const TAKES_MS = 2_000

/** A connection of a client id, as far as the log tells. */
export interface Known {
  readonly address?: string | undefined
  readonly port?: number | undefined
  /** Whose it is: a user name or principal. */
  readonly user?: string | undefined
}

export interface Since extends Known {
  readonly sinceMs: number
}

/**
 * Most brokers write of a takeover in the words of the connection that ends. `source`, `user` and
 * `iot.credential` are of the one that takes the client id (docs/reference/fields.md), so what is said of
 * the loser moves to `iot.mqtt.previous`. `taker`: what those fields hold where another line told of it.
 */
export function takeoverOf(doc: EcsDoc, taker: EcsDoc | undefined): EcsDoc {
  const { source, user, iot, ...rest } = doc
  const { credential: _, mqtt, ...others } = isObject(iot) ? iot : {}
  const { credential, ...given } = taker ?? {}
  return compact({
    ...ANEW,
    ...rest,
    ...given,
    iot: compact({
      ...ANEW,
      ...others,
      credential,
      mqtt: compact({
        ...ANEW,
        ...(isObject(mqtt) ? mqtt : {}),
        identity: taker === undefined ? 'unknown' : 'inferred',
        previous: present({
          ...ANEW,
          ...(isObject(source) ? source : {}),
          user: isObject(user) ? textAt(user, 'name', 'id') : undefined,
        }),
      }),
    }),
  })
}

/**
 * The newest of these connections, in the order of their beginning, if it began when `loser` ended and
 * is not that one itself: it differs in something that both name.
 */
export function takerOf<S extends Since>(
  known: readonly S[],
  loser: Known,
  endedMs: number,
): S | undefined {
  const newest = known.findLast(({ sinceMs }) => sinceMs <= endedMs + TAKES_MS)
  if (newest === undefined || newest.sinceMs < endedMs - TAKES_MS) return undefined
  return isOther(newest, loser) ? newest : undefined
}

const isOther = (one: Known, loser: Known): boolean =>
  differ(one.address, loser.address) || differ(one.port, loser.port) || differ(one.user, loser.user)

function differ<V>(one: V | undefined, other: V | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other
}
