import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RefCondition, TemporalCorrelation } from '../model/correlation.ts'
import { CORRELATOR_LIMITS } from './correlator.ts'
import { arrivalsOf, coveredBy, drive, placesOf, type Seen, windowsOf } from './testing/drive.ts'
import { createTemporal } from './temporal.ts'

const SPAN = 100
const INPUTS = ['a', 'b', 'c']

function correlationOf(
  type: TemporalCorrelation['type'],
  condition?: RefCondition,
): TemporalCorrelation {
  const base = { type, inputs: INPUTS, groupBy: [], timespanMs: SPAN }
  return condition === undefined ? base : { ...base, condition }
}

type Windowed = readonly Seen[]

const hasAll = (window: Windowed): boolean =>
  INPUTS.every((input) => window.some((one) => one.input === input))

const arrivals = arrivalsOf({ inputs: INPUTS, gapMax: 30 })

describe.each([
  ['temporal', correlationOf('temporal'), hasAll],
  [
    'a condition over the rules',
    correlationOf('temporal', {
      kind: 'and',
      parts: [
        { kind: 'ref', rule: 'a' },
        {
          kind: 'or',
          parts: [
            { kind: 'ref', rule: 'b' },
            { kind: 'ref', rule: 'c' },
          ],
        },
      ],
    }),
    (window: Windowed) =>
      window.some(({ input }) => input === 'a') && window.some(({ input }) => input !== 'a'),
  ],
] as const)('%s', (_name, correlation, holds) => {
  const make = () => createTemporal(correlation, CORRELATOR_LIMITS)

  test('hits are those of the definition, whatever the arrival order within the lateness', () => {
    fc.assert(
      fc.property(arrivals, (events) => {
        const { finals, more } = drive(events, { make })
        const want = windowsOf(events, SPAN, holds)
        expect(placesOf(finals)).toEqual(want.places)
        expect(coveredBy([...finals, ...more])).toEqual(want.covered)
      }),
      { numRuns: 400 },
    )
  })

  test('state moved to a new correlator at any point goes on alike', () => {
    fc.assert(
      fc.property(arrivals, fc.array(fc.nat(79), { maxLength: 3 }), (events, restarts) => {
        expect(drive(events, { make, restarts })).toEqual(drive(events, { make }))
      }),
      { numRuns: 150 },
    )
  })
})
