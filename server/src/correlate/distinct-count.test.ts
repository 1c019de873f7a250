import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CORRELATOR_LIMITS } from './correlator.ts'
import { createDistinctCount } from './distinct-count.ts'
import {
  arrivalsOf,
  coveredBy,
  drive,
  placesOf,
  type Arrivals,
  type Seen,
  windowsOf,
} from './testing/drive.ts'

const SPAN = 100
const make =
  (least: number, entriesMax = 10_000) =>
  () =>
    createDistinctCount({
      leasts: [least],
      ownField: true,
      leastEvents: 1,
      timespanMs: SPAN,
      limits: { ...CORRELATOR_LIMITS, entriesMax },
    })

const arrivals = arrivalsOf({ values: ['1', '2', '3', '4', '5'] })

describe('value_count', () => {
  test('hits are those of the definition, whatever the arrival order within the lateness', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), arrivals, (least, events) => {
        const { finals, more } = drive(events, { make: make(least) })
        const want = windowsOf(events, SPAN, (window) => {
          return new Set(window.flatMap(({ values }) => values)).size >= least
        })
        expect(placesOf(finals)).toEqual(want.places)
        expect(coveredBy([...finals, ...more])).toEqual(want.covered)
      }),
      { numRuns: 500 },
    )
  })

  test('state moved to a new correlator at any point goes on alike', () => {
    const restarts = fc.array(fc.nat(79), { maxLength: 3 })
    fc.assert(
      fc.property(arrivals, restarts, (events, at) => {
        expect(drive(events, { make: make(3), restarts: at })).toEqual(
          drive(events, { make: make(3) }),
        )
      }),
      { numRuns: 200 },
    )
  })

  test('one value repeated without end stays bounded, and the loss is counted', () => {
    const correlator = make(2, 100)()
    const sink = { hit: () => undefined, final: () => undefined, retract: () => undefined }
    for (let order = 0; order < 5_000; order += 1) {
      const parts = [{ input: 'r', key: 'k', values: ['same'] }]
      const events = [{ id: `e${order}`, time: 1, order }]
      correlator.observe({ time: 1, order, events, parts }, { watermarkMs: 0, sink })
    }
    expect(JSON.parse([...correlator.table.rows()][0]![1])[3].length).toBeLessThanOrEqual(101)
    expect(correlator.table.losses.trimmed).toBeGreaterThan(4_800)
    // What a hit has taken with it is no loss.
    const told = make(1, 100)()
    for (let order = 0; order < 500; order += 1) {
      const parts = [{ input: 'r', key: 'k', values: ['same'] }]
      const events = [{ id: `e${order}`, time: 1, order }]
      told.observe({ time: 1, order, events, parts }, { watermarkMs: 0, sink })
    }
    expect(told.table.losses.trimmed).toBe(0)
  })

  test('a late event at the very beginning of the window of a hit is one of its events', () => {
    const at = (time: number, value: string): Seen => {
      return { time, input: 'r', key: '["a"]', values: [value] }
    }
    const order = [at(100, 'x'), at(100 + SPAN, 'y'), at(100, 'x'), at(99, 'x')]
    const list: Arrivals = Object.assign(order, { latenessMs: 200 })
    const { finals, more } = drive(list, { make: make(2) })
    expect(coveredBy(finals)).toEqual(['e0', 'e1'])
    expect(coveredBy(more)).toEqual(['e2'])
  })

  test('an event without the field says nothing; several values of one event all count', () => {
    const hits: unknown[] = []
    const sink = { hit: (hit: unknown) => void hits.push(hit), final: () => {}, retract: () => {} }
    const correlator = make(3)()
    const see = (order: number, values: string[]) =>
      correlator.observe(
        {
          time: order,
          order,
          events: [{ id: `e${order}`, time: order, order }],
          parts: [{ input: 'r', key: 'k', values }],
        },
        { watermarkMs: 0, sink },
      )
    see(1, [])
    see(2, ['a', 'b'])
    expect(hits).toEqual([])
    see(3, ['c'])
    expect(hits).toHaveLength(1)
    see(4, [])
    expect(hits).toHaveLength(1)
    see(5, ['c'])
    expect(hits).toHaveLength(2)
  })

  test('a count with cardinality needs both in one window', () => {
    const correlator = createDistinctCount({
      leasts: [2],
      ownField: false,
      leastEvents: 4,
      timespanMs: SPAN,
      limits: CORRELATOR_LIMITS,
    })
    const times: number[] = []
    const sink = {
      hit: (hit: { time: number }) => void times.push(hit.time),
      final: () => {},
      retract: () => {},
    }
    const users = ['x', 'x', 'x', 'x', 'x', 'y', 'x']
    for (const [order, user] of users.entries()) {
      const parts = [{ input: 'r', key: 'k', values: [], cardinality: [[user]] }]
      const events = [{ id: `e${order}`, time: order, order }]
      correlator.observe({ time: order, order, events, parts }, { watermarkMs: 0, sink })
    }
    expect(times).toEqual([5, 6])
  })
})
