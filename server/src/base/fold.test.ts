import fc from 'fast-check'
import { expect, test } from 'vitest'
import { foldCase } from './fold.ts'

test('letters that differ only in case fold to one', () => {
  for (const [a, b] of [
    ['Admin', 'aDMIN'],
    ['ΑΣ', 'ας'],
    ['STRAẞE', 'straße'],
    ['\u212A', 'k'],
    ['Ǆ', 'ǅ'],
    ['𐐀', '𐐨'],
  ] as const) {
    expect(foldCase(a)).toBe(foldCase(b))
  }
})

test('letters that only some languages fold stay apart', () => {
  expect(foldCase('ı')).not.toBe(foldCase('i'))
  expect(foldCase('İ')).not.toBe(foldCase('i'))
  expect(foldCase('ß')).not.toBe(foldCase('ss'))
})

test('folding keeps positions, is done after once, and may be done part by part', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (a, b) => {
      const folded = foldCase(a)
      expect(folded.length).toBe(a.length)
      expect(foldCase(folded)).toBe(folded)
      expect(foldCase(a + b)).toBe(folded + foldCase(b))
    }),
  )
})
