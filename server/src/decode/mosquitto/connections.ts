import { ANEW } from '../../base/anew.ts'
import type { EcsDoc } from '../../model/event.ts'
import { type Peer, plainIp, type PortStyle } from './address.ts'
import { CLOSING_WORDS } from './closing-words.ts'
import {
  CONNECT,
  DENIED,
  ENDED,
  FAULT,
  NETWORK,
  peerOf,
  protocolVersion,
  REFUSED,
  type Session,
  SESSION,
  STARTED,
} from './drafts.ts'
import { ownText } from '../../base/own-text.ts'
import { Joins } from './joins.ts'
import type { Closing, Connack, Connected, Denied } from './message.ts'
import { type About, EXACT, UNKNOWN } from './teller.ts'
import type { Turn } from './turn.ts'

/** Who connects, is refused, ends or is taken over, told from lines and what is remembered. */
export class Connections extends Joins {
  get style(): PortStyle {
    return this.memory.loose.portStyle
  }

  get subscriber(): string {
    return this.memory.loose.subscriber
  }

  get observer(): EcsDoc {
    return this.teller.observer
  }

  knows(id: string): boolean {
    return this.memory.sessions.has(id)
  }

  listing(subscriber: string): void {
    this.#loosen({ subscriber, listed: '' })
  }

  /** A plugin checks the password of a user, or says nothing of one. */
  checking(user: string | undefined): void {
    if (user !== undefined) this.#loosen({ checked: user })
  }

  listed(topic: string): void {
    this.#loosen({ listed: topic })
  }

  /**
   * Whether a message is the `ID 1 TOPIC` or `ID TOPIC` that repeats the filter listed just before. It
   * begins with what a client chose, so it is looked at before anything else is read into it.
   */
  isRepeated(message: string): boolean {
    const { subscriber, listed } = this.memory.loose
    if (listed === '' || !message.endsWith(listed) || !message.startsWith(subscriber)) return false
    const between = message.slice(subscriber.length, message.length - listed.length)
    return between === ' ' || /^ \d{1,3} $/.test(between)
  }

  learnVersion(version: string): void {
    const major = Number.parseInt(version, 10)
    if (Number.isNaN(major)) return
    this.#loosen({ version: version.slice(0, 20), portStyle: major < 2 ? 'none' : 'port' })
    this.restoreObserver()
  }

  accepted(turn: Turn, peer: Peer, listener: number | undefined): boolean {
    this.settle(turn.out)
    if (peer.ip !== undefined && !peer.ip.includes(':')) {
      const portStyle = peer.port === undefined ? 'none' : 'port'
      if (portStyle !== this.style) this.#loosen({ portStyle })
    }
    this.memory.accepts.add(peer, listener, turn.atMs)
    turn.out.routine('connection-accepted')
    return true
  }

  connack(turn: Turn, { who, code }: Connack): boolean {
    if (code === 0) {
      this.settle(turn.out)
      turn.out.routine('connection-acknowledged')
      return true
    }
    const named = plainIp(who) === undefined
    const before = this.memory.held
    const absorbed = before?.kind === 'protocol' ? before : undefined
    if (absorbed === undefined) this.settle(turn.out)
    const user = this.takeChecked()
    this.hold(turn, {
      kind: 'refusal',
      code,
      ...(user === undefined ? {} : { user }),
      ...(named ? { id: who } : { peer: peerOf(who) }),
      ...(absorbed?.detail === undefined ? {} : { detail: absorbed.detail }),
      lines: absorbed?.lines ?? [],
    })
    if (absorbed !== undefined) turn.out.routine('protocol-announced')
    return true
  }

  connected(turn: Turn, connected: Connected): void {
    const { peer, id, user } = connected
    const held = this.memory.held
    const takes = held?.kind === 'takeover' && held.id === id ? held : undefined
    if (takes === undefined) this.settle(turn.out)
    else this.memory.held = undefined
    const accept = this.memory.accepts.take(peer)
    const session = sessionOf(connected, accept?.listener, turn.atMs)
    this.memory.sessions.set(id, session)
    this.memory.forgive(id)
    this.takeChecked()
    const address = peer.ip ?? peer.address
    this.memory.shape.connected(address, id, turn.atMs)
    this.memory.beats.succeeded(`${address} ${id}`)
    const whose = connected.ambiguous ? { ...EXACT, identity: 'ambiguous' as const } : EXACT
    const about = { id, peer, listener: accept?.listener, user, whose }
    if (takes !== undefined) this.tellTakeover(turn.out, takes, about, turn.item.text)
    this.teller.tell(
      turn.out,
      turn,
      {
        action: 'mqtt-connect',
        words: {
          category: CONNECT,
          type: STARTED,
          outcome: 'success',
          reason: 'accepted',
          code: connected.bridge ? 'bridge-connected' : 'connected',
        },
        about,
        mqtt: connectedFields(connected),
      },
      true,
    )
  }

  takeover(turn: Turn, id: string): boolean {
    this.settle(turn.out)
    this.holdTakeover(turn, id, this.memory.sessions.get(id))
    return true
  }

  /** A connection ended, in any wording. */
  closed(turn: Turn, closing: Closing): boolean {
    if (this.completes(turn, closing)) return true
    const { id, peer, reason } = closing
    if (this.memory.settleOwed(id ?? '', turn.atMs)) {
      turn.out.routine('closing-repeated')
      return true
    }
    const session = id === undefined ? undefined : this.memory.sessions.get(id)
    const own = session !== undefined && (peer === undefined || isSame(peer, session))
    if (reason === 'taken-over' && id !== undefined) {
      this.holdTakeover(turn, id, own ? session : peer && { ...ANEW, ...peer, sinceMs: turn.atMs })
      return true
    }
    const words = CLOSING_WORDS[reason]
    const tlsOnly = id === undefined && closing.text === 'Protocol error'
    if (tlsOnly) this.tellTlsWithoutLine(turn, closing)
    else if (words.kind === 'refusal' && !(own && peer !== undefined)) {
      this.refuse(turn, closing, words)
    } else this.#end(turn, closing, own ? session : undefined)
    return true
  }

  publishDenied(turn: Turn, denied: Denied, from: boolean): void {
    const { topic, qos, retain, bytes } = denied
    const mqtt: EcsDoc = {}
    if (topic !== undefined) mqtt['topic'] = topic
    if (qos !== undefined) mqtt['qos'] = qos
    if (retain !== undefined) mqtt['retain'] = retain
    if (bytes !== undefined) mqtt['payload_bytes'] = bytes
    this.#deny(turn, denied.id, from ? 'publish' : 'delivery', mqtt)
  }

  subscribeDenied(turn: Turn, topic: string): void {
    this.#deny(turn, this.subscriber, 'subscribe', { topic })
  }

  /** Refused before it could say anything: limits, tcpd, PROXY protocol. */
  denied(turn: Turn, peer: Peer, reason: string): void {
    this.settle(turn.out)
    const words = { category: NETWORK, type: REFUSED, outcome: 'failure', reason } as const
    const about = { id: undefined, peer, whose: EXACT }
    const telling = {
      action: 'connection-denied',
      words: { ...ANEW, ...words, code: 'denied' },
      about,
    } as const
    this.teller.tell(turn.out, turn, telling, true)
  }

  #deny(turn: Turn, id: string, what: 'publish' | 'delivery' | 'subscribe', mqtt: EcsDoc): void {
    if (this.memory.held?.kind !== 'takeover') this.settle(turn.out)
    const session = this.memory.sessions.get(id)
    const reason = `${what} denied by access control`
    const words = { category: NETWORK, type: DENIED, outcome: 'failure', reason } as const
    const action = what === 'publish' ? 'mqtt-publish-denied' : 'mqtt-subscribe-denied'
    const code = `${what}-denied`
    const telling = {
      action,
      words: { ...ANEW, ...words, code },
      about: aboutOf(id, session),
      mqtt,
    } as const
    this.teller.tell(turn.out, turn, telling, true)
  }

  #end(turn: Turn, closing: Closing, session: Session | undefined): void {
    const { id, peer } = closing
    const { action, outcome, reason, code, kind } = CLOSING_WORDS[closing.reason]
    let about = aboutOf(id, session)
    if (session !== undefined && id !== undefined) this.memory.sessions.delete(id)
    else about = this.aboutUnknown(turn, id, peer)
    // Before 1.6 a `Socket error on client` line follows.
    if (closing.reason === 'timeout') this.memory.owe(id ?? '', turn.atMs)
    const lasted = session === undefined ? -1 : turn.atMs - session.sinceMs
    const unnamed = id === undefined && kind === 'end'
    const words = {
      category: kind === 'fault' ? NETWORK : SESSION,
      type: kind === 'fault' ? FAULT : ENDED,
      outcome: unnamed && outcome === 'success' ? ('unknown' as const) : outcome,
      reason: wordReason(closing, reason),
      code: unnamed ? `${code}-unnamed` : code,
      ...(lasted >= 0 ? { duration: lasted * 1_000_000 } : {}),
    }
    this.teller.tell(turn.out, turn, { action, words, about }, true)
  }

  #loosen(change: Partial<typeof this.memory.loose>): void {
    this.memory.loose = { ...this.memory.loose, ...change }
  }
}

function wordReason(closing: Closing, reason: string): string {
  const free = closing.reason === 'other' || closing.reason === 'socket-error'
  return free && closing.text !== undefined ? closing.text : reason
}

function aboutOf(id: string, session: Session | undefined): About
function aboutOf(id: string | undefined, session: Session | undefined): About
function aboutOf(id: string | undefined, session: Session | undefined): About {
  if (session === undefined) return { id, peer: undefined, whose: UNKNOWN }
  return { id, peer: session, listener: session.listener, user: session.user, whose: EXACT }
}

function isSame(peer: Peer, session: Session): boolean {
  return peer.address === session.address && peer.port === session.port
}

function sessionOf(connected: Connected, listener: number | undefined, sinceMs: number): Session {
  const { peer, user, protocol, keepalive, clean, bridge } = connected
  return {
    address: ownText(peer.address.slice(0, 128)),
    ...(peer.ip === undefined ? {} : { ip: ownText(peer.ip) }),
    ...(peer.port === undefined ? {} : { port: peer.port }),
    ...(user === undefined ? {} : { user: ownText(user.slice(0, 512)) }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(keepalive === undefined ? {} : { keepalive }),
    ...(clean === undefined ? {} : { clean }),
    ...(listener === undefined ? {} : { listener }),
    ...(bridge ? { bridge } : {}),
    sinceMs,
  }
}

function connectedFields(connected: Connected): EcsDoc {
  const { protocol, keepalive, clean, bridge, cut } = connected
  const mqtt: EcsDoc = { reason_code: 0 }
  const version = protocolVersion(protocol)
  if (version !== undefined) mqtt['protocol_version'] = version
  if (keepalive !== undefined) mqtt['keepalive'] = keepalive
  if (clean !== undefined) mqtt['clean_start'] = clean
  if (bridge) mqtt['bridge'] = true
  if (cut) mqtt['cut'] = true
  return mqtt
}
