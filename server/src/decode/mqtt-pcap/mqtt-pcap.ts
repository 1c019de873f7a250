import { hexBytes } from '../../base/inflate.ts'
import type { Decoder, DecoderSpec, DecodeSink, StateChange } from '../../model/decoder.ts'
import type { RawItem } from '../../model/source.ts'
import { captureForm, cutCapture } from '../capture/cut.ts'
import { FRAME_SKIPS, type FrameSkip, readFrame } from '../capture/frame.ts'
import { Reassembly } from '../capture/reassembly.ts'
import { type CaptureRecord, type CaptureState, readRecord } from '../capture/reader.ts'
import { isObject } from '../document/values.ts'
import { KeptMap } from '../kept-map.ts'
import { checkOptions, OPTIONS, readOptions, type SensorOptions } from './options.ts'
import { Sensor } from './sensor.ts'

const ITEM_MAX = 16 * 2 ** 20
const FILES_MAX = 1_000
const NAME_MAX = 500
const RECORDS_AT_ONCE = 1_000
/** The newest header of all: captures begin alike, and a file may be met behind its own. */
const ANY = '*'
const YEAR_9999_MS = 253_402_300_799_000

/** One record came to this. Where several stand in an item, the first that stands here counts. */
const ROUTINE = [
  'mqtt',
  'tls',
  'tcp',
  'early-segment',
  'repeated-segment',
  'segment-out-of-window',
  'connection-unread',
  'other-port',
  ...FRAME_SKIPS,
  'capture-header',
  'capture-block',
  'blank',
] as const
type RoutineClass = (typeof ROUTINE)[number]

/**
 * MQTT in packet captures: pcap and pcapng, one record an item (`bytes`, or hexadecimal digits as text), or
 * several. Connections are put together again and read with `mqtt-packet`; passwords and payloads are
 * not kept.
 */
class MqttPcapDecoder implements Decoder {
  readonly #captures = new KeptMap<CaptureState>('p:', FILES_MAX)
  readonly #reassembly = new Reassembly()
  readonly #sensor: Sensor

  constructor(options: SensorOptions) {
    this.#sensor = new Sensor(options)
  }

  decode(item: RawItem, out: DecodeSink): void {
    const bytes = bytesOf(item)
    if (bytes === undefined) {
      if (item.text.trim() === '') out.routine('blank')
      else out.reject('DECODE_SYNTAX', 'No capture: neither bytes nor hexadecimal digits of one.')
      return
    }
    const { turn } = this.#sensor
    turn.begin(item, out)
    const name = (item.facts?.['path'] ?? item.facts?.['peer'] ?? '').slice(-NAME_MAX)
    const came = this.#read(name, bytes, item.receivedMs)
    if (turn.part + turn.opened > 0) return
    if ('detail' in came) out.reject('DECODE_SYNTAX', came.detail)
    else out.routine(came.name)
  }

  takeChanges(): readonly StateChange[] {
    const changes: StateChange[] = []
    this.#captures.takeChanges(changes)
    this.#reassembly.takeChanges(changes)
    this.#sensor.takeChanges(changes)
    return changes
  }

  restore(entries: Iterable<readonly [string, string]>): void {
    const all = [...entries]
    this.#captures.restore(all)
    for (const [key, state] of [...this.#captures]) {
      if (!isCapture(state)) this.#captures.delete(key)
    }
    this.#reassembly.restore(all)
    this.#sensor.restore(all)
  }

  settle(out: DecodeSink, quiet = false): void {
    if (!quiet) this.#sensor.settle(out)
  }

  stats(): Readonly<Record<string, number>> {
    const parts = [this.#reassembly.stats(), this.#sensor.stats()]
    return Object.assign({ captures: this.#captures.size }, ...parts)
  }

  /** All records of an item; the most telling class, or what was wrong with the first that was. */
  #read(
    name: string,
    bytes: Uint8Array,
    receivedMs: number,
  ): { readonly name: RoutineClass } | { readonly detail: string } {
    const known = this.#captures.get(name) ?? this.#captures.get(ANY)
    let form = captureForm(bytes) ?? (known === undefined ? undefined : formOf(known))
    let at = 0
    let best: RoutineClass | undefined
    let fault: string | undefined
    while (at < bytes.length) {
      const cut = cutCapture(bytes, at, bytes.length, { form, max: RECORDS_AT_ONCE, final: true })
      for (const { from, to, junk } of cut.pieces) {
        if (junk) {
          fault ??= `${to - from} bytes that are no record of a capture.`
          continue
        }
        const came = this.#record(name, bytes.subarray(from, to), receivedMs)
        if (came.length > 20 && !isRoutine(came)) fault ??= came
        else if (isRoutine(came)) best = better(best, came)
      }
      form = cut.form
      at = cut.end
    }
    return best === undefined ? { detail: fault ?? 'Nothing stands in it.' } : { name: best }
  }

  /** A routine class, or a sentence. */
  #record(name: string, bytes: Uint8Array, receivedMs: number): string {
    const known = this.#captures.get(name) ?? this.#captures.get(ANY)
    const { record, state } = readRecord(bytes, known)
    if (state !== undefined) {
      this.#captures.set(name, state)
      this.#captures.set(ANY, state)
    }
    switch (record.kind) {
      case 'header':
        return 'capture-header'
      case 'block':
        return 'capture-block'
      case 'broken':
        return record.detail
      case 'packet':
        return this.#packet(record, receivedMs)
    }
  }

  #packet(packet: CaptureRecord & { kind: 'packet' }, receivedMs: number): RoutineClass {
    const { timeMs = receivedMs } = packet
    const isTime = timeMs > 0 && timeMs < YEAR_9999_MS
    const atMs = isTime ? timeMs : receivedMs
    const read = readFrame(packet.bytes, packet.link)
    if (typeof read === 'string') return read satisfies FrameSkip
    const segment = read.kind === 'fragment' ? this.#reassembly.push(read, atMs) : read
    if (typeof segment === 'string') return segment satisfies FrameSkip
    return this.#sensor.segment(segment, atMs)
  }
}

const isRoutine = (name: string): name is RoutineClass =>
  (ROUTINE as readonly string[]).includes(name)

function better(best: RoutineClass | undefined, came: RoutineClass): RoutineClass {
  return best === undefined || ROUTINE.indexOf(came) < ROUTINE.indexOf(best) ? came : best
}

const formOf = ({ form, le }: CaptureState) =>
  form === 'pcapng' ? 'pcapng' : le ? 'pcap-le' : 'pcap-be'

function bytesOf({ bytes, text }: RawItem): Uint8Array | undefined {
  if (bytes !== undefined) return bytes.length === 0 || bytes.length > ITEM_MAX ? undefined : bytes
  return text.length > ITEM_MAX ? undefined : hexBytes(text)
}

function isCapture(value: unknown): boolean {
  if (!isObject(value) || typeof value['le'] !== 'boolean') return false
  const { form, interfaces } = value
  if ((form !== 'pcap' && form !== 'pcapng') || !Array.isArray(interfaces)) return false
  return interfaces.every((one) => isObject(one) && Number.isFinite(one['link']))
}

export const mqttPcap: DecoderSpec = {
  name: 'mqtt-pcap',
  summary: 'MQTT in packet captures (pcap, pcapng): connects, refusals, takeovers, topics, floods.',
  binary: true,
  // Packets hold passwords, so that no event keeps its input.
  wholeInput: true,
  framing: 'capture',
  options: OPTIONS,
  check: (options) => checkOptions(options),
  create: (options = {}) => new MqttPcapDecoder(readOptions(options)),
}
