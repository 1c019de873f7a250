import { expect, test } from 'vitest'
import { Fields } from './fields.ts'
import { Memo } from './memo.ts'
import type { Predicate } from './program.ts'
import { finish } from './steps.ts'

const codes = [2]

test('a value put is known, by its type too', () => {
  const memo = new Memo()
  expect(memo.find('1')).toBeUndefined()
  memo.put('1', codes)
  expect(memo.find('1')).toBe(codes)
  expect(memo.find(1)).toBeUndefined()
  memo.put('2', [4])
  expect(memo.find('1')).toBe(codes)
})

test('values that seldom come again are not kept for long, and asked about ever more rarely', () => {
  const memo = new Memo()
  let puts = 0
  for (let at = 0; at < 100_000; at++) {
    const value = `v${at}`
    if (memo.find(value) === undefined && memo.wants(value)) {
      puts++
      memo.put(value, codes)
    }
  }
  expect(puts).toBeLessThan(2_500)
})

test('a place whose values begin to come again is known again', () => {
  const memo = new Memo()
  for (let at = 0; at < 5_000; at++) {
    if (memo.find(`v${at}`) === undefined && memo.wants('v')) memo.put(`v${at}`, codes)
  }
  let known = 0
  for (let at = 0; at < 200_000; at++) {
    const value = `w${at % 3}`
    if (memo.find(value) !== undefined) known++
    else if (memo.wants(value)) memo.put(value, codes)
  }
  expect(known).toBeGreaterThan(100_000)
})

test('long texts are not kept', () => {
  expect(new Memo().wants('x'.repeat(65))).toBe(false)
})

test('indexes of a few predicates, of which there may be thousands, remember nothing', () => {
  const predicates = (count: number): readonly Predicate[] =>
    Array.from({ length: count }, (_, at) => ({
      ...{ kind: 'test', path: 'a' },
      test: { kind: 'equals', value: `v${at}`, cased: false },
    }))
  const memoOf = (count: number): Memo | undefined =>
    finish(Fields.steps(predicates(count))).slotOf(0)?.memo
  expect(memoOf(3)).toBeUndefined()
  expect(memoOf(16)).toBeInstanceOf(Memo)
})
