import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MetricsRegistry } from '../../base/metrics.ts'
import { decoders } from '../../decode/registry.ts'
import type { DecoderSpec, Draft } from '../../model/decoder.ts'
import { EVENT_ACTIONS } from '../../model/event.ts'
import type { Rollup } from '../../model/journal.ts'
import type { RawItem } from '../../model/source.ts'
import { interpret } from '../../rule/interpret.ts'
import { createPreparer } from '../prepare.ts'
import { BUILTIN_TESTS } from './builtin.ts'
import { builtinFilter, Filter, FILTER_DEFAULTS, type FilterSettings } from './filter.ts'
import { builtinPolicy, compilePolicy } from './policy.ts'

const NOW = Date.UTC(2026, 10, 22)
const item = (key: string, text = 'x'.repeat(10)): RawItem => ({ text, key, receivedMs: NOW })

/** Gives the drafts that an item's text names by number. */
function decoderOf(drafts: readonly Draft[]): DecoderSpec {
  return {
    name: 'given',
    summary: '',
    create: () => ({
      decode: ({ text }, out) => {
        for (const part of text.split(',')) {
          const draft = drafts[Number(part)]
          if (draft !== undefined) out.event(draft)
        }
      },
    }),
  }
}

const publish = (id: string, timeMs: number, topic = 't', bytes = 7): Draft => ({
  timeMs,
  action: 'mqtt-publish',
  doc: { iot: { mqtt: { client_id: id, topic, payload_bytes: bytes } } },
})

function prepare(
  drafts: readonly Draft[],
  items: readonly RawItem[],
  settings?: Partial<FilterSettings>,
) {
  const metrics = new MetricsRegistry()
  const current = new Filter({ ...FILTER_DEFAULTS, policy: builtinPolicy(), ...settings })
  const preparer = createPreparer({
    ...{ source: 's', tenant: 'default', decoderSpec: decoderOf(drafts), metrics },
    filter: { current },
  })
  return { ...preparer.prepare({ items }, NOW), metrics, preparer }
}

describe('the built-in policy', () => {
  test.each(BUILTIN_TESTS)('$name', ({ event, keep, entry }) => {
    const decision = builtinFilter().decide(event)
    expect(decision.keep).toBe(keep)
    if (entry !== undefined) expect(decision.name).toBe(entry)
  })

  test('folds nothing but what it names', () => {
    const folded = Object.keys(EVENT_ACTIONS).filter(
      (action) => builtinFilter().decide({ event: { action } }).keep === 'routine',
    )
    expect(folded).toEqual(['mqtt-publish'])
  })

  test('decides as the plain interpreter does: the first entry that holds', () => {
    const filter = builtinFilter()
    const word = fc.constantFrom(...Object.keys(EVENT_ACTIONS), 'other')
    const doc = fc.record({
      event: fc.record({
        action: word,
        kind: fc.constantFrom('event', 'metric', 'alert'),
        outcome: fc.constantFrom('success', 'failure', 'unknown'),
        category: fc.subarray(['authentication', 'network', 'iam']),
        type: fc.subarray(['denied', 'info']),
      }),
      device: fc.record({ id: fc.string() }, { requiredKeys: [] }),
    })
    fc.assert(
      fc.property(doc, (event) => {
        const { entries } = filter.settings.policy
        const first = entries.find(({ condition }) => interpret(condition, event))
        expect(filter.decide(event)).toBe(first)
      }),
    )
  })
})

describe('a policy', () => {
  const entry = {
    name: 'a',
    when: 'iot.mqtt.topic: "fleet/*"',
    keep: 'routine',
    reason: 'r',
  } as const

  test('ends with an entry that keeps what no other knows', () => {
    const compiled = compilePolicy([entry])
    expect(compiled.ok && compiled.value.entries.map(({ name }) => name)).toEqual([
      'a',
      'everything-else',
    ])
  })

  test('says which entry is wrong, and where in it', () => {
    const compiled = compilePolicy([{ ...entry, when: 'a: (b' }, 'builtin', entry, entry])
    expect(compiled).toMatchObject({
      ok: false,
      problem: [
        { code: 'QUERY_SYNTAX', index: 0, field: 'when' },
        { code: 'CONFIG_INVALID', index: 2, field: 'name' },
        { code: 'CONFIG_INVALID', index: 3, field: 'name' },
      ],
    })
  })

  test('with other entries has another hash', () => {
    const hash = (given: Parameters<typeof compilePolicy>[0]): string => {
      const compiled = compilePolicy(given)
      return compiled.ok ? compiled.value.hash : ''
    }
    expect(hash([entry])).toBe(hash([entry]))
    expect(hash([entry])).not.toBe(hash([{ ...entry, keep: 'both' }]))
  })
})

describe('a batch through the filter', () => {
  const denied: Draft = { timeMs: NOW, action: 'mqtt-publish-denied', doc: {} }

  test('keeps security events with their input, and folds the rest by device and interval', () => {
    const drafts = [publish('a', NOW), publish('a', NOW + 1_000, 'u'), publish('b', NOW), denied]
    const items = ['0', '1', '2', '3', '1'].map((text, at) => item(String(at), text))
    const { batch, metrics } = prepare(drafts, items)
    expect(batch.events?.map(({ doc }) => doc['event'])).toMatchObject([
      { action: 'mqtt-publish-denied', original: '3' },
    ])
    expect(batch.routine).toEqual({ 'folded:telemetry-message': 4 })
    expect(batch.rollups).toEqual([
      {
        ...{ device: 'a', deviceField: 'iot.mqtt.client_id', clientId: 'a' },
        ...{ fromMs: NOW, toMs: NOW + 300_000, firstSeenMs: NOW, lastSeenMs: NOW + 1_000 },
        ...{ messages: 3, bytes: 21, topics: ['t', 'u'], topicsCount: 2 },
        ...{ action: 'mqtt-publish', dataset: 'given.log', entry: 'telemetry-message' },
      },
      expect.objectContaining({ device: 'b', messages: 1, bytes: 7 }),
    ])
    const told = metrics.render()
    expect(told).toContain('picket_filter_events_total{entry="telemetry-message",keep="routine"} 4')
    expect(told).toContain('picket_filter_events_total{entry="authorization",keep="security"} 1')
    expect(told).toContain('picket_filter_rollups_total{source="s"} 2')
  })

  test('counts an input of several events once, and keeps what is both', () => {
    const metric = (part: number): Draft => ({
      ...{ timeMs: NOW, action: 'device-metrics', part },
      doc: { device: { id: 'd', type: 'pump' }, iot: { site: 'oslo' } },
    })
    const { batch } = prepare([metric(0), metric(1)], [item('k', '0,1')])
    expect(batch.events).toHaveLength(2)
    expect(batch.routine).toBeUndefined()
    expect(batch.rollups).toMatchObject([
      { device: 'd', messages: 1, bytes: 3, site: 'oslo', deviceType: 'pump' },
    ])
    expect(batch.rollups?.[0]).not.toHaveProperty('deviceField')
  })

  test('a claim far ahead of receipt opens no interval of its own', () => {
    const { batch } = prepare([publish('a', NOW + 86_400_000)], [item('k', '0')])
    expect(batch.rollups).toMatchObject([{ fromMs: NOW, lastSeenMs: NOW }])
  })

  test('is bounded: what names too many devices is folded together, and counted', () => {
    const drafts = Array.from({ length: 50 }, (_, at) => publish(`flood-${at}`, NOW))
    const items = drafts.map((_, at) => item(String(at), String(at)))
    const { batch, metrics } = prepare(drafts, items, { keysMax: 10 })
    expect(batch.rollups).toHaveLength(11)
    expect(batch.rollups?.at(-1)).toMatchObject({
      device: '',
      overflow: true,
      messages: 40,
      bytes: 280,
    })
    expect(batch.rollups?.at(-1)).not.toHaveProperty('clientId')
    expect(metrics.render()).toContain('picket_filter_overflow_total{source="s"} 40')
  })

  test('topics are bounded, and counted beyond what is listed', () => {
    const drafts = Array.from({ length: 2_000 }, (_, at) => publish('a', NOW, `t/${at}`))
    const items = drafts.map((_, at) => item(String(at), String(at)))
    const { batch } = prepare(drafts, items, { topicsMax: 5 })
    expect(batch.rollups?.[0]?.topics).toHaveLength(5)
    expect(batch.rollups?.[0]?.topicsCount).toBe(1_000)
  })

  test('however input is cut into batches, the rows add up to the same', () => {
    const sent = fc.array(
      fc.record({ id: fc.constantFrom('a', 'b', 'c'), at: fc.nat(900_000), bytes: fc.nat(99) }),
      { maxLength: 40 },
    )
    const sum = (rollups: readonly Rollup[]): unknown[] => {
      const found = new Map<string, readonly number[]>()
      for (const { device, fromMs, messages, bytes, lastSeenMs } of rollups) {
        const key = `${device} ${fromMs}`
        const [m = 0, b = 0, l = 0] = found.get(key) ?? []
        found.set(key, [m + messages, b + bytes, Math.max(l, lastSeenMs)])
      }
      return [...found].sort(([a], [b]) => (a < b ? -1 : 1))
    }
    fc.assert(
      fc.property(sent, fc.nat(40), (messages, cut) => {
        const drafts = messages.map(({ id, at, bytes }) => publish(id, NOW - at, 't', bytes))
        const items = drafts.map((_, at) => item(String(at), String(at)))
        const whole = prepare(drafts, items).batch.rollups ?? []
        const first = prepare(drafts, items.slice(0, cut))
        const second = first.preparer.prepare({ items: items.slice(cut) }, NOW).batch
        expect(sum([...(first.batch.rollups ?? []), ...(second.rollups ?? [])])).toEqual(sum(whole))
      }),
    )
  })

  test('another policy is taken up between two batches', () => {
    const inForce = { current: builtinFilter() }
    const decoderSpec = decoderOf([publish('a', NOW)])
    const preparer = createPreparer({
      ...{ source: 's', tenant: 'default', decoderSpec, filter: inForce },
    })
    const events = (): number =>
      preparer.prepare({ items: [item('k', '0')] }, NOW).batch.events?.length ?? 0
    expect(events()).toBe(0)
    const compiled = compilePolicy([{ name: 'all', when: '*', keep: 'security', reason: 'r' }])
    if (compiled.ok) inForce.current = new Filter({ ...FILTER_DEFAULTS, policy: compiled.value })
    expect(events()).toBe(1)
  })
})

test('what a broker logs of messages and pings is folded by client', () => {
  const at = Math.floor(NOW / 1_000)
  const preparer = createPreparer({
    ...{ source: 's', tenant: 'default', decoderSpec: decoders['mosquitto']! },
    filter: { current: builtinFilter() },
  })
  const lines = [
    "Received PUBLISH from pump 7 (d0, q1, r0, m12, 'fleet/pump 7/t', ... (120 bytes))",
    "Received PUBLISH from pump 7 (d0, q0, r0, m0, 'fleet/pump 7/u', ... (30 bytes))",
    'Received PINGREQ from pump 7',
    "Received PUBLISH from pump 7 (d0, q0, r0, m0, 'cut off",
  ]
  const items = lines.map((text, index) => item(String(index), `${at}: ${text}`))
  const { batch } = preparer.prepare({ items }, NOW)
  expect(batch.routine).toEqual({ 'publish-received': 3, 'packet-received': 1 })
  expect(batch.rollups).toMatchObject([
    {
      ...{ device: 'pump 7', action: 'mqtt-publish', messages: 2, bytes: 150 },
      topics: ['fleet/pump 7/t', 'fleet/pump 7/u'],
    },
    { device: 'pump 7', action: 'mqtt-ping', messages: 1, bytes: 0 },
  ])
})
