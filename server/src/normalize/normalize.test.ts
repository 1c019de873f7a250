import { describe, expect, test } from 'vitest'
import { decoders } from '../decode/registry.ts'
import type { Draft } from '../model/decoder.ts'
import { fieldOf } from '../model/event.ts'
import { createNormalizer } from './normalize.ts'

const NOW = Date.UTC(2026, 10, 22)
const item = { text: 'the line', key: 'f:1', receivedMs: NOW }
const options = { source: 's', decoder: decoders['mosquitto']!, tenant: 'default' }
const draft = (timeMs: number | undefined, doc = {}): Draft => ({
  timeMs,
  action: 'mqtt-connect',
  doc,
})

describe('the time of an event', () => {
  const normalize = createNormalizer(options)

  test('is what it claims, also long ago', () => {
    for (const ms of [NOW - 5, 0, NOW + 299_999]) {
      const { time, doc } = normalize(draft(ms), item, NOW + 7)
      expect(time).toBe(ms)
      expect(doc['@timestamp']).toBe(new Date(ms).toISOString())
      expect(fieldOf(doc, 'iot.time')).toBeUndefined()
    }
  })

  test('is the receipt where the claim is too far ahead, and the claim is kept', () => {
    for (const ms of [NOW + 300_001, Date.UTC(2200, 0, 1), 1e18]) {
      const { time, doc } = normalize(draft(ms, { iot: { mqtt: { qos: 1 } } }), item, NOW + 7)
      expect(time).toBe(NOW)
      expect(doc['@timestamp']).toBe(new Date(NOW).toISOString())
      expect(fieldOf(doc, 'iot.time.ahead')).toBe(true)
      expect(fieldOf(doc, 'iot.time.claimed')).toBe(ms === 1e18 ? 1e18 : new Date(ms).toISOString())
      expect(fieldOf(doc, 'iot.mqtt.qos')).toBe(1)
    }
  })

  test('is the receipt where nothing was claimed', () => {
    const { time, doc } = normalize(draft(undefined), item, NOW + 7)
    expect(time).toBe(NOW)
    expect(fieldOf(doc, 'event.created')).toBe(new Date(NOW).toISOString())
    expect(fieldOf(doc, 'event.ingested')).toBe(new Date(NOW + 7).toISOString())
  })

  test('may claim anything where the skew is unlimited', () => {
    const offline = createNormalizer({ ...options, skewMs: Number.POSITIVE_INFINITY })
    expect(offline(draft(NOW + 9e9), item, NOW).time).toBe(NOW + 9e9)
  })
})

describe('the id of an event', () => {
  const normalize = createNormalizer(options)

  test('is the same at every redelivery, and of nothing else', () => {
    const id = normalize(draft(NOW), item, NOW).id
    expect(id).toMatch(/^[\w-]{22}$/)
    expect(normalize(draft(NOW - 1), { ...item, receivedMs: NOW + 5 }, NOW + 9).id).toBe(id)
    const others = [
      normalize({ ...draft(NOW), part: 1 }, item, NOW).id,
      normalize(draft(NOW), { ...item, key: 'f:2' }, NOW).id,
      createNormalizer({ ...options, source: 't' })(draft(NOW), item, NOW).id,
      createNormalizer({ ...options, tenant: 'other' })(draft(NOW), item, NOW).id,
    ]
    expect(new Set([id, ...others]).size).toBe(5)
  })

  test('comes from the item that the event belongs to', () => {
    const origin = { text: 'before', key: 'f:0', receivedMs: NOW - 9 }
    const { id, doc } = normalize({ ...draft(NOW), origin }, item, NOW)
    expect(id).toBe(normalize(draft(NOW), origin, NOW).id)
    expect(fieldOf(doc, 'event.original')).toBe('before')
  })

  test('cannot be chosen by the input, unless it is asked to', () => {
    const json = { ...options, decoder: decoders['json']! }
    const doc = { event: { id: 'mine', created: 'never', action: 'my-own' } }
    const event = createNormalizer(json)(draft(NOW, doc), item, NOW)
    expect(event.id).not.toBe('mine')
    expect(event.doc['event']).toMatchObject({
      id: event.id,
      reference: 'mine',
      action: 'my-own',
      created: new Date(NOW).toISOString(),
    })
    expect(fieldOf(event.doc, 'event.original')).toBeUndefined()
    const own = createNormalizer({ ...json, ids: 'own' })
    expect(own(draft(NOW, doc), item, NOW).id).toBe('mine')
    expect(own(draft(NOW, { _id: 7 }), item, NOW).id).toBe('7')
    expect(own(draft(NOW, {}), item, NOW).id).toMatch(/^[\w-]{22}$/)
  })
})

describe('a document', () => {
  const normalize = createNormalizer(options)

  test('gathers addresses and users', () => {
    const doc = {
      source: { ip: '10.0.0.1' },
      destination: { ip: '10.0.0.2' },
      user: { name: 'a', target: { name: 'b' } },
      iot: { mqtt: { previous: { ip: '10.0.0.3', user: 'a' } } },
      related: { ip: ['10.0.0.1', '10.0.0.9'] },
    }
    expect(normalize(draft(NOW, doc), item, NOW).doc['related']).toEqual({
      ip: ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.9'],
      user: ['a', 'b'],
    })
  })

  test('bears what is odd in the shape of its input', () => {
    const odd = normalize(
      draft(NOW, { event: 'text', iot: 5, tags: ['x'] }),
      {
        ...item,
        bytes: new Uint8Array([255]),
      },
      NOW,
      true,
    )
    expect(odd.doc['tags']).toEqual(['x', 'invalid-encoding'])
    expect(odd.doc['iot']).toEqual({ upstream: { event: 'text' }, redelivered: true })
    expect(fieldOf(odd.doc, 'event.kind')).toBe('event')
  })

  test('takes what a delivery said beside the input, where the input does not say it', () => {
    const facts = {
      transport: 'mqtt',
      topic: 'fleet/a/t',
      'ecs.device.id': 'a',
      'ecs.iot.site': 'b',
      host: 'h',
      sourcetype: 's',
      'field.x.y': '1',
      time: String(NOW - 5_000),
    }
    const doc = { device: { id: 'own', type: 'lock' } }
    const event = normalize(draft(undefined, doc), { ...item, facts }, NOW)
    expect(event.time).toBe(NOW - 5_000)
    expect(event.doc).toMatchObject({
      device: { id: 'own', type: 'lock' },
      host: { name: 'h' },
      iot: { site: 'b', mqtt: { topic: 'fleet/a/t' } },
      labels: { sourcetype: 's', x_y: '1' },
    })
    expect(doc).toEqual({ device: { id: 'own', type: 'lock' } })
  })

  test('does not change the draft', () => {
    const doc = { event: { outcome: 'success' }, iot: { mqtt: { qos: 1 } } }
    const before = structuredClone(doc)
    normalize(draft(NOW + 9e9, doc), { ...item, facts: { path: '/x' } }, NOW, true)
    expect(doc).toEqual(before)
  })
})
