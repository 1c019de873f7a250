import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fieldOf } from '../../model/event.ts'
import { decodeText, linesWithEvents } from '../testing/decode-text.ts'
import { mosquitto } from './mosquitto.ts'

const SAMPLES = join(import.meta.dirname, '../../../test/samples')
const read = (name: string): string => readFileSync(join(SAMPLES, name), 'utf8')

describe('real logs', () => {
  test.each(readdirSync(SAMPLES).filter((name) => /^mosquitto_.*\.log$/.test(name)))(
    '%s is read without a reject, every line counted once',
    (name) => {
      const told = decodeText(mosquitto, read(name))
      expect(told.rejects).toEqual([])
      expect(told.lines).toBe(linesWithEvents(told) + told.routineLines)
      for (const { doc } of told.drafts) {
        for (const field of ['kind', 'category', 'type', 'outcome', 'reason', 'code']) {
          expect(fieldOf(doc, `event.${field}`), field).toBeDefined()
        }
      }
    },
  )

  test.each(['mosquitto_2.0.11.log', 'mosquitto_2.0.20.log'])(
    '%s: refusals, takeover and TLS failures are told once, with the address',
    (name) => {
      const { drafts } = decodeText(mosquitto, read(name))
      const of = (action: string, outcome: string) =>
        drafts.filter(
          (draft) => draft.action === action && fieldOf(draft.doc, 'event.outcome') === outcome,
        )
      const refused = of('mqtt-connect', 'failure')
      expect(refused).toHaveLength(3)
      expect(refused.map(({ doc }) => fieldOf(doc, 'source.port'))).toEqual(
        name.includes('2.0.11') ? [35622, 35630, 35638] : [58214, 58226, 58232],
      )
      expect(refused.map(({ doc }) => fieldOf(doc, 'iot.mqtt.client_id'))).toEqual(
        name.includes('2.0.11') ? [undefined, undefined, undefined] : ['bad1', 'bad2', 'anon1'],
      )
      const [takeover] = of('mqtt-takeover', 'success')
      expect(fieldOf(takeover!.doc, 'iot.mqtt.client_id')).toBe('dup1')
      const ports = name.includes('2.0.11') ? [35704, 35692] : [50550, 50538]
      expect(fieldOf(takeover!.doc, 'source.port')).toBe(ports[0])
      expect(fieldOf(takeover!.doc, 'iot.mqtt.previous.port')).toBe(ports[1])
      expect(of('tls-handshake', 'failure')).toHaveLength(8)
    },
  )
})
