import { describe, expect, test } from 'vitest'
import { interpret } from '../../rule/interpret.ts'
import { createMatcher } from '../../rule/matcher.ts'
import type { EcsDoc } from '../../model/event.ts'
import { compileEql } from './compile.ts'

/** Whether the condition finds the event, by interpreter and compiler alike. */
function finds(condition: string, doc: EcsDoc): boolean {
  const compiled = compileEql(`any where ${condition}`)
  if (!compiled.ok) throw new Error(compiled.problem.message)
  const [rule] = compiled.value.matches
  const interpreted = interpret(rule!.condition, doc)
  const matched = createMatcher([rule!]).match(doc, new Int32Array(1)) === 1
  expect(matched).toBe(interpreted)
  return interpreted
}

/** True, false or null, as the condition, its negation and `== null` tell it. */
function truthOf(condition: string, doc: EcsDoc): boolean | null {
  const [holds, fails, isNull] = [
    finds(condition, doc),
    finds(`not (${condition})`, doc),
    finds(`(${condition}) == null`, doc),
  ]
  expect([holds, fails, isNull].filter(Boolean)).toHaveLength(1)
  return isNull ? null : holds
}

const written = (value: unknown): string => (value === null ? 'null' : JSON.stringify(value))
type Value = string | number | boolean | null

describe('functions give the same of constants and of fields', () => {
  const path = 'C:\\Windows\\System32\\cmd.exe'
  const domain = 'sub.example.com'
  const cases: [string, Value[], Value][] = [
    ['between', [path, 'System32\\', '.exe'], 'cmd'],
    ['between', [path, 'system32\\', '.exe'], ''],
    ['between~', [path, 'system32\\', '.EXE'], 'cmd'],
    ['between', [path, '\\', '\\', true], 'Windows\\System32'],
    ['between', ['', 'a', 'b'], ''],
    // Elasticsearch gives all of the text where one side is empty.
    ['between', [path, '', '.exe'], path],
    ['between', [path, '\\', ''], path],
    ['between', [path, '', '', true], path],
    ['between', [null, 'a', 'b'], null],
    ['indexOf', [domain, '.', 4], 11],
    ['indexOf', [domain, '', 9], 9],
    ['indexOf', [domain, '', -6], 0],
    ['indexOf', [domain, 'EX'], null],
    ['indexOf~', [domain, 'EX'], 4],
    ['indexOf', [domain, '.', null], null],
    ['substring', ['hello world', -5, 100], 'world'],
    ['substring', ['hello world', -60, 5], 'hello'],
    ['substring', ['hello world', 11, 14], ''],
    ['substring', ['hello world', -20, -15], ''],
    ['length', ['\u{1f4a9}é'], 3],
    ['number', ['0x1f'], 31],
    ['number', ['0x1f', null], 31],
    ['number', ['1f', 16], 31],
    ['number', ['1.5', 16], null],
    ['number', [' +42.5 '], 42.5],
    ['number', [''], null],
    ['divide', [-7, 2], -3],
    ['divide', [7, 0.5], 14],
    ['divide', [7, 0], null],
    ['modulo', [-10, -6], -4],
    ['modulo', [10, 0], null],
    ['concat', ['a', 1, true, 2.5], 'a1true2.5'],
    ['concat', ['a', null], null],
    ['endsWith', ['', ''], true],
    ['startsWith', ['abc', ''], true],
    ['stringContains', ['', ''], false],
    ['stringContains~', ['start CMD', 'cmd'], true],
    ['startsWith', [null, 'a'], null],
    ['endsWith', ['a', null], null],
  ]

  test.each(cases)('%s(%j) is %j', (name, args, value) => {
    const constant = [args.map(written), {}] as const
    const fields = args.map((arg, index) => {
      const call = args.map((other, at) => (at === index ? 'f' : written(other)))
      return [call, arg === null ? {} : { f: arg }] as const
    })
    const takesFields = name === 'number' ? fields.slice(0, 1) : fields
    for (const [call, doc] of [constant, ...takesFields]) {
      const text = `${name}(${call.join(', ')})`
      if (typeof value === 'boolean' || ('null' === written(value) && /With|Contains/.test(name))) {
        expect(truthOf(text, doc)).toBe(value)
      } else {
        expect(finds(`${text} == ${written(value)}`, doc)).toBe(true)
        expect(finds(`${text} != ${written(value)}`, doc)).toBe(false)
      }
    }
  })

  test.each([
    ['string(5.0) == "5.0"', true],
    ['concat("v", 1.0, "-", 2) == "v1.0-2"', true],
    ['string(5) == "5"', true],
    ['string(2.5 + 0.5) == "3.0"', true],
    ['1 == 1.0', true],
  ])('%s: %s', (condition, expected) => {
    expect(finds(condition, {})).toBe(expected)
  })
})

describe('fields of addresses', () => {
  test.each([
    ['source.ip == "10.0.0.0/8"', '10.1.2.3', true],
    ['source.ip != "10.0.0.0/8"', '10.1.2.3', false],
    ['source.ip in ("192.168.0.1", "10.0.0.0/8")', '10.1.2.3', true],
    ['source.ip not in~ ("fe80::/10")', 'FE80::1', false],
    ['source.ip == "::1"', '0:0:0:0:0:0:0:1', true],
    ['source.ip == "2001:DB8::1"', '2001:db8::1', true],
    ['source.ip == "10.0.0.1"', '10.0.0.10', false],
    ['source.ip == "10.0.0.0/40"', '10.0.0.1', false],
    ['source.name == "10.0.0.0/8"', '10.1.2.3', false],
    ['source.ip == "unknown"', 'unknown', true],
  ])('%s of %s: %s', (condition, address, expected) => {
    expect(finds(condition, { source: { ip: address, name: address } })).toBe(expected)
    expect(truthOf(condition, {})).toBeNull()
  })
})

describe('what is made of optional fields only may be compared with other fields', () => {
  test.each([
    ['?a == concat(?b, ?c)', {}, true],
    ['?a == concat(?b, ?c)', { a: 'xy', b: 'x', c: 'y' }, true],
    ['?a == concat(?b, ?c)', { a: 'xy' }, false],
    ['?a != b', { b: 1 }, true],
    ['?a != b', { a: 1, b: 1 }, false],
    ['length(?a) == b', { a: 'xyz', b: 3 }, true],
    ['?a < b', { a: 1, b: 2 }, true],
    ['?a < b', { a: 2, b: 1 }, false],
    ['?a < b', { a: 1 }, null],
    ['?a < b', { b: 1 }, null],
    ['?a >= b', {}, null],
  ])('%s with %j: %s', (condition, doc, expected) => {
    expect(truthOf(condition, doc)).toBe(expected)
  })
})

describe('three values, however the field is absent', () => {
  const absent: EcsDoc[] = [{}, { f: null }, { f: [] }, { f: [null] }]
  const unknown = [
    'f == "a"',
    'f != "a"',
    'f < 5',
    '5 <= f',
    'f in ("a")',
    'f not in~ ("a")',
    'f : ("a", "b*")',
    'f like~ "*"',
    'f regex ".*"',
    'f',
    'f == true',
    'f != false',
    'startsWith~(f, "a")',
    'cidrMatch(f, "0.0.0.0/0")',
    'cidrMatch(f, "0.0.0.0/0") == false',
    'length(f) not in (1)',
    '-f + 1 == 1',
    'concat(f, "a") != "a"',
    '(f > 1) == true',
    '(f > 1) in (true)',
    'string(f > 1) == "true"',
    'f == "a" and true',
    'f == "a" or false',
    'f == "a" and f != "a"',
  ]

  test.each(unknown)('%s is null', (condition) => {
    for (const doc of absent) expect(truthOf(condition, doc)).toBeNull()
  })

  test.each([
    ['f == null', true],
    ['null != f', false],
    ['f : "a*" or true', true],
    ['f regex "a" and false', false],
    ['not (f > 1 and false)', true],
    ['(f in ("a")) == null', true],
    ['string(f) == null', true],
  ])('%s is %s', (condition, expected) => {
    for (const doc of absent) expect(truthOf(condition, doc)).toBe(expected)
  })
})
