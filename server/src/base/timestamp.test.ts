import { expect, test } from 'vitest'
import { epochToMs, isoToMs } from './timestamp.ts'

test.each([
  ['2026-01-01T00:00:00.999Z', Date.UTC(2026, 0, 1, 0, 0, 0, 999)],
  ['2026-01-01T00:00:00,9999Z', Date.UTC(2026, 0, 1, 0, 0, 0, 999)],
  ['2024-02-29', Date.UTC(2024, 1, 29)],
  ['2026-02-29', undefined],
  ['2026-13-05', undefined],
  ['2026-00-05', undefined],
  ['2026-01-00', undefined],
  ['2026-01-01T24:00:00Z', undefined],
  ['2026-12-31T23:59:60Z', Date.UTC(2027, 0, 1)],
  ['1969-12-31T23:59:59.999Z', -1],
  ['2262-04-12T00:00:00Z', Date.UTC(2262, 3, 12)],
  // What programs in Go write for no time at all.
  ['0001-01-01T00:00:00Z', -62_135_596_800_000],
  ['9999-12-31T23:59:59-18:00', Date.UTC(10_000, 0, 1, 17, 59, 59)],
  ['2026-03-29T02:30:00+02', Date.UTC(2026, 2, 29, 0, 30)],
  ['2026-03-29T02:30:00-0930', Date.UTC(2026, 2, 29, 12, 0)],
])('%s is read as %s', (text, ms) => {
  expect(isoToMs(text)).toBe(ms)
})

test.each([
  [0, 0],
  [1_767_225_600, 1_767_225_600_000],
  [-1, -1_000],
  [1_767_225_600_000, 1_767_225_600_000],
  [1_767_225_600_000_000, 1_767_225_600_000],
  [1_767_225_600_000_000_000, 1_767_225_600_000],
  [134_116_992_000_000_000, 1_767_225_600_000],
  [8.64e21, 8.64e15],
  [8.65e21, undefined],
  [-1e30, undefined],
  [Number.POSITIVE_INFINITY, undefined],
  [Number.NaN, undefined],
])('the number %s is read as %s', (value, ms) => {
  expect(epochToMs(value)).toBe(ms)
})
