import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CORRELATOR_LIMITS, type Hit, type HitSink, type Observation } from './correlator.ts'
import { EventCount } from './event-count.ts'
import { arrivalsOf, coveredBy, drive, placesOf, type Seen, windowsOf } from './testing/drive.ts'

const SPAN = 100

function collect(): HitSink & { hits: Hit[] } {
  const hits: Hit[] = []
  return {
    hits,
    hit: (hit) => void hits.push(hit),
    final: () => undefined,
    retract: () => undefined,
  }
}

function observation(seen: Pick<Seen, 'time' | 'key'>, order: number): Observation {
  const { time, key } = seen
  const events = [{ id: `e${order}`, time, order }]
  return { time, order, events, parts: [{ input: 'r', key, values: [] }] }
}

const make = (least: number, timespanMs = SPAN): EventCount =>
  new EventCount({ least, timespanMs, limits: CORRELATOR_LIMITS })

/** Few and many events in a timespan; with many those in the middle are forgotten. */
const arrivals = fc.oneof(arrivalsOf({}), arrivalsOf({ gapMax: 2, lengthMax: 300 }))

describe('event_count', () => {
  describe.each([SPAN, 30])('within %i ms', (timespanMs) => {
    const least = fc.integer({ min: 1, max: 6 })

    test('hits are those of the definition, whatever the arrival order within the lateness', () => {
      fc.assert(
        fc.property(least, arrivals, (number, events) => {
          const { finals } = drive(events, { make: () => make(number, timespanMs) })
          const want = windowsOf(events, timespanMs, (window) => window.length >= number)
          expect(placesOf(finals)).toEqual(want.places)
          expect(coveredBy(finals)).toEqual(want.covered)
        }),
        { numRuns: 250 },
      )
    })

    test('state moved to a new correlator at any point goes on alike', () => {
      fc.assert(
        fc.property(
          least,
          arrivals,
          fc.array(fc.nat(120), { maxLength: 5 }),
          (number, events, restarts) => {
            const once = (): EventCount => make(number, timespanMs)
            expect(drive(events, { make: once, restarts })).toEqual(drive(events, { make: once }))
          },
        ),
        { numRuns: 150 },
      )
    })
  })

  test('a flood on one key keeps few entries and still hits at every event', () => {
    const correlator = make(5)
    const sink = collect()
    for (let order = 0; order < 20_000; order += 1) {
      const moment = { watermarkMs: Number.NEGATIVE_INFINITY, sink }
      correlator.observe(observation({ time: Math.floor(order / 50), key: '["a"]' }, order), moment)
    }
    expect(sink.hits).toHaveLength(20_000 - 4)
    const [row] = [...correlator.table.rows()]
    expect(row![1].length).toBeLessThan(4_000)
    expect(correlator.table.losses.trimmed).toBe(0)
  })

  test('a flood of new keys cannot push out a key with an open episode, nor one with progress', () => {
    const limits = { keysMax: 10, entriesMax: 100 }
    const correlator = new EventCount({ least: 3, timespanMs: SPAN, limits })
    const sink = collect()
    const moment = { watermarkMs: 0, sink }
    let order = 0
    const see = (key: string): void => {
      correlator.observe(observation({ time: 10, key }, order), moment)
      order += 1
    }
    for (const key of ['open', 'open', 'open', 'grown', 'grown']) see(key)
    for (let flood = 0; flood < 1_000; flood += 1) see(`flood${flood}`)
    expect(correlator.table.size).toBe(10)
    expect(correlator.table.losses.evicted).toBe(992)
    see('grown')
    see('open')
    expect(sink.hits.map((hit) => hit.key)).toEqual(['open', 'grown', 'open'])
  })

  test('keys go when the watermark has passed their last event by the timespan', () => {
    const correlator = make(2)
    const sink = collect()
    correlator.observe(observation({ time: 10, key: 'a' }, 0), { watermarkMs: 0, sink })
    correlator.advance({ watermarkMs: 110, sink })
    expect(correlator.table.size).toBe(1)
    correlator.advance({ watermarkMs: 111, sink })
    expect(correlator.table.size).toBe(0)
  })

  test('a count above the limit of entries goes on hitting at every event', () => {
    const limits = { keysMax: 2, entriesMax: 100 }
    const correlator = new EventCount({ least: 400, timespanMs: 1e9, limits })
    let hits = 0
    const sink = { hit: () => void (hits += 1), final: () => {}, retract: () => {} }
    for (let order = 0; order < 4_000; order += 1) {
      const events = [{ id: `e${order}`, time: order, order }]
      const parts = [{ input: 'r', key: 'k', values: [] }]
      correlator.observe({ time: order, order, events, parts }, { watermarkMs: 0, sink })
    }
    expect(hits).toBe(3_601)
    expect(correlator.table.losses.trimmed).toBe(0)
    expect(correlator.table.get('k')?.entries.length).toBeLessThan(1_700)
  })

  test('entries that no rule thins out are cut at the limit, counted, and saved as they are', () => {
    const limits = { keysMax: 1, entriesMax: 64 }
    const makeSmall = (): EventCount => new EventCount({ least: 4, timespanMs: 1, limits })
    const correlator = makeSmall()
    const rows = new Map<string, string>()
    for (let order = 0; order < 500; order += 1) {
      const seen = observation({ time: order * 10, key: '["a"]' }, order)
      correlator.observe(seen, { watermarkMs: 0, sink: collect() })
      for (const { key, value } of correlator.table.takeChanges()) {
        if (value === undefined) rows.delete(key)
        else rows.set(key, value)
      }
      const restored = makeSmall()
      restored.table.restore(rows)
      expect([...restored.table.rows()]).toEqual([...correlator.table.rows()])
    }
    const held = correlator.table.get('["a"]')?.entries ?? []
    expect(held.length).toBeLessThanOrEqual(96)
    expect(held.length + correlator.table.losses.trimmed).toBe(500)
  })

  test('an event at the watermark itself has its whole timespan before it', () => {
    const correlator = make(2)
    const sink = collect()
    correlator.observe(observation({ time: 0, key: 'a' }, 0), { watermarkMs: 0, sink })
    correlator.advance({ watermarkMs: SPAN, sink })
    correlator.observe(observation({ time: SPAN, key: 'a' }, 1), { watermarkMs: SPAN, sink })
    expect(sink.hits).toHaveLength(1)
  })

  test('a hit out of order makes a key with a later one no easier to push out', () => {
    const limits = { keysMax: 1, entriesMax: 100 }
    const correlator = new EventCount({ least: 2, timespanMs: SPAN, limits })
    const sink = collect()
    for (const [order, [time, watermarkMs]] of [
      [200, 0],
      [210, 0],
      [185, 180],
      [320, 310],
    ].entries()) {
      correlator.observe(observation({ time: time!, key: 'a' }, order), {
        watermarkMs: watermarkMs!,
        sink,
      })
    }
    expect(sink.hits.map(({ time }) => time)).toEqual([210, 200])
    correlator.observe(observation({ time: 320, key: 'b' }, 4), { watermarkMs: 310, sink })
    expect(correlator.table.losses).toMatchObject({ evicted: 0, refused: 1 })
  })
})
