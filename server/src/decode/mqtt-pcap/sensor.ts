import type { DecodeSink, StateChange } from '../../model/decoder.ts'
import type { EcsDoc } from '../../model/event.ts'
import type { Segment } from '../capture/frame.ts'
import type { StreamSink } from '../capture/half-stream.ts'
import { compact } from '../document/values.ts'
import { NETWORK, STARTED, TLS_FAULT } from '../mosquitto/drafts.ts'
import { Floods } from './floods.ts'
import type { Flow, FlowListener, Way } from './flow.ts'
import type { Framed, MqttFramer } from './framer.ts'
import type { SensorOptions } from './options.ts'
import { Sessions } from './sessions.ts'
import { FlowTable, type SegmentClass } from './table.ts'
import { FlowTeller } from './teller.ts'
import { type TlsEnd, TlsLayer, TlsWatch } from './tls.ts'
import { Traffic } from './traffic.ts'
import { Turn } from './turn.ts'
import { WebSocketLayer } from './websocket.ts'

const HTTP_GET = 0x47
const TLS_HANDSHAKE = 22
const TIME_KEY = 'n:'

/** Segments in, events out: wires connections, sessions, traffic and floods together. */
export class Sensor implements FlowListener {
  readonly turn = new Turn()
  readonly #teller = new FlowTeller(this.turn)
  readonly #floods = new Floods(this.turn)
  readonly #traffic: Traffic
  readonly #sessions: Sessions
  readonly #table: FlowTable
  /** The handshake of a flow's two directions; goes with the flow. */
  readonly #watches = new WeakMap<Flow, TlsWatch>()
  readonly #tlsPorts: ReadonlySet<number>
  #savedMs = 0
  readonly #counts = { packets_lost: 0 }

  constructor(options: SensorOptions) {
    this.#tlsPorts = options.tlsPorts
    this.#traffic = new Traffic(this.turn, options.intervalMs)
    this.#sessions = new Sessions({
      turn: this.turn,
      teller: this.#teller,
      traffic: this.#traffic,
      flow: (key) => this.#table.flow(key),
      opened: (flow) => this.#table.promote(flow),
      malformed: (flow) => this.#floods.malformed(flow),
    })
    this.#table = new FlowTable({
      ports: { plain: options.ports, tls: options.tlsPorts },
      listener: this,
      now: () => this.turn.atMs,
      began: (flow) => this.#floods.began(flow),
      closed: (flow, by, isReset) => this.#closed(flow, by, isReset),
      gone: (flow) => this.#floods.finished(flow.key),
      layerOf: (flow, from) => this.#layerOf(flow, from),
    })
  }

  segment(segment: Segment, atMs: number): SegmentClass {
    this.turn.atMs = atMs
    const came = this.#table.segment(segment)
    this.#floods.look()
    this.#traffic.tellDue()
    this.#table.sweep()
    return came
  }

  settle(out: DecodeSink): void {
    this.turn.out = out
    this.#traffic.tellAll()
  }

  takeChanges(into: StateChange[]): void {
    this.#table.takeChanges(into)
    this.#sessions.takeChanges(into)
    this.#traffic.takeChanges(into)
    this.#floods.takeChanges(into)
    this.#teller.takeChanges(into)
    if (this.turn.atMs === this.#savedMs) return
    this.#savedMs = this.turn.atMs
    into.push({ key: TIME_KEY, value: String(this.turn.atMs) })
  }

  restore(entries: readonly (readonly [string, string])[]): void {
    this.#table.restore(entries)
    this.#sessions.restore(entries)
    this.#traffic.restore(entries)
    this.#floods.restore(entries)
    this.#teller.restore(entries)
    const time = Number(entries.find(([key]) => key === TIME_KEY)?.[1] ?? 0)
    if (Number.isFinite(time)) this.turn.atMs = time
    this.#savedMs = this.turn.atMs
  }

  stats(): Readonly<Record<string, number>> {
    return {
      ...this.#table.stats(),
      ...this.#floods.stats(),
      ...this.#teller.stats(),
      ...this.#counts,
      sessions: this.#sessions.size,
      devices: this.#traffic.size,
      devices_evicted: this.#traffic.evicted,
    }
  }

  packet(flow: Flow, from: Way, framed: Framed): void {
    const before = flow.phase
    this.#sessions.packet(flow, from, framed)
    if (before === 'opening' && flow.phase !== 'opening') this.#floods.finished(flow.key)
  }

  lost(flow: Flow, from: Way, first: number): void {
    this.#counts.packets_lost += 1
    if (from === 'server' && flow.phase === 'connecting') flow.isBlind = true
    if (first === 0) flow.doubt()
  }

  broken(flow: Flow, _from: Way, detail: string): void {
    if (flow.isWhole) this.#sessions.broken(flow, detail)
    else flow.silence('foreign')
    this.#floods.finished(flow.key)
  }

  begins(flow: Flow, bytes: Uint8Array): StreamSink | undefined {
    const [first = 0] = bytes
    if (this.#tlsPorts.has(flow.server.port) && first === TLS_HANDSHAKE) flow.mode = 'tls'
    else if (first === HTTP_GET) flow.mode = 'websocket'
    else flow.mode = 'mqtt'
    flow.up.layer = this.#layerOf(flow, 'client')
    flow.down.layer = this.#layerOf(flow, 'server')
    if (flow.mode === 'tls') this.#floods.finished(flow.key)
    return flow.up.layer
  }

  #layerOf(flow: Flow, from: Way): MqttFramer | WebSocketLayer | TlsLayer | undefined {
    if (flow.mode === 'tls') return new TlsLayer(from, this.#watchOf(flow))
    if (flow.mode === undefined) return undefined
    const framer = flow.framer(from, false)
    if (flow.mode === 'mqtt') return framer
    return new WebSocketLayer(framer, (detail) => this.#giveUp(flow, detail))
  }

  #giveUp(flow: Flow, _detail: string): void {
    this.#counts.packets_lost += 1
    this.#floods.finished(flow.key)
    flow.silence('foreign')
  }

  #watchOf(flow: Flow): TlsWatch {
    const known = this.#watches.get(flow)
    if (known !== undefined) return known
    const made: TlsWatch = new TlsWatch({ ended: (end) => this.#tellTls(flow, made, end) })
    this.#watches.set(flow, made)
    return made
  }

  #closed(flow: Flow, by: Way | 'vanished', isReset: boolean): void {
    if (flow.mode === 'tls') {
      const watch = this.#watches.get(flow)
      if (by !== 'vanished' && flow.phase === 'opening') watch?.closed()
      flow.silence('ended')
    } else this.#sessions.closed(flow, by, isReset)
  }

  #tellTls(flow: Flow, { told }: TlsWatch, end: TlsEnd): void {
    const isUp = end.kind === 'established'
    const words = {
      category: NETWORK,
      type: isUp ? STARTED : TLS_FAULT,
      outcome: isUp ? 'success' : 'failure',
      reason: isUp ? 'established' : end.reason,
      code: isUp ? 'tls-established' : 'tls-failure',
    } as const
    const tls: EcsDoc = compact({
      established: isUp,
      version: told.version,
      version_protocol: 'tls',
      next_protocol: told.protocols?.[0],
      client: told.serverName === undefined ? undefined : { server_name: told.serverName },
    })
    const retry = isUp ? {} : { retryOf: 'tls' }
    this.#teller.tell(flow, { action: 'tls-handshake', words, fields: { tls }, ...retry })
    flow.silence('ended')
  }
}
