import { describe, expect, test } from 'vitest'
import { compileEql } from '../../lang/eql/compile.ts'
import { compileKql } from '../../lang/kql/compile.ts'
import type { EcsDoc } from '../../model/event.ts'
import { interpret } from '../interpret.ts'
import { createMatcher } from '../matcher.ts'
import { witnessOf } from './witness.ts'

describe('a rule can match', () => {
  test.each([
    ['eql', 'network where a : ("x*", "y?z") and not b == "c" and c >= 5'],
    ['eql', 'any where length(a) > 20 and a != null and (b == 1 or c like "*.exe")'],
    ['eql', 'any where a regex~ """[a-z]{3}-[0-9]+(x|y)""" and cidrMatch(b, "10.0.0.0/8")'],
    ['eql', 'any where substring(a, 0, 3) == "abc" and string(b) : "1*" and not c : "d"'],
    ['kql', 'a:(x or y*) and not b:z and c > 3 and d:* and message:"access denied"'],
    ['kql', 'items:{ name:banana and stock > 10 } and "quick fox"'],
  ])('%s: %s', (language, text) => {
    const compiled = language === 'eql' ? compileEql(text) : compileKql(text)
    const [rule] = compiled.ok ? compiled.value.matches : []
    const doc = rule === undefined ? undefined : witnessOf(rule.condition)
    expect(doc).toBeDefined()
    expect(createMatcher([rule!]).match(doc!, new Int32Array(1))).toBe(1)
    const mutated = JSON.parse(JSON.stringify(doc).replaceAll(/:"[^"]*"/g, ':"mutated"')) as EcsDoc
    expect(interpret(rule!.condition, mutated)).toBe(false)
  })

  test('a contradiction has no witness', () => {
    const compiled = compileEql('any where a == "x" and a == null')
    expect(compiled.ok && witnessOf(compiled.value.matches[0]!.condition)).toBeUndefined()
  })
})
