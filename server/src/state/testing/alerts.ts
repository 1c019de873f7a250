import type { AlertRecord } from '../../model/alert.ts'

/** A small alert, with what a test wants to be different. */
export function alertOf(change: Partial<AlertRecord> = {}): AlertRecord {
  return {
    id: 'alert-1',
    revision: 1,
    rule: { id: 'rule-1', name: 'Brute force', kind: 'event_count', response: ['Block it.'] },
    severity: 'high',
    author: 'Ada',
    group: { 'source.ip': '203.0.113.7' },
    first: '2026-03-01T10:00:00.000Z',
    last: '2026-03-01T10:01:00.000Z',
    count: 5,
    events: ['e1', 'e2'],
    eventsTotal: 2,
    state: 'provisional',
    suppressed_by: null,
    open: true,
    ...change,
  }
}
