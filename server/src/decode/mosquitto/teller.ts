import type { DecodeSink, Draft } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import type { Whose } from './accepts.ts'
import type { Peer } from './address.ts'
import { eventDoc, type EventWords, type Session, sourceOf } from './drafts.ts'
import type { Memory } from './memory.ts'
import type { Moment } from './turn.ts'

export const EXACT: Whose = { identity: 'exact', accept: undefined, candidates: [] }
export const UNKNOWN: Whose = { identity: 'unknown', accept: undefined, candidates: [] }

/** Whom an event is about, gathered from the lines. */
export interface About {
  readonly id: string | undefined
  readonly peer: Peer | Session | undefined
  /** The broker's port. */
  readonly listener?: number | undefined
  readonly user?: string | undefined
  readonly whose: Whose
}

export interface Telling {
  readonly action: EventAction
  readonly words: EventWords
  readonly about: About
  /** Further fields under `iot.mqtt`. */
  readonly mqtt?: EcsDoc
  /** Further fields of the document. */
  readonly fields?: EcsDoc
  /** The lines of a join. */
  readonly lines?: readonly string[]
  readonly part?: number
  /** Names the series of like failures of one client, for the beat of its retries. */
  readonly retryOf?: string
}

/** Writes events, with what the memory knows of their address. */
export class Teller {
  observer: EcsDoc = { product: 'Mosquitto', type: 'mqtt-broker' }
  readonly #memory: Memory

  constructor(memory: Memory) {
    this.#memory = memory
  }

  tell(out: DecodeSink, moment: Moment, telling: Telling, current: boolean): void {
    const { action, words, about } = telling
    const mqtt: EcsDoc = { identity: about.whose.identity }
    if (about.id !== undefined && about.id !== '') mqtt['client_id'] = about.id
    const address = about.peer?.ip ?? about.peer?.address
    if (address !== undefined) {
      const { clients, share, shared } = this.#memory.shape.of(address)
      mqtt['shared_address'] = shared
      mqtt['address_clients'] = clients
      mqtt['address_share'] = share
      if (telling.retryOf !== undefined) this.#beat(mqtt, address, moment, telling)
    }
    if (telling.mqtt !== undefined) Object.assign(mqtt, telling.mqtt)
    const source = about.peer === undefined ? undefined : sourceOf(about.peer)
    const doc = eventDoc(words, this.observer, source, mqtt)
    if (about.listener !== undefined) doc['destination'] = { port: about.listener }
    if (about.user !== undefined) doc['user'] = { name: about.user }
    if (about.whose.candidates.length > 0) doc['related'] = { ip: about.whose.candidates }
    if (telling.fields !== undefined) Object.assign(doc, telling.fields)
    out.event(draftOf(moment, telling, action, doc, current))
  }

  #beat(mqtt: EcsDoc, address: string, moment: Moment, telling: Telling): void {
    const { id } = telling.about
    const key = `${address} ${id ?? ''}`
    const reason = `${telling.retryOf} ${telling.words.reason}`
    const beat = this.#memory.beats.failed(key, reason, moment.atMs, moment.whole)
    mqtt['retry'] = {
      regular: beat.regular,
      count: beat.count,
      interval: beat.intervalMs / 1000,
      scope: id === undefined ? 'address' : 'client',
    }
  }
}

function draftOf(
  moment: Moment,
  telling: Telling,
  action: EventAction,
  doc: EcsDoc,
  current: boolean,
): Draft {
  const draft: { -readonly [K in keyof Draft]: Draft[K] } = { timeMs: moment.timeMs, action, doc }
  if (telling.part !== undefined) draft.part = telling.part
  if (!current) draft.origin = moment.item
  if (telling.lines !== undefined && telling.lines.length > 1) {
    draft.original = telling.lines.join('\n')
  }
  return draft
}
