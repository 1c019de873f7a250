import { expect, test } from 'vitest'
import type { AlertRecord } from '../model/alert.ts'
import { compareAlerts } from './compare.ts'

function alert(rule: string, ip: string, first: number, last: number): AlertRecord {
  const at = (minute: number): string => new Date(Date.UTC(2026, 10, 22, 0, minute)).toISOString()
  return {
    id: `${rule}-${ip}-${first}`,
    revision: 1,
    rule: { id: rule, name: rule, kind: 'match' },
    severity: 'low',
    author: '',
    group: { 'source.ip': ip },
    first: at(first),
    last: at(last),
    count: 1,
    events: [],
    eventsTotal: 0,
    state: 'final',
    suppressed_by: null,
    open: false,
  }
}

const told = (compared: ReturnType<typeof compareAlerts>) =>
  compared.map(({ change, alert: one }) => `${change} ${one.id}`)

test('alerts are paired by rule, group and overlapping time', () => {
  const current = [alert('a', 'x', 0, 10), alert('a', 'y', 0, 10), alert('b', 'x', 0, 10)]
  const proposed = [alert('a', 'x', 5, 20), alert('a', 'y', 11, 12), alert('c', 'x', 3, 4)]
  expect(told(compareAlerts(current, proposed))).toEqual([
    'gone a-y-0',
    'gone b-x-0',
    'added c-x-3',
    'same a-x-5',
    'added a-y-11',
  ])
})

test('each alert is paired once', () => {
  const current = [alert('a', 'x', 0, 10)]
  const proposed = [alert('a', 'x', 0, 3), alert('a', 'x', 5, 10)]
  expect(told(compareAlerts(current, proposed))).toEqual(['same a-x-0', 'added a-x-5'])
})

test('one rule and its successor are paired though their ids differ', () => {
  const compared = compareAlerts([alert('old', 'x', 0, 1)], [alert('new', 'x', 1, 2)])
  expect(told(compared)).toEqual(['same new-x-1'])
})

test('nothing was and nothing is', () => {
  expect(compareAlerts([], [])).toEqual([])
})
