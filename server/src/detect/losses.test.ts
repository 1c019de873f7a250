import { expect, test } from 'vitest'
import type { RuleSet } from '../model/rule.ts'
import { createEngine, type Engine } from './engine.ts'
import { actionRule, bySource, correlationRule, eventOf, ruleSet } from './testing/rules.ts'

const count = {
  type: 'event_count',
  inputs: ['fail'],
  groupBy: bySource,
  timespanMs: 60_000,
  condition: { gte: 3 },
  fields: [],
} as const

const both = [correlationRule('one', count), correlationRule('two', count)]
const rules = (hash: string, kept: number): RuleSet =>
  ruleSet([actionRule('fail', 'failure')], both.slice(0, kept), hash)

function feed(engine: Engine, times: readonly number[]): void {
  for (const n of times) {
    const event = eventOf(`e${n}`, 1_000_000 + n, { action: 'failure', ip: `10.0.0.${n % 250}` })
    engine.observe(event, { partition: 0, offset: n, index: 0 })
  }
}

test('what rules had lost and done stays counted when they go', () => {
  const engine = createEngine(rules('a', 2), { limits: { keysMax: 5 } })
  feed(engine, [1, 2, 3, 4, 5, 6, 7])
  expect(engine.stats()).toMatchObject({ evicted: 4, keys: 10 })
  expect(engine.takeRuleCounts().find(({ ruleId }) => ruleId === 'two')?.lost).toBe(2)
  feed(engine, [8, 8, 8])
  engine.setRules(rules('b', 1))
  expect(engine.stats()).toMatchObject({ evicted: 6, keys: 5 })
  const counts = engine.takeRuleCounts()
  for (const ruleId of ['one', 'two']) {
    expect(counts.find((one) => one.ruleId === ruleId)).toMatchObject({ hits: 1, lost: 1 })
  }
  expect(engine.takeRuleCounts()).toEqual([])
  feed(engine, [9])
  expect(engine.stats()).toMatchObject({ evicted: 7 })
})

test('hits are one alert for as long as the timespan of their rule lies between them', () => {
  const long = { ...count, timespanMs: 1_200_000, condition: { gte: 1 } }
  const sequence = {
    ...{ type: 'sequence' as const, inputs: ['fail'], groupBy: [], maxspanMs: 1_200_000 },
    stages: [
      { input: 'fail', by: [{ path: 'source.ip', optional: false }], runs: 1, missing: false },
    ],
  } as const
  const set = [correlationRule('counted', long), correlationRule('ordered', sequence)]
  for (const [gapMs, alerts] of [
    [1_200_000, 1],
    [1_200_001, 2],
  ] as const) {
    const engine = createEngine(ruleSet([actionRule('fail', 'failure')], set))
    for (const time of [1_000_000, 1_000_000 + gapMs]) {
      const event = eventOf(`e${time}`, time, { action: 'failure', ip: '10.0.0.1' })
      engine.observe(event, { partition: 0, offset: time, index: 0 })
    }
    engine.finish(9_000_000, { partition: 0, offset: 3, index: 0 })
    const ids = (ruleId: string): Set<string> =>
      new Set(told.filter(({ rule }) => rule.id === ruleId).map(({ id }) => id))
    const told = engine.takeAlerts()
    expect([ids('counted').size, ids('ordered').size]).toEqual([alerts, alerts])
  }
})

test('hits that find no room on their way to another correlation are counted', () => {
  const rare = { ...count, condition: { gte: 1 } }
  const over = { ...count, inputs: ['one'], condition: { gte: 2 } }
  const chained = [correlationRule('one', rare), correlationRule('over', over)]
  const set = ruleSet([actionRule('fail', 'failure')], chained)
  const keys = createEngine(set, { limits: { keysMax: 3 } })
  feed(keys, [1, 2, 3])
  expect(keys.stats()).toMatchObject({ refused: 0 })
  feed(keys, [4])
  expect(keys.stats().refused).toBeGreaterThan(0)
  const entries = createEngine(set, { limits: { entriesMax: 3 } })
  feed(entries, [1, 1, 1])
  expect(entries.stats()).toMatchObject({ trimmed: 0 })
  feed(entries, [1])
  expect(entries.stats()).toMatchObject({ trimmed: 1 })
  const lost = entries.takeRuleCounts().map(({ ruleId, lost: many }) => [ruleId, many])
  expect(lost).toContainEqual(['one', 1])
})
