import fc from 'fast-check'
import { isBefore } from '../entries.ts'
import type { Correlator, Hit, HitSink, ObservationPart } from '../correlator.ts'

export const LATENESS_MS = 50

/** One event as a test gives it: when, for which input and key, with which values. */
export interface Seen {
  readonly time: number
  readonly key: string
  readonly input: string
  readonly values: readonly string[]
}

/** What stands in the end: hits that were final at once or became so, in the order of saying. */
export interface Outcome {
  readonly finals: readonly Hit[]
  /** Events that were added to hits said before. */
  readonly more: readonly Hit[]
  readonly retracted: number
  /** Provisional hits that were never settled; always a fault once the input is finished. */
  readonly unsettled: number
}

export interface DriveOptions {
  /** Makes the correlator; called again at each restart. */
  readonly make: () => Correlator
  /** Before which events the state is moved into a new correlator. */
  readonly restarts?: readonly number[]
  readonly finish?: boolean
}

/** Events in the order of their arrival. */
export interface Arrivals extends ReadonlyArray<Seen> {
  /** LATENESS_MS unless said. */
  readonly latenessMs?: number
}

/** Feeds events in arrival order with the watermark a lateness behind the newest. */
export function drive(arrivals: Arrivals, options: DriveOptions): Outcome {
  const { latenessMs = LATENESS_MS } = arrivals
  let correlator = options.make()
  const finals: Hit[] = []
  const more: Hit[] = []
  const pending = new Map<string, Hit>()
  let retracted = 0
  const nameOf = (hit: Hit): string => `${hit.key} ${hit.name}`
  const sink: HitSink = {
    hit: (hit, certainty) => {
      // Those of sequences and samples stand in the order of their stages.
      const isOrdered = hit.events.every((event, at) => {
        return at === 0 || isBefore(hit.events[at - 1]!, event)
      })
      if (hit.all === undefined && !isOrdered) throw new Error(`out of order: ${nameOf(hit)}`)
      if (certainty === 'final') finals.push(hit)
      else if (pending.has(nameOf(hit))) throw new Error(`said twice: ${nameOf(hit)}`)
      else pending.set(nameOf(hit), hit)
    },
    final: (hit) => {
      if (!pending.delete(nameOf(hit))) throw new Error(`final, never said: ${nameOf(hit)}`)
      finals.push(hit)
    },
    retract: (hit) => {
      if (!pending.delete(nameOf(hit))) throw new Error(`retracted, never said: ${nameOf(hit)}`)
      retracted += 1
    },
    more: (hit) => void more.push(hit),
  }
  let watermarkMs = Number.NEGATIVE_INFINITY
  const saved = new Map<string, string>()
  const save = (): void => {
    for (const { key, value } of correlator.table.takeChanges()) {
      if (value === undefined) saved.delete(key)
      else saved.set(key, value)
    }
    if (saved.size !== [...correlator.table.names()].length) throw new Error('names of rows differ')
  }
  for (const [order, seen] of arrivals.entries()) {
    const restart = options.restarts?.includes(order) === true
    // Often enough that rows are written bit by bit.
    if (restart || order % 3 === 1) save()
    if (restart) {
      const before = rowsOf(correlator)
      correlator = options.make()
      correlator.table.restore(saved)
      const after = rowsOf(correlator)
      if (after !== before) throw new Error(`saved and restored differ: ${before} ${after}`)
    }
    correlator.observe(observationOf(seen, order), { watermarkMs, sink })
    if (seen.time - latenessMs > watermarkMs) {
      watermarkMs = seen.time - latenessMs
      correlator.advance({ watermarkMs, sink })
    }
  }
  if (options.finish !== false) {
    const endMs = Math.max(0, ...arrivals.map(({ time }) => time))
    correlator.advance({ watermarkMs: endMs, sink })
    correlator.finish({ watermarkMs: endMs, sink })
  }
  return { finals, more, retracted, unsettled: pending.size }
}

function rowsOf(correlator: Correlator): string {
  const rows = [...correlator.table.rows()]
  return JSON.stringify(rows.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function observationOf(seen: Seen, order: number) {
  const { time, key, input, values } = seen
  const parts: ObservationPart[] = [{ input, key, values }]
  return { time, order, events: [{ id: `e${order}`, time, order }], parts }
}

/**
 * Events whose arrival is out of order by the lateness at most, which is shorter or longer than the
 * timespans of tests (100 ms); some of the lists are dense, with many events of one time.
 */
export function arrivalsOf(options: {
  readonly inputs?: readonly string[]
  readonly values?: readonly string[]
  readonly gapMax?: number
  readonly lengthMax?: number
}): fc.Arbitrary<Arrivals> {
  const { inputs = ['r'], values = ['v'], gapMax = 40, lengthMax = 80 } = options
  const item = fc.record({
    gap: fc.nat(gapMax),
    delay: fc.nat(10_000),
    key: fc.constantFrom('["a"]', '["b"]'),
    input: fc.constantFrom(...inputs),
    values: fc.constantFrom(...values).map((value) => [value]),
  })
  // Else there are ten at most, whatever the length that is asked for.
  const items = fc.array(item, { maxLength: lengthMax, size: 'max' })
  const latenesses = fc.constantFrom(LATENESS_MS, LATENESS_MS, 3 * LATENESS_MS)
  const densities = fc.constantFrom(1, 1, 1, 8)
  return fc.tuple(items, latenesses, densities).map(([list, latenessMs, density]) => {
    let time = 1_000
    const timed = list.map(({ gap, delay, ...rest }) => {
      time += Math.floor(gap / density)
      return { at: time + (delay % (latenessMs + 1)), seen: { ...rest, time } }
    })
    const seen = timed.sort((a, b) => a.at - b.at).map((one) => one.seen)
    return Object.assign(seen, { latenessMs })
  })
}

/** Events of a key with their arrival number, in the order of (time, arrival): the true order. */
export function inOrder(arrivals: readonly Seen[], key: string): (Seen & { id: string })[] {
  return arrivals
    .map((seen, order) => ({ ...seen, id: `e${order}`, order }))
    .filter((seen) => seen.key === key)
    .sort((a, b) => a.time - b.time || a.order - b.order)
}

/** Hits as `key@time`, sorted, for comparison with a definition. */
export const placesOf = (hits: readonly Hit[]): string[] =>
  hits.map((hit) => `${hit.key}@${hit.time}`).sort()

export const coveredBy = (hits: readonly Hit[]): string[] =>
  hits.flatMap((hit) => hit.events.map(({ id }) => id)).sort()

/**
 * The definition of a condition on windows, by brute force: where it holds for the window that ends with
 * an event, and which events those windows hold.
 */
export function windowsOf(
  arrivals: readonly Seen[],
  timespanMs: number,
  holds: (window: readonly Seen[]) => boolean,
): { readonly places: readonly string[]; readonly covered: readonly string[] } {
  const places: string[] = []
  const covered = new Set<string>()
  for (const key of ['["a"]', '["b"]']) {
    const list = inOrder(arrivals, key)
    for (const [index, one] of list.entries()) {
      const window = list.slice(0, index + 1).filter(({ time }) => one.time - time <= timespanMs)
      if (!holds(window)) continue
      places.push(`${key}@${one.time}`)
      for (const { id } of window) covered.add(id)
    }
  }
  return { places: places.sort(), covered: [...covered].sort() }
}
