import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Absence, SourceAbsence } from './absence.ts'
import { CORRELATOR_LIMITS, type Hit } from './correlator.ts'
import { arrivalsOf, coveredBy, drive, inOrder, placesOf, type Seen } from './testing/drive.ts'

const SPAN = 60
const make = () => new Absence({ timespanMs: SPAN, limits: CORRELATOR_LIMITS })
const arrivals = arrivalsOf({ gapMax: 90 })

/** Every gap of a key longer than the timespan, the one at the end only if the input goes on. */
function expected(events: readonly Seen[]): { places: string[]; last: string[] } {
  const endMs = Math.max(0, ...events.map(({ time }) => time))
  const places: string[] = []
  const last: string[] = []
  for (const key of ['["a"]', '["b"]']) {
    const list = inOrder(events, key)
    for (const [index, one] of list.entries()) {
      const next = list[index + 1]?.time ?? Number.POSITIVE_INFINITY
      if (next - one.time <= SPAN || one.time + SPAN >= endMs) continue
      places.push(`${key}@${one.time + SPAN}`)
      last.push(one.id)
    }
  }
  return { places: places.sort(), last: last.sort() }
}

describe('absence of events', () => {
  test('hits are the silences, whatever the arrival order within the lateness', () => {
    fc.assert(
      fc.property(arrivals, (events) => {
        const { finals, retracted } = drive(events, { make })
        const want = expected(events)
        expect(placesOf(finals)).toEqual(want.places)
        expect(coveredBy(finals)).toEqual(want.last)
        expect(retracted).toBe(0)
      }),
      { numRuns: 500 },
    )
  })

  test('state moved to a new correlator at any point goes on alike', () => {
    fc.assert(
      fc.property(arrivals, fc.array(fc.nat(79), { maxLength: 3 }), (events, restarts) => {
        expect(drive(events, { make, restarts })).toEqual(drive(events, { make }))
      }),
      { numRuns: 200 },
    )
  })

  test('what comes at the deadline itself is no silence, whatever silence was before it', () => {
    const absence = make()
    const times: number[] = []
    const sink = {
      hit: ({ time }: Hit) => void times.push(time),
      final: () => {},
      retract: () => {},
    }
    const see = (time: number, watermarkMs: number): void => {
      const parts = [{ input: 'r', key: 'k', values: [] }]
      absence.observe({ time, order: time, events: [], parts }, { watermarkMs, sink })
    }
    see(0, 0)
    see(100, 0)
    absence.advance({ watermarkMs: 100 + SPAN, sink })
    expect(times).toEqual([SPAN])
    see(100 + SPAN, 100 + SPAN)
    absence.advance({ watermarkMs: 101 + SPAN, sink })
    expect(times).toEqual([SPAN])
  })

  test('a key that beats fast keeps few of its beats', () => {
    const absence = make()
    const sink = { hit: () => {}, final: () => {}, retract: () => {} }
    for (let order = 0; order < 10_000; order += 1) {
      const events = [{ id: `e${order}`, time: order / 100, order }]
      const parts = [{ input: 'r', key: 'k', values: [] }]
      absence.observe({ time: order / 100, order, events, parts }, { watermarkMs: 0, sink })
    }
    expect([...absence.table.rows()][0]![1].length).toBeLessThan(500)
  })
})

describe('absence of a source', () => {
  const hits: Hit[] = []
  const sink = { hit: (hit: Hit) => void hits.push(hit), final: () => {}, retract: () => {} }
  const moment = { watermarkMs: 0, sink }

  test('is told once for each silence', () => {
    const absence = new SourceAbsence({ timespanMs: 100, limits: CORRELATOR_LIMITS })
    const at = (atMs: number, sinceMs: number, heldMs = 0): void => {
      absence.silence('broker', { sinceMs, atMs, silentMs: atMs - sinceMs - heldMs }, moment)
    }
    for (const atMs of [0, 50, 99, 100, 150, 500]) at(atMs, 0)
    expect(hits.map(({ time, key }) => [time, key])).toEqual([[100, '["broker"]']])
    for (const atMs of [520, 599]) at(atMs, 510)
    expect(hits).toHaveLength(1)
    at(610, 510)
    expect(hits).toHaveLength(2)
    // Held for a while, and silent before and after.
    for (const atMs of [750, 799, 800, 900]) at(atMs, 680, 20)
    expect(hits.slice(2).map(({ time }) => time)).toEqual([800])
  })
})
