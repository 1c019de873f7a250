import { expect, test } from 'vitest'
import { RequestMemory, WINDOW_MS } from './memory.ts'

test('requests of one digest run one after the other, also after one that failed', async () => {
  const memory = new RequestMemory()
  const done: string[] = []
  let fail: (error: Error) => void = () => undefined
  const first = memory.inTurn('a', () => new Promise<void>((_, reject) => (fail = reject)))
  const second = memory.inTurn('a', async () => void done.push('second'))
  const third = memory.inTurn('a', async () => void done.push('third'))
  await memory.inTurn('b', async () => void done.push('other'))
  expect(done).toEqual(['other'])
  fail(new Error('no disk'))
  await expect(first).rejects.toThrow('no disk')
  await Promise.all([second, third])
  expect(done).toEqual(['other', 'second', 'third'])
})

test('a request is known for ten minutes, before and after a restart, and not longer', () => {
  const memory = new RequestMemory()
  const cursor = memory.cursorFor('a', 1_000)
  expect(memory.isRepeated('a', 1_000)).toBe(false)
  memory.remember('a', 1_000, cursor)
  const restored = new RequestMemory()
  restored.restore(new Map([[cursor.key, cursor.value]]))
  for (const one of [memory, restored]) {
    expect(one.isRepeated('a', 1_000 + WINDOW_MS - 1)).toBe(true)
    expect(one.isRepeated('a', 1_000 + WINDOW_MS)).toBe(false)
    expect(one.isRepeated('b', 1_000)).toBe(false)
  }
})

test('cursors are bounded: a slot is used again, and each restart goes on behind the last', () => {
  const memory = new RequestMemory()
  const cursors = new Map<string, string>()
  for (let n = 0; n < 10_500; n += 1) {
    const { key, value } = memory.cursorFor(`d${n}`, n)
    memory.remember(`d${n}`, n, { key })
    cursors.set(key, value)
  }
  expect(cursors.size).toBe(10_000)
  expect([memory.isRepeated('d499', 10_500), memory.isRepeated('d500', 10_500)]).toEqual([
    false,
    true,
  ])
  const restored = new RequestMemory()
  restored.restore(cursors)
  expect(restored.isRepeated('d10499', 10_500)).toBe(true)
  // The slot of the oldest.
  expect(restored.cursorFor('new', 10_500).key).toBe('d500')
})
