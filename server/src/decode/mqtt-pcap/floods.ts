import type { StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import { isObject } from '../document/values.ts'
import { KeptMap } from '../kept-map.ts'
import { eventDoc } from '../mosquitto/drafts.ts'
import type { End, Flow } from './flow.ts'
import { OBSERVER } from './teller.ts'
import type { Turn } from './turn.ts'
import { wordsOf } from './words.ts'

const WAITING_MAX = 10_000
const TALLIES_MAX = 10_000
const LOOKED_AT_ONCE = 50
/** A client that has not finished its CONNECT after so long is slow on purpose, or broken. */
const UNFINISHED_MS = 10_000
const WINDOW_MS = 60_000
const FROM_ONE_ADDRESS = 20
const AT_ONE_BROKER = 200

type Kind = 'unfinished-connects' | 'malformed-packets'
const REASONS: Readonly<Record<Kind, string>> = {
  'unfinished-connects': 'many connections that do not finish their CONNECT',
  'malformed-packets': 'many connections that break the protocol',
}

interface Waiting {
  readonly atMs: number
  readonly ip: string
  readonly server: End
}

interface Tally {
  readonly sinceMs: number
  readonly count: number
  /** The next count at which it is told: ten times the one before. */
  readonly next: number
}

/**
 * Recognises floods that no single connection shows: many that never finish their CONNECT (half-sent,
 * byte by byte, or nothing at all), and many that break the protocol, counted per address and per
 * broker over a minute.
 */
export class Floods {
  /** Connections that have not finished their CONNECT, in the order in which they began. */
  readonly #waiting = new KeptMap<Waiting>('w:', WAITING_MAX)
  readonly #tallies = new KeptMap<Tally>('t:', TALLIES_MAX)
  readonly #turn: Turn

  constructor(turn: Turn) {
    this.#turn = turn
  }

  stats(): Readonly<Record<string, number>> {
    return { waiting: this.#waiting.size, tallies: this.#tallies.size }
  }

  began({ key, client, server }: Flow): void {
    this.#waiting.set(key, { atMs: this.#turn.atMs, ip: client.ip, server })
  }

  /** Its CONNECT is complete, or it is gone. */
  finished(key: string): void {
    if (this.#waiting.size > 0) this.#waiting.delete(key)
  }

  malformed({ client, server }: Flow): void {
    this.#count('malformed-packets', client.ip, server)
  }

  /** Looks at those that wait for longest. */
  look(): void {
    for (let looked = 0; looked < LOOKED_AT_ONCE; looked++) {
      const key = this.#waiting.oldestKey
      const oldest = key === undefined ? undefined : this.#waiting.get(key)
      if (key === undefined || oldest === undefined) return
      // A time far ahead was wrong, and must not hold the others up.
      if (Math.abs(this.#turn.atMs - oldest.atMs) < UNFINISHED_MS) return
      this.#waiting.delete(key)
      this.#count('unfinished-connects', oldest.ip, oldest.server)
    }
  }

  takeChanges(into: StateChange[]): void {
    this.#waiting.takeChanges(into)
    this.#tallies.takeChanges(into)
  }

  restore(entries: readonly (readonly [string, string])[]): void {
    this.#waiting.restore(entries)
    this.#tallies.restore(entries)
    for (const [key, value] of [...this.#waiting]) {
      const isKnown = isObject(value) && isObject(value.server) && Number.isFinite(value.atMs)
      if (!isKnown) this.#waiting.delete(key)
    }
    for (const [key, value] of [...this.#tallies]) {
      if (!isObject(value) || !Number.isFinite(value.count)) this.#tallies.delete(key)
    }
  }

  #count(kind: Kind, ip: string, server: End): void {
    this.#add(kind, `${kind} ${ip}`, FROM_ONE_ADDRESS, { ip, server })
    this.#add(kind, `${kind} > ${server.ip}:${server.port}`, AT_ONE_BROKER, { server })
  }

  #add(
    kind: Kind,
    key: string,
    threshold: number,
    { ip, server }: { ip?: string; server: End },
  ): void {
    const { atMs } = this.#turn
    const known = this.#tallies.get(key)
    const isFresh = known === undefined || Math.abs(atMs - known.sinceMs) >= WINDOW_MS
    const sinceMs = isFresh ? atMs : known.sinceMs
    const count = isFresh ? 1 : known.count + 1
    const next = isFresh ? threshold : known.next
    const isTold = count >= next
    this.#tallies.set(key, { sinceMs, count, next: isTold ? next * 10 : next })
    if (!isTold) return
    const words = wordsOf('flood', REASONS[kind], kind)
    const flood = { kind, connections: count, scope: ip === undefined ? 'broker' : 'address' }
    const source = ip === undefined ? undefined : { address: ip, ip }
    const doc: EcsDoc = eventDoc(words, OBSERVER, source, { flood })
    doc['destination'] = { address: server.ip, ip: server.ip, port: server.port }
    this.#turn.tell({ timeMs: atMs, action: 'mqtt-flood', doc })
  }
}
