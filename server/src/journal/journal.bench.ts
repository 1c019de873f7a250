/**
 * What a batch of 500 events costs on its way in and out, beside `JSON.parse` of the same events:
 * `npx vitest bench --root server src/journal`. Ratios matter; divide the mean by 500 for one event.
 */
import { randomBytes } from 'node:crypto'
import { bench, describe } from 'vitest'
import { openEnvelope, sealEnvelope } from '../base/seal.ts'
import type { JournalBatch } from '../model/journal.ts'
import { decodeBatch, encodeBatch } from './codec.ts'

const EVENTS = 500
const eventOf = (index: number) => {
  const client = `sensor-${index % 300}`
  const at = new Date(1_760_000_000_000 + index * 13).toISOString()
  const id = randomBytes(16).toString('base64url')
  return {
    id,
    time: 1_760_000_000_000 + index * 13,
    doc: {
      '@timestamp': at,
      event: {
        id,
        kind: 'event',
        category: ['authentication', 'network'],
        type: ['start'],
        action: 'mqtt-connect',
        outcome: index % 3 === 0 ? 'success' : 'failure',
        reason: 'not_authorised',
        module: 'mosquitto',
        original: `${1_760_000_000 + index}: Client ${client} disconnected, not authorised.`,
      },
      source: { ip: `10.1.${index % 255}.${(index * 7) % 255}`, port: 40_000 + index },
      device: { id: client },
      iot: { mqtt: { client_id: client } },
    },
  }
}
const events = Array.from({ length: EVENTS }, (_, index) => eventOf(index))
const batch: JournalBatch = { source: 'broker', ingestedMs: 1_760_000_000_000, events }
const text = JSON.stringify(batch)
const packed = Buffer.from(encodeBatch(batch))
const key = { id: '0123456789abcdef', bytes: randomBytes(32) }
const bound = randomBytes(25)
const sealed = sealEnvelope({ key, nonce: randomBytes(12), bound }, packed)

describe(`${EVENTS} events, ${Math.round(text.length / EVENTS)} bytes of JSON each`, () => {
  bench('JSON.parse, the measure', () => void JSON.parse(text))
  bench('JSON.stringify', () => void JSON.stringify(batch))
  bench('encode', () => void encodeBatch(batch))
  bench('seal', () => void sealEnvelope({ key, nonce: randomBytes(12), bound }, packed))
  bench('open', () => void openEnvelope(sealed, bound, () => key))
  bench('decode', () => void decodeBatch(packed))
})
