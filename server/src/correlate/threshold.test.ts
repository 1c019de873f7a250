import fc from 'fast-check'
import { expect, test } from 'vitest'
import { leastCount, satisfies } from './threshold.ts'

const bound = fc.option(
  fc.oneof(
    fc.integer({ min: -3, max: 12 }),
    fc.integer({ min: -6, max: 24 }).map((n) => n / 2),
  ),
  { nil: undefined },
)

test('the least count is the first that satisfies a condition, and all above it do', () => {
  fc.assert(
    fc.property(bound, bound, (gt, gte) => {
      const condition = { ...(gt !== undefined && { gt }), ...(gte !== undefined && { gte }) }
      const least = leastCount(condition)
      expect(least === undefined).toBe(gt === undefined && gte === undefined)
      if (least === undefined) return
      for (let count = 1; count < 16; count += 1) {
        expect(satisfies(count, condition)).toBe(count >= least)
      }
    }),
  )
})

test.each([{ lt: 1 }, { lte: 1 }, { eq: 1 }, { neq: 1 }])('%j has no least count', (undone) => {
  expect(leastCount({ gte: 1, ...undone })).toBeUndefined()
})

test('every operator is asked', () => {
  const holds = (condition: Parameters<typeof satisfies>[1]): number[] =>
    [1, 2, 3].filter((value) => satisfies(value, condition))
  expect(holds({ gt: 2 })).toEqual([3])
  expect(holds({ gte: 2 })).toEqual([2, 3])
  expect(holds({ lt: 2 })).toEqual([1])
  expect(holds({ lte: 2 })).toEqual([1, 2])
  expect(holds({ eq: 2 })).toEqual([2])
  expect(holds({ neq: 2 })).toEqual([1, 3])
  expect(holds({ gte: 2, lt: 3 })).toEqual([2])
})
