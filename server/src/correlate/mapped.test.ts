import { expect, test } from 'vitest'
import { queryMeta } from '../lang/query.ts'
import { mapped } from './mapped.ts'

const meta = queryMeta('kql', 'x', {
  title: 'Rule',
  meta: {
    severity: 'high',
    risk: 30,
    mapping: {
      severity: [
        { field: 'event.severity', value: '21', severity: 'low' },
        { field: 'event.severity', value: '99', severity: 'critical' },
        { field: 'verdict', value: 'TP', severity: 'high' },
      ],
      risk: [
        { field: 'event.risk_score', value: '' },
        { field: 'verdict', value: 'TP', risk: 73 },
      ],
      name: 'message',
    },
  },
})

test.each<[Record<string, string[]> | undefined, unknown]>([
  [undefined, { name: 'Rule', severity: 'high', risk: 30 }],
  [{}, { name: 'Rule', severity: 'high', risk: 30 }],
  // a mapping may lower what the rule says
  [{ 'event.severity': ['21'] }, { name: 'Rule', severity: 'low', risk: 30 }],
  [
    { 'event.severity': ['21'], verdict: ['TP'] },
    { name: 'Rule', severity: 'high', risk: 73 },
  ],
  [{ 'event.severity': ['21', '99'] }, { name: 'Rule', severity: 'critical', risk: 30 }],
  [{ 'event.risk_score': ['12.5'] }, { name: 'Rule', severity: 'high', risk: 12.5 }],
  [{ 'event.risk_score': ['101', '', 'x'] }, { name: 'Rule', severity: 'high', risk: 30 }],
  [{ message: ['Ransomware', 'x'] }, { name: 'Ransomware', severity: 'high', risk: 30 }],
  [{ message: [' '] }, { name: 'Rule', severity: 'high', risk: 30 }],
])('%j', (matched, expected) => {
  expect(mapped(meta, matched)).toEqual(expected)
})

test('without mappings the event decides nothing', () => {
  const plain = queryMeta('kql', 'x', { title: 'Rule' })
  expect(mapped(plain, { message: ['x'] })).toEqual({
    ...{ name: 'Rule', severity: 'medium', risk: undefined },
  })
})

test('mappings may read fields that are called what every object has', () => {
  const odd = queryMeta('kql', 'x', {
    title: 'Rule',
    meta: {
      mapping: {
        severity: [{ field: 'constructor', value: 'x', severity: 'low' }],
        risk: [{ field: 'toString', value: '' }],
        name: 'valueOf',
      },
    },
  })
  expect(mapped(odd, { a: ['x'] })).toEqual({ name: 'Rule', severity: 'medium', risk: undefined })
})
