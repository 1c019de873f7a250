import { describe, expect, test } from 'vitest'
import { actionRule } from '../detect/testing/rules.ts'
import type { Correlation } from '../model/correlation.ts'
import { decodeKey, keysOf } from './group-key.ts'
import { alertGroup, alertKey, projection } from './project.ts'

describe('group keys', () => {
  test('values that print alike are one group, and letter case counts', () => {
    const keyOf = (id: unknown) => keysOf({ user: { id } }, [{ path: 'user.id' }])
    expect(keyOf(1)).toEqual(keyOf('1'))
    expect(keyOf('a')).not.toEqual(keyOf('A'))
    expect(decodeKey(keyOf('it"s]')[0]!)).toEqual(['it"s]'])
  })

  test('a field with several values makes a key for each; an absent one none, but null where optional', () => {
    const doc = { source: { ip: ['10.0.0.1', '10.0.0.2'] }, user: { name: 'x' } }
    const fields = [{ path: 'source.ip' }, { path: 'user.name' }]
    expect(keysOf(doc, fields)).toEqual(['["10.0.0.1","x"]', '["10.0.0.2","x"]'])
    expect(keysOf(doc, [...fields, { path: 'host.name' }])).toEqual([])
    expect(keysOf(doc, [{ path: 'host.name', optional: true }])).toEqual(['[null]'])
    const holes = { a: [null, 'x', undefined, 'x'], b: [null] }
    expect(keysOf(holes, [{ path: 'a' }])).toEqual(['["x"]'])
    expect(keysOf(holes, [{ path: 'b' }])).toEqual([])
    const many = Array.from({ length: 200 }, (_, index) => String(index))
    expect(keysOf({ a: many, b: many }, [{ path: 'a' }, { path: 'b' }])).toHaveLength(64)
  })

  test('a very long value is told apart, but not remembered whole', () => {
    const keyOf = (id: unknown) => keysOf({ user: { id } }, [{ path: 'user.id' }])[0]!
    const long = 'x'.repeat(100_000)
    expect(keyOf(long)).toBe(keyOf(long))
    expect(keyOf(long)).not.toBe(keyOf(`${long}y`))
    expect(keyOf(long)).not.toBe(keyOf({ a: long }))
    expect(keyOf({ a: long })).not.toBe(keyOf({ a: `${long}y` }))
    expect(keyOf(long).length).toBeLessThan(300)
    expect(keyOf({ a: long }).length).toBeLessThan(300)
    expect(keyOf('x'.repeat(1_024))).toHaveLength(1_028)
  })

  test('an event is of the keys of the stages that it is of, and of no others', () => {
    const stage = (input: string, path: string) => {
      return { input, by: [{ path, optional: false }], runs: 1, missing: false }
    }
    const stages = [stage('a', 'x'), stage('b', 'y'), stage('a', 'z')]
    const until = stage('u', 'w')
    const sequence = {
      type: 'sequence',
      inputs: ['a', 'b', 'u'],
      groupBy: [],
      stages,
      until,
    } as const
    const keys = (input: string) =>
      projection(sequence, input)({ x: 1, y: 2, z: 3, w: 4 }).map(({ key }) => key)
    expect([keys('a'), keys('b'), keys('u')]).toEqual([['["1"]', '["3"]'], ['["2"]'], ['["4"]']])
  })

  test('alerts of a rule without a group go by the first field present', () => {
    const rule = actionRule('r', 'x')
    const groupOf = (doc: Record<string, unknown>) => alertGroup(rule, alertKey(rule, doc))
    expect(groupOf({ user: { name: 'u' }, source: { ip: '10.0.0.1' } })).toEqual({
      'source.ip': '10.0.0.1',
    })
    expect(groupOf({ iot: { mqtt: { client_id: 'c' } }, source: { ip: 'x' } })).toEqual({
      'iot.mqtt.client_id': 'c',
    })
    expect(groupOf({})).toEqual({})
  })

  test('fields and inputs may be called what every object has', () => {
    const doc = { a: 'x', toString: 'n' }
    const alternatives = { a: ['b'] }
    const count = {
      ...{ type: 'value_count', inputs: ['constructor'], fields: ['toString'], inputFields: {} },
      ...{ groupBy: [{ path: 'toString', paths: {} }], alternatives },
      ...{ timespanMs: 1_000, bound: { op: '>=', value: 1 } },
    } as unknown as Correlation
    expect(projection(count, 'constructor')(doc)).toMatchObject([{ key: '["n"]', values: ['n'] }])
    const rule = { ...actionRule('r', 'x'), groupBy: ['constructor', 'toString'], alternatives }
    expect(alertKey(rule, doc)).toBe('[null,"n"]')
  })
})
