import type { EcsDoc, EventAction } from '../../model/event.ts'
import { compact } from '../document/values.ts'
import { eventDoc, type EventWords, protocolVersion } from '../mosquitto/drafts.ts'
import { AddressShape, RetryBeats } from '../mosquitto/shape.ts'
import type { StateChange } from '../../model/decoder.ts'
import type { End, Flow } from './flow.ts'
import type { Turn } from './turn.ts'

export const OBSERVER: EcsDoc = { type: 'mqtt-sensor' }

export interface Telling {
  readonly action: EventAction
  readonly words: EventWords
  /** Further fields under `iot.mqtt`. */
  readonly mqtt?: EcsDoc
  readonly fields?: EcsDoc
  /** Names the series of like failures of one client, for the beat of its retries. */
  readonly retryOf?: string
}

const endDoc = ({ ip, port }: End): EcsDoc => ({ address: ip, ip, port })

/** Writes events of a flow, with what is known of its address and its retries. */
export class FlowTeller {
  readonly #shape = new AddressShape()
  readonly #beats = new RetryBeats()
  readonly #turn: Turn

  constructor(turn: Turn) {
    this.#turn = turn
  }

  tell(flow: Flow, telling: Telling): void {
    const turn = this.#turn
    const { id, user, keepalive, clean, version, bridge, will } = flow.told
    const sharing = this.#shape.of(flow.client.ip)
    const mqtt = compact({
      identity: 'exact',
      client_id: id === '' ? undefined : id,
      shared_address: sharing.shared,
      address_clients: sharing.clients,
      address_share: sharing.share,
      protocol_version: protocolVersion(version),
    })
    if (telling.action === 'mqtt-connect') {
      const more = { keepalive, clean_start: clean, bridge, will_topic: will }
      Object.assign(mqtt, compact(more))
    }
    if (telling.retryOf !== undefined) this.#beat(mqtt, flow, telling)
    if (telling.mqtt !== undefined) Object.assign(mqtt, telling.mqtt)
    const doc = eventDoc(telling.words, OBSERVER, endDoc(flow.client), mqtt)
    doc['destination'] = endDoc(flow.server)
    if (user !== undefined) doc['user'] = { name: user }
    if (telling.fields !== undefined) Object.assign(doc, telling.fields)
    turn.tell({ timeMs: turn.atMs, action: telling.action, doc })
  }

  connected(flow: Flow): void {
    const { ip } = flow.client
    const id = flow.told.id ?? ''
    if (id !== '') this.#shape.connected(ip, id, this.#turn.atMs)
    this.#beats.succeeded(`${ip} ${id}`)
  }

  takeChanges(into: StateChange[]): void {
    this.#shape.takeChanges(into)
    this.#beats.takeChanges(into)
  }

  restore(entries: readonly (readonly [string, string])[]): void {
    this.#shape.restore(entries)
    this.#beats.restore(entries)
  }

  stats(): Readonly<Record<string, number>> {
    return { clients: this.#shape.size, retries: this.#beats.size }
  }

  #beat(mqtt: EcsDoc, flow: Flow, telling: Telling): void {
    const { id } = flow.told
    const key = `${flow.client.ip} ${id ?? ''}`
    const reason = `${telling.retryOf} ${telling.words.reason}`
    const beat = this.#beats.failed(key, reason, this.#turn.atMs, false)
    mqtt['retry'] = {
      regular: beat.regular,
      count: beat.count,
      interval: beat.intervalMs / 1000,
      scope: id === undefined ? 'address' : 'client',
    }
  }
}
