import { describe, expect, test } from 'vitest'
import type { EcsDoc } from '../model/event.ts'
import { compileEql } from '../lang/eql/compile.ts'
import { compileKqlCondition } from '../lang/kql/compile.ts'
import { explain, type Explanation } from './explain.ts'
import { interpret } from './interpret.ts'

/** The clauses as lines, `+` before those that hold. */
function lines({ text, holds, parts }: Explanation): string[] {
  return [`${holds ? '+' : '-'} ${text}`, ...parts.flatMap(lines)]
}

function ofEql(condition: string, doc: EcsDoc): string[] {
  const compiled = compileEql(`any where ${condition}`)
  if (!compiled.ok) throw new Error(compiled.problem.message)
  const rule = compiled.value.matches[0]!
  const explanation = explain(rule.condition, doc)
  expect(explanation.holds).toBe(interpret(rule.condition, doc))
  return lines(explanation)
}

function ofKql(query: string, doc: EcsDoc): string[] {
  const compiled = compileKqlCondition(query)
  if (!compiled.ok) throw new Error(compiled.problem.message)
  return lines(explain(compiled.value, doc))
}

describe('clause by clause', () => {
  test('what is computed, with the values that it is computed of', () => {
    expect(ofEql('length(name) > 3', { name: 'abc' })).toEqual([
      '- length(name) > 3; name: the event has "abc"',
    ])
    expect(ofEql('args + 1 == 3 and -args < 0', { args: 2 })).toEqual([
      '+ all of',
      '+ args + 1 == 3; args: the event has 2',
      '+ -args < 0; args: the event has 2',
    ])
    expect(ofEql('@timestamp >= "2024-01-01"', { '@timestamp': '2023-12-31T00:00:00Z' })).toEqual([
      '- @timestamp >= 2024-01-01T00:00:00.000Z; @timestamp: the event has "2023-12-31T00:00:00Z"',
    ])
    expect(ofEql('substring(name, 1) : "b*"', { name: 'abc' })).toEqual([
      '+ substring(name, 1) starts with "b"; name: the event has "abc"',
    ])
  })

  test('conditions inside what is computed', () => {
    const [outer, ...inner] = ofEql('string(cidrMatch(ip, "10.0.0.0/8")) == "true"', {
      ip: '192.168.0.1',
    })
    expect(outer).toBe('- string(what is below) == "true"')
    expect(inner).toEqual(['- ip is in 10.0.0.0/8; the event has "192.168.0.1"'])
  })

  test('objects each for itself, up to the first for which all holds', () => {
    const query = 'items:{ name:banana and stock > 10 }'
    const [a, b] = [
      { name: 'apple', stock: 50 },
      { name: 'banana', stock: 20 },
    ]
    expect(ofKql(query, { items: [a] })).toEqual([
      '- one object at items satisfies the group; the event has 1',
      '- all of',
      '- name is "banana" (in this letter case); the event has "apple"',
      '+ stock is > 10; the event has 50',
    ])
    expect(ofKql(query, { items: [a, b] })).toEqual([
      '+ one object at items satisfies the group; the event has 2',
      '+ all of',
      '+ name is "banana" (in this letter case); the event has "banana"',
      '+ stock is > 10; the event has 20',
    ])
    expect(ofKql(query, {})).toEqual(['- one object at items satisfies the group; the event has 0'])
  })

  test('where something was found that is looked for in any field', () => {
    const doc = { user: { name: 'jane', id: 'x' }, other: 'jane' }
    expect(ofKql('user.*:jane', doc)).toEqual([
      '+ a field named user.* is "jane" (in this letter case); found in user.name',
    ])
    expect(ofKql('jane', doc)[0]).toMatch(/^\+ any value .*; found in user\.name, other$/)
    expect(ofKql('john', doc)[0]).not.toContain('found in')
  })

  test('both values of a reference', () => {
    const test = { kind: 'fieldref', path: 'b', op: 'prefix', cased: false } as const
    expect(lines(explain({ kind: 'field', path: 'a', test }, { a: 'xy', b: 'z' }))).toEqual([
      '- a starts with the value of b; the event has "xy"; b: the event has "z"',
    ])
  })
})
