import { ANEW } from '../../base/anew.ts'
import { HalfStream, type StreamSink } from '../capture/half-stream.ts'
import { type Framed, MqttFramer } from './framer.ts'
import { TlsLayer } from './tls.ts'
import { WebSocketLayer } from './websocket.ts'
import type { ProtocolLevel } from './packets.ts'

export interface End {
  readonly ip: string
  readonly port: number
}

/**
 * `opening`: no CONNECT was complete yet. `connecting`: it was, and no CONNACK. `open`: a session, or a
 * connection met midway. `refused`, `ended`: what may still come tells nothing. `foreign`: no MQTT.
 */
export type Phase = 'opening' | 'connecting' | 'open' | 'refused' | 'ended' | 'foreign'
const PHASES: readonly Phase[] = ['opening', 'connecting', 'open', 'refused', 'ended', 'foreign']

export type Way = 'client' | 'server'

/** Who hears what the two directions of a flow say. */
export interface FlowListener {
  packet(flow: Flow, from: Way, framed: Framed): void
  lost(flow: Flow, from: Way, first: number): void
  broken(flow: Flow, from: Way, detail: string): void
  /** The first bytes of the client decide what is spoken. */
  begins(flow: Flow, bytes: Uint8Array): StreamSink | undefined
}

/** What one connection told of its client. */
export interface Told {
  id?: string
  user?: string
  keepalive?: number
  clean?: boolean
  will?: string
  version?: ProtocolLevel
  bridge?: boolean
}

const ASKED_MAX = 64

/** One direction: its bytes in order, and the packets cut from them. */
class Half {
  readonly stream = new HalfStream()
  layer: StreamSink | undefined
  finSeq: number | undefined
  isClosed = false

  /** Where nothing waits, the number of the next byte alone. */
  toJSON(): unknown {
    const { stream, layer, finSeq, isClosed } = this
    const framer = layer === DEAF || layer === undefined ? null : layer
    const isPlain = finSeq === undefined && !isClosed && stream.isPlain
    if (isPlain && layer instanceof MqttFramer && layer.isPlain) return stream.next
    return [stream, framer, finSeq, isClosed]
  }
}

/** A TCP connection to a broker, and the session in it. Saved as JSON. */
export class Flow {
  readonly key: string
  readonly client: End
  readonly server: End
  readonly startMs: number
  /** When the last packet of either side was seen, and the last MQTT packet of the client. */
  lastMs: number
  spokeMs: number
  phase: Phase = 'opening'
  /** How the bytes are framed: MQTT itself, WebSocket, TLS; undefined before the first byte. */
  mode: 'mqtt' | 'websocket' | 'tls' | undefined
  /** Whether its beginning was seen. */
  isWhole: boolean
  /** The server's half of the handshake was seen. */
  isAnswered = false
  told: Told = {}
  /** The key of the connection that took this one's client id, and of the one whose id this took. */
  displacedBy: string | undefined
  displaces: { readonly ip: string; readonly port: number; readonly user?: string } | undefined
  /** Bytes of the broker were lost while its answer was awaited. */
  isBlind = false
  /** How the client left before it was answered. */
  parting: 'disconnected' | 'closed' | undefined
  /** What it published before it was answered: topics and bytes. */
  readonly early: (readonly [string, number])[] = []
  /** Topics that were asked for and not answered, by message id. */
  readonly asked = new Map<number, readonly string[]>()
  /** Topic aliases of the client (MQTT 5). */
  readonly aliases = new Map<number, string>()
  readonly up = new Half()
  readonly down = new Half()
  readonly #listener: FlowListener
  #fixedText: string | undefined
  /** Where the table keeps it, and how many bytes it counted for it. */
  place: 'young' | 'live' | 'gone' = 'young'
  bytesCounted = 0

  constructor(
    place: { key: string; client: End; server: End; isWhole: boolean; atMs: number },
    listener: FlowListener,
  ) {
    this.key = place.key
    this.client = place.client
    this.server = place.server
    this.isWhole = place.isWhole
    this.startMs = place.atMs
    this.lastMs = place.atMs
    this.spokeMs = place.atMs
    this.#listener = listener
  }

  half(from: Way): Half {
    return from === 'client' ? this.up : this.down
  }

  get level(): ProtocolLevel {
    return this.told.version ?? 4
  }

  /** Bytes that wait for their predecessors or for the rest of a packet. */
  get bytesKept(): number {
    let sum = 0
    for (const { stream, layer } of [this.up, this.down]) {
      sum += stream.heldBytes
      if (layer instanceof MqttFramer || layer instanceof WebSocketLayer) sum += layer.bytesKept
      else if (layer instanceof TlsLayer) sum += layer.bytesKept
    }
    return sum
  }

  /** Takes bytes of one side in order. */
  sink(from: Way): StreamSink {
    const half = this.half(from)
    return half.layer ?? new Opening(this, from, this.#listener)
  }

  /** Both directions are MQTT; `astray`: met midway. */
  speakMqtt(astray: boolean): void {
    this.mode = 'mqtt'
    this.up.layer = this.framer('client', astray)
    this.down.layer = this.framer('server', astray)
  }

  framer(from: Way, astray: boolean): MqttFramer {
    const listener = this.#listener
    const sink = {
      packet: (framed: Framed) => listener.packet(this, from, framed),
      lost: (first: number) => listener.lost(this, from, first),
      broken: (detail: string) => listener.broken(this, from, detail),
    }
    return new MqttFramer(sink, from, astray)
  }

  /** From here on what looks wrong may be our own reading. */
  doubt(): void {
    this.isWhole = false
    this.#fixedText = undefined
  }

  /** Remembers what a message id asked for, the oldest making room. */
  ask(id: number, topics: readonly string[]): void {
    const [oldest] = this.asked.keys()
    if (this.asked.size >= ASKED_MAX && oldest !== undefined) this.asked.delete(oldest)
    this.asked.set(id, topics)
  }

  /** Nothing that follows is read any more. */
  silence(phase: Phase): void {
    this.phase = phase
    this.up.layer = DEAF
    this.down.layer = DEAF
    this.asked.clear()
    this.early.length = 0
    this.aliases.clear()
  }

  /**
   * What hardly changes as a text that is made once a session, what each packet changes beside it: a
   * batch touches many flows, and all of them are saved.
   */
  toJSON(): readonly unknown[] {
    const { lastMs, spokeMs, up, down, asked, aliases } = this
    const saved: unknown[] = [this.#fixed(), lastMs, spokeMs, up.toJSON(), down.toJSON()]
    if (asked.size + aliases.size > 0) saved.push([...asked], [...aliases])
    return saved
  }

  #fixed(): string {
    if (this.phase === 'open' && this.displacedBy === undefined && this.#fixedText !== undefined) {
      return this.#fixedText
    }
    const { key, client, server, startMs, phase, mode, isWhole, isAnswered, told } = this
    const { displacedBy, displaces, parting, early, up, down, isBlind } = this
    const firsts = [up.stream.first, down.stream.first]
    const whole = { key, client, server, startMs, phase, mode, isWhole, isAnswered, told }
    const text = JSON.stringify({
      ...ANEW,
      ...whole,
      displacedBy,
      displaces,
      parting,
      early,
      isBlind,
      firsts,
    })
    this.#fixedText = phase === 'open' && displacedBy === undefined ? text : undefined
    return text
  }
}

/** Before anything was said: the first byte of the client decides how the rest is read. */
class Opening implements StreamSink {
  readonly #flow: Flow
  readonly #from: Way
  readonly #listener: FlowListener

  constructor(flow: Flow, from: Way, listener: FlowListener) {
    this.#flow = flow
    this.#from = from
    this.#listener = listener
  }

  bytes(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    const layer = this.#flow.half(this.#from).layer
    if (layer !== undefined) return layer.bytes(bytes)
    if (this.#from === 'client') this.#listener.begins(this.#flow, bytes)?.bytes(bytes)
    else {
      // Brokers wait for a CONNECT: it was not captured.
      this.#flow.doubt()
      this.#flow.speakMqtt(true)
      this.#flow.down.layer?.bytes(bytes)
    }
  }

  gap(count: number): void {
    const layer = this.#flow.half(this.#from).layer
    if (layer !== undefined) layer.gap(count)
    else {
      this.#flow.doubt()
      this.#flow.speakMqtt(true)
    }
  }
}

export const DEAF: StreamSink = { bytes: () => undefined, gap: () => undefined }

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === 'object' && !Array.isArray(value)

/** A flow from what `toJSON` left of it; undefined where it is none. */
export function reviveFlow(
  saved: unknown,
  listener: FlowListener,
  layerOf: (flow: Flow, from: Way) => (StreamSink & { restore(saved: unknown): void }) | undefined,
): Flow | undefined {
  if (!Array.isArray(saved)) return undefined
  const [text, lastMs, spokeMs, up, down, asked, aliases] = saved as unknown[]
  const fixed = parsed(text)
  const client = endOf(fixed?.['client'])
  const server = endOf(fixed?.['server'])
  if (fixed === undefined || client === undefined || server === undefined) return undefined
  const { key, startMs, phase, mode, firsts } = fixed
  const known = PHASES.find((name) => name === phase)
  const times = [startMs, lastMs, spokeMs].every(Number.isFinite)
  if (typeof key !== 'string' || known === undefined || !times) return undefined
  const isWhole = fixed['isWhole'] === true
  const flow = new Flow({ key, client, server, isWhole, atMs: Number(startMs) }, listener)
  flow.lastMs = Number(lastMs)
  flow.spokeMs = Number(spokeMs)
  flow.isAnswered = fixed['isAnswered'] === true
  flow.isBlind = fixed['isBlind'] === true
  flow.mode = (['mqtt', 'websocket', 'tls'] as const).find((name) => name === mode)
  if (isObject(fixed['told'])) flow.told = fixed['told']
  if (typeof fixed['displacedBy'] === 'string') flow.displacedBy = fixed['displacedBy']
  const displaces = endOf(fixed['displaces'])
  if (displaces !== undefined) flow.displaces = fixed['displaces'] as typeof displaces
  flow.parting = (['disconnected', 'closed'] as const).find((how) => how === fixed['parting'])
  for (const entry of Array.isArray(fixed['early']) ? fixed['early'] : []) {
    if (Array.isArray(entry)) flow.early.push([String(entry[0]), Number(entry[1])])
  }
  for (const [id, topics] of pairsOf(asked)) {
    if (Array.isArray(topics)) flow.ask(id, topics.map(String))
  }
  for (const [id, topic] of pairsOf(aliases)) {
    if (typeof topic === 'string') flow.aliases.set(id, topic)
  }
  flow.phase = known
  for (const [index, from] of (['client', 'server'] as const).entries()) {
    const half = flow.half(from)
    const given: unknown = index === 0 ? up : down
    const first: unknown = Array.isArray(firsts) ? firsts[index] : undefined
    const [stream, framer, finSeq, isClosed]: unknown[] = Array.isArray(given) ? given : [given, 0]
    half.stream.restore(stream)
    if (typeof first === 'number') half.stream.first = first
    half.isClosed = isClosed === true
    if (typeof finSeq === 'number') half.finSeq = finSeq
    const layer = framer === null ? undefined : layerOf(flow, from)
    layer?.restore(framer)
    half.layer = layer ?? (flow.mode === undefined && known === 'opening' ? undefined : DEAF)
  }
  return flow
}

function parsed(text: unknown): Record<string, unknown> | undefined {
  if (typeof text !== 'string') return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

function endOf(value: unknown): End | undefined {
  if (!isObject(value)) return undefined
  const { ip, port } = value
  return typeof ip === 'string' && typeof port === 'number' ? { ip, port } : undefined
}

function pairsOf(value: unknown): readonly (readonly [number, unknown])[] {
  if (!Array.isArray(value)) return []
  return value.filter(
    (pair): pair is [number, unknown] => Array.isArray(pair) && Number.isInteger(pair[0]),
  )
}
