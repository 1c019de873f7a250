import { expect, test } from 'vitest'
import { OfflineDetector } from './offline.ts'
import { actionRule, bySource, correlationRule, eventOf, ruleSet } from './testing/rules.ts'

const absence = {
  type: 'absence',
  of: 'events',
  inputs: ['seen'],
  groupBy: bySource,
  timespanMs: 60_000,
} as const
const RULES = ruleSet([actionRule('seen', 'seen')], [correlationRule('gone', absence)])
const NOW = 1_000_000_000

test('what claims a time far ahead of a stream makes nothing else late, folded or not', () => {
  const options = { tell: 'alerts', latenessMs: 1_000, early: false, nowMs: () => NOW } as const
  const detector = new OfflineDetector(RULES, options)
  const seen = (id: string, time: number): void => {
    detector.settle()
    detector.observe(eventOf(id, time, { action: 'seen', ip: '10.0.0.1' }))
  }
  seen('first', NOW)
  const folded = { device: 'd', messages: 1, bytes: 1, fromMs: NOW, toMs: NOW + 1 }
  detector.alive({ ...folded, lastSeenMs: NOW + 300_001 })
  seen('second', NOW + 1)
  seen('ahead', NOW + 300_001)
  seen('third', NOW + 2)
  expect(detector.stats().late).toBe(0)
  detector.alive({ ...folded, lastSeenMs: NOW + 300_000 })
  seen('late', NOW + 3)
  expect(detector.stats().late).toBe(1)
})
