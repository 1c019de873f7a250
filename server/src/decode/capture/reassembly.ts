import { base64Bytes, base64Text } from '../../base/inflate.ts'
import type { StateChange } from '../../model/decoder.ts'
import { isObject } from '../document/values.ts'
import { KeptMap } from '../kept-map.ts'
import { type Fragment, type FrameSkip, type Segment, wholeSegment } from './frame.ts'

/** Packets that wait for fragments, and of how many bytes in all. */
const PACKETS_MAX = 1_024
const BYTES_MAX = 4 * 2 ** 20
const FRAGMENTS_MAX = 1_024
const PACKET_BYTES_MAX = 65_535
/** By the time of the packets. RFC 791 names 15 s, RFC 8200 60 s, Linux waits 30 s. */
const WAIT_MS = 30_000

class Part {
  readonly from: number
  readonly bytes: Uint8Array

  constructor(from: number, bytes: Uint8Array) {
    this.from = from
    this.bytes = bytes
  }

  get end(): number {
    return this.from + this.bytes.length
  }

  toJSON(): unknown {
    return [this.from, base64Text(this.bytes)]
  }
}

/** One packet, as far as it came; replaced at each fragment, never changed. */
interface Waiting {
  readonly firstMs: number
  /** In the order of their places; empty where it is refused: what still comes of it is let go. */
  readonly parts: readonly Part[]
  readonly isRefused: boolean
  /** Length of the whole, and bytes at its end that were not captured, once the last fragment told. */
  readonly end: number | undefined
  readonly missing: number
  /** What the first fragment says that it carries. */
  readonly next: number | undefined
  readonly bytes: number
}

/**
 * Puts the fragments of IP packets together (RFC 791, 3.2; RFC 8200, 4.5). Where two overlap the whole
 * packet is let go, in both versions of IP, as RFC 5722 demands and Linux does: whose bytes count differs
 * from host to host, and an attacker would choose. The same fragment again changes nothing. Bounded in
 * packets, bytes and age; what goes for want of room or time is counted.
 */
export class Reassembly {
  readonly #waiting: KeptMap<Waiting>
  #bytes = 0
  readonly #counts = { fragments_joined: 0, fragments_expired: 0, fragments_evicted: 0 }

  constructor() {
    const evicted = (_: string, waiting: Waiting): void => {
      this.#bytes -= waiting.bytes
      this.#counts.fragments_evicted += waiting.parts.length
    }
    this.#waiting = new KeptMap('g:', PACKETS_MAX, evicted, revive)
  }

  /** The segment that the fragment completes, or what became of the fragment. */
  push(fragment: Fragment, atMs: number): Segment | FrameSkip {
    this.#expire(atMs)
    const key = keyOf(fragment)
    const before = this.#waiting.get(key) ?? NOTHING
    const { offset, payload, more, missing } = fragment
    const to = offset + payload.length + missing
    if (before.isRefused) return 'ip-fragment-overlap'
    // All but the last are of multiples of eight bytes, and not cut short by the capture.
    const isEmpty = payload.length + missing === 0
    if (isEmpty || to > PACKET_BYTES_MAX || (more && to % 8 !== 0)) return 'bad-header'
    if (more && missing > 0) return 'cut-short'
    const place = placeOf(before.parts, new Part(offset, payload))
    if (place === 'same') return 'ip-fragment'
    const ends = more ? before.end : to
    const isOdd = ends !== undefined && (ends < to || (before.end ?? ends) !== ends)
    const isBehind = ends !== undefined && before.parts.some((part) => part.end > ends)
    if (place === 'overlap' || isOdd || isBehind) {
      this.#put(key, { ...NOTHING, firstMs: firstOf(before, atMs), isRefused: true }, before)
      return 'ip-fragment-overlap'
    }
    const parts = before.parts.toSpliced(place, 0, new Part(offset, payload.slice()))
    if (parts.length > FRAGMENTS_MAX) return 'bad-header'
    const after: Waiting = {
      firstMs: firstOf(before, atMs),
      ...{ parts, isRefused: false, end: ends, missing: more ? before.missing : missing },
      next: offset === 0 ? fragment.next : before.next,
      bytes: before.bytes + payload.length,
    }
    const whole = joined(after)
    if (whole === undefined || after.next === undefined) {
      this.#put(key, after, before)
      return 'ip-fragment'
    }
    this.#waiting.delete(key)
    this.#bytes -= before.bytes
    this.#counts.fragments_joined += parts.length
    return wholeSegment(fragment.addresses, after.next, whole, after.missing)
  }

  takeChanges(into: StateChange[]): void {
    this.#waiting.takeChanges(into)
  }

  restore(entries: readonly (readonly [string, string])[]): void {
    this.#waiting.restore(entries)
    this.#bytes = 0
    for (const [, { bytes }] of this.#waiting) this.#bytes += bytes
  }

  stats(): Readonly<Record<string, number>> {
    return {
      fragments_bytes: this.#bytes,
      packets_in_fragments: this.#waiting.size,
      ...this.#counts,
    }
  }

  #put(key: string, after: Waiting, before: Waiting): void {
    this.#waiting.set(key, after)
    this.#bytes += after.bytes - before.bytes
    while (this.#bytes > BYTES_MAX) {
      const oldest = this.#waiting.oldestKey
      if (oldest === undefined) return
      this.#counts.fragments_evicted += this.#letGo(oldest)
    }
  }

  #expire(atMs: number): void {
    for (;;) {
      const oldest = this.#waiting.oldestKey
      const waiting = oldest === undefined ? undefined : this.#waiting.get(oldest)
      // Captures may follow one another with their times going back.
      if (oldest === undefined || waiting === undefined) return
      if (Math.abs(atMs - waiting.firstMs) <= WAIT_MS) return
      this.#counts.fragments_expired += this.#letGo(oldest)
    }
  }

  #letGo(key: string): number {
    const waiting = this.#waiting.get(key)
    this.#waiting.delete(key)
    this.#bytes -= waiting?.bytes ?? 0
    return waiting?.parts.length ?? 0
  }
}

const NOTHING: Waiting = {
  ...{ firstMs: Number.NaN, parts: [], isRefused: false, end: undefined, missing: 0 },
  ...{ next: undefined, bytes: 0 },
}

const firstOf = ({ firstMs }: Waiting, atMs: number): number =>
  Number.isNaN(firstMs) ? atMs : firstMs

function keyOf({ addresses, id }: Fragment): string {
  return `${base64Text(addresses)} ${id}`
}

/** Where a fragment belongs among those that came. */
function placeOf(parts: readonly Part[], part: Part): number | 'same' | 'overlap' {
  const at = parts.findIndex((one) => one.end > part.from)
  const next = at < 0 ? undefined : parts[at]
  if (next === undefined) return parts.length
  if (next.from >= part.end) return at
  const isSame = next.from === part.from && next.bytes.length === part.bytes.length
  return isSame && next.bytes.every((byte, index) => byte === part.bytes[index])
    ? 'same'
    : 'overlap'
}

/** The content, once no byte of it is wanting. */
function joined({ parts, end, missing }: Waiting): Uint8Array | undefined {
  if (end === undefined) return undefined
  let at = 0
  for (const { from, bytes } of parts) {
    if (from !== at) return undefined
    at += bytes.length
  }
  if (at + missing !== end) return undefined
  const whole = new Uint8Array(at)
  for (const { from, bytes } of parts) whole.set(bytes, from)
  return whole
}

/** What JSON left of a saved one; undefined for what is none. */
function revive(saved: unknown): Waiting | undefined {
  if (!isObject(saved) || !Array.isArray(saved['parts'])) return undefined
  const { firstMs, isRefused, end, missing, next } = saved
  if (typeof firstMs !== 'number' || typeof missing !== 'number') return undefined
  const parts: Part[] = []
  for (const part of saved['parts'] as unknown[]) {
    if (!Array.isArray(part)) return undefined
    const [from, text] = part as unknown[]
    const bytes = typeof text === 'string' ? base64Bytes(text) : undefined
    if (bytes === undefined || typeof from !== 'number') return undefined
    if (from + bytes.length > PACKET_BYTES_MAX) return undefined
    parts.push(new Part(from, bytes))
  }
  return {
    ...{ firstMs, parts, missing, isRefused: isRefused === true },
    end: typeof end === 'number' ? end : undefined,
    next: typeof next === 'number' ? next : undefined,
    bytes: parts.reduce((sum, part) => sum + part.bytes.length, 0),
  }
}
