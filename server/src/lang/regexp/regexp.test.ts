import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Condition } from '../../model/condition.ts'
import { interpret } from '../../rule/interpret.ts'
import { rangePattern } from './range.ts'
import { compileRegexp, regexpCondition } from './regexp.ts'

function fits(pattern: string, value: string, cased = true): boolean | string {
  const compiled = compileRegexp(pattern, cased)
  if (!compiled.ok) return compiled.problem.code
  const on = (test: Extract<Condition, { kind: 'field' }>['test']): Condition => {
    return { kind: 'field', path: 'a', test }
  }
  return interpret(regexpCondition(compiled.value, on), { a: value })
}

describe("Lucene's regular expressions", () => {
  test.each<[string, string, boolean | string]>([
    ['abc', 'abc', true],
    ['abc', 'xabc', false],
    ['a.c', 'a\nc', true],
    ['ab?c*d+', 'acdd', true],
    ['a{2,3}', 'aaaa', false],
    ['(ab|cd)+', 'abcd', true],
    ['[^a-c-]x', 'dx', true],
    ['[^a-c-]x', '-x', false],
    ['[]x', 'x', 'QUERY_SYNTAX'],
    ['[\\]x]', ']', true],
    ['a\\.b', 'axb', false],
    ['^a$', '^a$', true],
    ['^a$', 'a', false],
    ['"a.b*"', 'a.b*', true],
    ['a@b', 'axxb', true],
    ['#', '', false],
    ['a#|b', 'b', true],
    ['.*?net', 'xnet', true],
    ['a+?', '', true],
    ['<1-255>', '199', true],
    ['<1-255>', '256', false],
    ['<01-12>', '7', false],
    ['<01-12>', '07', true],
    ['~(abc)', 'abd', true],
    ['~(abc)', 'abc', false],
    ['[a-z]+&~(.*x.*)', 'abc', true],
    ['[a-z]+&~(.*x.*)', 'axc', false],
    ['a~bc', 'adc', true],
    ['a~bc', 'aec', true],
    ['a~bc', 'abc', false],
    ['a~bc', 'ac', true],
    ['a~bc', 'abbc', true],
    ['a~[b-d]c', 'acc', false],
    ['a~[^b]c', 'abc', true],
    ['a~[^b]c', 'axc', false],
    ['x~(abc)y', 'xabcy', false],
    ['x~(abc)y', 'xabdy', true],
    ['x~"a."', 'xa.', false],
    ['x~(a.c)y', 'xabcy', false],
    ['x~(a.c)y', 'xaby', true],
    ['a~b*c', 'ac', true],
    ['a~\\.c', 'a.c', false],
    ['a~(b*)c', '', 'QUERY_SYNTAX'],
    ['a~(b|c)d', '', 'QUERY_SYNTAX'],
    ['a~', '', 'QUERY_SYNTAX'],
    ['a(b', '', 'QUERY_SYNTAX'],
    ['*a', '', 'QUERY_SYNTAX'],
    ['\\d+\\w', '12a', true],
    ['é+', 'éé', true],
  ])('%s on %j: %s', (pattern, value, expected) => {
    expect(fits(pattern, value)).toBe(expected)
  })

  test('letter case', () => {
    expect(fits('A[b-d]', 'aC', false)).toBe(true)
    expect(fits('A[b-d]', 'aC')).toBe(false)
  })

  test('a range fits the numbers in it and no others', () => {
    const whole = fc.nat(5_000)
    fc.assert(
      fc.property(whole, whole, whole, (a, b, value) => {
        const pattern = new RegExp(`^${rangePattern(String(a), String(b))}$`)
        const inside = value >= Math.min(a, b) && value <= Math.max(a, b)
        const padded = a.toString().length === b.toString().length
        if (!padded) expect(pattern.test(`0${value}`)).toBe(inside)
        if (!padded || String(value).length === String(a).length) {
          expect(pattern.test(String(value))).toBe(inside)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('nothing thrown, whatever the pattern', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...'ab.*+?|()[]{}^$"<>~&@#\\0-9'.split('')) }),
        (text) => {
          expect(['boolean', 'string']).toContain(typeof fits(text, 'ab'))
        },
      ),
      { numRuns: 500 },
    )
  })
})
