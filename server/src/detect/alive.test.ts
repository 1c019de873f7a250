import { expect, test } from 'vitest'
import { createEngine } from './engine.ts'
import { actionRule, bySource, correlationRule, eventOf, ruleSet } from './testing/rules.ts'

const at = { partition: 0, offset: 1, index: 0 }
const NOW = 10_000_000

test('what was folded counts as seen from the watermark on, not before', () => {
  const quiet = {
    ...{ type: 'absence' as const, of: 'events' as const, inputs: ['beat'] },
    ...{ groupBy: bySource, timespanMs: 60_000 },
  }
  const rules = ruleSet([actionRule('beat', 'beat')], [correlationRule('quiet', quiet)])
  const folded = { device: '10.0.0.1', deviceField: 'source.ip', action: 'beat' }
  const told = (firstSeenMs: number, lastSeenMs: number, overflow = false): number[] => {
    const engine = createEngine(rules)
    engine.raiseWatermark(NOW, at)
    const span = { fromMs: 0, toMs: 1, messages: 2, bytes: 2, firstSeenMs, lastSeenMs }
    engine.alive({ ...folded, ...span, ...(overflow && { overflow }) })
    engine.raiseWatermark(NOW + 1_000_000, at)
    return engine.takeAlerts().map(({ last }) => Date.parse(last))
  }
  expect(told(NOW - 600_000, NOW - 600_000)).toEqual([])
  expect(told(NOW - 600_000, NOW)).toEqual([NOW + 60_000, NOW + 60_000])
  expect(told(NOW + 1_000, NOW + 30_000)).toEqual([NOW + 90_000, NOW + 90_000])
  expect(told(NOW + 1_000, NOW + 62_000)).toHaveLength(4)
  // Of whom it was is not known any more.
  expect(told(NOW, NOW, true)).toEqual([])
})

test('an event that is of two rules is both to what they feed', () => {
  const both = { type: 'temporal' as const, inputs: ['one', 'two'], groupBy: bySource }
  const rules = ruleSet(
    [actionRule('one', 'x'), actionRule('two', 'x'), actionRule('three', 'y')],
    [
      correlationRule('both', { ...both, timespanMs: 60_000 }),
      correlationRule('other', { ...both, inputs: ['one', 'three'], timespanMs: 60_000 }),
    ],
  )
  const engine = createEngine(rules)
  engine.observe(eventOf('e', NOW, { action: 'x', ip: '10.0.0.1' }), at)
  expect(engine.takeAlerts().map(({ rule, count }) => [rule.id, count])).toEqual([['both', 1]])
})
