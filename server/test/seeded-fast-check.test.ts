import fc from 'fast-check'
import { expect, test } from 'vitest'

test('random values are the same in every run, unless a seed is given', () => {
  const wanted = Number(process.env['PICKET_SEED'] ?? 20_261_122)
  expect(fc.readConfigureGlobal().seed).toBe(wanted)
  expect(fc.sample(fc.string(), 20)).toEqual(fc.sample(fc.string(), { numRuns: 20, seed: wanted }))
})

test('a list may be as long as a test says', () => {
  const lists = fc.sample(fc.array(fc.nat(), { maxLength: 200 }), 100)
  expect(Math.max(...lists.map((list) => list.length))).toBeGreaterThan(100)
})
