import { expect, test } from 'vitest'
import { senderKey, Throttle } from './throttle.ts'

const LIMITS = { free: 2, firstWaitMs: 1_000, waitMsMax: 5_000, forgetMs: 60_000, keysMax: 3 }

function failing(times: number, key = 'a'): Throttle {
  const throttle = new Throttle(LIMITS)
  for (let time = 0; time < times; time++) throttle.failed(key, 0)
  return throttle
}

test.each([
  [0, 0],
  [1, 0],
  [2, 1_000],
  [3, 2_000],
  [4, 4_000],
  [5, 5_000],
  [100, 5_000],
])('%i failures cost a wait of %i ms', (failures, waitMs) => {
  expect(failing(failures).waitMs('a', 0)).toBe(waitMs)
})

test('a wait runs from the last failure, and nobody else waits', () => {
  const throttle = failing(3)
  expect([500, 1_999, 2_000].map((nowMs) => throttle.waitMs('a', nowMs))).toEqual([1_500, 1, 0])
  expect(throttle.waitMs('b', 0)).toBe(0)
})

test('a key that is quiet for long begins anew', () => {
  const throttle = failing(100)
  throttle.failed('a', LIMITS.forgetMs)
  expect(throttle.waitMs('a', LIMITS.forgetMs)).toBe(5_000)
  throttle.failed('a', 2 * LIMITS.forgetMs + 1)
  expect(throttle.waitMs('a', 2 * LIMITS.forgetMs + 1)).toBe(0)
  throttle.failed('a', 2 * LIMITS.forgetMs + 1)
  expect(throttle.waitMs('a', 2 * LIMITS.forgetMs + 1)).toBe(1_000)
})

test('of too many keys the one that failed longest ago is forgotten', () => {
  const throttle = new Throttle(LIMITS)
  const keys = ['a', 'b', 'c']
  for (const key of [...keys, ...keys, 'a']) throttle.failed(key, 0)
  throttle.failed('d', 0)
  expect(['a', 'b', 'c', 'd'].map((key) => throttle.waitMs(key, 0))).toEqual([2_000, 0, 1_000, 0])
})

test('a failure that was none is taken back, and a success forgets all', () => {
  const throttle = failing(3)
  throttle.forgive('a')
  expect(throttle.waitMs('a', 0)).toBe(1_000)
  for (let time = 0; time < 5; time++) throttle.forgive('a')
  throttle.failed('a', 0)
  throttle.failed('a', 0)
  expect(throttle.waitMs('a', 0)).toBe(1_000)
  throttle.succeeded('a')
  expect(throttle.waitMs('a', 0)).toBe(0)
})

test('a sender of IPv6 is its first 64 bits; IPv4 written as IPv6 is IPv4', () => {
  expect(senderKey('2001:db8:1:2:3:4:5:6')).toBe(senderKey('2001:db8:1:2::1'))
  expect(senderKey('2001:db8:1:2::1')).not.toBe(senderKey('2001:db8:1:3::1'))
  expect(senderKey('::ffff:192.0.2.1')).toBe('192.0.2.1')
  expect(senderKey('not an address')).toBe('not an address')
})
