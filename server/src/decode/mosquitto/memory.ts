import type { StateChange } from '../../model/decoder.ts'
import { KeptMap } from '../kept-map.ts'
import { Accepts } from './accepts.ts'
import type { Peer, PortStyle } from './address.ts'
import type { Session } from './drafts.ts'
import { AddressShape, RetryBeats } from './shape.ts'
import type { TlsError } from './tls.ts'
import type { Moment } from './turn.ts'

const SESSIONS_MAX = 100_000
const OWED_MAX = 1_000
const OWED_AGE_MAX_MS = 10_000

/** A line that waits for the line that completes it; Mosquitto writes that one next, or never. */
export interface Held extends Moment {
  readonly kind: 'takeover' | 'refusal' | 'tls' | 'protocol'
  /** The lines so far, for `event.original`. */
  readonly lines: readonly string[]
  /** Client id, where the line has it. */
  readonly id?: string
  /** An address that the line names. */
  readonly peer?: Peer
  /** CONNACK code. */
  readonly code?: number
  readonly tls?: TlsError
  readonly user?: string
  /** What the line said was wrong. */
  readonly detail?: string
  /** The session that was taken over. */
  readonly session?: Session
}

/** What is small and single; saved as one entry. */
export interface Loose {
  readonly portStyle: PortStyle
  readonly version: string
  /** Whose subscriptions are being listed, and the topic filter listed last. */
  readonly subscriber: string
  readonly listed: string
  /** Whose password a plugin checked last; empty once that was answered. */
  readonly checked: string
  /** The log was read from the start of the broker, so every connected client is known. */
  readonly complete: boolean
}

const NOTHING: Loose = {
  portStyle: 'unknown',
  version: '',
  subscriber: '',
  listed: '',
  checked: '',
  complete: false,
}

/** All that the decoder remembers from line to line, bounded, saved and restored as a whole. */
export class Memory {
  readonly sessions = new KeptMap<Session>('s:', SESSIONS_MAX)
  readonly accepts = new Accepts()
  readonly shape = new AddressShape()
  readonly beats = new RetryBeats()
  held: Held | undefined
  loose: Loose = NOTHING
  readonly #owed = new KeptMap<{ readonly count: number; readonly timeMs: number }>('o:', OWED_MAX)
  #savedHeld: Held | undefined
  #savedLoose: Loose = NOTHING

  /** An end was told before its last line came: that line is then no event of its own. */
  owe(who: string, timeMs: number): void {
    this.#owed.set(who, { count: (this.#owed.get(who)?.count ?? 0) + 1, timeMs })
  }

  /** Whether a closing line belongs to an end that was told already. */
  settleOwed(who: string, timeMs: number): boolean {
    if (this.#owed.size === 0) return false
    const owed = this.#owed.get(who)
    if (owed === undefined) return false
    this.#owed.delete(who)
    if (Math.abs(timeMs - owed.timeMs) > OWED_AGE_MAX_MS) return false
    if (owed.count > 1) this.#owed.set(who, { ...owed, count: owed.count - 1 })
    return true
  }

  /** Whoever connects anew has no closing line left over. */
  forgive(who: string): void {
    if (this.#owed.size > 0) this.#owed.delete(who)
  }

  /** The broker started anew: nobody is connected. */
  restarted(): void {
    this.sessions.clear()
    this.accepts.clear()
    this.#owed.clear()
    this.loose = { ...this.loose, complete: true, subscriber: '', listed: '' }
  }

  stats(): Readonly<Record<string, number>> {
    return {
      sessions: this.sessions.size,
      sessions_evicted: this.sessions.evicted,
      accepts: this.accepts.size,
      accepts_evicted: this.accepts.evicted,
      clients: this.shape.size,
      clients_evicted: this.shape.evicted,
      retries: this.beats.size,
      retries_evicted: this.beats.evicted,
    }
  }

  takeChanges(): StateChange[] {
    const changes: StateChange[] = []
    this.sessions.takeChanges(changes)
    this.accepts.takeChanges(changes)
    this.shape.takeChanges(changes)
    this.beats.takeChanges(changes)
    this.#owed.takeChanges(changes)
    if (this.held !== this.#savedHeld) {
      const value = this.held === undefined ? undefined : JSON.stringify(this.held)
      changes.push({ key: 'held', value })
      this.#savedHeld = this.held
    }
    if (this.loose !== this.#savedLoose) {
      changes.push({ key: 'loose', value: JSON.stringify(this.loose) })
      this.#savedLoose = this.loose
    }
    return changes
  }

  restore(entries: readonly (readonly [string, string])[]): void {
    this.sessions.restore(entries)
    this.accepts.restore(entries)
    this.shape.restore(entries)
    this.beats.restore(entries)
    this.#owed.restore(entries)
    for (const [key, value] of entries) {
      if (key === 'held') this.held = this.#savedHeld = read<Held>(value)
      if (key === 'loose') this.loose = this.#savedLoose = read<Loose>(value) ?? NOTHING
    }
  }
}

function read<T>(text: string): T | undefined {
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}
