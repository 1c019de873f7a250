import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ExactSum } from './exact-sum.ts'

const SHIFT = 200

/** A whole number of 2^-SHIFT, as a number and as it is. */
const item = fc
  .record({
    digits: fc.maxSafeInteger(),
    power: fc.oneof(fc.integer({ min: -SHIFT, max: 200 }), fc.integer({ min: -3, max: 3 })),
  })
  .map(({ digits, power }) => {
    return { number: digits * 2 ** power, exact: BigInt(digits) * 2n ** BigInt(power + SHIFT) }
  })

test('is the nearest number to the sum, whatever came and went', () => {
  fc.assert(
    fc.property(fc.array(item, { maxLength: 30, size: 'max' }), fc.nat(30), (items, gone) => {
      const sum = new ExactSum()
      let exact = 0n
      for (const one of items) {
        sum.add(one.number)
        exact += one.exact
        expect(sum.value).toBe(Number(exact) / 2 ** SHIFT)
      }
      for (const one of items.slice(0, gone)) {
        sum.add(-one.number)
        exact -= one.exact
        expect(sum.value).toBe(Number(exact) / 2 ** SHIFT)
      }
    }),
    { numRuns: 500 },
  )
})

test('half way between two numbers what is smaller still decides', () => {
  for (const [smaller, want] of [
    [2 ** -60, 1 + 2 ** -52],
    [0, 1],
    [-(2 ** -60), 1],
  ] as const) {
    const sum = new ExactSum()
    for (const number of [1, 2 ** -53, smaller]) sum.add(number)
    expect(sum.value).toBe(want)
  }
})
