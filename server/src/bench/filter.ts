import { Enricher } from '../ingest/enrich/enricher.ts'
import { builtinFilter } from '../ingest/filter/filter.ts'
import { createPreparer, type LinePreparer } from '../ingest/prepare.ts'
import { decoders } from '../decode/registry.ts'
import type { DecoderSpec, Draft } from '../model/decoder.ts'
import type { RawItem } from '../model/source.ts'
import { type Bench, leastCpuNs, type Report } from './report.ts'

const MESSAGES = 20_000
const BATCH = 1_000
const DEVICES = 5_000
const DEVICES_FEW = 100
const ROUNDS = 15
const GOAL = 300_000
const ASSETS = 100_000
const RECEIVED_MS = Date.UTC(2026, 10, 22)

/** Processor time of this process alone: others on the machine do not count. */
export const filterBench: Bench = {
  name: 'filter',
  summary: 'routine telemetry through the filter into rollups; processor time of one core',
  async run(report) {
    const items = messages(DEVICES)
    const few = messages(DEVICES_FEW)
    tell(report, 'decoded message → filter → rollup', lane(decodedOnly(few), few))
    const decoded = lane(decodedOnly(items), items)
    tell(report, 'the same, each of a batch from another device', decoded)
    report.goal('300,000 messages/s on one core', 1e9 / decoded >= GOAL)
    const joined = lane(decodedOnly(items), items, { enricher: fleetOf(ASSETS) })
    tell(report, 'the same, joined to one of 100,000 assets', joined)
    const lines = brokerLines()
    tell(report, 'line of a broker’s log → decode → rollup', lane(specOf('mosquitto'), lines))
    const json = items.map((item) => ({ ...item, text: TELEMETRY }))
    const metrics = lane(specOf('json'), json)
    tell(report, 'ECS metric as JSON → decode → filter → rollup', metrics)
    const parse = leastCpuNs(json.length, ROUNDS, () => {
      for (const { text } of json) JSON.parse(text)
    })
    tell(report, 'JSON.parse of the same alone', parse)
    const whole = lane(decodedOnly(items), items, { filtered: false })
    tell(report, 'decoded message → event, without a filter', whole)
  },
}

const TELEMETRY = JSON.stringify({
  '@timestamp': '2026-11-21T23:59:00Z',
  event: { kind: 'metric' },
  device: { id: 'sensor-17', type: 'thermometer' },
  labels: { unit: 'celsius', room: '4.12', firmware: '2.3.1' },
  values: Array.from({ length: 12 }, (_, at) => 20 + at / 10),
})

function messages(devices: number): RawItem[] {
  return Array.from({ length: MESSAGES }, (_, at) => ({
    text: `{"t":${20 + (at % 100) / 10}}`,
    key: `m:${at}`,
    receivedMs: RECEIVED_MS + at,
    facts: { transport: 'mqtt', topic: `devices/sensor-${(at * 7) % devices}/telemetry` },
  }))
}

/** Records are there before: what is measured begins behind the decoder. */
function decodedOnly(items: readonly RawItem[]): DecoderSpec {
  const drafts = items.map(({ receivedMs, facts }): Draft => {
    const clientId = facts?.['topic']?.split('/')[1] ?? ''
    const doc = { event: { category: ['network'] }, iot: { mqtt: { client_id: clientId, qos: 1 } } }
    return { timeMs: receivedMs, action: 'mqtt-publish', doc }
  })
  let at = 0
  const next = (): Draft => drafts[at++ % drafts.length]!
  return { name: 'decoded', summary: '', create: () => ({ decode: (_, out) => out.event(next()) }) }
}

/** Each known by its client id, as `sensor-7`. */
function fleetOf(count: number): Enricher {
  const enricher = new Enricher()
  for (let at = 0; at < count; at++) {
    const identifiers = { client_id: [`sensor-${at}`], serial: [`SN-${at}`] }
    enricher.assets.put({ id: `asset-${at}`, site: 'oslo', type: 'sensor', identifiers })
  }
  return enricher
}

function brokerLines(): RawItem[] {
  return Array.from({ length: MESSAGES }, (_, at) => {
    const id = `sensor-${(at * 7) % DEVICES}`
    const text =
      `${Math.floor(RECEIVED_MS / 1_000)}: Received PUBLISH from ${id} ` +
      `(d0, q1, r0, m${at % 1_000}, 'devices/${id}/telemetry', ... (120 bytes))`
    return { text, key: `l:${at}`, receivedMs: RECEIVED_MS }
  })
}

function specOf(name: string): DecoderSpec {
  const spec = decoders[name]
  if (spec === undefined) throw new Error(`no decoder ${name}`)
  return spec
}

/** Least ns per message over several rounds. */
function lane(
  decoderSpec: DecoderSpec,
  items: readonly RawItem[],
  how: { readonly filtered?: boolean; readonly enricher?: Enricher } = {},
): number {
  const { filtered = true, enricher } = how
  const make = (): LinePreparer =>
    createPreparer({
      ...{ source: 'bench', tenant: 'default', decoderSpec },
      ...(enricher !== undefined && { enricher }),
      ...(filtered && { filter: { current: builtinFilter() } }),
    })
  const preparer = make()
  return leastCpuNs(items.length, ROUNDS, () => {
    let folded = 0
    for (let at = 0; at < items.length; at += BATCH) {
      const { batch } = preparer.prepare({ items: items.slice(at, at + BATCH) }, RECEIVED_MS)
      for (const { messages } of batch.rollups ?? []) folded += messages
    }
    if (filtered && folded !== items.length) throw new Error(`${folded} of ${items.length} folded`)
  })
}

function tell(report: Report, name: string, ns: number): void {
  report.row(
    name,
    `${Math.round(ns)} ns`,
    `${Math.round(1e9 / ns).toLocaleString('en-US')} messages/s`,
  )
}
