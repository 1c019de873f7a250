import { describe, expect, test } from 'vitest'
import { fieldOf } from '../../model/event.ts'
import type { DecoderSpec } from '../../model/decoder.ts'
import type { SecurityEvent } from '../../model/event.ts'
import { Enricher } from '../enrich/enricher.ts'
import { createPreparer } from '../prepare.ts'
import { COHORT_DEFAULTS, Cohorts } from './cohorts.ts'

const NOW = Date.UTC(2026, 9, 25, 1, 30)
const HOUR = 3_600_000
const MINUTE = 60_000

/** `DEVICE AHEAD_MS`, heard at NOW plus the receipt of the item. */
const spec: DecoderSpec = {
  name: 'given',
  summary: '',
  create: () => ({
    decode: (item, out) => {
      const [id, ahead] = item.text.split(' ')
      const timeMs = ahead === undefined ? undefined : item.receivedMs + Number(ahead)
      out.event({ timeMs, action: 'mqtt-connect', doc: { device: { id, type: 'meter' } } })
    },
  }),
}

function hear(enricher: Enricher, lines: readonly string[], atMs = NOW): readonly SecurityEvent[] {
  const preparer = createPreparer({ source: 's', tenant: 't', decoderSpec: spec, enricher })
  const items = lines.map((text, at) => ({ text, key: `${atMs} ${at}`, receivedMs: atMs }))
  return preparer.prepare({ items }, atMs).batch.events ?? []
}
const fleet = (ahead: number, count = 6): string[] =>
  Array.from({ length: count }, (_, at) => `m${at} ${ahead - at * 1_000}`)
const shifts = (events: readonly SecurityEvent[]): unknown[] =>
  events.map(({ doc }) => fieldOf(doc, 'iot.time.cohort_shift'))

describe('a cohort an hour ahead', () => {
  test('is tagged, set right, and no longer a clock that is ahead', () => {
    const events = hear(new Enricher(), fleet(HOUR))
    expect(shifts(events)).toEqual([undefined, undefined, undefined, undefined, 3_600, 3_600])
    // The first ones could still be wrong clocks of their own; nothing is said of them before that is known.
    for (const { doc, time } of events.slice(0, 4)) {
      expect(fieldOf(doc, 'iot.time.ahead')).toBeUndefined()
      expect(fieldOf(doc, 'iot.time.cohort_pending')).toBe(true)
      expect(time).toBe(NOW)
    }
    expect(fieldOf(events[0]!.doc, 'iot.time.claimed')).toBe(new Date(NOW + HOUR).toISOString())
    const last = events[5]!
    expect(fieldOf(last.doc, 'iot.time')).toEqual({
      ...{ claimed: new Date(NOW + HOUR - 5_000).toISOString(), cohort_shift: 3_600 },
    })
    expect(last.time).toBe(NOW - 5_000)
    expect(fieldOf(last.doc, '@timestamp')).toBe(new Date(NOW - 5_000).toISOString())
  })

  test('may be tagged only, or left alone', () => {
    const told = (policy: 'tag' | 'off'): SecurityEvent => {
      const enricher = new Enricher()
      enricher.cohorts.settings = { ...COHORT_DEFAULTS, policy }
      return hear(enricher, fleet(HOUR)).at(-1)!
    }
    expect(told('tag').time).toBe(NOW)
    expect(fieldOf(told('tag').doc, 'iot.time.cohort_shift')).toBe(3_600)
    expect(fieldOf(told('tag').doc, 'iot.time.ahead')).toBeUndefined()
    expect(fieldOf(told('off').doc, 'iot.time.ahead')).toBe(true)
  })

  test('is remembered over a restart, and forgotten after a day without it', () => {
    const enricher = new Enricher()
    const preparer = createPreparer({ source: 's', tenant: 't', decoderSpec: spec, enricher })
    const items = fleet(HOUR).map((text) => ({ text, key: text, receivedMs: NOW }))
    const { commit } = preparer.prepare({ items }, NOW)
    const saved = commit.decoderState!.changes.map(({ key, value }) => [key, value!] as const)
    const again = new Enricher()
    for (const [key, value] of saved) expect(again.restore(key, value)).toBe(true)
    expect(shifts(hear(again, [`m9 ${HOUR}`], NOW + HOUR))).toEqual([3_600])
    expect(shifts(hear(again, [`m9 ${HOUR}`], NOW + 30 * HOUR))).toEqual([undefined])
  })
})

describe('no cohort', () => {
  test('one clock an hour ahead is called so once it has been that for ten minutes', () => {
    const enricher = new Enricher()
    const told = [0, 9, 10, 60].map((minute) => {
      const [event] = hear(enricher, [`m0 ${HOUR}`], NOW + minute * MINUTE)
      return [fieldOf(event!.doc, 'iot.time.ahead'), fieldOf(event!.doc, 'iot.time.cohort_pending')]
    })
    expect(told).toEqual([
      [undefined, true],
      [undefined, true],
      [true, undefined],
      [true, undefined],
    ])
  })

  test('a clock two hours ahead is called so at once', () => {
    const [event] = hear(new Enricher(), [`m0 ${2 * HOUR}`])
    expect(fieldOf(event!.doc, 'iot.time.ahead')).toBe(true)
  })

  test.each([
    ['one device', Array.from({ length: 20 }, () => `m1 ${HOUR}`)],
    ['too few', fleet(HOUR, 4)],
    ['another time', fleet(HOUR + 10 * MINUTE, 9)],
    ['two hours', fleet(2 * HOUR, 9)],
    ['on time', fleet(0, 9)],
  ])('%s', (_, lines) => {
    expect(shifts(hear(new Enricher(), lines)).every((one) => one === undefined)).toBe(true)
  })

  test('devices of different types', () => {
    const cohorts = new Cohorts()
    const found = [1, 2, 3, 4, 5, 6].map((at) =>
      cohorts.shiftOf(`s\n\n${at % 2}`, `d${at}`, HOUR, NOW),
    )
    expect(found).toEqual([0, 0, 0, 0, 0, 0])
  })

  test('messages that come an hour late, as after an outage', () => {
    const enricher = new Enricher()
    // The backlog is read within minutes: its claims catch up with receipt.
    for (let minute = 0; minute < 8; minute++) {
      const events = hear(enricher, fleet(-HOUR + minute * 8 * MINUTE, 9), NOW + minute * MINUTE)
      expect(shifts(events).every((one) => one === undefined)).toBe(true)
    }
  })

  test('a device that is on time again', () => {
    const cohorts = new Cohorts()
    for (let at = 0; at < 4; at++) cohorts.shiftOf('k', `d${at}`, HOUR, NOW)
    cohorts.shiftOf('k', 'd0', 0, NOW + 1)
    expect(cohorts.shiftOf('k', 'd9', HOUR, NOW + 2)).toBe(0)
    expect(cohorts.shiftOf('k', 'd10', HOUR, NOW + 3)).toBe(HOUR)
  })
})

test('a cohort an hour behind is one when it stays so', () => {
  const enricher = new Enricher()
  const rounds = [0, 4, 8, 12].map((minute) =>
    shifts(hear(enricher, fleet(-HOUR + 30_000), NOW + minute * MINUTE)),
  )
  expect(
    rounds
      .slice(0, 3)
      .flat()
      .every((one) => one === undefined),
  ).toBe(true)
  expect(rounds[3]!.at(-1)).toBe(-3_600)
  const [event] = hear(enricher, [`m0 ${-HOUR}`], NOW + 13 * MINUTE)
  expect(event!.time).toBe(NOW + 13 * MINUTE)
})

test('memory is bounded', () => {
  const cohorts = new Cohorts()
  for (let at = 0; at < 3_000; at++) cohorts.shiftOf(`c${at}`, 'd', HOUR, NOW)
  expect(cohorts.size).toBe(1_000)
})
