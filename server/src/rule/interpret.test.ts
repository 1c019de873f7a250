import { describe, expect, test } from 'vitest'
import type { Condition, ValueTest } from '../model/condition.ts'
import type { EcsDoc } from '../model/event.ts'
import { interpret } from './interpret.ts'

function at(path: string, test: ValueTest): Condition {
  return { kind: 'field', path, test }
}

function equals(value: string | number | boolean, cased = false): ValueTest {
  return { kind: 'equals', value, cased }
}

describe('where values are found', () => {
  const holds = (doc: Record<string, unknown>) => interpret(at('a.b', equals('x')), doc)

  test('nested, dotted and mixed spellings of a path are one field', () => {
    expect(holds({ a: { b: 'x' } })).toBe(true)
    expect(holds({ 'a.b': 'x' })).toBe(true)
    expect(interpret(at('a.b.c', equals('x')), { 'a.b': { c: 'x' } })).toBe(true)
    expect(interpret(at('a.b.c', equals('x')), { a: { 'b.c': 'x' } })).toBe(true)
  })

  test('any value of several passes; arrays of objects are looked into', () => {
    expect(holds({ a: { b: ['y', ['x']] } })).toBe(true)
    expect(holds({ a: [{ b: 'y' }, { b: 'x' }, 3] })).toBe(true)
    expect(holds({ a: { b: 'y' }, 'a.b': 'x' })).toBe(true)
  })

  test('objects, inherited names and what lies too deep are no values', () => {
    expect(holds({ a: { b: { x: 'x' } } })).toBe(false)
    expect(interpret(at('constructor.name', { kind: 'exists' }), {})).toBe(false)
    let deep: unknown = 'x'
    for (let level = 0; level < 100_000; level++) deep = [deep]
    expect(holds({ a: { b: deep } })).toBe(false)
    expect(interpret({ kind: 'anywhere', test: equals('x') }, { a: { b: deep } })).toBe(false)
  })
})

describe('value tests', () => {
  const passes = (test: ValueTest, value: unknown) => interpret(at('f', test), { f: value })

  test.each<[ValueTest, unknown, boolean]>([
    [equals('Admin'), 'aDMIN', true],
    [equals('Admin', true), 'aDMIN', false],
    [equals('4624'), 4624, true],
    [equals(4624), '4624', true],
    [equals(4624), '4624.0', true],
    [equals(4624), '0x1210', false],
    [equals('true'), true, true],
    [equals(true), 'True', true],
    [equals(''), '', true],
    [equals(''), null, false],
    [equals(1), true, false],
    [{ kind: 'prefix', value: 'ab', cased: false }, 'ABC', true],
    [{ kind: 'suffix', value: 'bc', cased: false }, 'ABC', true],
    [{ kind: 'substring', value: '46', cased: false }, 4624, true],
    [{ kind: 'regex', pattern: '^a.c$', flags: '' }, 'abc', true],
    [{ kind: 'regex', pattern: '^a.c$', flags: '' }, 'ABC', false],
    [{ kind: 'regex', pattern: '^a.c$', flags: 'is' }, 'A\nC', true],
    [{ kind: 'regex', pattern: '^b', flags: 'm' }, 'a\nb', true],
    [{ kind: 'cidr', network: '10.0.0.0/8' }, '10.255.0.1', true],
    [{ kind: 'cidr', network: '10.0.0.0/8' }, '11.0.0.1', false],
    [{ kind: 'cidr', network: '10.0.0.0/8' }, '::ffff:10.0.0.1', true],
    [{ kind: 'cidr', network: 'fe80::/10' }, 'fe80::1%eth0', true],
    [{ kind: 'cidr', network: '0.0.0.0/0' }, '::1', false],
    [{ kind: 'cidr', network: '10.0.0.0/8' }, 'ten', false],
    [{ kind: 'compare', op: 'gt', value: 10 }, '11', true],
    [{ kind: 'compare', op: 'gt', value: 10 }, '9', false],
    [{ kind: 'compare', op: 'lte', value: 10 }, 10, true],
    [{ kind: 'compare', op: 'lt', value: 'b' }, 'a', true],
    [{ kind: 'compare', op: 'gte', value: '2026-01-01' }, '2026-01-01T01:00:00+01:00', true],
    [{ kind: 'compare', op: 'gt', value: 10 }, 'ten', false],
    [{ kind: 'exists' }, null, false],
    [{ kind: 'exists' }, '', true],
    [{ kind: 'exists' }, [], false],
    [{ kind: 'present' }, null, true],
    [{ kind: 'present' }, [], true],
    [{ kind: 'timepart', part: 'hour', value: 23 }, '2026-03-01T00:30:00+01:00', true],
    [{ kind: 'timepart', part: 'week', value: 53 }, '2027-01-03T00:00:00Z', true],
    [{ kind: 'timepart', part: 'week', value: 52 }, '1969-12-27T12:00:00Z', true],
    [{ kind: 'timepart', part: 'week', value: 1 }, '1969-12-29T00:00:00Z', true],
    [{ kind: 'timepart', part: 'year', value: 2026 }, 1_770_000_000, true],
  ])('%j on %j is %s', (test, value, expected) => {
    expect(passes(test, value)).toBe(expected)
  })

  test('wildcards fit the whole value, one code point by `one`', () => {
    const parts = ['a', { any: 'one' }, 'c', { any: 'many' }, 'z'] as const
    const wildcard: ValueTest = { kind: 'wildcard', parts, cased: false }
    expect(passes(wildcard, 'A😀C\n.z')).toBe(true)
    expect(passes(wildcard, 'abcz')).toBe(true)
    expect(passes(wildcard, 'abcz ')).toBe(false)
    expect(passes(wildcard, 'acz')).toBe(false)
  })

  test('a reference compares with the values of another field', () => {
    const test: ValueTest = { kind: 'fieldref', path: 'g', op: 'equals', cased: false }
    expect(interpret(at('f', test), { f: ['a', 'B'], g: 'b' })).toBe(true)
    expect(interpret(at('f', test), { f: '80', g: 80 })).toBe(true)
    expect(interpret(at('f', test), { f: 'a' })).toBe(false)
    expect(interpret(at('f', { ...test, op: 'gt' }), { f: 10, g: 9 })).toBe(true)
  })

  test('a pattern that is no regular expression matches nothing', () => {
    expect(passes({ kind: 'regex', pattern: '(', flags: '' }, '(')).toBe(false)
  })
})

describe('conditions', () => {
  test('a missing field fails its test, and so passes the negation', () => {
    expect(interpret({ kind: 'not', part: at('f', equals('x')) }, {})).toBe(true)
  })

  test('anywhere looks at every value, numbers included', () => {
    const test: ValueTest = { kind: 'substring', value: '42', cased: false }
    expect(interpret({ kind: 'anywhere', test }, { a: [{ b: 1426 }] })).toBe(true)
    expect(interpret({ kind: 'anywhere', test }, { 42: 'x' })).toBe(false)
  })

  test('a pattern of field names tests each that fits', () => {
    const on = (pattern: string): Condition => ({ kind: 'fields', pattern, test: equals('x') })
    expect(interpret(on('user.*'), { user: { name: 'x' } })).toBe(true)
    expect(interpret(on('*.name'), { user: { name: 'x' } })).toBe(true)
    expect(interpret(on('u*r.na*e'), { user: { name: 'x' } })).toBe(true)
    expect(interpret(on('user.na*ame'), { user: { name: 'x' } })).toBe(false)
  })

  test('nested conditions hold within one object', () => {
    const part: Condition = {
      kind: 'and',
      parts: [at('first', equals('Ada')), at('last', equals('Byron'))],
    }
    const nested: Condition = { kind: 'nested', path: 'user', part }
    expect(interpret(nested, { user: [{ first: 'Ada', last: 'Byron' }] })).toBe(true)
    const mixed = { user: [{ first: 'Ada' }, { last: 'Byron' }] }
    expect(interpret(nested, mixed)).toBe(false)
  })

  test('an expression over fields of several values holds for some choice of them', () => {
    const path = (name: string) => ({ kind: 'path', path: name }) as const
    const joined = { kind: 'call', name: 'concat', args: ['a', 'b', 'c'].map(path) } as const
    const holds = (value: string, doc: EcsDoc): boolean =>
      interpret(
        {
          kind: 'expr',
          expr: { kind: 'call', name: 'eq', args: [joined, { kind: 'literal', value }] },
        },
        doc,
      )
    const doc = { a: ['1', '2'], b: ['x', 'y'], c: 'c' }
    const texts = doc.a.flatMap((a) => doc.b.map((b) => `${a}${b}c`))
    expect(texts.filter((text) => !holds(text, doc))).toEqual([])
    expect(holds('1c', doc)).toBe(false)
    expect(holds('1xc', { a: '1', b: 'x' })).toBe(false)
  })
})
