import { expect, test } from 'vitest'
import { lowerSigma } from '../lang/sigma/sigma.ts'
import { parseSigmaFile } from '../lang/sigma/read.ts'
import type { SecurityEvent } from '../model/event.ts'
import { OfflineDetector } from './offline.ts'

const RULES = `
title: Failed login
name: failed
id: 11111111-1111-4111-8111-111111111111
logsource: { product: test }
detection: { s: { action: fail }, condition: s }
---
title: Many failures
name: many
id: 11111111-1111-4111-8111-111111111112
correlation:
  type: event_count
  rules: [failed]
  group-by: [user]
  timespan: 1m
  condition: { gte: 2 }
---
title: Failures from many addresses
name: spread
id: 11111111-1111-4111-8111-111111111113
correlation:
  type: value_count
  rules: [failed]
  group-by: [user]
  timespan: 1m
  condition: { field: address, gte: 2 }
---
title: Both at once
id: 11111111-1111-4111-8111-111111111114
correlation:
  type: temporal
  rules: [many, spread]
  group-by: [user]
  timespan: 5m
`

function alertsOf(count: number) {
  const file = parseSigmaFile(RULES)
  const { matches, correlations } = lowerSigma([file], { pipeline: 'none' })
  const ruleSet = { hash: 'shared', matches, correlations }
  const detector = new OfflineDetector(ruleSet, { tell: 'alerts', latenessMs: 0, early: false })
  for (let n = 0; n < count; n += 1) {
    const doc = { action: 'fail', user: 'eve', address: `10.0.0.${n % 7}` }
    const event: SecurityEvent = { id: `e${n}`, time: 1_000_000 + n, doc }
    detector.observe(event)
  }
  detector.finish()
  return detector.take()
}

test('an event that two correlations were made of is listed once in the alert of a third', () => {
  expect(alertsOf(4)).toMatchObject([
    { rule: { name: 'Both at once' }, events: ['e0', 'e1', 'e2', 'e3'], eventsTotal: 4 },
  ])
})

test('so it is where more events are than an alert lists', () => {
  const [alert] = alertsOf(150)
  expect(new Set(alert?.events).size).toBe(100)
  expect(alert?.events).toHaveLength(100)
})
