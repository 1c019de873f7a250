import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeyTable, type Hold } from './key-table.ts'

const KEYS_MAX = 4
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const

type Op =
  | { readonly do: 'put'; readonly key: string; readonly hold: Hold; readonly dueMs: number }
  | { readonly do: 'delete'; readonly key: string }
  | { readonly do: 'due'; readonly watermarkMs: number }
  | { readonly do: 'save' }
  | { readonly do: 'restart' }

const key = fc.constantFrom(...NAMES)
const hold = fc.constantFrom<Hold>('fresh', 'grown', 'held')
const dueMs = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(Number.POSITIVE_INFINITY))
const op: fc.Arbitrary<Op> = fc.oneof(
  fc.record({ do: fc.constant('put' as const), key, hold, dueMs }),
  fc.record({ do: fc.constant('delete' as const), key }),
  fc.record({ do: fc.constant('due' as const), watermarkMs: fc.integer({ min: 0, max: 25 }) }),
  fc.constant({ do: 'save' as const }),
  fc.constant({ do: 'restart' as const }),
)

/** What a table is, without any list that is kept: every question is answered by looking at all. */
class Plain {
  cells = new Map<string, { state: number; hold: Hold; dueMs: number; touched: number }>()
  #touched = 0

  admit(): string | undefined {
    if (this.cells.size < KEYS_MAX) return ''
    for (const tier of ['fresh', 'grown'] as const) {
      const all = [...this.cells].filter(([, cell]) => cell.hold === tier)
      const [stalest] = all.sort((a, b) => a[1].touched - b[1].touched)
      if (stalest === undefined) continue
      this.cells.delete(stalest[0])
      return stalest[0]
    }
    return undefined
  }

  put(name: string, state: number, where: { hold: Hold; dueMs: number }): void {
    this.cells.set(name, { state, ...where, touched: (this.#touched += 1) })
  }

  nextDue(watermarkMs: number): string | undefined {
    const due = [...this.cells].filter(([, cell]) => cell.dueMs < watermarkMs)
    due.sort((a, b) => a[1].dueMs - b[1].dueMs || (a[0] < b[0] ? -1 : 1))
    return due[0]?.[0]
  }
}

describe('the table of keys', () => {
  const codec = { encode: (state: number) => state, decode: (row: unknown) => row as number }
  const table = (): KeyTable<number> => new KeyTable<number>({ keysMax: KEYS_MAX, codec })

  it('evicts, hands back and saves like a plain list', () => {
    const run = (ops: readonly Op[]): void => {
      let real = table()
      const plain = new Plain()
      const saved = new Map<string, string>()
      const save = (): void => {
        expect(real.dirtyCount).toBeLessThanOrEqual(2 * NAMES.length)
        const names = new Set(real.names())
        for (const { key: name, value } of real.takeChanges()) {
          expect(names.has(name)).toBe(true)
          if (value === undefined) expect(saved.delete(name)).toBe(true)
          else saved.set(name, value)
        }
        expect([...saved.keys()].sort()).toEqual([...plain.cells.keys()].sort())
        expect(new Map(real.rows())).toEqual(saved)
      }
      for (const [at, one] of ops.entries()) {
        if (one.do === 'put') {
          if (real.get(one.key) === undefined) {
            const victim = plain.admit()
            expect(real.admit()).toBe(victim !== undefined)
            if (victim === undefined) continue
          }
          real.put(one.key, at, one)
          plain.put(one.key, at, { hold: one.hold, dueMs: one.dueMs })
        } else if (one.do === 'delete') {
          real.delete(one.key)
          plain.cells.delete(one.key)
        } else if (one.do === 'due') {
          for (;;) {
            const due = plain.nextDue(one.watermarkMs)
            expect(real.nextDue(one.watermarkMs)).toBe(due)
            if (due === undefined) break
            real.delete(due)
            plain.cells.delete(due)
          }
        } else save()
        if (one.do === 'restart') {
          real = table()
          real.restore(saved)
        }
        expect(real.keys()).toEqual([...plain.cells.keys()].sort())
        for (const name of NAMES) expect(real.get(name)).toBe(plain.cells.get(name)?.state)
      }
    }
    fc.assert(fc.property(fc.array(op, { maxLength: 60 }), run), { numRuns: 500 })
  })

  it('does not save that a key is gone which never was saved', () => {
    const real = table()
    real.put('a', 1, { hold: 'fresh', dueMs: 5 })
    real.delete('a')
    expect(real.dirtyCount).toBe(0)
    expect(real.takeChanges()).toEqual([])
  })

  it('hands back in order after a key was moved to and fro many times', () => {
    const real = table()
    for (let at = 0; at < 20_000; at += 1) {
      real.put('a', at, { hold: 'fresh', dueMs: 1_000_000 + at })
      real.put('a', at, { hold: 'fresh', dueMs: 900_000 - at })
      if (at % 3 === 0) real.delete('a')
    }
    real.put('b', 1, { hold: 'fresh', dueMs: 5 })
    real.put('a', 1, { hold: 'fresh', dueMs: 7 })
    const due = [real.nextDue(2_000_000), real.nextDue(2_000_000), real.nextDue(2_000_000)]
    expect(due).toEqual(['b', 'a', undefined])
  })
})
