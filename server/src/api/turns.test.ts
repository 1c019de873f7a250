import { expect, test } from 'vitest'
import { createTurns } from './turns.ts'

test('lets a few requests in at a time, in the order in which they came', async () => {
  let due: (() => void)[] = []
  let nowMs = 0
  const turns = createTurns(
    (work) => void due.push(work),
    () => nowMs,
  )
  const seen: number[] = []
  /** As the event loop does: what is asked for meanwhile has its turn in the next one. */
  const turn = async (): Promise<void> => {
    const these = due
    due = []
    for (const work of these) {
      work()
      for (let hop = 0; hop < 5; hop += 1) await Promise.resolve()
    }
  }
  const enter = (number: number, costMs: number): void =>
    void turns.enter().then(() => {
      seen.push(number)
      nowMs += costMs
    })
  enter(1, 3)
  enter(2, 3)
  enter(3, 3)
  await turn()
  expect(seen).toEqual([1])
  for (const number of [4, 5, 6]) enter(number, 1)
  await turn()
  expect(seen).toEqual([1, 2, 3])
  await turn()
  expect(seen).toEqual([1, 2, 3, 4, 5, 6])
  expect(due).toEqual([])
  for (let number = 7; number < 47; number += 1) enter(number, 0)
  await turn()
  await turn()
  expect(seen.length).toBeLessThan(46)
  for (let more = 0; more < 3; more += 1) await turn()
  expect(seen).toEqual(Array.from({ length: 46 }, (_, at) => at + 1))
  expect(due).toEqual([])
})
