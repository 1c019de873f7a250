import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  changedFrom,
  goneFrom,
  holdOf,
  notSaved,
  type SavedEntries,
  savedChanges,
  savedRow,
} from './entry-row.ts'

const SHARE = { min: 0, max: 1, noNaN: true } as const

type Step =
  | { readonly kind: 'put' | 'change'; readonly share: number }
  | { readonly kind: 'drop'; readonly count: number }
  | { readonly kind: 'save' }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant<'put'>('put'), share: fc.double(SHARE) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant<'change'>('change'), share: fc.double(SHARE) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant<'drop'>('drop'), count: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant<'save'>('save') }) },
  ),
  { maxLength: 60 },
)

test('what is written bit by bit comes to what would be written whole', () => {
  const rowOf = (entry: number): number => entry
  const changes = savedChanges(rowOf)
  fc.assert(
    fc.property(steps, (list) => {
      const state: SavedEntries<number> = { entries: [], lastHitMs: 0, saved: notSaved() }
      let row: unknown = savedRow(state, rowOf)
      for (const [number, step] of list.entries()) {
        const { entries } = state
        if (step.kind === 'put' || (step.kind === 'change' && entries.length > 0)) {
          const isNew = step.kind === 'put'
          const at = Math.floor(step.share * (entries.length - (isNew ? 0 : 1)))
          entries.splice(at, isNew ? 0 : 1, number)
          changedFrom(state, at)
          state.lastHitMs = number
        } else if (step.kind === 'drop') {
          goneFrom(state, entries.splice(0, step.count).length)
        } else if (step.kind === 'save') {
          const change = changes.since(state)
          const told = JSON.stringify(change ?? savedRow(state, rowOf))
          row = change === undefined ? JSON.parse(told) : changes.amend(row, JSON.parse(told))
          changes.taken(state)
          expect(row).toEqual(savedRow(state, rowOf))
        }
      }
    }),
    { numRuns: 1_000 },
  )
})

test('before the first watermark only a key that had a hit is held', () => {
  const never = Number.NEGATIVE_INFINITY
  const hold = (count: number, lastHitMs: number, watermarkMs: number): string =>
    holdOf({ entries: Array.from({ length: count }), lastHitMs }, 100, watermarkMs)
  expect([hold(1, never, never), hold(2, never, never), hold(1, 5, never)]).toEqual([
    ...['fresh', 'grown', 'held'],
  ])
  expect([hold(1, never, 50), hold(1, 5, 105), hold(1, 5, 106)]).toEqual(['fresh', 'held', 'fresh'])
})
