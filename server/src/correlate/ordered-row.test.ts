import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createChain } from './chain.ts'
import { CORRELATOR_LIMITS } from './correlator.ts'
import { createSample } from './sample.ts'
import { arrivalsOf, drive } from './testing/drive.ts'

const makes = {
  chain: () =>
    createChain(
      { type: 'temporal_ordered', inputs: ['a', 'b'], groupBy: [], timespanMs: 100 },
      CORRELATOR_LIMITS,
    ),
  sample: () =>
    createSample(
      { type: 'sample', stages: [{ input: 'a' }, { input: 'b' }], groupBy: [] } as never,
      CORRELATOR_LIMITS,
    ),
}

/** So dense that many events of a key are kept, and mostly of one rule, so that little comes true. */
const inputs = ['b', ...Array.from({ length: 19 }, () => 'a')]
const arrivals = arrivalsOf({ inputs, gapMax: 4, lengthMax: 150 })
const restarts = fc.array(fc.nat(149), { maxLength: 4 })

test.each(Object.entries(makes))('%s: rows that were written bit by bit go on alike', (_, make) => {
  fc.assert(
    fc.property(arrivals, restarts, (events, at) => {
      expect(drive(events, { make, restarts: at })).toEqual(drive(events, { make }))
    }),
    { numRuns: 60 },
  )
})

test('an event that comes at the end is written, and not all that are kept', () => {
  const chain = makes.chain()
  const sink = { hit: () => undefined, final: () => undefined, retract: () => undefined }
  let bytes = 0
  for (let order = 0; order < 400; order += 1) {
    const watermarkMs = order - 200
    const events = [{ id: `e${order}`, time: order, order }]
    const parts = [{ input: 'a', key: 'k', values: [] }]
    chain.observe({ time: order, order, events, parts }, { watermarkMs, sink })
    chain.advance({ watermarkMs, sink })
    for (const { value } of chain.table.takeChanges()) if (order >= 300) bytes += value?.length ?? 0
  }
  // The row itself has 300 events; in a hundred savings it is written about seven times.
  const [, row] = [...chain.table.rows()][0]!
  expect(row.length).toBeGreaterThan(6_000)
  expect(bytes).toBeLessThan(20 * row.length)
})
