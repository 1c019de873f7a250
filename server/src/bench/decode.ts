import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parser } from 'mqtt-packet'
import { decoders } from '../decode/registry.ts'
import type { DecodeSink, DecoderSpec } from '../model/decoder.ts'
import type { RawItem } from '../model/source.ts'
import { flowDatagrams, mqttCapture } from './captures.ts'
import { type Bench, leastCpuNs, type Report } from './report.ts'

const BATCH = 1_000
const ROUNDS = 5
const LINES = 10_000
const RECEIVED_MS = Date.UTC(2026, 10, 22, 12)
const CORPUS = join(import.meta.dirname, '../../test/corpus')

/** What a decoder is measured on, and what it is compared with: the same bytes through its parser alone. */
interface Case {
  readonly decoder: string
  readonly unit: string
  readonly items: readonly RawItem[]
  /** Units in the items. */
  readonly count: number
  readonly alone: { readonly name: string; run(): void }
}

/** Inputs that the golden files do not hold. One function each. */
const OWN_CASES: Readonly<Record<string, () => Case>> = {
  'mqtt-pcap': () => {
    const { items, streams, packets } = mqttCapture(500, 20)
    const run = (): void => {
      for (const stream of streams) {
        const reader = parser()
        reader.on('packet', () => undefined)
        reader.parse(stream)
      }
    }
    const alone = { name: 'mqtt-packet on the streams', run }
    return { decoder: 'mqtt-pcap', unit: 'MQTT packet', items, count: packets, alone }
  },
  netflow: () => {
    const { items, flows } = flowDatagrams(400)
    const json = JSON.stringify({ source: { ip: '10.1.2.3', port: 20_001, bytes: 4_000 } })
    const run = (): void => {
      for (let flow = 0; flow < flows; flow++) JSON.parse(json)
    }
    // No parser of datagrams is used: a small object of the same content is the measure.
    const alone = { name: 'JSON.parse of ends and bytes', run }
    return { decoder: 'netflow', unit: 'flow', items, count: flows, alone }
  },
}

/** The lines of a decoder's golden files, over and over. */
function goldenCase(decoder: string): Case | undefined {
  const folder = join(CORPUS, decoder)
  if (!existsSync(folder)) return undefined
  const lines = readdirSync(folder)
    .filter((name) => name.endsWith('.in'))
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
  if (lines.length === 0) return undefined
  const texts = Array.from({ length: LINES }, (_, at) => lines[at % lines.length] ?? '')
  const items = texts.map((text, at) => ({ text, key: `l:${at}`, receivedMs: RECEIVED_MS + at }))
  const isJson = texts.filter((text) => isObject(text)).length > texts.length / 2
  const documents = texts.filter((text) => isObject(text))
  const whole = texts.join('\n')
  const alone = isJson
    ? { name: 'JSON.parse', run: () => documents.forEach((text) => void JSON.parse(text)) }
    : { name: 'splitting lines', run: () => void whole.split('\n') }
  return { decoder, unit: 'line', items, count: LINES, alone }
}

function isObject(text: string): boolean {
  if (!text.startsWith('{')) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** Processor time of this process alone: others on the machine do not count. */
export const decodeBench: Bench = {
  name: 'decode',
  summary: 'each decoder by itself, against its parser alone; processor time of one core',
  async run(report) {
    for (const [name, spec] of Object.entries(decoders)) {
      // It reads nothing without a mapping of its user's.
      if (name === 'custom') continue
      const given = OWN_CASES[name]?.() ?? goldenCase(name)
      if (given !== undefined) tell(report, spec, given)
    }
  },
}

function tell(
  report: Report,
  spec: DecoderSpec,
  { decoder, unit, items, count, alone }: Case,
): void {
  const ns = leastCpuNs(count, ROUNDS, () => decodeAll(spec, items))
  const base = leastCpuNs(count, ROUNDS, () => alone.run())
  const ratio = base === 0 ? '' : `, ${(ns / base).toFixed(1)} x ${alone.name}`
  report.row(`${decoder}, a ${unit}`, `${Math.round(ns)} ns`, `${rate(ns)} a second${ratio}`)
}

const rate = (ns: number): string => Math.round(1e9 / ns).toLocaleString('en-US')

/** Decodes in batches, and takes what is to be saved after each, as a source does. */
function decodeAll(spec: DecoderSpec, items: readonly RawItem[]): void {
  const decoder = spec.create()
  for (let from = 0; from < items.length; from += BATCH) {
    for (const item of items.slice(from, from + BATCH)) decoder.decode(item, SINK)
    decoder.takeChanges?.()
  }
  decoder.settle?.(SINK)
}

const SINK: DecodeSink = {
  event: () => undefined,
  routine: () => undefined,
  reject: () => undefined,
}
