/** What a line costs: decode and normalize, as a source's preparer does it. */
import { bench, describe } from 'vitest'
import { createPreparer } from '../ingest/prepare.ts'
import type { RawItem } from '../model/source.ts'
import { decoders } from './registry.ts'

const LINES = 10_000
const RECEIVED_MS = Date.UTC(2026, 10, 22)

/** Clients that connect, publish and leave, as a broker logs them with `log_type all`. */
function life(lines: number): string[] {
  const out: string[] = []
  for (let round = 0; out.length < lines; round++) {
    const at = 1_795_301_345 + Math.floor(round / 10)
    const peer = `10.0.${(round >> 8) & 255}.${round & 255}:${20_000 + (round % 40_000)}`
    const id = `sensor-${round % 5_000}`
    out.push(
      `${at}: New connection from ${peer} on port 1883.`,
      `${at}: New client connected from ${peer} as ${id} (p2, c1, k60, u'fleet').`,
      `${at}: No will message specified.`,
      `${at}: Sending CONNACK to ${id} (0, 0)`,
      `${at}: Received PUBLISH from ${id} (d0, q0, r0, m0, 'devices/${id}/t', ... (12 bytes))`,
      `${at}: Received PINGREQ from ${id}`,
      `${at}: Sending PINGRESP to ${id}`,
      `${at}: Client ${id} disconnected.`,
    )
  }
  return out.slice(0, lines)
}

/** Refused logins only: every other line is an event. */
function refusals(lines: number): string[] {
  const out: string[] = []
  for (let round = 0; out.length < lines; round++) {
    const at = 1_795_301_345 + Math.floor(round / 10)
    out.push(
      `${at}: New connection from 10.0.0.9:${20_000 + (round % 40_000)} on port 1883.`,
      `${at}: Client bad-${round % 100} disconnected, not authorised.`,
    )
  }
  return out.slice(0, lines)
}

const items = (texts: readonly string[]): RawItem[] =>
  texts.map((text, index) => ({ text, key: `f:${index}`, receivedMs: RECEIVED_MS }))

const json = Array.from({ length: LINES }, (_, index) =>
  JSON.stringify({
    '@timestamp': RECEIVED_MS + index,
    event: { action: 'dns-query', outcome: 'success' },
    source: { ip: '10.0.0.1', port: index },
    dns: { question: { name: `host-${index}.example.org` } },
  }),
)

describe(`${LINES} lines`, () => {
  const batches = {
    'mosquitto, life of clients': { decoder: 'mosquitto', batch: items(life(LINES)) },
    'mosquitto, refused logins': { decoder: 'mosquitto', batch: items(refusals(LINES)) },
    'json, ECS': { decoder: 'json', batch: items(json) },
  }
  for (const [name, { decoder, batch }] of Object.entries(batches)) {
    const preparer = createPreparer({
      source: 'bench',
      decoderSpec: decoders[decoder]!,
      tenant: 'default',
    })
    bench(name, () => {
      for (let from = 0; from < batch.length; from += 500) {
        preparer.prepare({ items: batch.slice(from, from + 500) }, RECEIVED_MS)
      }
    })
  }
  bench('JSON.parse of the same ECS', () => {
    for (const text of json) JSON.parse(text)
  })
})
