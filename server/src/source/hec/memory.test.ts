import fc from 'fast-check'
import { expect, test } from 'vitest'
import { shortId } from '../../base/hash.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import { RequestMemory } from './memory.ts'

const WINDOW_MS = 600_000
const digest = (of: string | number): string => shortId(String(of))

/** A memory, and the cursors as the journal has them. */
function setUp(max = 1_000_000, cursors = new Map<string, string>()) {
  const metrics = new MetricsRegistry()
  const options = { remember: WINDOW_MS, remember_max: max }
  const memory = new RequestMemory(options, { name: 's', metrics })
  memory.restore(cursors)
  const take = (of: string | number, nowMs: number, how: Partial<How> = {}): Promise<unknown> =>
    memory.delivering({ digest: digest(of), nowMs, ack: how.ack }, async (cursor) => {
      await how.wait
      if (how.kind !== 'busy') cursors.set(cursor.key, cursor.value)
      return { kind: how.kind ?? 'durable' }
    })
  const knows = (of: string | number, nowMs: number): boolean =>
    memory.isRepeated(digest(of), nowMs)
  const again = () => setUp(max, cursors)
  const forgotten = (): number | undefined =>
    metrics.value('picket_source_requests_forgotten_total', { source: 's' })
  return { memory, cursors, take, knows, again, forgotten }
}
interface How {
  readonly kind: 'durable' | 'busy'
  readonly wait: Promise<void>
  readonly ack: { readonly channel: string; readonly id: number }
}

test('requests of one digest run one after the other, also after one that failed', async () => {
  const { memory } = setUp()
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

test('a request is known for ten minutes, before and after a restart, and not longer', async () => {
  const { take, knows, again } = setUp()
  expect(knows('a', 1_000)).toBe(false)
  await take('a', 1_000)
  await take('later', 500_000)
  const restored = again()
  for (const known of [knows, restored.knows]) {
    expect(known('a', 1_000 + WINDOW_MS - 1)).toBe(true)
    expect(known('a', 1_000 + WINDOW_MS)).toBe(false)
    expect(known('later', 1_000 + WINDOW_MS)).toBe(true)
    expect(known('b', 1_000)).toBe(false)
  }
})

test('ten minutes hold at hundreds of requests a second, also behind a restart', async () => {
  const { take, knows, again, cursors, forgotten } = setUp()
  for (let n = 0; n < 200_000; n += 1) await take(n, n * 3)
  const restored = again()
  for (const known of [knows, restored.knows]) {
    expect([1, 2, 99_999, 199_998, 199_999].map((n) => known(n, 599_999))).not.toContain(false)
    expect(known('other', 599_999)).toBe(false)
  }
  expect(cursors.size).toBeLessThan(4_000)
  expect(forgotten()).toBeUndefined()
})

test('beyond their number the oldest are forgotten early, and counted', async () => {
  const { take, knows, forgotten, cursors } = setUp(1_000)
  for (let n = 0; n < 1_500; n += 1) await take(n, n * 100)
  expect(knows(0, 150_000)).toBe(false)
  expect(knows(1_499, 150_000)).toBe(true)
  expect(forgotten()).toBeGreaterThan(400)
  expect(cursors.size).toBeLessThanOrEqual(16)
})

test('where more come within a minute than are remembered, it is still the oldest that go', async () => {
  const { take, knows, forgotten } = setUp(1_000)
  for (let n = 0; n <= 1_000; n += 1) await take(n, 5_000 + n)
  expect([0, 99].map((n) => knows(n, 6_000))).toEqual([false, false])
  expect([100, 999, 1_000].map((n) => knows(n, 6_000))).toEqual([true, true, true])
  expect(forgotten()).toBe(100)
})

test('what expired makes room without being counted, and its cursors are used again', async () => {
  const { take, forgotten, cursors } = setUp(1_000)
  for (let n = 0; n < 20_000; n += 1) await take(n, n * 1_000)
  expect(forgotten()).toBeUndefined()
  expect(cursors.size).toBeLessThan(20)
})

test('a request that was not taken is not known, though others were saved beside it', async () => {
  const { take, knows, again } = setUp()
  let release: () => void = () => undefined
  const wait = new Promise<void>((resolve) => (release = resolve))
  const refused = take('refused', 1_000, { kind: 'busy', wait })
  const slow = take('slow', 1_000, { wait })
  await take('quick', 1_000)
  release()
  await Promise.all([refused, slow])
  // As many at once as there are pages, so that each is written again.
  await Promise.all([0, 1, 2].map((n) => take(`after ${n}`, 1_001)))
  const restored = again()
  for (const known of [knows, restored.knows]) {
    const told = ['refused', 'slow', 'quick', 'after 0'].map((one) => known(one, 2_000))
    expect(told).toEqual([false, true, true, true])
  }
})

test('channels count on behind a restart', async () => {
  const { memory, take, again } = setUp()
  const channel = 'c0ffee0000000000'
  for (let n = 0; n < 100; n += 1) {
    await take(n, 1_000 + n, { ack: { channel, id: memory.nextAck(channel) } })
  }
  const restored = again().memory
  expect([restored.isAcknowledged(channel, 99), restored.isAcknowledged(channel, 100)]).toEqual([
    true,
    false,
  ])
  expect(restored.nextAck(channel)).toBe(100)
})

test('what the version before saved is read, and its places are used again', async () => {
  const before = new Map([
    ['d0', `${digest('a')} 1000`],
    ['d1', `${digest('b')} 2000 c0ffee0000000000 7`],
    ['d2', 'of another making'],
    ['x', 'no'],
  ])
  const { knows, memory, take, cursors } = setUp(1_000, before)
  expect([knows('a', 3_000), knows('b', 3_000)]).toEqual([true, true])
  expect(memory.nextAck('c0ffee0000000000')).toBe(8)
  await take('c', 2_000_000)
  expect(cursors.size).toBe(4)
})

test('knows what a plain list knows, whatever comes when', async () => {
  const one = fc.record({ of: fc.nat(30), after: fc.nat(90_000), restart: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(one, { size: 'max', maxLength: 60 }), async (steps) => {
      let world = setUp()
      let nowMs = 1_000_000
      const truth = new Map<number, number>()
      for (const { of, after, restart } of steps) {
        nowMs += after
        if (restart) world = world.again()
        const atMs = truth.get(of)
        const known = atMs !== undefined && nowMs - atMs < WINDOW_MS
        expect(world.knows(of, nowMs)).toBe(known)
        if (known) continue
        await world.take(of, nowMs)
        truth.set(of, nowMs)
      }
    }),
    { numRuns: 60 },
  )
})
