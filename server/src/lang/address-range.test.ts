import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMatcher } from '../rule/matcher.ts'
import { interpret } from '../rule/interpret.ts'
import { addressRange } from './address-range.ts'
import { compileEql } from './eql/compile.ts'
import { compileKqlCondition } from './kql/compile.ts'
import { compileLucene } from './lucene/compile.ts'

const address = fc.tuple(fc.nat(255), fc.constantFrom(0, 1, 128, 255), fc.nat(255), fc.nat(255))
const op = fc.constantFrom('lt' as const, 'lte' as const, 'gt' as const, 'gte' as const)

function numberOf(bytes: readonly number[]): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0)
}

test('addresses are ordered as numbers', () => {
  fc.assert(
    fc.property(address, address, op, (bound, value, sign) => {
      const condition = addressRange('source.ip', sign, bound.join('.'))!
      const [left, right] = [numberOf(value), numberOf(bound)]
      const holds = { lt: left < right, lte: left <= right, gt: left > right, gte: left >= right }
      expect(interpret(condition, { source: { ip: value.join('.') } })).toBe(holds[sign])
    }),
  )
})

test('of the sixth version too; the other version is in no range', () => {
  const condition = addressRange('ip', 'gte', '2001:db8::10')!
  expect(interpret(condition, { ip: '2001:db8::a:0' })).toBe(true)
  expect(interpret(condition, { ip: '2001:db8::f' })).toBe(false)
  expect(interpret(condition, { ip: '250.0.0.1' })).toBe(false)
})

test('only of fields named as addresses, and of addresses', () => {
  expect(addressRange('file.version', 'gte', '10.0.0.0')).toBeUndefined()
  expect(addressRange('source.ip', 'gte', '10')).toBeUndefined()
  expect(addressRange('SourceIp', 'lt', '10.0.0.0')).toBeDefined()
})

test('in EQL, KQL and Lucene, by the interpreter and compiled', () => {
  const eql = compileEql('any where source.ip > "9.0.0.0" and source.ip < "10.0.0.0"')
  const kql = compileKqlCondition('source.ip > 9.0.0.0 and source.ip < "10.0.0.0"')
  const lucene = compileLucene('source.ip:{9.0.0.0 TO 10.0.0.0}')
  if (!eql.ok || !kql.ok || !lucene.ok) throw new Error('does not compile')
  const [rule] = eql.value.matches
  for (const [ip, found] of [
    ['9.200.0.1', true],
    ['80.1.1.1', false],
    ['10.0.0.0', false],
  ] as const) {
    const doc = { source: { ip } }
    for (const condition of [rule!.condition, kql.value, lucene.value]) {
      expect(interpret(condition, doc)).toBe(found)
      const one = { ...rule!, condition }
      expect(createMatcher([one]).match(doc, new Int32Array(1))).toBe(found ? 1 : 0)
    }
  }
})
