import type { StateChange } from '../model/decoder.ts'
import { type EcsDoc, fieldOf } from '../model/event.ts'
import { plainName } from './names.ts'

/** Addresses that are remembered, and holders of one of them. */
const ADDRESSES_MAX = 100_000
const HOLDERS_MAX = 16
/** Where a server does not say how long: as dnsmasq and most home routers, a day at most. */
const LEASE_MS = 86_400_000
const KEY = '@lease:'

/** Who held an address from when to when; the end is excluded. */
interface Holder {
  readonly mac: string
  readonly fromMs: number
  readonly toMs: number
}

/**
 * Which MAC address held an IP address, and when: as DHCP servers told it. Time-aware, so that an
 * event that comes late is not given to the next holder; bounded, the address told of longest ago
 * goes first, and is counted.
 */
export class LeaseTable {
  readonly #holders = new Map<string, Holder[]>()
  readonly #changed = new Set<string>()
  readonly #max: number
  evicted = 0

  constructor(addressesMax = ADDRESSES_MAX) {
    this.#max = addressesMax
  }

  get size(): number {
    return this.#holders.size
  }

  /** Takes over what an event of the action `dhcp-lease` says, where it gives or ends a lease. */
  learn(doc: EcsDoc, timeMs: number): void {
    const ip = textAt(doc, 'client.ip') ?? textAt(doc, 'source.ip')
    const mac = textAt(doc, 'client.mac') ?? textAt(doc, 'source.mac')
    if (ip === undefined) return
    const code = textAt(doc, 'event.code') ?? ''
    if (ENDS.has(code)) this.#end(ip, mac, timeMs)
    else if (mac !== undefined && (GIVES.has(code) || isSeenAck(code, doc))) {
      const end = textAt(doc, 'event.end')
      const endMs = end === undefined ? timeMs + LEASE_MS : Date.parse(end)
      // A lease that had ended when its file was read: since when it was held is not known.
      if (endMs > timeMs) this.#give(ip, { mac, fromMs: timeMs, toMs: endMs })
    }
  }

  /** The MAC address that held the address then. */
  holder(ip: string, timeMs: number): string | undefined {
    const holders = this.#holders.get(ip)
    if (holders === undefined) return undefined
    for (let at = holders.length - 1; at >= 0; at--) {
      const { mac, fromMs, toMs } = holders[at]!
      if (fromMs <= timeMs) return timeMs < toMs ? mac : undefined
    }
    return undefined
  }

  /** What changed since the last call, for the journal. */
  takeChanges(): StateChange[] {
    if (this.#changed.size === 0) return []
    const changes = [...this.#changed].map((ip): StateChange => {
      const holders = this.#holders.get(ip)
      const value = holders?.map(({ mac, fromMs, toMs }) => [mac, fromMs, toMs])
      return { key: KEY + ip, value: value === undefined ? undefined : JSON.stringify(value) }
    })
    this.#changed.clear()
    return changes
  }

  /** Takes entries that `takeChanges` gave; false for others. Several sources may tell of one address. */
  restore(key: string, value: string): boolean {
    if (!key.startsWith(KEY)) return false
    const rows = JSON.parse(value) as [string, number, number][]
    for (const [mac, fromMs, toMs] of rows) this.#give(key.slice(KEY.length), { mac, fromMs, toMs })
    this.#changed.clear()
    return true
  }

  #give(ip: string, lease: Holder): void {
    const mac = plainName('mac', lease.mac)
    if (mac === '') return
    const { fromMs, toMs } = lease
    const holders = this.#holders.get(ip) ?? []
    this.#holders.delete(ip)
    this.#holders.set(ip, holders)
    this.#changed.add(ip)
    const last = holders.at(-1)
    if (last !== undefined && last.mac === mac && fromMs <= last.toMs && fromMs >= last.fromMs) {
      // A renewal.
      holders[holders.length - 1] = { ...last, toMs: Math.max(last.toMs, toMs) }
      return
    }
    let at = holders.length
    while (at > 0 && holders[at - 1]!.fromMs > fromMs) at -= 1
    const before = holders[at - 1]
    if (before !== undefined && before.toMs > fromMs) holders[at - 1] = { ...before, toMs: fromMs }
    const after = holders[at]
    holders.splice(at, 0, { mac, fromMs, toMs: Math.min(toMs, after?.fromMs ?? toMs) })
    if (holders.length > HOLDERS_MAX) holders.shift()
    this.#bound()
  }

  #end(ip: string, mac: string | undefined, timeMs: number): void {
    const holders = this.#holders.get(ip)
    const last = holders?.at(-1)
    if (holders === undefined || last === undefined || timeMs < last.fromMs) return
    if (mac !== undefined && plainName('mac', mac) !== last.mac) return
    holders[holders.length - 1] = { ...last, toMs: Math.min(last.toMs, timeMs) }
    this.#changed.add(ip)
  }

  #bound(): void {
    while (this.#holders.size > this.#max) {
      const [oldest] = this.#holders.keys()
      if (oldest === undefined) return
      this.#holders.delete(oldest)
      this.#changed.add(oldest)
      this.evicted += 1
    }
  }
}

/** `code` of the event as the DHCP decoders give it. */
const GIVES: ReadonlySet<string> = new Set(['ack', 'lease'])
const ENDS: ReadonlySet<string> = new Set(['release', 'decline'])

/** Zeek and Suricata tell the whole exchange: it was given where the server acknowledged. */
function isSeenAck(code: string, doc: EcsDoc): boolean {
  return code === 'dhcp' && /\back\b/i.test(textAt(doc, 'event.reason') ?? '')
}

function textAt(doc: EcsDoc, path: string): string | undefined {
  const value = fieldOf(doc, path)
  return typeof value === 'string' && value !== '' ? value : undefined
}
