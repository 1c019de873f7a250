import type { StateChange } from '../../model/decoder.ts'
import { ACK, FIN, RST, type Segment, SYN } from '../capture/frame.ts'
import type { StreamSink } from '../capture/half-stream.ts'
import { KeptMap } from '../kept-map.ts'
import { Flow, type FlowListener, reviveFlow, type Way } from './flow.ts'
import { beginsConnect } from './packets.ts'
import { asksForMqtt } from './websocket.ts'

/** Connections without a session are kept apart, so that a flood of them does not push sessions out. */
const YOUNG_MAX = 10_000
const LIVE_MAX = 20_000
const BYTES_KEPT_MAX = 32 * 2 ** 20
const YOUNG_IDLE_MS = 5 * 60_000
const LIVE_IDLE_MS = 3_600_000
const SWEPT_AT_ONCE = 20

/** What became of a segment; the names are routine classes. */
export type SegmentClass =
  | 'mqtt'
  | 'tls'
  | 'tcp'
  | 'early-segment'
  | 'repeated-segment'
  | 'segment-out-of-window'
  | 'other-port'
  | 'connection-unread'

export interface Ports {
  readonly plain: ReadonlySet<number>
  readonly tls: ReadonlySet<number>
}

export interface TableParts {
  readonly ports: Ports
  readonly listener: FlowListener
  /** Time of the packet. */
  now(): number
  /** A connection of which the beginning was seen. */
  began(flow: Flow): void
  /** It ended below MQTT: by FIN, by RST, by a new one in its place, or nothing more was seen. */
  closed(flow: Flow, by: Way | 'vanished', isReset: boolean): void
  /** It is not kept any more, with or without an end. */
  gone(flow: Flow): void
  layerOf(flow: Flow, from: Way): (StreamSink & { restore(saved: unknown): void }) | undefined
}

/** TCP connections that carry MQTT, by their four numbers. */
export class FlowTable {
  readonly #young: KeptMap<Flow>
  readonly #live: KeptMap<Flow>
  readonly #parts: TableParts
  /** Bytes that wait in all flows, counted anew for each flow that a segment changes. */
  #bytesKept = 0
  readonly counts = { flows_evicted: 0, flows_unread: 0 }

  constructor(parts: TableParts) {
    this.#parts = parts
    const evict = (_: string, flow: Flow): void => {
      this.counts.flows_evicted += 1
      this.#left(flow)
    }
    const revive = (saved: unknown): Flow | undefined =>
      reviveFlow(saved, parts.listener, (flow, from) => parts.layerOf(flow, from))
    this.#young = new KeptMap('y:', YOUNG_MAX, evict, revive)
    this.#live = new KeptMap('f:', LIVE_MAX, evict, revive)
  }

  stats(): Readonly<Record<string, number>> {
    const { size: young } = this.#young
    return { young, live: this.#live.size, bytes_kept: this.#bytesKept, ...this.counts }
  }

  flow(key: string): Flow | undefined {
    return this.#live.get(key) ?? this.#young.get(key)
  }

  /** A session began in it. */
  promote(flow: Flow): void {
    if (!this.#young.delete(flow.key)) return
    flow.place = 'live'
    this.#live.set(flow.key, flow)
  }

  segment(segment: Segment): SegmentClass {
    const a = `${segment.source}:${segment.sourcePort}`
    const b = `${segment.destination}:${segment.destinationPort}`
    const key = a < b ? `${a} ${b}` : `${b} ${a}`
    let flow = this.flow(key)
    const isSyn = (segment.flags & (SYN | ACK)) === SYN
    if (flow !== undefined && isSyn && !isRepeated(flow, segment)) {
      this.#close(flow, 'client', true)
      flow = undefined
    }
    flow ??= this.#begin(key, segment, isSyn)
    if (flow === undefined) return segment.payload.length > 0 ? 'other-port' : 'tcp'
    const from = flow.client.ip === segment.source && flow.client.port === segment.sourcePort
    flow.lastMs = this.#parts.now()
    const taken = this.#take(flow, from ? 'client' : 'server', segment)
    this.#kept(flow)
    return taken
  }

  /** Lets go of a few connections that were silent for long. */
  sweep(): void {
    for (const map of [this.#young, this.#live]) {
      for (let swept = 0; swept < SWEPT_AT_ONCE; swept++) {
        const key = map.oldestKey
        const flow = key === undefined ? undefined : map.get(key)
        if (flow === undefined || Math.abs(this.#parts.now() - flow.lastMs) < idleMs(flow)) break
        this.#close(flow, 'vanished', false)
      }
    }
  }

  takeChanges(into: StateChange[]): void {
    this.#young.takeChanges(into)
    this.#live.takeChanges(into)
  }

  restore(entries: readonly (readonly [string, string])[]): void {
    this.#young.restore(entries)
    this.#live.restore(entries)
    for (const map of [this.#young, this.#live]) {
      for (const [, flow] of map) {
        flow.place = map === this.#live ? 'live' : 'young'
        flow.bytesCounted = flow.bytesKept
        this.#bytesKept += flow.bytesCounted
      }
    }
  }

  #begin(key: string, segment: Segment, isSyn: boolean): Flow | undefined {
    const { payload, flags } = segment
    const source = { ip: segment.source, port: segment.sourcePort }
    const destination = { ip: segment.destination, port: segment.destinationPort }
    const asks = beginsConnect(payload) || asksForMqtt(payload)
    const isHello = payload[0] === 22 && payload[5] === 1
    const toServer = asks || isSyn || this.#knows(destination.port)
    const server = toServer ? destination : source
    const isKnown = this.#knows(server.port)
    if ((flags & RST) !== 0 || (!asks && !isKnown)) return undefined
    if (!isSyn && payload.length === 0) return undefined
    // TLS is followed from its beginning only.
    if (this.#parts.ports.tls.has(server.port) && !isSyn && !asks && !isHello) return undefined
    const client = toServer ? source : destination
    const isWhole = asks || isSyn || isHello
    const flow = new Flow(
      { key, client, server, isWhole, atMs: this.#parts.now() },
      this.#parts.listener,
    )
    if (!isWhole) flow.speakMqtt(true)
    this.#young.set(key, flow)
    if (isWhole) this.#parts.began(flow)
    return flow
  }

  #knows(port: number): boolean {
    return this.#parts.ports.plain.has(port) || this.#parts.ports.tls.has(port)
  }

  #take(flow: Flow, from: Way, segment: Segment): SegmentClass {
    const { flags, seq, payload, missing } = segment
    const half = flow.half(from)
    const { stream } = half
    if ((flags & SYN) !== 0) {
      if (stream.next === undefined) stream.begin(seq)
      if (from === 'server') flow.isAnswered = true
    }
    if ((flags & RST) !== 0) {
      this.#finish(flow)
      this.#close(flow, from, true)
      return 'tcp'
    }
    let taken: SegmentClass = 'tcp'
    if (payload.length + missing > 0 && (flags & SYN) === 0) {
      const how = stream.push({ seq, bytes: payload, missing }, flow.sink(from))
      taken = how === 'taken' ? classOf(flow) : CLASSES[how]
    }
    if ((flags & ACK) !== 0) {
      const other: Way = from === 'client' ? 'server' : 'client'
      const { stream: acked, finSeq } = flow.half(other)
      acked.acknowledged(segment.ack, flow.sink(other))
      // Its receiver has all of it: what is missing here was not captured.
      if (finSeq !== undefined && ((segment.ack - finSeq) | 0) > 0) {
        acked.finish(finSeq, flow.sink(other))
      }
    }
    if ((flags & FIN) !== 0) half.finSeq = (seq + payload.length + missing) >>> 0
    this.#touch(flow)
    this.#ends(flow, from)
    return taken
  }

  /** A side has ended once all before its FIN is there; both FINs end what is missing, too. */
  #ends(flow: Flow, from: Way): void {
    const both = flow.up.finSeq !== undefined && flow.down.finSeq !== undefined
    for (const way of [from, from === 'client' ? 'server' : 'client'] as const) {
      const half = flow.half(way)
      const { finSeq, stream } = half
      if (finSeq === undefined || half.isClosed) continue
      const isThere = stream.next === undefined || ((finSeq - stream.next) | 0) <= 0
      if (!isThere && !both) continue
      stream.finish(finSeq, flow.sink(way))
      half.isClosed = true
      this.#parts.closed(flow, way, false)
    }
    if (both) this.#drop(flow)
  }

  /** What waits behind a gap is read before the end. */
  #finish(flow: Flow): void {
    for (const way of ['client', 'server'] as const) {
      const { stream } = flow.half(way)
      while (stream.held.length > 0) stream.skipGap(flow.sink(way))
    }
  }

  #close(flow: Flow, by: Way | 'vanished', isReset: boolean): void {
    this.#parts.closed(flow, by, isReset)
    this.#drop(flow)
  }

  #drop(flow: Flow): void {
    if (!this.#young.delete(flow.key) && !this.#live.delete(flow.key)) return
    this.#left(flow)
  }

  #left(flow: Flow): void {
    flow.place = 'gone'
    this.#bytesKept -= flow.bytesCounted
    this.#parts.gone(flow)
  }

  #touch(flow: Flow): void {
    if (flow.place === 'gone') return
    const map = flow.place === 'live' ? this.#live : this.#young
    map.set(flow.key, flow)
  }

  /** The sum of what waits has a limit: the flow that goes over it is not read on. */
  #kept(flow: Flow): void {
    if (flow.place === 'gone') return
    const before = flow.bytesCounted
    const after = flow.bytesKept
    flow.bytesCounted = after
    this.#bytesKept += after - before
    if (after <= before || this.#bytesKept <= BYTES_KEPT_MAX) return
    this.counts.flows_unread += 1
    this.#bytesKept -= after
    flow.bytesCounted = 0
    for (const { stream } of [flow.up, flow.down]) {
      stream.held = []
      stream.heldBytes = 0
    }
    flow.silence('foreign')
  }
}

const CLASSES = {
  early: 'early-segment',
  duplicate: 'repeated-segment',
  'out-of-window': 'segment-out-of-window',
} as const

function classOf(flow: Flow): SegmentClass {
  if (flow.phase === 'foreign') return 'connection-unread'
  return flow.mode === 'tls' ? 'tls' : 'mqtt'
}

/** The same SYN once more, not a new connection with the numbers of an old one. */
const isRepeated = (flow: Flow, { seq, source, sourcePort }: Segment): boolean =>
  flow.client.ip === source &&
  flow.client.port === sourcePort &&
  flow.up.stream.first === (seq + 1) >>> 0

function idleMs(flow: Flow): number {
  if (flow.phase !== 'open') return YOUNG_IDLE_MS
  return Math.max(LIVE_IDLE_MS, (flow.told.keepalive ?? 0) * 2_000)
}
