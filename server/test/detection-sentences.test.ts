import { describe, expect, test } from 'vitest'
import { CORRELATOR_LIMITS } from '../src/correlate/correlator.ts'
import { createEngine } from '../src/detect/engine.ts'
import { EPISODE_GAP_MS } from '../src/detect/rule-runs.ts'
import { LATENESS_MS } from '../src/detect/source-clock.ts'
import { readRules } from '../src/library/library.ts'
import type { AlertRecord } from '../src/model/alert.ts'
import type { EcsDoc } from '../src/model/event.ts'

/** Sentences of docs/reference/detection.md that no other test holds, as a user would write the rules. */

const START_MS = Date.UTC(2026, 0, 1)
const BASE = `title: Base
name: base
id: base
logsource: {product: x}
detection: {sel: {kind: a}, condition: sel}
`
const OTHER = BASE.replaceAll('ase', 'ase2').replace('kind: a', 'more: b')

type At = readonly [ms: number, doc: EcsDoc]

function correlation(body: string): string {
  return `${BASE}---\n${OTHER}---\ntitle: Rule\nid: rule\ncorrelation: {${body}}\n`
}

/** What stands at the end, of the rule, in the order in which it was opened. */
function alertsOf(text: string, events: readonly At[], { path = 'r.yml', endMs = 0 } = {}) {
  const { ruleSet, reports } = readRules([{ path, text }], { pipeline: 'none' })
  expect(reports.flatMap((report) => report.problems)).toEqual([])
  const engine = createEngine(ruleSet)
  let last = 0
  for (const [index, [ms, doc]] of events.entries()) {
    last = Math.max(last, ms)
    const event = { id: `e${index + 1}`, time: START_MS + ms, doc }
    engine.observe(event, { partition: 0, offset: index + 1, index: 0 })
  }
  engine.finish(START_MS + Math.max(last, endMs), { partition: 0, offset: 1_000_000, index: 0 })
  const alerts = new Map<string, AlertRecord>()
  for (const alert of engine.takeAlerts()) alerts.set(alert.id, alert)
  return [...alerts.values()].filter((alert) => alert.state !== 'retracted')
}

const a = (ms: number, more: EcsDoc = {}): At => [ms, { kind: 'a', g: 'x', ...more }]
const both = (ms: number): At => a(ms, { more: 'b' })
const MINUTE = 60_000

describe('both ends of a window belong to it', () => {
  const of = 'group-by: [g], timespan: 5m'
  const second = (ms: number): At => [ms, { more: 'b', g: 'x', f: 2 }]
  test.each([
    [
      'event_count',
      correlation(`type: event_count, rules: [base, base2], ${of}, condition: {gte: 2}`),
    ],
    [
      'value_count',
      correlation(`type: value_count, rules: [base, base2], ${of}, condition: {field: f, gte: 2}`),
    ],
    [
      'value_sum',
      correlation(`type: value_sum, rules: [base, base2], ${of}, condition: {field: f, gte: 3}`),
    ],
    ['temporal', correlation(`type: temporal, rules: [base, base2], ${of}`)],
    ['temporal_ordered', correlation(`type: temporal_ordered, rules: [base, base2], ${of}`)],
  ])('%s', (_type, text) => {
    const rule = (alerts: readonly AlertRecord[]) =>
      alerts.filter(({ rule: { id } }) => id === 'rule')
    expect(rule(alertsOf(text, [a(0, { f: 1 }), second(5 * MINUTE)]))).toHaveLength(1)
    expect(rule(alertsOf(text, [a(0, { f: 1 }), second(5 * MINUTE + 1)]))).toEqual([])
  })

  test('maxspan', () => {
    const text = 'sequence by g with maxspan=5m [any where kind == "a"] [any where more == "b"]'
    expect(alertsOf(text, [a(0), second(5 * MINUTE)], { path: 'q.eql' })).toHaveLength(1)
    expect(alertsOf(text, [a(0), second(5 * MINUTE + 1)], { path: 'q.eql' })).toEqual([])
  })
})

test('the limits and times that hold where nothing is set', () => {
  expect(LATENESS_MS).toBe(60_000)
  expect(EPISODE_GAP_MS).toBe(300_000)
  expect(CORRELATOR_LIMITS).toEqual({ keysMax: 100_000, entriesMax: 10_000 })
})

test('an event that matches several of the rules is counted once', () => {
  const text = correlation(
    'type: event_count, rules: [base, base2], group-by: [g], timespan: 5m, condition: {gte: 2}',
  )
  expect(alertsOf(text, [both(0)])).toEqual([])
  expect(alertsOf(text, [both(0), both(1)])).toMatchObject([{ count: 2, events: ['e1', 'e2'] }])
})

test('several fields make one combined value', () => {
  const text = correlation(
    'type: value_count, rules: [base], group-by: [g], timespan: 5m, condition: {field: [u, h], gte: 3}',
  )
  const pair = (ms: number, u: string, h: string) => a(ms, { u, h })
  const same = [pair(0, 'p', 'q'), pair(1, 'p', 'q'), pair(2, 'p', 'r')]
  expect(alertsOf(text, same)).toEqual([])
  expect(alertsOf(text, [...same, pair(3, 'z', 'q')])).toHaveLength(1)
})

test('a percentile lies between two ranks in proportion; text that is no number is left out', () => {
  const median = (condition: string) =>
    correlation(
      `type: value_percentile, rules: [base], group-by: [g], timespan: 5m, condition: {field: f, percentile: 50, ${condition}}`,
    )
  const events = [a(0, { f: 1 }), a(1, { f: '2' }), a(2, { f: 'none' })]
  expect(alertsOf(median('gte: 1.5'), events)).toHaveLength(1)
  expect(alertsOf(median('gt: 1.5'), events)).toEqual([])
})

test('a group without any event has no window', () => {
  const text = correlation(
    'type: event_count, rules: [base], group-by: [g], timespan: 5m, condition: {lt: 2}',
  )
  const alerts = alertsOf(text, [a(0), [1, { kind: 'other', g: 'y' }]], { endMs: 60 * MINUTE })
  expect(alerts.map(({ group }) => group)).toEqual([{ g: 'x' }])
})

test('one hit for each silence, then the group is forgotten; the end of a file is none', () => {
  const text = correlation('type: absence, rules: [base], group-by: [g], timespan: 5m')
  const beat = (g: string) => (minute: number) => a(minute * MINUTE, { g })
  const [x, y] = [beat('x'), beat('y')]
  const keeping = [0, 4, 8, 12, 16, 20, 24, 28].map(y)
  const told = alertsOf(text, [x(0), ...keeping])
  expect(told.map(({ group, count }) => [group, count])).toEqual([[{ g: 'x' }, 1]])
  const again = [x(0), ...keeping.slice(0, 4), x(13), ...keeping.slice(4)]
  expect(alertsOf(text, again).map(({ count }) => count)).toEqual([1, 1])
  // Exactly the timespan is no silence yet, and what ends with the input is not known to be one.
  expect(alertsOf(text, [x(0), x(5), y(9)])).toEqual([])
})

test('a field with several values is at most 64 groups, all combinations counted', () => {
  const text = correlation(
    'type: event_count, rules: [base], group-by: [p, q], timespan: 5m, condition: {gte: 1}',
  )
  const values = Array.from({ length: 20 }, (_, index) => `v${index}`)
  expect(alertsOf(text, [a(0, { p: values.slice(0, 4), q: values.slice(0, 5) })])).toHaveLength(20)
  expect(alertsOf(text, [a(0, { p: values, q: values })])).toHaveLength(64)
})

test('an alert lists its oldest 100 events, counts all, and tells of the first and the last', () => {
  const events = Array.from({ length: 130 }, (_, index) => a(index * 1_000))
  const [alert, ...more] = alertsOf(BASE, events)
  expect(more).toEqual([])
  expect(alert?.events).toHaveLength(100)
  expect(alert?.events[99]).toBe('e100')
  expect(alert).toMatchObject({ count: 130, eventsTotal: 130 })
  expect([alert?.first, alert?.last].map((time) => Date.parse(time ?? '') - START_MS)).toEqual([
    0, 129_000,
  ])
})

test('hits of a rule without a timespan are one alert while no more than five minutes lie between', () => {
  expect(alertsOf(BASE, [a(0), a(5 * MINUTE)])).toMatchObject([{ count: 2 }])
  expect(alertsOf(BASE, [a(0), a(5 * MINUTE + 1)])).toMatchObject([{ count: 1 }, { count: 1 }])
})

test('a correlation without group-by counts all events together', () => {
  const text = correlation('type: event_count, rules: [base], timespan: 5m, condition: {gte: 2}')
  expect(alertsOf(text, [a(0, { g: 'x' }), a(1, { g: 'y' })])).toMatchObject([
    { count: 2, group: {} },
  ])
})
