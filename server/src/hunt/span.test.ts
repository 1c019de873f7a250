import { expect, test } from 'vitest'
import { actionRule, correlationRule, ruleSet } from '../detect/testing/rules.ts'
import type { CountCorrelation } from '../model/correlation.ts'
import { lookAheadMs, warmUpMs } from './span.ts'

const MINUTE_MS = 60_000
function count(
  inputs: string[],
  minutes: number,
  condition: CountCorrelation['condition'],
): CountCorrelation {
  const timespanMs = minutes * MINUTE_MS
  return { type: 'event_count', inputs, groupBy: [], fields: [], timespanMs, condition }
}
const setOf = (...correlations: CountCorrelation[]) =>
  ruleSet(
    [actionRule('a', 'a')],
    correlations.map((one, at) => correlationRule(`c${at}`, one)),
  )

test('a chain of rules looks back over all of their spans, and the last once more', () => {
  expect(warmUpMs(setOf())).toBe(5 * MINUTE_MS)
  expect(warmUpMs(setOf(count(['a'], 10, { gte: 2 })))).toBe(20 * MINUTE_MS)
  const three = setOf(
    count(['a'], 10, { gte: 2 }),
    count(['c0'], 10, { gte: 2 }),
    count(['c1', 'a'], 10, { gte: 2 }),
  )
  expect(warmUpMs(three)).toBe(40 * MINUTE_MS)
})

test('what later events can undo is read for after the range', () => {
  expect(lookAheadMs(setOf(count(['a'], 10, { gte: 2 })))).toBe(0)
  expect(lookAheadMs(setOf(count(['a'], 10, { lt: 2 })))).toBe(10 * MINUTE_MS)
  expect(lookAheadMs(setOf(count(['a'], 10, { lt: 2 }), count(['c0'], 5, { gte: 2 })))).toBe(
    10 * MINUTE_MS,
  )
})

test('rules that feed each other end', () => {
  const ring = setOf(count(['c1'], 10, { lt: 2 }), count(['c0'], 10, { lt: 2 }))
  expect(lookAheadMs(ring)).toBeGreaterThan(0)
  expect(warmUpMs(ring)).toBeGreaterThan(0)
})
