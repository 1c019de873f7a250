import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nearest } from './nearest.ts'
import { formatDuration, formatSize, parseDurationMs, parseSizeBytes } from './units.ts'

test.each([
  ['250ms', 250],
  ['60s', 60_000],
  ['1.5h', 5_400_000],
  ['1h30m', 5_400_000],
  ['7d', 604_800_000],
  ['2w', 1_209_600_000],
  ['0s', 0],
  ['60', undefined],
  ['s', undefined],
  ['-5s', undefined],
  ['5 s', undefined],
  ['1e3s', undefined],
  ['999999999999w', undefined],
])('the duration %s', (text, ms) => {
  expect(parseDurationMs(text)).toBe(ms)
})

test.each([
  ['512B', 512],
  ['64KiB', 65_536],
  ['1.5 MiB', 1_572_864],
  ['10GB', 10_000_000_000],
  ['2TiB', 2_199_023_255_552],
  ['10', undefined],
  ['10G', undefined],
  ['KiB', undefined],
  ['99999999999999TiB', undefined],
])('the size %s', (text, bytes) => {
  expect(parseSizeBytes(text)).toBe(bytes)
})

test('what is written is read back', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 40), (value) => {
      expect(parseDurationMs(formatDuration(value))).toBe(value)
      expect(parseSizeBytes(formatSize(value))).toBe(value)
    }),
  )
})

test('the nearest word is one that was meant', () => {
  const words = ['paths', 'exclude', 'poll_interval', 'start_at']
  expect(nearest('path', words)).toBe('paths')
  expect(nearest('pahts', words)).toBe('paths')
  expect(nearest('pollinterval', words)).toBe('poll_interval')
  expect(nearest('banana', words)).toBeUndefined()
})
