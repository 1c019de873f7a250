import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createChain } from './chain.ts'
import { CORRELATOR_LIMITS, type Hit, type Observation } from './correlator.ts'
import { arrivalsOf, drive, inOrder, LATENESS_MS, type Seen } from './testing/drive.ts'

const SPAN = 100

const makeOf = (inputs: readonly string[]) => () =>
  createChain(
    { type: 'temporal_ordered', inputs, groupBy: [], timespanMs: SPAN },
    CORRELATOR_LIMITS,
  )

type Listed = Seen & { readonly id: string }

/** Every chain there is, one after the other: indexes of different events, one for each input. */
function chainsOf(list: readonly Listed[], inputs: readonly string[]): number[][] {
  let chains: number[][] = [[]]
  for (const input of inputs) {
    chains = chains.flatMap((chain) =>
      list.flatMap((one, at) => {
        const first = list[chain[0] ?? at]!
        const follows = at > (chain.at(-1) ?? -1) && one.time - first.time <= SPAN
        return follows && one.input === input ? [[...chain, at]] : []
      }),
    )
  }
  return chains
}

/** By the definition: `last: events`, each event with the first hit that it makes up. */
function expected(events: readonly Seen[], inputs: readonly string[]): string[] {
  const told: string[] = []
  for (const key of ['["a"]', '["b"]']) {
    const list = inOrder(events, key)
    const given = new Set<number>()
    const chains = chainsOf(list, inputs)
    for (const last of [...new Set(chains.map((chain) => chain.at(-1)!))].sort((a, b) => a - b)) {
      const made = chains.filter((chain) => chain.at(-1) === last).flat()
      const fresh = [...new Set(made)].filter((at) => !given.has(at)).sort((a, b) => a - b)
      for (const at of fresh) given.add(at)
      told.push(`${list[last]!.id}: ${fresh.map((at) => list[at]!.id).join(' ')}`)
    }
  }
  return told.sort()
}

const toldBy = (hits: readonly Hit[]): string[] =>
  hits.map(({ order, events }) => `e${order}: ${events.map(({ id }) => id).join(' ')}`).sort()

describe.each([
  ['two rules', ['a', 'b']],
  ['three rules', ['a', 'b', 'c']],
  ['a rule that comes twice', ['a', 'a', 'b']],
])('temporal_ordered of %s', (_name, inputs) => {
  const make = makeOf(inputs)
  const arrivals = arrivalsOf({ inputs: ['a', 'b', 'c'], gapMax: 30, lengthMax: 60 })

  test('hits and their events are those of the definition, whatever the arrival order within the lateness', () => {
    fc.assert(
      fc.property(arrivals, (events) => {
        const { finals, unsettled, retracted } = drive(events, { make })
        expect(toldBy(finals)).toEqual(expected(events, inputs))
        expect([unsettled, retracted]).toEqual([0, 0])
      }),
      { numRuns: 300 },
    )
  })

  test('state moved to a new correlator at any point goes on alike', () => {
    fc.assert(
      fc.property(arrivals, fc.array(fc.nat(59), { maxLength: 3 }), (events, restarts) => {
        expect(drive(events, { make, restarts })).toEqual(drive(events, { make }))
      }),
      { numRuns: 150 },
    )
  })
})

test('an event that is out of order is no part of the match', () => {
  const at = (time: number, input: string): Seen => ({ time, input, key: 'k', values: [] })
  const events = [
    at(1, 'c'),
    at(2, 'b'),
    at(3, 'a'),
    at(4, 'c'),
    at(5, 'b'),
    at(6, 'a'),
    at(7, 'c'),
  ]
  expect(toldBy(drive(events, { make: makeOf(['a', 'b', 'c']) }).finals)).toEqual(['e6: e2 e4 e6'])
})

test('an event may stand for two rules, but does not follow itself', () => {
  const told: Hit[] = []
  const chain = makeOf(['a', 'b'])()
  const sink = {
    hit: (hit: Hit) => void told.push(hit),
    final: () => undefined,
    retract: () => undefined,
  }
  const both = (order: number): Observation => ({
    ...{ time: order, order, events: [{ id: `e${order}`, time: order, order }] },
    parts: ['a', 'b'].map((input) => ({ input, key: 'k', values: [] })),
  })
  for (const order of [1, 2]) chain.observe(both(order), { watermarkMs: 0, sink })
  expect(toldBy(told)).toEqual(['e2: e1 e2'])
})

test('a flood on one key stays bounded, and each event is looked at a few times only', () => {
  const limits = { ...CORRELATOR_LIMITS, entriesMax: 100 }
  const correlation = { type: 'temporal_ordered', inputs: ['a', 'b'], groupBy: [] } as const
  const chain = createChain({ ...correlation, timespanMs: 1e9 }, limits)
  let hits = 0
  const sink = { hit: () => void (hits += 1), final: () => undefined, retract: () => undefined }
  for (let order = 0; order < 20_000; order += 1) {
    const input = order % 200 === 199 ? 'b' : 'a'
    const events = [{ id: `e${order}`, time: order, order }]
    const parts = [{ input, key: 'k', values: [] }]
    chain.observe({ time: order, order, events, parts }, { watermarkMs: order - LATENESS_MS, sink })
    chain.advance({ watermarkMs: order - LATENESS_MS, sink })
  }
  expect(hits).toBe(100)
  expect(chain.table.losses.trimmed).toBeGreaterThan(0)
  for (const [, row] of chain.table.rows()) expect(row.length).toBeLessThan(20_000)
})
