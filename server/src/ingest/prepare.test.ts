import { describe, expect, test } from 'vitest'
import { decoders } from '../decode/registry.ts'
import { fieldOf } from '../model/event.ts'
import type { RawItem } from '../model/source.ts'
import { createPreparer } from './prepare.ts'

const NOW = Date.UTC(2026, 10, 22)
const AT = 1_795_301_345
const make = () =>
  createPreparer({ source: 'broker', decoderSpec: decoders['mosquitto']!, tenant: 'default' })
const item = (text: string, key: string): RawItem => ({ text, key, receivedMs: NOW })
const takeover = [
  item(`${AT}: New client connected from 10.0.0.1:1 as d (p2, c1, k60).`, 'a'),
  item(`${AT}: Client d already connected, closing old connection.`, 'b'),
  item(`${AT}: New client connected from 10.0.0.2:2 as d (p2, c1, k60).`, 'c'),
]

describe('a batch', () => {
  test('holds events, routine counts and dead letters, and commits the cursor', () => {
    const { batch, commit } = make().prepare(
      {
        items: [
          takeover[0]!,
          item(`${AT}: No will message specified.`, 'w'),
          item('what is this', 'x'),
          { ...item('long', 'y'), cut: { bytes: 9_999_999 } },
          {
            ...item(takeover[0]!.text, 'u'),
            unreadable: { code: 'DECODE_FIELD', detail: 'no list' },
          },
          { ...item('b\ufffdd', 'z'), bytes: new Uint8Array([98, 255, 100]) },
        ],
        cursor: { key: 'file', value: '77' },
      },
      NOW,
    )
    expect(batch).toMatchObject({ source: 'broker', ingestedMs: NOW, routine: { will: 1 } })
    expect(batch.events).toHaveLength(1)
    expect(batch.deadLetters).toMatchObject([
      { code: 'DECODE_UNKNOWN', raw: 'what is this', rawEncoding: 'utf8', decoder: 'mosquitto' },
      { code: 'DECODE_TOO_LONG', raw: 'long' },
      { code: 'DECODE_FIELD', message: 'no list', raw: takeover[0]!.text },
      { code: 'DECODE_UNKNOWN', raw: 'Yv9k', rawEncoding: 'base64' },
    ])
    expect(new Set(batch.deadLetters!.map(({ id }) => id)).size).toBe(4)
    expect(commit.cursor).toEqual({ source: 'broker', key: 'file', value: '77' })
    expect(commit.decoderState?.source).toBe('broker')
  })

  test('leaves out what is empty', () => {
    const { batch, commit } = make().prepare({ items: [] }, NOW)
    expect(batch).toEqual({ source: 'broker', ingestedMs: NOW })
    expect(commit).toEqual({})
  })

  test('marks what was delivered before', () => {
    const { batch } = make().prepare({ items: [takeover[0]!], redelivered: true }, NOW)
    expect(fieldOf(batch.events![0]!.doc, 'iot.redelivered')).toBe(true)
  })
})

describe('a join that spans batches', () => {
  const saved = new Map<string, string>()
  const first = make()
  const { commit } = first.prepare({ items: takeover.slice(0, 2) }, NOW)
  for (const { key, value } of commit.decoderState!.changes)
    if (value !== undefined) saved.set(key, value)

  test('is told by the next one, also after a restart, under the id of its line', () => {
    const second = make()
    second.restore(saved)
    const after = second.prepare({ items: takeover.slice(2) }, NOW + 1).batch.events!
    const live = first.prepare({ items: takeover.slice(2) }, NOW + 1).batch.events!
    expect(after).toEqual(live)
    expect(after.map(({ doc }) => fieldOf(doc, 'event.action'))).toEqual([
      'mqtt-takeover',
      'mqtt-connect',
    ])
    expect(fieldOf(after[0]!.doc, 'iot.mqtt.previous.ip')).toBe('10.0.0.1')
    expect(fieldOf(after[0]!.doc, 'event.original')).toContain('10.0.0.2')
  })

  test('is told when the source is quiet, once', () => {
    const second = make()
    second.restore(saved)
    const settled = second.settle(NOW + 1)!
    expect(settled.batch.events).toHaveLength(1)
    expect(settled.commit.decoderState?.changes).toContainEqual({ key: 'held', value: undefined })
    expect(second.settle(NOW + 2)).toBeUndefined()
  })
})

describe('a decoder that throws', () => {
  const spec = {
    ...decoders['mosquitto']!,
    create: () => ({
      decode: ({ text }: RawItem) => {
        throw new TypeError(`${text} is not a function`)
      },
    }),
  }

  test('costs its source a dead letter, not its way', () => {
    const preparer = createPreparer({ source: 'broker', decoderSpec: spec, tenant: 'default' })
    const { batch, seen } = preparer.prepare({ items: [item('x', 'a'), item('y', 'b')] }, NOW)
    expect(batch.deadLetters).toMatchObject([
      { code: 'DECODE_FAULT', key: 'a', message: 'the decoder failed on it: x is not a function' },
      { code: 'DECODE_FAULT', key: 'b', raw: 'y' },
    ])
    expect(seen).toMatchObject([{ outcome: 'reject' }, { outcome: 'reject' }])
  })
})
