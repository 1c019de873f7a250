import { describe, expect, test } from 'vitest'
import { decoders } from '../decode/registry.ts'
import { fieldOf } from '../model/event.ts'
import type { RawItem } from '../model/source.ts'
import { createRoutedPreparer } from './routed.ts'

const NOW = Date.UTC(2026, 10, 22)
const AT = 1_795_301_345

const make = () =>
  createRoutedPreparer({
    source: 'splunk',
    decoderSpec: decoders['json']!,
    tenant: 'default',
    routes: [
      { when: { sourcetype: 'mosquitto' }, decoderSpec: decoders['mosquitto']! },
      { when: { sourcetype: 'cisco:*', index: 'net' }, decoderSpec: decoders['syslog']! },
    ],
    plainSpec: decoders['text']!,
  })

let keys = 0
function item(text: string, facts: Record<string, string> = {}, plain = true): RawItem {
  keys += 1
  return { text, key: String(keys), receivedMs: NOW, facts: { transport: 'hec', ...facts }, plain }
}
const broker = (text: string): RawItem => item(`${AT}: ${text}`, { sourcetype: 'mosquitto' })

describe('input of one source by several decoders', () => {
  test('each by what it says of itself, in the order it came', () => {
    const { batch, seen } = make().prepare(
      {
        items: [
          broker('New client connected from 10.0.0.1:1 as d (p2, c1, k60).'),
          item('{"message":"a","event":{"action":"device-boot"}}'),
          item('door opened', { sourcetype: 'access', time: String(NOW - 5) }),
          item('<34>1 2026-11-22T00:00:00Z gw sshd 1 - - hi', {
            sourcetype: 'cisco:asa',
            index: 'net',
          }),
          item('<34>1 2026-11-22T00:00:00Z gw sshd 1 - - hi', { sourcetype: 'cisco:asa' }),
          item('7'),
          item('{"broken": '),
        ],
        cursor: { key: 'd1', value: 'v' },
      },
      NOW,
    )
    const shown = (batch.events ?? []).map(({ doc }) => [
      fieldOf(doc, 'event.module'),
      fieldOf(doc, 'message'),
    ])
    expect(shown.map(([module]) => module)).toEqual([
      ...['mosquitto', 'json', 'text', 'syslog', 'text', 'text', 'text'],
    ])
    expect(shown[2]?.[1]).toBe('door opened')
    expect(batch.events?.[2]?.time).toBe(NOW - 5)
    expect(shown.slice(5).map(([, message]) => message)).toEqual(['7', '{"broken": '])
    expect(batch.deadLetters).toBeUndefined()
    expect(seen).toHaveLength(7)
  })

  test('what was no text, and is no document, is a dead letter still', () => {
    const { batch } = make().prepare({ items: [item('[1]', {}, false), item('ok')] }, NOW)
    expect(batch.deadLetters).toMatchObject([
      { code: 'DECODE_SYNTAX', raw: '[1]', decoder: 'json' },
    ])
    expect(batch.events).toHaveLength(1)
  })

  test('the cursor and the memory of each decoder are saved and come back', () => {
    const first = make()
    const open = broker('New client connected from 10.0.0.1:1 as d (p2, c1, k60).')
    const { commit } = first.prepare(
      { items: [item('a'), open], cursor: { key: 'c', value: '1' } },
      NOW,
    )
    expect(commit.cursor).toEqual({ source: 'splunk', key: 'c', value: '1' })
    const changes = commit.decoderState?.changes ?? []
    expect(changes.length).toBeGreaterThan(0)
    expect(changes.every(({ key }) => key.startsWith('@0.mosquitto/'))).toBe(true)
    const second = make()
    second.restore(changes.map(({ key, value }) => [key, value ?? '']))
    const { batch } = second.prepare(
      {
        items: [
          broker('Client d already connected, closing old connection.'),
          broker('New client connected from 10.0.0.2:2 as d (p2, c1, k60).'),
        ],
      },
      NOW,
    )
    const takeover = (batch.events ?? []).find(
      ({ doc }) => fieldOf(doc, 'event.action') === 'mqtt-takeover',
    )
    expect(JSON.stringify(takeover?.doc)).toContain('10.0.0.1')
    expect(second.stats()['sessions']).toBe(first.stats()['sessions'])
  })

  test('only a cursor, and settling with nothing held', () => {
    const one = make()
    expect(one.settle(NOW)).toBeUndefined()
    const { commit, batch } = one.prepare({ items: [], cursor: { key: 'c', value: '1' } }, NOW)
    expect(commit).toEqual({ cursor: { source: 'splunk', key: 'c', value: '1' } })
    expect(batch.events).toBeUndefined()
  })
})
