import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Due, DueQueue } from './due-queue.ts'

type Step =
  | { readonly kind: 'schedule'; readonly item: number; readonly dueMs: number }
  | { readonly kind: 'drop'; readonly item: number }
  | { readonly kind: 'next'; readonly watermarkMs: number }

const item = fc.nat({ max: 79 })
const ms = fc.nat({ max: 50 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('schedule' as const), item, dueMs: ms }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), item }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('next' as const), watermarkMs: ms }) },
)

const newItem = (at: number): Due => ({
  ...{ key: `k${at}`, dueMs: Number.POSITIVE_INFINITY, slotMs: Number.POSITIVE_INFINITY },
})

/** What is due first by (due, key), of those that are due. */
function firstOf(items: readonly Due[], watermarkMs: number): Due | undefined {
  const due = items.filter(({ dueMs }) => dueMs < watermarkMs)
  return due.sort((a, b) => a.dueMs - b.dueMs || (a.key < b.key ? -1 : 1))[0]
}

test('gives what is due in the order of (due, key), whatever was put off, brought forward or dropped', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, size: 'max' }), (steps) => {
      const items = Array.from({ length: 80 }, (_, at) => newItem(at))
      const queue = new DueQueue<Due>()
      const take = (watermarkMs: number): void => {
        const wanted = firstOf(items, watermarkMs)
        expect(queue.next(watermarkMs)?.key).toBe(wanted?.key)
        if (wanted !== undefined) wanted.dueMs = Number.POSITIVE_INFINITY
      }
      for (const one of steps) {
        if (one.kind === 'next') take(one.watermarkMs)
        else {
          const of = items[one.item]!
          of.dueMs = one.kind === 'drop' ? Number.POSITIVE_INFINITY : one.dueMs
          if (one.kind === 'drop') queue.drop(of)
          else queue.schedule(of)
        }
      }
      for (let left = 0; left <= 80; left++) take(1_000)
    }),
    { numRuns: 300 },
  )
})

test('thousands that are put forward again and again are each given once', () => {
  const queue = new DueQueue<Due>()
  const items = Array.from({ length: 3_000 }, (_, at) => newItem(at))
  for (const dueMs of [900, 600, 300]) {
    for (const [at, one] of items.entries()) {
      one.dueMs = dueMs + (at % 7)
      queue.schedule(one)
    }
  }
  const given = new Set<string>()
  for (let next = queue.next(2_000); next !== undefined; next = queue.next(2_000)) {
    expect(given.has(next.key)).toBe(false)
    given.add(next.key)
  }
  expect(given.size).toBe(3_000)
})
