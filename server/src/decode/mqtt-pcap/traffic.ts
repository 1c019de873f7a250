import { ANEW } from '../../base/anew.ts'
import type { StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import { compact, isObject } from '../document/values.ts'
import { KeptMap } from '../kept-map.ts'
import { eventDoc } from '../mosquitto/drafts.ts'
import type { End, Flow, Way } from './flow.ts'
import { OBSERVER } from './teller.ts'
import type { Origin, Turn } from './turn.ts'
import { wordsOf } from './words.ts'

const DEVICES_MAX = 20_000
const TOPICS_MAX = 20
const TOPIC_CHARACTERS_MAX = 200
/** Records that are told with one packet, beside its own. */
const TOLD_AT_ONCE = 20

/** What one client sent and received in an interval. Counted in place. */
export interface DeviceTraffic {
  readonly id: string | undefined
  readonly user: string | undefined
  readonly ip: string
  readonly server: End
  /** Number of the interval: time divided by its length. */
  readonly slot: number
  readonly firstMs: number
  lastMs: number
  upPackets: number
  upBytes: number
  downPackets: number
  downBytes: number
  sent: number
  received: number
  /** Messages and bytes by topic, as published by the client. */
  topics: [topic: string, messages: number, bytes: number][]
  /** Messages of topics beyond the limit. */
  others: number
  readonly origin: Origin
}

/**
 * Counts what each client says in intervals of event time and tells it as one event: told when the
 * interval is over and a packet comes, so that nothing but packets moves the time.
 */
export class Traffic {
  readonly #turn: Turn
  readonly #intervalMs: number
  readonly #devices: KeptMap<DeviceTraffic>

  constructor(turn: Turn, intervalMs: number) {
    this.#turn = turn
    this.#intervalMs = intervalMs
    this.#devices = new KeptMap(
      'd:',
      DEVICES_MAX,
      (_, traffic) => this.#tell(traffic),
      (saved) => reviveTraffic(saved),
    )
  }

  get size(): number {
    return this.#devices.size
  }

  get evicted(): number {
    return this.#devices.evicted
  }

  /** The record of a flow's client in this interval. */
  of(flow: Flow): DeviceTraffic {
    const turn = this.#turn
    const { client, server, told } = flow
    const key = `${server.ip}:${server.port} ${told.id ?? ''}${told.id ? '' : client.ip}`
    const known = this.#devices.get(key)
    const slot = Math.floor(turn.atMs / this.#intervalMs)
    if (known !== undefined && isNow(known, slot)) {
      known.lastMs = turn.atMs
      this.#devices.set(key, known)
      return known
    }
    if (known !== undefined) this.#tell(known)
    const made: DeviceTraffic = {
      ...ANEW,
      ...{ id: told.id || undefined, user: told.user, ip: client.ip, server, slot },
      ...{ firstMs: turn.atMs, lastMs: turn.atMs, upPackets: 0, upBytes: 0, downPackets: 0 },
      ...{ downBytes: 0, sent: 0, received: 0, topics: [], others: 0, origin: turn.open() },
    }
    this.#devices.set(key, made)
    return made
  }

  packet(traffic: DeviceTraffic, from: Way, bytes: number): void {
    if (from === 'client') {
      traffic.upPackets += 1
      traffic.upBytes += bytes
    } else {
      traffic.downPackets += 1
      traffic.downBytes += bytes
    }
  }

  message(traffic: DeviceTraffic, from: Way, topic: string, bytes: number): void {
    if (from === 'server') {
      traffic.received += 1
      return
    }
    traffic.sent += 1
    const name = topic.length > TOPIC_CHARACTERS_MAX ? topic.slice(0, TOPIC_CHARACTERS_MAX) : topic
    const known = traffic.topics.find(([known]) => known === name)
    if (known !== undefined) {
      known[1] += 1
      known[2] += bytes
    } else if (traffic.topics.length < TOPICS_MAX) traffic.topics.push([name, 1, bytes])
    else traffic.others += 1
  }

  /** Tells a few of the records whose interval is over; those used longest ago stand first. */
  tellDue(): void {
    const slot = Math.floor(this.#turn.atMs / this.#intervalMs)
    for (let told = 0; told < TOLD_AT_ONCE; told++) {
      const key = this.#devices.oldestKey
      const oldest = key === undefined ? undefined : this.#devices.get(key)
      if (key === undefined || oldest === undefined || isNow(oldest, slot)) return
      this.#devices.delete(key)
      this.#tell(oldest)
    }
  }

  /** At the end of input. */
  tellAll(): void {
    for (const [key, traffic] of [...this.#devices]) {
      this.#devices.delete(key)
      this.#tell(traffic)
    }
  }

  takeChanges(into: StateChange[]): void {
    this.#devices.takeChanges(into)
  }

  restore(entries: readonly (readonly [string, string])[]): void {
    this.#devices.restore(entries)
  }

  /** Its time is that of the telling, so that it is not late; what it tells of stands in start and end. */
  #tell(traffic: DeviceTraffic): void {
    const { id, user, ip, server, firstMs, lastMs, topics, others, sent, received } = traffic
    const names = topics.map(([name]) => name).filter((name) => name !== '')
    const words = wordsOf('counted', 'messages of one client', 'traffic')
    const mqtt = compact({
      client_id: id,
      topic: names.length === 0 ? undefined : names,
      traffic: {
        sent,
        received,
        topics: topics.map(([name, messages, bytes]) => ({ name, messages, bytes })),
        other_topics_messages: others,
      },
    })
    const source: EcsDoc = { address: ip, ip, bytes: traffic.upBytes, packets: traffic.upPackets }
    const doc = eventDoc(words, OBSERVER, source, mqtt)
    const { downBytes: bytes, downPackets: packets } = traffic
    doc['destination'] = { address: server.ip, ip: server.ip, port: server.port, bytes, packets }
    if (user !== undefined) doc['user'] = { name: user }
    const event = doc['event'] as EcsDoc
    event['duration'] = Math.max(0, lastMs - firstMs) * 1e6
    event['start'] = isoOf(firstMs)
    event['end'] = isoOf(lastMs)
    const timeMs = this.#turn.atMs
    this.#turn.tellLater({ timeMs, action: 'mqtt-traffic', doc }, traffic.origin)
  }
}

/** Packets may be swapped at the turn of an interval; a time far ahead was wrong. */
const isNow = (traffic: DeviceTraffic, slot: number): boolean =>
  traffic.slot === slot || traffic.slot === slot + 1

const MS_MAX = 8.64e15
const isoOf = (ms: number): string =>
  new Date(Math.min(MS_MAX, Math.max(-MS_MAX, ms))).toISOString()

function reviveTraffic(saved: unknown): DeviceTraffic | undefined {
  if (!isObject(saved)) return undefined
  const { ip, server, origin, topics } = saved
  const isKnown = typeof ip === 'string' && isObject(server) && isObject(origin)
  if (!isKnown || typeof origin['key'] !== 'string' || !Array.isArray(topics)) return undefined
  const counts = ['slot', 'firstMs', 'lastMs', 'upPackets', 'upBytes', 'downPackets', 'downBytes']
  if (![...counts, 'sent', 'received', 'others'].every((name) => Number.isFinite(saved[name]))) {
    return undefined
  }
  if (!Number.isInteger(origin['part']) || !Number.isFinite(origin['receivedMs'])) return undefined
  return saved as unknown as DeviceTraffic
}
