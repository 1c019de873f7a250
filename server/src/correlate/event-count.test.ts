import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CORRELATOR_LIMITS, type Hit, type HitSink, type Observation } from './correlator.ts'
import { EventCount } from './event-count.ts'

const SPAN = 100
const LATENESS = 50

interface Seen {
  readonly time: number
  readonly key: string
}

function collect(): HitSink & { hits: Hit[] } {
  const hits: Hit[] = []
  return {
    hits,
    hit: (hit) => void hits.push(hit),
    final: () => undefined,
    retract: () => undefined,
  }
}

function observation(seen: Seen, order: number): Observation {
  const { time, key } = seen
  const events = [{ id: `e${order}`, time, order }]
  return { time, order, events, parts: [{ input: 'r', key, values: [] }] }
}

const make = (least: number): EventCount =>
  new EventCount({ least, timespanMs: SPAN, limits: CORRELATOR_LIMITS })

/** Feeds events in arrival order, the watermark LATENESS behind; optionally moves state by text. */
function run(least: number, arrivals: readonly Seen[], restartAt: readonly number[] = []): Hit[] {
  let correlator = make(least)
  const sink = collect()
  let watermarkMs = Number.NEGATIVE_INFINITY
  for (const [order, seen] of arrivals.entries()) {
    if (restartAt.includes(order)) {
      const rows = [...correlator.table.rows()]
      correlator = make(least)
      correlator.table.restore(rows)
    }
    correlator.observe(observation(seen, order), { watermarkMs, sink })
    watermarkMs = Math.max(watermarkMs, seen.time - LATENESS)
    correlator.advance({ watermarkMs, sink })
  }
  return sink.hits
}

/** The definition, by brute force: which (key, time) are hits, and which events they cover. */
function expected(least: number, events: readonly Seen[]): { times: string[]; covered: string[] } {
  const times: string[] = []
  const covered = new Set<string>()
  const order = (index: number): readonly [number, number] => [events[index]!.time, index]
  for (const [index, one] of events.entries()) {
    const window = [...events.keys()].filter((other) => {
      const [time, at] = order(other)
      const isBefore = time < one.time || (time === one.time && at <= index)
      return events[other]!.key === one.key && isBefore && one.time - time <= SPAN
    })
    if (window.length < least) continue
    times.push(`${one.key}@${one.time}`)
    for (const other of window) covered.add(`e${other}`)
  }
  return { times: times.sort(), covered: [...covered].sort() }
}

/** Events in event-time order whose arrival is shuffled by less than the lateness. */
const arrivals = fc
  .array(
    fc.record({
      gap: fc.nat(40),
      key: fc.constantFrom('["a"]', '["b"]'),
      delay: fc.nat(LATENESS - 1),
    }),
    { maxLength: 120 },
  )
  .map((items) => {
    let time = 1_000
    const timed = items.map(({ gap, key, delay }) => {
      time += gap
      return { time, key, delay }
    })
    return timed.toSorted((a, b) => a.time + a.delay - (b.time + b.delay))
  })

describe('event_count', () => {
  test('hits are those of the definition, whatever the arrival order within the lateness', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 6 }), arrivals, (least, events) => {
        const hits = run(least, events)
        const want = expected(least, events)
        expect(hits.map((hit) => `${hit.key}@${hit.time}`).sort()).toEqual(want.times)
        const covered = hits.flatMap((hit) => hit.events.map((event) => event.id))
        expect(covered.sort()).toEqual(want.covered)
      }),
      { numRuns: 500 },
    )
  })

  test('state moved to a new correlator at any point goes on alike', () => {
    fc.assert(
      fc.property(arrivals, fc.array(fc.nat(119), { maxLength: 3 }), (events, restarts) => {
        expect(run(3, events, restarts)).toEqual(run(3, events))
      }),
      { numRuns: 200 },
    )
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
})
