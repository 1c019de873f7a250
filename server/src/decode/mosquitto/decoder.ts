import { ANEW } from '../../base/anew.ts'
import type { DecodeSink, Decoder, Draft, LifeSign, StateChange } from '../../model/decoder.ts'
import type { EcsDoc, EventAction } from '../../model/event.ts'
import type { RawItem } from '../../model/source.ts'
import { Frame } from '../line/frame.ts'
import type { StampOptions } from '../line/stamp.ts'
import { parsePeer } from './address.ts'
import { Connections } from './connections.ts'
import { eventDoc, type EventWords, NETWORK, PROCESS, REFUSED, sourceOf } from './drafts.ts'
import { auditTypes, isReading, parseAudit, splitActor } from './dynsec.ts'
import { pingSign, publishSign } from './life-signs.ts'
import { parseClosing, parseConnack, parseConnected, parseDenied } from './message.ts'
import { dangerousName, NOTICE_WORDS } from './notice-words.ts'
import { pluginUser } from './plugin-user.ts'
import { noticeOf, surroundingOf } from './routine.ts'
import { type Turn, TurnState } from './turn.ts'

const LINE_MAX = 65_536
/** Mosquitto cuts what it says at 1,000 bytes; plugins may say more. */
const MESSAGE_MAX = 4_096

/**
 * Reads the log of Eclipse Mosquitto, every version from 1.4 to 2.1, line by line. What belongs to
 * one happening and stands in several lines becomes one event; `connections.ts` joins them.
 */
export class MosquittoDecoder implements Decoder {
  readonly #frame: Frame
  readonly #connections = new Connections()
  readonly #turn: Turn

  constructor(options: StampOptions) {
    this.#frame = new Frame(options)
    this.#turn = new TurnState()
  }

  decode(item: RawItem, out: DecodeSink): void {
    if (item.text.length > LINE_MAX) {
      out.reject('DECODE_TOO_LONG', `A log line of ${item.text.length} characters.`)
      return
    }
    const frame = this.#frame
    frame.read(item.text, item.receivedMs)
    const turn = this.#turn
    turn.item = item
    turn.out = out
    turn.timeMs = frame.timeMs
    turn.atMs = frame.timeMs ?? item.receivedMs
    turn.whole = frame.wholeSeconds
    if (!frame.stamped && isForeign(frame.program)) {
      out.routine('other-program')
      return
    }
    const { message } = frame
    if (message.length > MESSAGE_MAX) {
      const name = surroundingOf(message)
      if (name !== undefined) out.routine(name)
      else out.reject('DECODE_TOO_LONG', `A message of ${message.length} characters.`)
    } else if (!this.#dispatch(message) && !this.#retry(message)) {
      out.reject('DECODE_UNKNOWN', 'No message of Mosquitto begins like this.')
    }
  }

  takeChanges(): readonly StateChange[] {
    return this.#connections.memory.takeChanges()
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    this.#connections.memory.restore([...entries])
    this.#connections.restoreObserver()
  }

  settle(out: DecodeSink): void {
    this.#connections.settle(out)
  }

  stats(): Readonly<Record<string, number>> {
    return this.#connections.memory.stats()
  }

  /** True if the message was understood. */
  #dispatch(message: string): boolean {
    const turn = this.#turn
    const links = this.#connections
    if (links.isRepeated(message)) return this.#routine('subscription')
    switch (message.charCodeAt(0)) {
      case 83: // S
        if (message.startsWith('Sending ')) return this.#sending(message)
        if (message.startsWith('Socket error on client ')) {
          return links.closed(turn, socketError(message, 23))
        }
        break
      case 82: // R
        if (message.startsWith('Received ')) return this.#received(message)
        break
      case 78: // N
        if (message.startsWith('New ')) return this.#new(message)
        break
      case 67: // C
        if (message.startsWith('Client ')) return this.#client(message)
        if (message.startsWith('Connection from ')) return this.#proxied(message)
        if (message.startsWith('Connection rejected, ')) {
          return this.#plain('connection-denied', NETWORK, REFUSED, 'denied', message.slice(21, -1))
        }
        break
      case 9: // tab
        return this.#listed(message)
      case 68: // D
        if (message.startsWith('Denied PUBLISH ')) return this.#denied(message)
        break
      case 79: // O
        if (message.startsWith('OpenSSL Error')) return links.tlsError(turn, message)
        break
      case 66: // B
        if (message.startsWith('Bad socket read/write on client ')) {
          return links.closed(turn, socketError(message, 32))
        }
        break
      case 100: // d
        if (message.startsWith('dynsec: ')) return this.#audit(message)
        break
      case 109: // m
        if (message.startsWith('mosquitto version ')) return this.#version(message)
        break
    }
    if (message.trim() === '') return this.#routine('blank')
    return this.#subscription(message) || this.#notice(message)
  }

  #routine(name: string, sign?: LifeSign): boolean {
    this.#turn.out.routine(name, sign)
    return true
  }

  #sending(message: string): boolean {
    if (message.startsWith('PUBLISH to ', 8)) return this.#routine('publish-sent')
    if (message.startsWith('CONNACK to ', 8)) {
      const connack = parseConnack(message)
      if (connack !== undefined) return this.#connections.connack(this.#turn, connack)
    }
    return this.#routine('packet-sent')
  }

  #received(message: string): boolean {
    const { timeMs } = this.#turn
    if (message.startsWith('PUBLISH from ', 9)) {
      return this.#routine('publish-received', publishSign(message, timeMs))
    }
    if (message.startsWith('PINGREQ from ', 9)) {
      return this.#routine('packet-received', pingSign(message, timeMs))
    }
    if (message.startsWith('SUBSCRIBE from ', 9)) {
      this.#connections.listing(message.slice(24))
      return this.#routine('subscription')
    }
    if (message.startsWith('UNSUBSCRIBE from ', 9)) {
      this.#connections.listing(message.slice(26))
      return this.#routine('subscription')
    }
    return this.#routine('packet-received')
  }

  #new(message: string): boolean {
    const links = this.#connections
    if (message.startsWith('connection from ', 4)) {
      const on = message.lastIndexOf(' on port ')
      const peerText = message.slice(20, on < 20 ? message.length : on)
      const listener = on < 20 ? undefined : Number.parseInt(message.slice(on + 9), 10)
      const peer = parsePeer(peerText.endsWith('.') ? peerText.slice(0, -1) : peerText, links.style)
      links.accepted(this.#turn, peer, Number.isNaN(listener) ? undefined : listener)
      return true
    }
    const bridge = message.startsWith('bridge connected from ', 4)
    if (!bridge && !message.startsWith('client connected from ', 4)) return false
    const connected = parseConnected(message, 26, bridge, links.style)
    if (connected === undefined) return false
    links.connected(this.#turn, connected)
    return true
  }

  #client(message: string): boolean {
    const links = this.#connections
    const turn = this.#turn
    if (message.endsWith(' already connected, closing old connection.')) {
      return links.takeover(turn, message.slice(7, -43))
    }
    const closing = parseClosing(message, links.style)
    if (closing !== undefined) return links.closed(turn, closing)
    if (message.startsWith('connection from ', 7)) return this.#refusedPeer(message)
    if (message.startsWith('from ', 7) && message.includes(' appears to be using TLS')) {
      return links.detail(turn, message)
    }
    if (/ (?:received|sending) (?:duplicate )?[A-Z]{4,11}\b/.test(message)) {
      return this.#routine('bridge')
    }
    if (message.includes(' negotiated ')) return this.#routine('tls-detail')
    if (/ (?:sent|connected with|has exceeded) /.test(message)) return links.detail(turn, message)
    return false
  }

  /** `Client connection from 10.0.0.5 denied: max_connections exceeded.` and its like. */
  #refusedPeer(message: string): boolean {
    const links = this.#connections
    const end = message.indexOf(' ', 23)
    if (end < 0) return false
    const peer = parsePeer(message.slice(23, end), links.style)
    if (message.startsWith(' failed: ', end)) {
      return links.tlsRefused(this.#turn, peer, message.slice(end + 9))
    }
    const reason = message.slice(end + 1).replace(/^denied:? /, '')
    links.denied(this.#turn, peer, reason.endsWith('.') ? reason.slice(0, -1) : reason)
    return true
  }

  /** 2.1: `Connection from 10.0.0.5:1234 rejected, corrupt PROXY header.` */
  #proxied(message: string): boolean {
    const at = message.indexOf(' rejected, ')
    if (at < 0) return this.#routine('tls-detail')
    const peer = parsePeer(message.slice(16, at), this.#connections.style)
    this.#connections.denied(this.#turn, peer, message.slice(at + 11).replace(/\.$/, ''))
    return true
  }

  /** A topic filter below a SUBSCRIBE, or the topic of a will. */
  #listed(message: string): boolean {
    const open = message.lastIndexOf(' (')
    const topic = message.slice(1, open < 0 ? undefined : open)
    this.#connections.listed(topic)
    if (!message.endsWith(' (denied)')) return this.#routine('subscription')
    this.#connections.subscribeDenied(this.#turn, topic)
    return true
  }

  #denied(message: string): boolean {
    const from = message.startsWith('from ', 15)
    if (!from && !message.startsWith('to ', 15)) return false
    this.#connections.publishDenied(this.#turn, parseDenied(message.slice(from ? 20 : 18)), from)
    return true
  }

  /** `ID 1 TOPIC` below a SUBSCRIBE, `ID TOPIC` below an UNSUBSCRIBE. */
  #subscription(message: string): boolean {
    const links = this.#connections
    const { subscriber } = links
    if (subscriber !== '' && message.startsWith(subscriber)) {
      if (message.charCodeAt(subscriber.length) === 32) return this.#routine('subscription')
    }
    const space = message.indexOf(' ')
    if (space <= 0) return false
    const qos = message.charCodeAt(space + 1)
    if (qos >= 48 && qos <= 50 && message.charCodeAt(space + 2) === 32) {
      return this.#routine('subscription')
    }
    return links.knows(message.slice(0, space)) && this.#routine('subscription')
  }

  #notice(message: string): boolean {
    const notice = noticeOf(message)
    if (notice === undefined) {
      if (message.endsWith(' sent CONNECT with missing keepalive.')) {
        return this.#connections.detail(this.#turn, message)
      }
      const name = surroundingOf(message)
      if (name === 'plugin') this.#connections.checking(pluginUser(message))
      return name !== undefined && this.#routine(name)
    }
    const { kind, name } = notice
    if (kind === 'routine') return this.#routine(name)
    if (kind === 'detail') return this.#connections.detail(this.#turn, message)
    const text = message.replace(/\.$/, '')
    const [action, category, type] = NOTICE_WORDS[kind]
    return this.#plain(action, category, type, name, text, dangerousName(text))
  }

  #plain(
    action: EventAction,
    category: readonly string[],
    type: readonly string[],
    code: string,
    reason: string,
    more?: EcsDoc,
  ): boolean {
    const outcome = action === 'config-change' ? 'success' : 'failure'
    const words: EventWords = { category, type, outcome, reason, code }
    this.#connections.settle(this.#turn.out)
    const doc = eventDoc(words, this.#connections.observer, undefined, undefined)
    this.#emit(action, more === undefined ? doc : { ...ANEW, ...doc, ...more })
    return true
  }

  #version(message: string): boolean {
    const [, , version = '', ...rest] = message.split(' ', 12)
    const links = this.#connections
    const phase = rest.join(' ')
    links.settle(this.#turn.out)
    links.learnVersion(version)
    if (phase.includes('running')) return this.#routine('startup')
    const starting = !phase.includes('terminating')
    if (starting) links.memory.restarted()
    const words: EventWords = {
      category: PROCESS,
      type: [starting ? 'start' : 'end'],
      outcome: 'success',
      reason: starting ? 'the broker starts' : 'the broker stops',
      code: starting ? 'starting' : 'terminating',
    }
    const doc = eventDoc(words, links.observer, undefined, undefined)
    this.#emit(starting ? 'service-start' : 'service-stop', doc)
    return true
  }

  #audit(message: string): boolean {
    const audit = parseAudit(message.slice(8))
    if (audit === undefined) return this.#routine('plugin')
    const links = this.#connections
    links.settle(this.#turn.out)
    const { id, user } = splitActor(audit.actor, (name) => links.knows(name))
    const session = links.memory.sessions.get(id)
    const words: EventWords = {
      category: ['iam', 'configuration'],
      type: auditTypes(audit.command),
      outcome: 'success',
      reason: 'dynamic security command',
      code: audit.command,
    }
    const doc = eventDoc(words, links.observer, undefined, { client_id: id })
    if (session !== undefined) doc['source'] = sourceOf(session)
    const target = audit.fields['username']
    doc['user'] = target === undefined ? { name: user } : { name: user, target: { name: target } }
    const group = audit.fields['groupname']
    if (group !== undefined) doc['group'] = { name: group }
    const iot = doc['iot'] as EcsDoc
    iot['config'] = { command: audit.command, arguments: { ...audit.fields } }
    this.#emit(isReading(audit.command) ? 'api-call' : 'config-change', doc)
    return true
  }

  #emit(action: EventAction, doc: EcsDoc): void {
    const draft: Draft = { timeMs: this.#turn.timeMs, action, doc }
    this.#turn.out.event(draft)
  }

  /** A message behind a prefix that is not known but looks like a time: only known beginnings count. */
  #retry(message: string): boolean {
    const head = message.slice(0, 200)
    const found = LOST.exec(head) ?? EPOCH.exec(head)
    if (found === null) return false
    const [, prefix = '', seconds] = found
    if (seconds !== undefined) {
      this.#turn.timeMs = this.#turn.atMs = Number(seconds) * 1000
      this.#turn.whole = true
    }
    return this.#dispatch(message.slice(prefix.length))
  }
}

const BEGINNINGS = [
  'New (?:client|bridge|connection) ',
  'Client ',
  'Sending ',
  'Received ',
  'Socket error on ',
  'OpenSSL Error',
  'mosquitto version ',
  'Saving in-memory ',
  'Config loaded ',
  'Opening ',
  'No will message',
  'Denied PUBLISH ',
  'Warning: ',
  'Error',
]
/** Words of another program that ended without a new line, then our stamp. */
const EPOCH = new RegExp(`^([^']{0,80}?(\\d{10}): )(?:${BEGINNINGS.join('|')})`)
/** A clock time, the rest of a stamp or a level, then a beginning of a message. */
const LOST = new RegExp(
  `^([^']{0,60}?\\d\\d:\\d\\d[^']{0,30}?[\\]:|> ] ?)(?:${BEGINNINGS.join('|')})`,
)

/** A syslog file holds the lines of every program. */
function isForeign(program: string | undefined): boolean {
  return program !== undefined && !/mosq|mqtt|docker|broker|^[0-9a-f]{12}$|container/i.test(program)
}

function socketError(message: string, at: number) {
  const end = message.endsWith(', disconnecting.') ? -16 : undefined
  let who = message.slice(at, end)
  let text = 'socket error'
  if (end === undefined) {
    const colon = who.lastIndexOf(': ')
    if (colon > 0) {
      text = who.slice(colon + 2).replace(/\.$/, '')
      who = who.slice(0, colon)
    }
  }
  const id = who === '<unknown>' ? undefined : who
  return { id, peer: undefined, reason: 'socket-error' as const, text }
}
