import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CountCondition, CountCorrelation } from '../model/correlation.ts'
import { CORRELATOR_LIMITS, type Hit } from './correlator.ts'
import { createCorrelator } from './create.ts'
import { ExactSum } from './exact-sum.ts'
import { arrivalsOf, coveredBy, drive, inOrder, placesOf, type Seen } from './testing/drive.ts'

const SPAN = 100

function correlationOf(
  type: CountCorrelation['type'],
  condition: CountCondition,
  percentile?: number,
): CountCorrelation {
  const base = { type, condition, inputs: ['r'], groupBy: [], timespanMs: SPAN, fields: ['f'] }
  return percentile === undefined ? base : { ...base, percentile }
}

/** By the definition: cuts the sorted events into windows and judges each. */
function expected(
  events: readonly Seen[],
  holds: (values: readonly number[]) => boolean,
): string[] {
  const ids: string[] = []
  for (const key of ['["a"]', '["b"]']) {
    let rest = inOrder(events, key)
    while (rest.length > 0) {
      const endMs = rest[0]!.time + SPAN
      const window = rest.filter(({ time }) => time <= endMs)
      rest = rest.slice(window.length)
      if (holds(window.map(({ values }) => Number(values[0]))))
        ids.push(...window.map(({ id }) => id))
    }
  }
  return ids.sort()
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor((sorted.length - 1) / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle]! + sorted[middle + 1]!) / 2
}

const arrivals = arrivalsOf({ values: ['0', '1', '2', '3', '-4', '10'] })

describe.each([
  ['fewer than', correlationOf('event_count', { lt: 3 }), (v: readonly number[]) => v.length < 3],
  ['exactly', correlationOf('event_count', { eq: 2 }), (v: readonly number[]) => v.length === 2],
  [
    'from … to',
    correlationOf('event_count', { gte: 2, lte: 4 }),
    (v: readonly number[]) => v.length >= 2 && v.length <= 4,
  ],
  [
    'few distinct values',
    correlationOf('value_count', { lte: 2 }),
    (v: readonly number[]) => new Set(v).size <= 2,
  ],
  ['an average', correlationOf('value_avg', { gt: 2 }), (v: readonly number[]) => mean(v) > 2],
  ['a median', correlationOf('value_median', { gte: 3 }), (v: readonly number[]) => median(v) >= 3],
  [
    'a percentile',
    correlationOf('value_percentile', { gte: 3 }, 100),
    (v: readonly number[]) => Math.max(...v) >= 3,
  ],
] as const)('%s', (_name, correlation, holds) => {
  const make = () => createCorrelator(correlation)

  test('is judged window by window, whatever the arrival order within the lateness', () => {
    fc.assert(
      fc.property(arrivals, (events) => {
        const { finals, retracted } = drive(events, { make })
        expect(coveredBy(finals)).toEqual(expected(events, holds))
        expect(retracted).toBe(0)
      }),
      { numRuns: 200 },
    )
  })

  test('state moved to a new correlator at any point goes on alike', () => {
    fc.assert(
      fc.property(arrivals, fc.array(fc.nat(79), { maxLength: 3 }), (events, restarts) => {
        expect(drive(events, { make, restarts })).toEqual(drive(events, { make }))
      }),
      { numRuns: 60 },
    )
  })
})

test('an event that matches several of the rules has its value once', () => {
  const correlator = createCorrelator(correlationOf('value_avg', { lte: 1.5 }))
  const told: string[] = []
  const sink = {
    hit: ({ facts }: Hit) => void told.push(facts?.['value'] ?? ''),
    final: () => undefined,
    retract: () => undefined,
  }
  const part = (input: string, value: string) => ({ input, key: 'k', values: [value] })
  const moment = { watermarkMs: 0, sink }
  const at = (time: number) => ({ time, order: time, events: [{ id: 'e', time, order: time }] })
  correlator.observe({ ...at(1), parts: [part('a', '2'), part('b', '2')] }, moment)
  correlator.observe({ ...at(2), parts: [part('a', '1')] }, moment)
  correlator.finish(moment)
  expect(told).toEqual(['1.5'])
})

test('of values that are no numbers nothing is said', () => {
  const make = () => createCorrelator(correlationOf('value_avg', { neq: 5 }))
  const at = (time: number, value: string): Seen => {
    return { time, input: 'r', key: 'k', values: [value] }
  }
  expect(drive([at(1_000, 'none'), at(1_001, '')], { make }).finals).toEqual([])
  expect(drive([at(1_000, 'none'), at(1_001, '4')], { make }).finals).toHaveLength(1)
})

test('where there is no more room the stalest group of a single event goes', () => {
  const limits = { keysMax: 2, entriesMax: 10 }
  const correlator = createCorrelator(correlationOf('event_count', { lt: 9 }), limits)
  const sink = { hit: () => undefined, final: () => undefined, retract: () => undefined }
  for (const [time, key] of ['a', 'b', 'a', 'c', 'd'].entries()) {
    const parts = [{ input: 'r', key, values: [] }]
    correlator.observe({ time, order: time, events: [], parts }, { watermarkMs: 0, sink })
  }
  expect([...correlator.table.names()].sort()).toEqual(['a', 'd'])
  expect(correlator.table.losses).toMatchObject({ evicted: 2, refused: 0, trimmed: 0 })
  for (let time = 5; time < 16; time += 1) {
    const parts = [{ input: 'r', key: 'a', values: [] }]
    correlator.observe({ time, order: time, events: [], parts }, { watermarkMs: 0, sink })
  }
  expect(correlator.table.losses.trimmed).toBe(3)
})

test('of several windows each waits for its own end', () => {
  const correlator = createCorrelator(correlationOf('event_count', { lt: 9 }))
  const told: number[] = []
  const sink = {
    hit: ({ events }: Hit) => void told.push(events.length),
    final: () => undefined,
    retract: () => undefined,
  }
  const see = (time: number, watermarkMs: number): void => {
    const parts = [{ input: 'r', key: 'k', values: [] }]
    const events = [{ id: 'e', time, order: time }]
    correlator.observe({ time, order: time, events, parts }, { watermarkMs, sink })
  }
  see(0, 0)
  see(150, 0)
  correlator.advance({ watermarkMs: 150 + SPAN, sink })
  expect(told).toEqual([1])
  see(150 + SPAN, 150 + SPAN)
  correlator.advance({ watermarkMs: 151 + SPAN, sink })
  expect(told).toEqual([1, 2])
})

describe('temporal with a negation', () => {
  const make = () =>
    createCorrelator({
      type: 'temporal',
      inputs: ['a', 'b'],
      groupBy: [],
      timespanMs: SPAN,
      condition: {
        kind: 'and',
        parts: [
          { kind: 'ref', rule: 'a' },
          { kind: 'not', part: { kind: 'ref', rule: 'b' } },
        ],
      },
    })
  const at = (time: number, input: string): Seen => ({ time, input, key: 'k', values: [] })

  test('is decided once the window has passed', () => {
    const alone = drive([at(1_000, 'a'), at(1_200, 'b')], { make })
    expect(alone.finals.map(({ time }) => time)).toEqual([1_100])
    expect(drive([at(1_000, 'a'), at(1_090, 'b')], { make }).finals).toEqual([])
  })
})

describe('value_sum with a lower bound', () => {
  const correlation = correlationOf('value_sum', { gte: 12 })
  const make = () => createCorrelator({ ...correlation, timespanMs: SPAN }, CORRELATOR_LIMITS)

  test('fires as soon as one window adds up to enough; values below zero are left out', () => {
    fc.assert(
      fc.property(arrivals, (events) => {
        const { finals } = drive(events, { make })
        const want: string[] = []
        for (const key of ['["a"]', '["b"]']) {
          const list = inOrder(events, key).filter(({ values }) => Number(values[0]) >= 0)
          for (const [index, one] of list.entries()) {
            const window = list.slice(0, index + 1).filter(({ time }) => one.time - time <= SPAN)
            const sum = window.reduce((all, { values }) => all + Number(values[0]), 0)
            if (sum >= 12) want.push(`${key}@${one.time}`)
          }
        }
        expect(finals.map((hit) => `${hit.key}@${hit.time}`).sort()).toEqual(want.sort())
      }),
      { numRuns: 200 },
    )
  })

  const fractions = arrivalsOf({ values: ['0.1', '0.2', '0.7', '1e300', '1.5e308', '5e-324'] })
  const odd = correlationOf('value_sum', { gte: 1 })

  test('what was in the window before says nothing, however large or small it was', () => {
    fc.assert(
      fc.property(fractions, fc.array(fc.nat(79), { maxLength: 3 }), (events, restarts) => {
        const make1 = () => createCorrelator(odd)
        const { finals } = drive(events, { make: make1 })
        expect(drive(events, { make: make1, restarts }).finals).toEqual(finals)
        const want = ['["a"]', '["b"]'].flatMap((key) => {
          const list = inOrder(events, key)
          return list.flatMap((one, index) => {
            const window = list.slice(0, index + 1).filter(({ time }) => one.time - time <= SPAN)
            const sum = new ExactSum()
            for (const { values } of window) sum.add(Math.min(1e300, Number(values[0])))
            return sum.value >= 1 ? [`${key}@${one.time}`] : []
          })
        })
        expect(placesOf(finals)).toEqual(want.sort())
      }),
      { numRuns: 200 },
    )
  })
})
