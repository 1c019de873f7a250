import type { StateChange } from '../../model/decoder.ts'
import { KeptMap } from '../kept-map.ts'
import { ownText } from '../../base/own-text.ts'
import type { Peer } from './address.ts'

/** A TCP connection that was accepted and has not said who it is. */
export interface Accept {
  readonly address: string
  readonly ip: string | undefined
  readonly port: number | undefined
  /** The broker's port. */
  readonly listener: number | undefined
  readonly timeMs: number
}

/** How sure the address of an event is; documented with the field `iot.mqtt.identity`. */
export type Identity = 'exact' | 'inferred' | 'ambiguous' | 'unknown'

export interface Whose {
  readonly identity: Identity
  readonly accept: Accept | undefined
  /** IP addresses that fit, where more than one does. */
  readonly candidates: readonly string[]
}

const ACCEPTS_MAX = 4_096
const AGE_MAX_MS = 120_000
const CANDIDATES_MAX = 16
const LOOK_MAX = 64
const NOBODY: Whose = { identity: 'unknown', accept: undefined, candidates: [] }

/**
 * The accepted connections that wait for a name. A line that names only part of a connection (an
 * address, or nothing) is joined with the accept that fits: with the only one for certain
 * (`inferred`), with one of several for no address more precise than what they share.
 *
 * Where several fit, nobody knows which one has gone. So one is counted as a ghost, and when no
 * more than the ghosts are left all are forgotten; what has waited for two minutes is, too (Mosquitto
 * drops a connection without a CONNECT after 60 to 90 seconds).
 */
export class Accepts {
  readonly #waiting = new KeptMap<Accept>('a:', ACCEPTS_MAX, (key, accept) =>
    this.#unlist(key, accept.address),
  )
  readonly #byAddress = new Map<string, Set<string>>()
  #ghosts = 0
  #serial = 0
  #savedNumbers = '0 0'

  add(peer: Peer, listener: number | undefined, timeMs: number): void {
    this.#expire(timeMs)
    const { port } = peer
    const address = ownText(peer.address.slice(0, 128))
    const ip = peer.ip === peer.address ? address : peer.ip
    const key = port === undefined ? `${address} #${++this.#serial}` : `${address} ${port}`
    this.#waiting.set(key, { address, ip, port, listener, timeMs })
    this.#list(key, address)
  }

  /** Removes and gives the accept of a connection whose peer is known in full, if it was waiting. */
  take(peer: Peer): Accept | undefined {
    if (peer.port === undefined) return this.#takeFirst(peer.address)
    const key = `${peer.address} ${peer.port}`
    const accept = this.#waiting.get(key)
    if (accept === undefined) return this.#takeFirst(peer.address)
    this.#remove(key, peer.address)
    return accept
  }

  /** The connection that a line means which names its address, or nothing of it. It is then gone. */
  match(address: string | undefined, timeMs: number): Whose {
    this.#expire(timeMs)
    const only = address ?? this.#onlyAddress()
    if (only === undefined) {
      if (this.#waiting.size === 0) return NOBODY
      const candidates = this.#someIps()
      this.#haunt()
      return { identity: 'ambiguous', accept: undefined, candidates }
    }
    const keys = this.#byAddress.get(only)
    if (keys === undefined) return NOBODY
    const [key = ''] = keys
    const accept = this.#waiting.get(key)
    if (accept === undefined) return NOBODY
    if (keys.size === 1) {
      this.#remove(key, only)
      return { identity: 'inferred', accept, candidates: [] }
    }
    const listener = this.#sharedListener(keys, accept.listener)
    this.#haunt()
    return {
      identity: 'inferred',
      accept: { ...accept, port: undefined, listener },
      candidates: [],
    }
  }

  get size(): number {
    return this.#waiting.size
  }

  get evicted(): number {
    return this.#waiting.evicted
  }

  clear(): void {
    this.#waiting.clear()
    this.#byAddress.clear()
    this.#ghosts = 0
  }

  takeChanges(into: StateChange[]): void {
    this.#waiting.takeChanges(into)
    const numbers = `${this.#ghosts} ${this.#serial}`
    if (numbers === this.#savedNumbers) return
    this.#savedNumbers = numbers
    into.push({ key: 'accepts', value: numbers })
  }

  restore(entries: readonly (readonly [string, string])[]): void {
    this.#waiting.restore(entries)
    for (const [key, accept] of this.#waiting) this.#list(key, accept.address)
    const numbers = entries.find(([key]) => key === 'accepts')?.[1]
    if (numbers === undefined) return
    const [ghosts = 0, serial = 0] = numbers.split(' ').map(Number)
    this.#ghosts = Number.isSafeInteger(ghosts) ? ghosts : 0
    this.#serial = Number.isSafeInteger(serial) ? serial : 0
    this.#savedNumbers = numbers
  }

  #takeFirst(address: string): Accept | undefined {
    let seen = 0
    for (const key of this.#byAddress.get(address) ?? []) {
      const accept = this.#waiting.get(key)
      if (accept !== undefined && accept.port === undefined) {
        this.#remove(key, address)
        return accept
      }
      if (++seen >= LOOK_MAX) break
    }
    return undefined
  }

  #onlyAddress(): string | undefined {
    if (this.#byAddress.size !== 1) return undefined
    const [address] = this.#byAddress.keys()
    return address
  }

  #someIps(): string[] {
    const ips = new Set<string>()
    let seen = 0
    for (const [, accept] of this.#waiting) {
      if (accept.ip !== undefined) ips.add(accept.ip)
      if (ips.size >= CANDIDATES_MAX || ++seen >= LOOK_MAX) break
    }
    return [...ips]
  }

  #sharedListener(keys: ReadonlySet<string>, listener: number | undefined): number | undefined {
    let seen = 0
    for (const key of keys) {
      if (this.#waiting.get(key)?.listener !== listener || ++seen >= LOOK_MAX) return undefined
    }
    return listener
  }

  #remove(key: string, address: string): void {
    this.#waiting.delete(key)
    this.#unlist(key, address)
    if (this.#ghosts > 0 && this.#waiting.size <= this.#ghosts) this.clear()
  }

  #unlist(key: string, address: string): void {
    const keys = this.#byAddress.get(address)
    keys?.delete(key)
    if (keys?.size === 0) this.#byAddress.delete(address)
  }

  #list(key: string, address: string): void {
    const keys = this.#byAddress.get(address)
    if (keys === undefined) this.#byAddress.set(address, new Set([key]))
    else keys.add(key)
  }

  #haunt(): void {
    this.#ghosts += 1
    if (this.#waiting.size <= this.#ghosts) this.clear()
  }

  #expire(timeMs: number): void {
    for (let key = this.#waiting.oldestKey; key !== undefined; key = this.#waiting.oldestKey) {
      const oldest = this.#waiting.get(key)
      if (oldest === undefined || timeMs - oldest.timeMs <= AGE_MAX_MS) return
      this.#waiting.delete(key)
      this.#unlist(key, oldest.address)
      if (this.#ghosts > 0) this.#ghosts -= 1
    }
  }
}
