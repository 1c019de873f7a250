import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CORRELATOR_LIMITS } from './correlator.ts'
import { FirstSeen } from './first-seen.ts'
import { arrivalsOf, coveredBy, drive, inOrder, type Seen } from './testing/drive.ts'

const HISTORY = 150

const makeWith = (learnMs: number) => () =>
  new FirstSeen(
    { type: 'first_seen', inputs: ['r'], groupBy: [], fields: ['f'], historyMs: HISTORY, learnMs },
    CORRELATOR_LIMITS,
  )

/** By the definition: looks back over all that came before. */
function expected(events: readonly Seen[], learnMs: number): string[] {
  const ids: string[] = []
  for (const key of ['["a"]', '["b"]']) {
    const list = inOrder(events, key)
    let sinceMs = 0
    for (const [index, one] of list.entries()) {
      const before = list.slice(0, index)
      // A key that was away for a whole history is learnt anew.
      if (one.time - (before.at(-1)?.time ?? -Infinity) > HISTORY) sinceMs = one.time
      const isSeen = before.some(
        ({ time, values }) => values[0] === one.values[0] && one.time - time <= HISTORY,
      )
      if (!isSeen && one.time - sinceMs >= learnMs) ids.push(one.id)
    }
  }
  return ids.sort()
}

const arrivals = arrivalsOf({ values: ['1', '2', '3', '4'], gapMax: 60 })

/** Whole histories pass without a key. */
const sparse = arrivalsOf({ values: ['1', '2', '3', '4'], gapMax: 400 })

describe('first_seen', () => {
  test.each([0, 100])(
    'the final hits are those of the definition, whatever the arrival order within the lateness',
    (learnMs) => {
      fc.assert(
        fc.property(fc.oneof(arrivals, sparse), (events) => {
          const { finals, unsettled } = drive(events, { make: makeWith(learnMs) })
          expect(coveredBy(finals)).toEqual(expected(events, learnMs))
          expect(unsettled).toBe(0)
        }),
        { numRuns: 400 },
      )
    },
  )

  test('state moved to a new correlator at any point goes on alike', () => {
    fc.assert(
      fc.property(arrivals, fc.array(fc.nat(79), { maxLength: 3 }), (events, restarts) => {
        const make = makeWith(100)
        expect(drive(events, { make, restarts })).toEqual(drive(events, { make }))
      }),
      { numRuns: 150 },
    )
  })

  test('nothing is said of a key before it was watched long enough', () => {
    const at = (time: number, value: string): Seen => ({
      time,
      input: 'r',
      key: 'k',
      values: [value],
    })
    const events = [at(1_000, '1'), at(1_050, '2'), at(1_100, '3'), at(1_120, '1')]
    expect(coveredBy(drive(events, { make: makeWith(100) }).finals)).toEqual(['e2'])
  })

  test('a value is known for as long as the history, its end included', () => {
    const at = (time: number): Seen => ({ time, input: 'r', key: 'k', values: ['x'] })
    const other = { ...at(1_100), values: ['y'] }
    for (const [lastMs, count] of [
      [1_000 + HISTORY, 2],
      [1_001 + HISTORY, 3],
    ] as const) {
      const told = drive([at(1_000), other, at(lastMs)], { make: makeWith(0) })
      expect([told.finals.length, told.retracted]).toEqual([count, 0])
    }
  })

  test('a key with an unsettled hit is not pushed out', () => {
    const limits = { keysMax: 1, entriesMax: 10 }
    const correlation = { type: 'first_seen', inputs: ['r'], groupBy: [], fields: ['f'] } as const
    const make = new FirstSeen({ ...correlation, historyMs: HISTORY, learnMs: 0 }, limits)
    const sink = { hit: () => undefined, final: () => undefined, retract: () => undefined }
    const see = (time: number, key: string): void => {
      const parts = [{ input: 'r', key, values: ['x'] }]
      make.observe({ time, order: time, events: [], parts }, { watermarkMs: 0, sink })
    }
    see(1, 'a')
    see(2, 'b')
    expect(make.table.losses).toMatchObject({ evicted: 0, refused: 1 })
    make.advance({ watermarkMs: 10, sink })
    see(11, 'b')
    expect(make.table.losses).toMatchObject({ evicted: 1, refused: 1 })
  })

  test('more sights within the lateness than a key may hold are settled early, and counted', () => {
    const at = (time: number, value: number): Seen => {
      return { time, input: 'r', key: 'k', values: [String(value)] }
    }
    const common = { type: 'first_seen', inputs: ['r'], groupBy: [], fields: ['f'] } as const
    const correlation = { ...common, historyMs: HISTORY, learnMs: 0 }
    let seen: FirstSeen | undefined
    const make = () => (seen = new FirstSeen(correlation, { keysMax: 2, entriesMax: 5 }))
    const events = Array.from({ length: 20 }, (_, index) => at(1_000 + index, index))
    const { finals, unsettled } = drive([...events, at(1_020, 3)], { make, finish: false })
    expect(unsettled).toBeLessThanOrEqual(5)
    expect(seen?.table.losses.trimmed).toBeGreaterThan(10)
    expect(finals.length + unsettled).toBe(21)
    expect(drive(events, { make }).finals.map(({ order }) => order)).toEqual([...events.keys()])
    expect(drive([...events, ...events], { make }).unsettled).toBe(0)
  })

  test.each([
    ['one field', ['f'], ['x'], '["k","x"]'],
    ['several fields, which are one value', ['f', 'g'], ['["x","y"]'], '["k","x","y"]'],
  ])('each new value may be a hit of its own group: %s', (_name, fields, values, group) => {
    const common = { type: 'first_seen', inputs: ['r'], fields, historyMs: HISTORY } as const
    const groupBy = [{ name: 'k', path: 'k' }]
    const make = () =>
      new FirstSeen({ ...common, groupBy, learnMs: 0, perValue: true }, CORRELATOR_LIMITS)
    const seen: Seen = { time: 1_000, input: 'r', key: '["k"]', values }
    const { finals, unsettled } = drive([seen, { ...seen, time: 1_001 }], { make, restarts: [1] })
    expect(finals.map(({ key, events }) => [key, events.length])).toEqual([[group, 1]])
    expect(unsettled).toBe(0)
  })
})
