import type {
  Correlator,
  CorrelatorLimits,
  EventRef,
  Hit,
  Moment,
  Observation,
  ObservationPart,
} from './correlator.ts'
import { cover, firstFrom, insertEntry, type Entry } from './entries.ts'
import { KeyTable, type Hold } from './key-table.ts'
import { Multiset } from './multiset.ts'

interface ValuedEntry extends Entry {
  /** One list of values for each dimension. */
  readonly values: readonly (readonly string[])[]
  hit: boolean
}

interface Window {
  /** Sorted by (time, order). */
  entries: ValuedEntry[]
  lastHitMs: number
  /** Values of the window that ends at the last entry: those from index `from` on. */
  counts: Multiset[]
  from: number
}

export interface DistinctOptions {
  /** Distinct values asked for: first of the rule's own field, then of each cardinality. */
  readonly leasts: readonly number[]
  /** Events asked for in the same window. */
  readonly leastEvents: number
  readonly timespanMs: number
  readonly limits: CorrelatorLimits
}

/**
 * `value_count` with a lower bound, and counts with cardinality: an event is a hit when it and the
 * events of its key within the timespan before it (inclusive) hold enough distinct values. Monotone,
 * as `event_count` is. The window that ends at the newest event is a counted multiset; an event out
 * of order recounts the windows that it falls into.
 */
export class DistinctCount implements Correlator {
  readonly table: KeyTable<Window>
  readonly #options: DistinctOptions

  constructor(options: DistinctOptions) {
    this.#options = options
    const { keysMax } = options.limits
    this.table = new KeyTable({
      keysMax,
      codec: { encode: toRow, decode: (row) => this.#fromRow(row as Row) },
    })
  }

  observe(observation: Observation, moment: Moment): void {
    const merged = new Map<string, readonly (readonly string[])[]>()
    for (const part of observation.parts) {
      const values = this.#valuesOf(part)
      const known = merged.get(part.key)
      // An event that matches two inputs of the rule is one event.
      merged.set(
        part.key,
        known === undefined ? values : known.map((one, at) => [...one, ...values[at]!]),
      )
    }
    for (const [key, values] of merged) {
      // Without a value of its own field an event says nothing.
      if (this.#options.leastEvents <= 1 && values[0]?.length === 0) continue
      this.#count(key, values, { observation, moment })
    }
  }

  advance(moment: Moment): void {
    for (;;) {
      const key = this.table.nextDue(moment.watermarkMs)
      if (key === undefined) return
      this.table.delete(key)
    }
  }

  finish(_moment: Moment): void {
    // Hits were final when they came.
  }

  #valuesOf(part: ObservationPart): readonly (readonly string[])[] {
    const own = this.#options.leasts.length > (part.cardinality?.length ?? 0) ? [part.values] : []
    return [...own, ...(part.cardinality ?? [])]
  }

  #count(
    key: string,
    values: readonly (readonly string[])[],
    seen: { readonly observation: Observation; readonly moment: Moment },
  ): void {
    const { observation, moment } = seen
    let window = this.table.get(key)
    if (window === undefined) {
      if (!this.table.admit()) return
      window = this.#emptyWindow()
    }
    this.#forget(window, moment.watermarkMs)
    const { time, order, events: refs } = observation
    const { entries } = window
    const at = insertEntry(entries, { time, order, refs, values, hit: false })
    const said = (index: number): void => {
      entries[index]!.hit = true
      window.lastHitMs = Math.max(window.lastHitMs, entries[index]!.time)
      moment.sink.hit(this.#hitOf(key, entries, index), 'final')
    }
    if (at === entries.length - 1) {
      this.#slide(window)
      if (this.#enough(window.counts, at - window.from + 1)) said(at)
    } else {
      this.#recount(window, at, said)
      if (entries[at]!.refs !== undefined) this.#coverLate(key, window, { at, moment })
    }
    this.#trim(window)
    this.table.put(key, window, {
      hold: this.#holdOf(window, moment.watermarkMs),
      dueMs: entries.at(-1)!.time + this.#options.timespanMs,
    })
  }

  /** The last entry is new: moves the window on to it. */
  #slide(window: Window): void {
    const { entries, counts } = window
    const last = entries.at(-1)!
    addValues(counts, last)
    while (last.time - entries[window.from]!.time > this.#options.timespanMs) {
      removeValues(counts, entries[window.from]!)
      window.from += 1
    }
  }

  /** Entry `at` came out of order: looks at every window that it is in. */
  #recount(window: Window, at: number, said: (index: number) => void): void {
    const { timespanMs } = this.#options
    const { entries } = window
    const added = entries[at]!
    if (entries.at(-1)!.time - added.time <= timespanMs) {
      addValues(window.counts, added)
      window.from = Math.min(window.from, at)
    } else window.from += 1
    const counts = this.#emptyCounts()
    let from = firstFrom(entries, added.time - timespanMs)
    for (let index = from; index < entries.length; index += 1) {
      const entry = entries[index]!
      if (entry.time - added.time > timespanMs) break
      addValues(counts, entry)
      while (entry.time - entries[from]!.time > timespanMs) {
        removeValues(counts, entries[from]!)
        from += 1
      }
      if (index >= at && !entry.hit && this.#enough(counts, index - from + 1)) said(index)
    }
  }

  /** Entry `at` made no hit, but may lie in the window of one that was said before. */
  #coverLate(key: string, window: Window, one: { at: number; moment: Moment }): void {
    const { entries } = window
    const added = entries[one.at]!
    for (let index = one.at + 1; index < entries.length; index += 1) {
      const { time, order, hit } = entries[index]!
      if (time - added.time > this.#options.timespanMs) return
      if (!hit) continue
      const events = cover(entries, one.at, one.at)
      one.moment.sink.more?.({ key, name: String(order), time, order, events })
      return
    }
  }

  #enough(counts: readonly Multiset[], events: number): boolean {
    const { leasts, leastEvents } = this.#options
    if (events < leastEvents) return false
    for (let at = 0; at < leasts.length; at += 1) {
      if (counts[at]!.distinct < leasts[at]!) return false
    }
    return true
  }

  #hitOf(key: string, entries: readonly ValuedEntry[], index: number): Hit {
    const { time, order } = entries[index]!
    const from = firstFrom(entries, time - this.#options.timespanMs)
    return { key, name: String(order), time, order, events: cover(entries, from, index) }
  }

  #holdOf(window: Window, watermarkMs: number): Hold {
    if (window.lastHitMs + this.#options.timespanMs >= watermarkMs) return 'held'
    return window.entries.length > 1 ? 'grown' : 'fresh'
  }

  #forget(window: Window, watermarkMs: number): void {
    this.#drop(window, firstFrom(window.entries, watermarkMs - this.#options.timespanMs))
  }

  #trim(window: Window): void {
    const over = window.entries.length - this.#options.limits.entriesMax
    if (over <= 0) return
    // A tenth at once: cutting the head of a long list is not for every event.
    const count = Math.max(over, Math.ceil(this.#options.limits.entriesMax / 10))
    this.table.losses.trimmed += window.entries
      .slice(0, count)
      .filter((entry) => entry.refs !== undefined).length
    this.#drop(window, count)
  }

  #drop(window: Window, count: number): void {
    if (count === 0) return
    for (let at = window.from; at < count; at += 1) removeValues(window.counts, window.entries[at]!)
    window.entries.splice(0, count)
    window.from = Math.max(0, window.from - count)
  }

  #emptyCounts(): Multiset[] {
    return this.#options.leasts.map(() => new Multiset())
  }

  #emptyWindow(): Window {
    return {
      entries: [],
      lastHitMs: Number.NEGATIVE_INFINITY,
      counts: this.#emptyCounts(),
      from: 0,
    }
  }

  #fromRow([lastHitMs, ...rows]: Row): Window {
    const window = this.#emptyWindow()
    window.lastHitMs = lastHitMs ?? Number.NEGATIVE_INFINITY
    for (const [time, order, hit, values, refs] of rows) {
      window.entries.push({ time, order, hit: hit === 1, values, refs: refs ?? undefined })
      this.#slide(window)
    }
    return window
  }
}

function addValues(counts: readonly Multiset[], entry: ValuedEntry): void {
  for (const [at, list] of entry.values.entries()) for (const one of list) counts[at]?.add(one)
}

function removeValues(counts: readonly Multiset[], entry: ValuedEntry): void {
  for (const [at, list] of entry.values.entries()) for (const one of list) counts[at]?.remove(one)
}

type Row = [lastHitMs: number | null, ...entries: EntryRow[]]
type EntryRow = [
  time: number,
  order: number,
  hit: 0 | 1,
  values: readonly (readonly string[])[],
  refs: readonly EventRef[] | null,
]

function toRow(window: Window): Row {
  const last = Number.isFinite(window.lastHitMs) ? window.lastHitMs : null
  return [
    last,
    ...window.entries.map(({ time, order, hit, values, refs }): EntryRow => [
      time,
      order,
      hit ? 1 : 0,
      values,
      refs ?? null,
    ]),
  ]
}
