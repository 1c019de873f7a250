import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { StateChange } from '../model/decoder.ts'
import { KeptMap } from './kept-map.ts'

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f')
const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), key, value: fc.nat(9) }),
  fc.record({ kind: fc.constant('delete' as const), key, value: fc.constant(0) }),
  fc.record({ kind: fc.constant('restart' as const), key, value: fc.constant(0) }),
)

describe('a kept map', () => {
  test('is a plain map whose least recently set entry goes first, also across restarts', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let map = new KeptMap<number>('k:', 4)
        const saved = new Map<string, string>([['other', 'x']])
        const plain = new Map<string, number>()
        for (const { kind, key: name, value } of steps) {
          if (kind === 'restart') {
            save(map, saved)
            map = new KeptMap<number>('k:', 4)
            map.restore(saved)
          } else if (kind === 'delete') {
            expect(map.delete(name)).toBe(plain.delete(name))
          } else {
            if (!plain.delete(name) && plain.size === 4) plain.delete([...plain.keys()][0]!)
            plain.set(name, value)
            map.set(name, value)
          }
          expect([...map]).toEqual([...plain])
          expect(map.size).toBe(plain.size)
          expect(map.oldestKey).toBe([...plain.keys()][0])
        }
      }),
      { numRuns: 1_000 },
    )
  })

  test('what is let go is counted, told, and deleted from what is saved', () => {
    const gone: string[] = []
    const map = new KeptMap<number>('k:', 2, (name) => gone.push(name))
    const saved = new Map<string, string>()
    for (const name of ['a', 'b', 'c', 'd']) {
      map.set(name, 1)
      save(map, saved)
    }
    expect(gone).toEqual(['a', 'b'])
    expect(map.evicted).toBe(2)
    expect([...saved.keys()]).toEqual(['k:c', 'k:d'])
  })

  test('a churn of entries costs the same however many have gone', () => {
    const map = new KeptMap<number>('k:', 50_000)
    for (let index = 0; index < 400_000; index++) map.set(String(index), index)
    expect(map.size).toBe(50_000)
    expect(map.oldestKey).toBe('350000')
  })
})

function save(map: KeptMap<number>, saved: Map<string, string>): void {
  const changes: StateChange[] = []
  map.takeChanges(changes)
  for (const { key: name, value } of changes) {
    if (value === undefined) saved.delete(name)
    else saved.set(name, value)
  }
}
