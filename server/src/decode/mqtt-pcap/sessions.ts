import { ANEW } from '../../base/anew.ts'
import type {
  IConnackPacket,
  IConnectPacket,
  IDisconnectPacket,
  IPublishPacket,
  ISubackPacket,
  Packet,
} from 'mqtt-packet'
import type { StateChange } from '../../model/decoder.ts'
import { KeptMap } from '../kept-map.ts'
import { CLOSING_WORDS } from '../mosquitto/closing-words.ts'
import { connackReason } from '../mosquitto/drafts.ts'
import type { Flow, Way } from './flow.ts'
import type { Framed } from './framer.ts'
import { PacketReader } from './packets.ts'
import type { FlowTeller } from './teller.ts'
import type { Traffic } from './traffic.ts'
import type { Turn } from './turn.ts'
import { endedWords, wordsOf } from './words.ts'

const SESSIONS_MAX = 100_000
const TEXT_MAX = 512
const TOPICS_TOLD_MAX = 20
const ASKED_TOPICS_MAX = 64
const ALIASES_MAX = 64
const EARLY_MAX = 20
/** Brokers look at their clients' silence every few seconds. */
const TIMEOUT_SLACK_MS = 1_500

export interface SessionParts {
  readonly turn: Turn
  readonly teller: FlowTeller
  readonly traffic: Traffic
  /** The flow of a key, if it is still known. */
  flow(key: string): Flow | undefined
  /** A session began: the flow is worth keeping. */
  opened(flow: Flow): void
  /** A connection broke the protocol. */
  malformed(flow: Flow): void
}

/** What the packets of a connection mean: who connects, is refused, overreaches, is displaced, ends. */
export class Sessions {
  /** Key of the flow that holds a client id at a broker. */
  readonly #holders = new KeptMap<string>('s:', SESSIONS_MAX)
  readonly #reader = new PacketReader()
  readonly #parts: SessionParts

  constructor(parts: SessionParts) {
    this.#parts = parts
  }

  get size(): number {
    return this.#holders.size
  }

  packet(flow: Flow, from: Way, framed: Framed): void {
    const type = (framed.bytes[0] ?? 0) >> 4
    if (from === 'client') flow.spokeMs = this.#parts.turn.atMs
    if (flow.phase === 'opening' && flow.isWhole && from === 'client' && type !== CONNECT_TYPE) {
      this.broken(flow, 'The first packet is no CONNECT')
      return
    }
    if (flow.phase === 'opening' && !flow.isWhole && type > 2) flow.phase = 'open'
    // It answers what only a session may ask: its CONNACK was not captured.
    if (flow.phase === 'connecting' && from === 'server' && SESSION_TYPES.has(type)) {
      this.#accepted(flow, 'accepted, by what followed', {})
    }
    const traffic = flow.phase === 'open' ? this.#parts.traffic.of(flow) : undefined
    if (traffic !== undefined) this.#parts.traffic.packet(traffic, from, framed.length)
    if (type === PINGREQ || type === PINGRESP) return
    const read = this.#reader.read(framed, flow.level)
    if (read === undefined) {
      if (framed.cut && type !== PUBLISH_TYPE) this.#oversize(flow, framed.length)
      return
    }
    if (read.cmd === 'broken') {
      // Met midway or after a gap, it may be our own reading that is wrong.
      if (flow.isWhole) this.broken(flow, read.detail)
      return
    }
    if (from === 'client') this.#ofClient(flow, read, framed)
    else this.#ofServer(flow, read, framed)
  }

  broken(flow: Flow, detail: string): void {
    if (flow.phase === 'ended' || flow.phase === 'refused' || flow.phase === 'foreign') return
    const words = wordsOf('fault', 'malformed packet', 'malformed')
    const message = detail.slice(0, TEXT_MAX)
    this.#parts.teller.tell(flow, {
      ...ANEW,
      ...{ action: 'protocol-error', words, mqtt: { detail: message } },
      fields: { error: { message } },
    })
    this.#parts.malformed(flow)
    this.#release(flow)
    flow.silence('foreign')
  }

  /** The connection ended without a word of MQTT, by one side's FIN or RST, or was replaced. */
  closed(flow: Flow, by: Way | 'vanished', isReset: boolean): void {
    const { phase } = flow
    if (phase === 'connecting' && by === 'client' && !isReset) {
      // It may have said all it wanted; the answer is still to come.
      flow.parting ??= 'closed'
      return
    }
    if (phase === 'connecting')
      this.#unanswered(flow, flow.parting === undefined && !flow.isBlind ? by : 'vanished')
    else if (phase === 'open' && (flow.told.id !== undefined || flow.isWhole)) {
      this.#ended(flow, by, isReset)
    } else if (phase === 'opening' && flow.mode === 'mqtt' && flow.isWhole) {
      const reason = 'connection ended before its CONNECT was complete'
      const words = wordsOf('fault', reason, 'connect-unfinished')
      this.#parts.teller.tell(flow, { action: 'protocol-error', words })
      this.#parts.malformed(flow)
    }
    if (phase === 'opening' || phase === 'connecting' || phase === 'open') {
      this.#release(flow)
      flow.silence('ended')
    }
  }

  takeChanges(into: StateChange[]): void {
    this.#holders.takeChanges(into)
  }

  restore(entries: readonly (readonly [string, string])[]): void {
    this.#holders.restore(entries)
    for (const [key, holder] of [...this.#holders]) {
      if (typeof holder !== 'string') this.#holders.delete(key)
    }
  }

  #ofClient(flow: Flow, packet: Packet, framed: Framed): void {
    if (packet.cmd === 'publish') this.#publish(flow, 'client', packet, framed)
    else if (packet.cmd === 'connect') this.#connect(flow, packet)
    else if (packet.cmd === 'disconnect') this.#disconnect(flow, packet)
    else if (packet.cmd === 'subscribe') {
      const topics = packet.subscriptions.map(({ topic }) => clipped(topic))
      flow.ask(packet.messageId ?? 0, topics.slice(0, ASKED_TOPICS_MAX))
    }
  }

  #ofServer(flow: Flow, packet: Packet, framed: Framed): void {
    if (packet.cmd === 'publish') this.#publish(flow, 'server', packet, framed)
    else if (packet.cmd === 'connack') this.#connack(flow, packet)
    else if (packet.cmd === 'suback') this.#suback(flow, packet)
    else if (packet.cmd === 'disconnect') this.#dismissed(flow, packet)
    else if (packet.cmd === 'puback' || packet.cmd === 'pubrec') {
      this.#puback(flow, packet.messageId ?? 0, packet.reasonCode ?? 0)
    }
  }

  #connect(flow: Flow, packet: IConnectPacket): void {
    if (flow.phase !== 'opening') {
      this.broken(flow, 'A second CONNECT in one connection')
      return
    }
    const { clientId, username, keepalive = 0, clean = true, protocolVersion, will } = packet
    flow.told = {
      id: clipped(clientId),
      ...(username === undefined ? {} : { user: clipped(username) }),
      keepalive,
      clean,
      version: protocolVersion ?? 4,
      ...(will === undefined ? {} : { will: clipped(will.topic) }),
      ...((packet as { bridgeMode?: boolean }).bridgeMode === true ? { bridge: true } : {}),
    }
    flow.phase = 'connecting'
    this.#claim(flow)
  }

  /** Who holds the id now will be displaced if the broker lets this one in. */
  #claim(flow: Flow): void {
    const held = this.#holders.get(holderKey(flow))
    const old = held === undefined || held === flow.key ? undefined : this.#parts.flow(held)
    if (old === undefined || old.phase !== 'open' || old.up.isClosed || old.down.isClosed) return
    if (this.#isTimedOut(old)) return
    const { ip, port } = old.client
    const { user } = old.told
    flow.displaces = { ip, port, ...(user === undefined ? {} : { user }) }
    old.displacedBy = flow.key
  }

  #connack(flow: Flow, packet: IConnackPacket): void {
    const isMidway = flow.phase === 'opening' && !flow.isWhole
    if (flow.phase !== 'connecting' && !isMidway) return
    const code = packet.reasonCode ?? packet.returnCode ?? 0
    const { teller } = this.#parts
    if (code !== 0) {
      const words = wordsOf('refused', connackReason(code), 'connack-refused')
      const mqtt = { reason_code: code }
      teller.tell(flow, { action: 'mqtt-connect', words, mqtt, retryOf: 'connect' })
      this.#unclaim(flow)
      flow.silence('refused')
      return
    }
    const assigned = packet.properties?.assignedClientIdentifier
    if (assigned !== undefined && flow.told.id === '') flow.told.id = clipped(assigned)
    const keepalive = packet.properties?.serverKeepAlive
    if (keepalive !== undefined) flow.told.keepalive = keepalive
    this.#accepted(flow, 'accepted', { reason_code: 0 })
  }

  #accepted(flow: Flow, reason: string, mqtt: Record<string, unknown>): void {
    const { teller, traffic } = this.#parts
    if (flow.displaces !== undefined) this.#takeover(flow)
    flow.phase = 'open'
    teller.connected(flow)
    const kind = flow.told.bridge === true ? 'bridge-connected' : 'connected'
    const words = wordsOf('accepted', reason, kind)
    teller.tell(flow, { action: 'mqtt-connect', words, mqtt })
    if (flow.told.id !== undefined && flow.told.id !== '')
      this.#holders.set(holderKey(flow), flow.key)
    this.#parts.opened(flow)
    const counted = traffic.of(flow)
    for (const [topic, bytes] of flow.early.splice(0)) {
      traffic.packet(counted, 'client', bytes)
      traffic.message(counted, 'client', topic, bytes)
    }
    if (flow.parting !== undefined) this.#end(flow, flow.parting, {})
  }

  #takeover(flow: Flow): void {
    const { displaces } = flow
    if (displaces === undefined) return
    const words = wordsOf('taken', 'another connection took the client id', 'takeover')
    const { ip, port, user } = displaces
    const previous = { address: ip, ip, port, ...(user === undefined ? {} : { user }) }
    this.#parts.teller.tell(flow, { action: 'mqtt-takeover', words, mqtt: { previous } })
    flow.displaces = undefined
  }

  /** It was not let in after all: whose id it wanted keeps it. */
  #unclaim(flow: Flow): void {
    const held = this.#holders.get(holderKey(flow))
    const old = held === undefined ? undefined : this.#parts.flow(held)
    if (old?.displacedBy === flow.key) old.displacedBy = undefined
    flow.displaces = undefined
  }

  #publish(flow: Flow, from: Way, packet: IPublishPacket, framed: Framed): void {
    const alias = packet.properties?.topicAlias
    let topic = clipped(packet.topic)
    if (alias !== undefined && from === 'client') {
      if (topic === '') topic = flow.aliases.get(alias) ?? ''
      else if (flow.aliases.size < ALIASES_MAX || flow.aliases.has(alias)) {
        flow.aliases.set(alias, topic)
      }
    }
    // Only MQTT 5 says why a publish was not taken.
    if (from === 'client' && packet.qos > 0 && flow.level === 5) {
      flow.ask(packet.messageId ?? 0, [topic])
    }
    if (flow.phase === 'connecting') {
      if (flow.early.length < EARLY_MAX) flow.early.push([topic, framed.length])
      return
    }
    const traffic = this.#parts.traffic.of(flow)
    this.#parts.traffic.message(traffic, from, topic, framed.length)
  }

  #suback(flow: Flow, packet: ISubackPacket): void {
    const id = packet.messageId ?? 0
    const topics = flow.asked.get(id)
    if (topics === undefined) return
    flow.asked.delete(id)
    const codes = packet.granted.map(Number)
    const denied = topics.filter((_, index) => (codes[index] ?? 0) >= 0x80)
    const granted = topics.filter((_, index) => (codes[index] ?? 0) < 0x80)
    const { teller } = this.#parts
    for (const topic of denied.slice(0, TOPICS_TOLD_MAX)) {
      const code = codes[topics.indexOf(topic)] ?? 0x80
      const words = wordsOf('denied', refusal(code), 'subscribe-denied')
      const mqtt = { topic, reason_code: code }
      teller.tell(flow, { action: 'mqtt-subscribe-denied', words, mqtt })
    }
    if (granted.length === 0) return
    const words = wordsOf('granted', 'granted', 'subscribed')
    const list = granted.slice(0, TOPICS_TOLD_MAX)
    const mqtt = { topic: list.length === 1 ? list[0] : list }
    teller.tell(flow, { action: 'mqtt-subscribe', words, mqtt })
  }

  #puback(flow: Flow, id: number, code: number): void {
    const [topic] = flow.asked.get(id) ?? []
    if (topic === undefined) return
    flow.asked.delete(id)
    if (code < 0x80) return
    const words = wordsOf('denied', refusal(code), 'publish-denied')
    const mqtt = { topic, reason_code: code }
    this.#parts.teller.tell(flow, { action: 'mqtt-publish-denied', words, mqtt })
  }

  #disconnect(flow: Flow, packet: IDisconnectPacket): void {
    if (flow.phase === 'connecting') flow.parting = 'disconnected'
    if (flow.phase !== 'open') return
    const code = packet.reasonCode ?? 0
    // 4: it ends of its own will and wants its will message sent all the same.
    const mqtt = code === 0 ? {} : { reason_code: code }
    this.#end(flow, code >= 0x80 ? 'closed' : 'disconnected', mqtt)
  }

  /** The broker says why it ends the connection (MQTT 5, 3.14.2). */
  #dismissed(flow: Flow, packet: IDisconnectPacket): void {
    if (flow.phase !== 'open') return
    const code = packet.reasonCode ?? 0
    this.#end(flow, DISMISSALS[code] ?? 'server', { reason_code: code })
  }

  #ended(flow: Flow, by: Way | 'vanished', isReset: boolean): void {
    if (flow.displacedBy !== undefined && by !== 'client') this.#end(flow, 'taken-over', {})
    else if (by === 'client') this.#end(flow, isReset ? 'socket-error' : 'closed', {})
    else if (this.#isTimedOut(flow)) this.#end(flow, 'timeout', {})
    else this.#end(flow, by === 'vanished' ? 'vanished' : 'server-closed', {})
  }

  #end(flow: Flow, how: Ending, mqtt: Record<string, unknown>): void {
    const { action, outcome, reason, code } = ENDINGS[how]
    const words = endedWords(outcome, reason, code)
    this.#parts.teller.tell(flow, { action, words, mqtt })
    this.#release(flow)
    flow.silence('ended')
  }

  /** The broker hung up, or was not seen to answer. */
  #unanswered(flow: Flow, by: Way | 'vanished'): void {
    const isRefusal = by === 'server'
    const words = isRefusal
      ? wordsOf('refused', 'closed by the broker without an answer', 'connect-unanswered')
      : wordsOf('unanswered', 'no answer seen', 'connect-unanswered')
    const retry = isRefusal ? { retryOf: 'connect' } : {}
    this.#parts.teller.tell(flow, { action: 'mqtt-connect', words, ...retry })
    this.#unclaim(flow)
  }

  #oversize(flow: Flow, length: number): void {
    if (!flow.isWhole || flow.phase === 'refused' || flow.phase === 'ended') return
    const words = wordsOf('fault', 'oversize packet', 'oversize')
    const mqtt = { detail: `${length} bytes` }
    this.#parts.teller.tell(flow, { action: 'protocol-error', words, mqtt })
    this.#parts.malformed(flow)
  }

  #isTimedOut(flow: Flow): boolean {
    const { keepalive = 0 } = flow.told
    if (keepalive === 0) return false
    return this.#parts.turn.atMs - flow.spokeMs >= keepalive * 1_500 - TIMEOUT_SLACK_MS
  }

  #release(flow: Flow): void {
    if (flow.told.id === undefined) return
    const key = holderKey(flow)
    if (this.#holders.get(key) === flow.key) this.#holders.delete(key)
  }
}

const CONNECT_TYPE = 1
const PUBLISH_TYPE = 3
const PINGREQ = 12
const PINGRESP = 13
/** PUBLISH to PUBCOMP, SUBACK, UNSUBACK, PINGRESP. */
const SESSION_TYPES: ReadonlySet<number> = new Set([3, 4, 5, 6, 7, 9, 11, 13])

const holderKey = ({ server, told }: Flow): string => `${server.ip}:${server.port} ${told.id ?? ''}`

const clipped = (text: string): string => (text.length > TEXT_MAX ? text.slice(0, TEXT_MAX) : text)

const refusal = (code: number): string => (code === 0x80 ? 'refused' : connackReason(code))

/** Reason codes of a broker's DISCONNECT (MQTT 5, table 3-13) in the words of broker logs. */
const DISMISSALS: Readonly<Record<number, Ending>> = {
  0x81: 'malformed',
  0x82: 'protocol-error',
  0x87: 'no-longer-authorised',
  0x8d: 'timeout',
  0x8e: 'taken-over',
  0x95: 'oversize',
  0x97: 'quota',
  0x98: 'administrative',
}

const ENDINGS = {
  ...CLOSING_WORDS,
  'server-closed': {
    ...CLOSING_WORDS.closed,
    reason: 'closed by the broker',
    code: 'server-closed',
  },
  vanished: { ...CLOSING_WORDS.closed, reason: 'no packets seen any more', code: 'vanished' },
}
type Ending = keyof typeof ENDINGS
