import fc from 'fast-check'
import { expect, test } from 'vitest'
import { printable } from './printable.ts'

test('what moves the cursor, recolours or forges a line is shown, not done', () => {
  expect(printable('a\u001b[31mred\u0007')).toBe('a\\u{1b}[31mred\\u{7}')
  expect(printable('one\r\ntwo')).toBe('one\\u{d}\\u{a}two')
  expect(printable('\u202eexe.txt')).toBe('\\u{202e}exe.txt')
  expect(printable('\u009b31m')).toBe('\\u{9b}31m')
  expect(printable('Zoë 水泵 🛰')).toBe('Zoë 水泵 🛰')
})

test('a long value is cut, and says so', () => {
  expect(printable('x'.repeat(300), 10)).toBe(`${'x'.repeat(9)}…`)
})

test('no input leaves a control character', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      // oxlint-disable-next-line no-control-regex -- these are what must not be left
      expect(printable(text)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/)
    }),
  )
})
