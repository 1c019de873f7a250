import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { alertOf } from '../state/testing/alerts.ts'
import { createTerminalOutlet, renderAlert } from './terminal.ts'

test('a person reads severity, rule, author, who, why, events and what to do next', () => {
  const alert = alertOf({
    matched: { 'event.reason': ['not_authorised'], 'user.name': ['a', 'b', 'c', 'd', 'e', 'f'] },
    rule: {
      id: 'rule-1',
      name: 'Brute force',
      kind: 'event_count',
      response: ['Block the address.', 'Ask the engineer.'],
      falsepositives: ['A device with a stale password'],
    },
  })
  expect(renderAlert({ kind: 'opened', alert }, false)).toBe(
    `[HIGH] Brute force · opened (provisional)
  who     source.ip = 203.0.113.7
  why     event.reason = not_authorised · user.name = a, b, c, d, e +1 more
  seen    5 hits from 2026-03-01T10:00:00.000Z to 2026-03-01T10:01:00.000Z, still open
  events  e1, e2
  rule    rule-1 (event_count, by Ada)
  next    1. Block the address.
          2. Ask the engineer.
  unless  A device with a stale password
  alert   alert-1  (picket alert show alert-1)

`,
  )
})

test('a later word on the same alert is short', () => {
  const ended = renderAlert(
    { kind: 'ended', alert: alertOf({ open: false, state: 'final' }) },
    false,
  )
  expect(ended.split('\n')[0]).toBe('[HIGH] Brute force · ended (final)')
  expect(ended).not.toContain('next')
  expect(ended).not.toContain('rule-1')
})

test('nothing a device sent reaches the terminal as a control sequence', () => {
  const evil = 'x\u001b]0;owned\u0007\r\n[CRITICAL] forged\u202e'
  const alert = alertOf({
    id: evil,
    author: evil,
    group: { [evil]: evil },
    matched: { [evil]: [evil] },
    events: [evil],
    first: evil,
    last: `${evil}2`,
    rule: { id: evil, name: evil, kind: evil, response: [evil], falsepositives: [evil] },
  })
  for (const kind of ['opened', 'raised', 'changed', 'ended'] as const) {
    const plain = renderAlert({ kind, alert }, false)
    // oxlint-disable-next-line no-control-regex -- these are what must not be there
    expect(plain).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
    expect(plain).not.toMatch(/^\[CRITICAL\] forged/m)
  }
})

test('colours only where asked for; explained and lesser alerts stay out of sight', async () => {
  const stream = new PassThrough()
  const outlet = createTerminalOutlet({ stream, color: true, severityMin: 'medium' })
  expect(outlet.wants({ kind: 'opened', alert: alertOf({ suppressed_by: 'change-1' }) })).toBe(
    false,
  )
  expect(outlet.wants({ kind: 'opened', alert: alertOf({ severity: 'low' }) })).toBe(false)
  const pending = { kind: 'opened' as const, alert: alertOf() }
  expect(outlet.wants(pending)).toBe(true)
  await outlet.tell([pending])
  expect(String(stream.read())).toContain('\u001b[31m[HIGH]\u001b[0m')
})
