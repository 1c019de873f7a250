import { ANEW } from '../../base/anew.ts'
import type { DecodeSink } from '../../model/decoder.ts'
import type { Whose } from './accepts.ts'
import { type Peer, plainIp } from './address.ts'
import { CLOSING_WORDS, type ClosingWords } from './closing-words.ts'
import { CONNECT, PROCESS, REFUSED, type Session } from './drafts.ts'
import { type Held, Memory } from './memory.ts'
import type { Closing } from './message.ts'
import { type About, EXACT, Teller, UNKNOWN } from './teller.ts'
import {
  displacedTelling,
  faultTelling,
  refusalTelling,
  takeoverTelling,
  tlsTelling,
} from './tellings.ts'
import { isLocalTlsError, parseTlsError, tlsErrorAt, tlsErrorIndex } from './tls.ts'
import type { Turn } from './turn.ts'

const LINES_MAX = 8
/** OpenSSL's error and the end of its connection are written in one turn of the broker's loop. */
const TLS_MS = 30_000

/**
 * Lines that only together tell what happened. Mosquitto is single-threaded: what belongs to a
 * refusal, a TLS failure or a takeover stands in consecutive lines, so one line is held for its
 * partner; when something else comes it is told as it is. Either way the held line is counted once:
 * as routine when it became part of another line's event, else by its own event.
 */
export class Joins {
  readonly memory = new Memory()
  readonly teller = new Teller(this.memory)

  /** Tells what is held, without its partner. */
  settle(out: DecodeSink): void {
    const held = this.memory.held
    if (held === undefined) return
    this.memory.held = undefined
    switch (held.kind) {
      case 'takeover':
        this.tellTakeover(out, held, undefined, undefined)
        return
      case 'refusal':
        this.memory.owe(held.id ?? '', held.atMs)
        this.#tellRefusal(out, held, undefined, undefined)
        return
      case 'tls': {
        const about = held.peer === undefined ? this.#unnamed(held.atMs) : peerOnly(held.peer)
        if (held.peer === undefined) this.memory.owe('', held.atMs)
        this.#tellTls(out, held, about, undefined)
        return
      }
      case 'protocol':
        this.#tellFault(out, held, undefined, undefined)
    }
  }

  restoreObserver(): void {
    const { version } = this.memory.loose
    const { observer } = this.teller
    this.teller.observer = version === '' ? observer : { ...observer, version }
  }

  hold(turn: Turn, held: Omit<Held, 'item' | 'timeMs' | 'atMs' | 'whole'>): void {
    const { text, key, receivedMs, facts } = turn.item
    const item = facts === undefined ? { text, key, receivedMs } : { text, key, receivedMs, facts }
    const lines = held.lines.length < LINES_MAX ? [...held.lines, text] : held.lines
    const { timeMs, atMs, whole } = turn
    this.memory.held = {
      ...ANEW,
      ...held,
      lines,
      item,
      atMs,
      whole,
      ...(timeMs === undefined ? {} : { timeMs }),
    }
  }

  holdTakeover(turn: Turn, id: string, session: Session | undefined): void {
    this.hold(turn, {
      kind: 'takeover',
      id,
      lines: [],
      ...(session === undefined ? {} : { session }),
    })
  }

  /** Whether a closing line is the partner of what is held; then both are told. */
  completes(turn: Turn, closing: Closing): boolean {
    const held = this.memory.held
    if (held === undefined) return false
    const session = closing.id === undefined ? undefined : this.memory.sessions.get(closing.id)
    switch (held.kind) {
      case 'takeover':
        if (held.id !== closing.id || closing.id === undefined) break
        this.memory.sessions.delete(closing.id)
        this.#tellOldEnd(turn, closing, session)
        return true
      case 'refusal':
        if (held.id !== closing.id) break
        this.memory.held = undefined
        turn.out.routine('refusal-announced')
        this.#tellRefusal(turn.out, held, turn, closing)
        return true
      case 'tls':
        // A client that was refused had its handshake behind it, and an old error is another connection's.
        if (held.peer !== undefined || CLOSING_WORDS[closing.reason].kind === 'refusal') break
        if (Math.abs(turn.atMs - held.atMs) > TLS_MS) break
        this.memory.held = undefined
        if (session !== undefined) {
          const about = { id: closing.id, peer: session, user: session.user, whose: EXACT }
          this.#tellTls(turn.out, held, about, undefined)
          return false
        }
        turn.out.routine('tls-announced')
        this.#tellTls(turn.out, held, this.aboutUnknown(turn, closing.id, closing.peer), turn)
        return true
      case 'protocol':
        if (held.id !== undefined && closing.id !== undefined && held.id !== closing.id) break
        this.memory.held = undefined
        turn.out.routine('protocol-announced')
        this.#tellFault(turn.out, held, turn, closing)
        return true
    }
    this.settle(turn.out)
    return false
  }

  /** A refused connect that only its closing line tells of. */
  refuse(turn: Turn, closing: Closing, words: ClosingWords): void {
    const { reason, code } = words
    const user = this.takeChecked()
    const found =
      closing.peer === undefined
        ? { ...ANEW, ...this.#unnamed(turn.atMs), id: closing.id }
        : this.aboutUnknown(turn, closing.id, closing.peer)
    const about = user === undefined ? found : { ...ANEW, ...found, user }
    const said = { category: CONNECT, type: REFUSED, outcome: 'failure', reason, code } as const
    const telling = { action: 'mqtt-connect', words: said, about, retryOf: 'connect' } as const
    this.teller.tell(turn.out, turn, telling, true)
  }

  /** One line of OpenSSL's error queue. */
  tlsError(turn: Turn, message: string): boolean {
    const at = tlsErrorAt(message)
    if (at < 0) return false
    const tls = parseTlsError(message.slice(at))
    const held = this.memory.held
    const index = tlsErrorIndex(message)
    if (held?.kind === 'tls' && held.peer === undefined && index !== 0) {
      this.#append(held, turn.item.text)
      turn.out.routine('tls-detail')
      return true
    }
    if (index !== undefined && index > 0) {
      // The rest of a queue whose first error was told as one of our own.
      turn.out.routine('tls-detail')
      return true
    }
    if (isLocalTlsError(message, tls)) {
      this.settle(turn.out)
      const words = { category: PROCESS, type: ['info', 'error'], outcome: 'failure' } as const
      const about = { id: undefined, peer: undefined, whose: UNKNOWN }
      const said = { ...ANEW, ...words, reason: tls.reason, code: 'tls-setup' }
      this.teller.tell(turn.out, turn, { action: 'service-error', words: said, about }, true)
      return true
    }
    this.settle(turn.out)
    this.hold(turn, { kind: 'tls', tls, lines: [] })
    return true
  }

  /**
   * `Client connection from IP failed: ERROR`: the handshake failed while it was accepted. Each error
   * of the queue gets such a line, without an index: a like one from the same address begins anew.
   */
  tlsRefused(turn: Turn, peer: Peer, text: string): boolean {
    const tls = parseTlsError(text)
    const held = this.memory.held
    const same = held?.kind === 'tls' && held.peer?.address === peer.address
    if (same && held.timeMs === turn.timeMs && !held.lines.some((line) => line.includes(text))) {
      this.#append(held, turn.item.text)
      turn.out.routine('tls-detail')
      return true
    }
    this.settle(turn.out)
    this.hold(turn, { kind: 'tls', tls, peer, lines: [] })
    return true
  }

  /** `Client <unknown> disconnected: Protocol error.` is TLS's doing also where no line says why. */
  tellTlsWithoutLine(turn: Turn, closing: Closing): void {
    const tls = { code: undefined, library: '', reason: 'no detail', text: '' }
    const about = this.aboutUnknown(turn, closing.id, closing.peer)
    this.#tellTls(turn.out, { ...ANEW, ...turn, kind: 'tls', tls, lines: [] }, about, turn)
  }

  /** A line that says what a client did wrong; its closing line follows. */
  detail(turn: Turn, message: string): boolean {
    this.settle(turn.out)
    const named = / (?:from|client) ([^]{1,256}?)(?:: |, | sending |\.?$| appears )/.exec(message)
    const who = named?.[1]
    const colon = who?.lastIndexOf(':') ?? -1
    const address = who === undefined || plainIp(who) !== undefined ? who : who.slice(0, colon)
    const ip = address === undefined ? undefined : plainIp(address)
    const port = who === undefined || who === address ? undefined : Number(who.slice(colon + 1))
    const peer = ip === undefined || address === undefined ? undefined : { address, ip, port }
    this.hold(turn, {
      kind: 'protocol',
      detail: message.replace(/\.$/, '').slice(0, 500),
      lines: [],
      ...(peer === undefined ? {} : { peer }),
      ...(peer !== undefined || who === undefined ? {} : { id: who }),
    })
    if (!/disconnecting|closing|CONNECT|Protocol error|Bad client|using TLS/.test(message)) {
      this.settle(turn.out)
    }
    return true
  }

  tellTakeover(out: DecodeSink, held: Held, by: About | undefined, line: string | undefined): void {
    const about = by ?? { id: held.id, peer: undefined, whose: UNKNOWN }
    this.teller.tell(out, held, takeoverTelling(held, about, line), false)
  }

  /** The address of a connection that never was let in, or began before the log. */
  aboutUnknown(turn: Turn, id: string | undefined, peer: Peer | undefined): About {
    if (peer !== undefined) {
      const accept = this.memory.accepts.take(peer)
      return { id, peer, listener: accept?.listener, whose: EXACT }
    }
    if (id !== undefined && !this.memory.loose.complete)
      return { id, peer: undefined, whose: UNKNOWN }
    return { ...ANEW, ...this.#unnamed(turn.atMs), id }
  }

  /** Whose password a plugin checked just before; asked once. */
  takeChecked(): string | undefined {
    const { checked } = this.memory.loose
    if (checked === '') return undefined
    this.memory.loose = { ...this.memory.loose, checked: '' }
    return checked
  }

  #unnamed(atMs: number): About {
    return fromWhose(this.memory.accepts.match(undefined, atMs))
  }

  #append(held: Held, line: string): void {
    if (held.lines.length >= LINES_MAX) return
    this.memory.held = { ...held, lines: [...held.lines, line] }
  }

  #tellOldEnd(turn: Turn, closing: Closing, session: Session | undefined): void {
    const { id, peer } = closing
    const about: About =
      session === undefined
        ? { id, peer, whose: peer === undefined ? UNKNOWN : EXACT }
        : { id, peer: session, user: session.user, whose: EXACT }
    this.teller.tell(turn.out, turn, displacedTelling(about), true)
  }

  #tellRefusal(
    out: DecodeSink,
    held: Held,
    turn: Turn | undefined,
    closing: Closing | undefined,
  ): void {
    const telling = refusalTelling(held, this.#refused(held, closing), turn?.item.text)
    this.teller.tell(out, turn ?? held, telling, turn !== undefined)
  }

  /** The CONNACK line names the id or the address; 2.1's closing line names both. */
  #refused(held: Held, closing: Closing | undefined): About {
    if (closing?.peer !== undefined) {
      const accept = this.memory.accepts.take(closing.peer)
      const id = held.id ?? closing.id
      return { id, peer: closing.peer, listener: accept?.listener, whose: EXACT }
    }
    const whose = this.memory.accepts.match(held.peer?.address, held.atMs)
    if (held.peer === undefined) return { ...ANEW, ...fromWhose(whose), id: held.id }
    const { accept } = whose
    return { id: undefined, peer: accept ?? held.peer, listener: accept?.listener, whose: EXACT }
  }

  #tellTls(out: DecodeSink, held: Held, about: About, turn: Turn | undefined): void {
    const live = about.id !== undefined && this.memory.sessions.has(about.id)
    const telling = tlsTelling(held, about, live, turn?.item.text)
    this.teller.tell(out, turn ?? held, telling, turn !== undefined)
  }

  #tellFault(
    out: DecodeSink,
    held: Held,
    turn: Turn | undefined,
    closing: Closing | undefined,
  ): void {
    const id = closing?.id ?? held.id
    const session = id === undefined ? undefined : this.memory.sessions.get(id)
    const about = this.#faulty(held, turn, closing, session)
    if (session !== undefined && id !== undefined && turn !== undefined) {
      this.memory.sessions.delete(id)
    }
    const telling = faultTelling(held, about, turn?.item.text)
    this.teller.tell(out, turn ?? held, telling, turn !== undefined)
  }

  #faulty(
    held: Held,
    turn: Turn | undefined,
    closing: Closing | undefined,
    session: Session | undefined,
  ): About {
    const id = closing?.id ?? held.id
    if (session !== undefined) return { id, peer: session, user: session.user, whose: EXACT }
    const peer = closing?.peer ?? held.peer
    if (peer?.port !== undefined) {
      const accept = this.memory.accepts.take(peer)
      return { id, peer, listener: accept?.listener, whose: EXACT }
    }
    if (peer !== undefined) {
      const { accept } = this.memory.accepts.match(peer.address, held.atMs)
      return { id, peer: accept ?? peer, listener: accept?.listener, whose: EXACT }
    }
    if (turn === undefined) return { id, peer: undefined, whose: UNKNOWN }
    return this.aboutUnknown(turn, id, undefined)
  }
}

function peerOnly(peer: Peer): About {
  return { id: undefined, peer, whose: EXACT }
}

function fromWhose(whose: Whose): About {
  const { accept } = whose
  return { id: undefined, peer: accept, listener: accept?.listener, whose }
}
