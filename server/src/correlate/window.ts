import type {
  Correlator,
  CorrelatorLimits,
  EventRef,
  Hit,
  Moment,
  Observation,
  ObservationPart,
} from './correlator.ts'
import { cover, coverWindow, firstFrom, insertEntry, type HitEntry } from './entries.ts'
import { KeyTable, type Hold } from './key-table.ts'

/** What a window holds of an event beside its place: plain data. */
export interface Noted<P> extends HitEntry {
  readonly what: P
}

/** Follows a window while it slides over entries in their order. */
export interface Scan<P> {
  /** The entry is the newest of the window. */
  add(entry: Noted<P>): void
  /** The entry, the oldest, has left the window. */
  leave(entry: Noted<P>): void
  /** Whether the window that ends with this entry, the newest, is what is looked for. */
  holds(entry: Noted<P>, events: number): boolean
  /** An entry was put into the middle: false where the scan cannot take it in as it stands. */
  insert(entry: Noted<P>): boolean
}

export interface WindowKind<P> {
  readonly timespanMs: number
  readonly limits: CorrelatorLimits
  scan(): Scan<P>
  /** What to note of an event that has these parts for a key; undefined: nothing. */
  note(parts: readonly ObservationPart[]): P | undefined
}

interface Window<P> {
  /** Sorted by (time, order). */
  entries: Noted<P>[]
  lastHitMs: number
  /** Of the entries from index `from` on: the window that ends at the last one. */
  scan: Scan<P>
  from: number
}

/**
 * A condition on the events of a key within the timespan before an event (inclusive) that more
 * events can never undo. An event where it holds is a hit, final at once. An event in order slides
 * the newest window; one out of order has the windows that it falls into looked at again.
 */
export class MonotoneWindow<P> implements Correlator {
  readonly table: KeyTable<Window<P>>
  readonly #kind: WindowKind<P>

  constructor(kind: WindowKind<P>) {
    this.#kind = kind
    this.table = new KeyTable({
      keysMax: kind.limits.keysMax,
      codec: { encode: toRow, decode: (row) => this.#fromRow(row as Row<P>) },
    })
  }

  observe(observation: Observation, moment: Moment): void {
    const { parts } = observation
    for (const [index, { key }] of parts.entries()) {
      // All that matched of one event is one event.
      if (index > 0 && parts.findIndex((part) => part.key === key) < index) continue
      const mine = parts.length === 1 ? parts : parts.filter((part) => part.key === key)
      const what = this.#kind.note(mine)
      if (what !== undefined) this.#take(key, what, { observation, moment })
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

  #take(
    key: string,
    what: P,
    seen: { readonly observation: Observation; readonly moment: Moment },
  ): void {
    const { observation, moment } = seen
    let window = this.table.get(key)
    if (window === undefined) {
      if (!this.table.admit()) return
      window = this.#empty()
    }
    const { timespanMs } = this.#kind
    const { entries } = window
    this.#drop(window, firstFrom(entries, moment.watermarkMs - timespanMs))
    const { time, order, events: refs } = observation
    const at = insertEntry(entries, { time, order, refs, what, hit: false })
    const said = (index: number): void => {
      window.lastHitMs = Math.max(window.lastHitMs, entries[index]!.time)
      moment.sink.hit(hitOf(key, entries, { index, timespanMs }), 'final')
    }
    if (at === entries.length - 1) {
      this.#slide(window)
      if (window.scan.holds(entries[at]!, at - window.from + 1)) said(at)
    } else {
      this.#recount(window, at, said)
      if (entries[at]!.refs !== undefined) this.#coverLate(key, window, { at, moment })
    }
    this.#trim(window)
    this.table.put(key, window, {
      hold: this.#holdOf(window, moment.watermarkMs),
      dueMs: entries.at(-1)!.time + timespanMs,
    })
  }

  /** The last entry is new: moves the window on to it. */
  #slide(window: Window<P>): void {
    const { entries, scan } = window
    const last = entries.at(-1)!
    while (window.from < entries.length - 1) {
      const oldest = entries[window.from]!
      if (last.time - oldest.time <= this.#kind.timespanMs) break
      scan.leave(oldest)
      window.from += 1
    }
    scan.add(last)
  }

  /** Entry `at` came out of order: looks at every window that it is in. */
  #recount(window: Window<P>, at: number, said: (index: number) => void): void {
    const { timespanMs } = this.#kind
    const { entries } = window
    const added = entries[at]!
    if (entries.at(-1)!.time - added.time <= timespanMs) {
      window.from = Math.min(window.from, at)
      if (!window.scan.insert(added)) window.scan = this.#scanOf(entries, window.from)
    } else window.from += 1
    const scan = this.#kind.scan()
    let from = firstFrom(entries, added.time - timespanMs)
    for (let index = from; index < entries.length; index += 1) {
      const entry = entries[index]!
      if (entry.time - added.time > timespanMs) break
      while (entry.time - entries[from]!.time > timespanMs) {
        scan.leave(entries[from]!)
        from += 1
      }
      scan.add(entry)
      if (index >= at && !entry.hit && scan.holds(entry, index - from + 1)) said(index)
    }
  }

  /** Entry `at` made no hit, but may lie in the window of one that was said before. */
  #coverLate(key: string, window: Window<P>, one: { at: number; moment: Moment }): void {
    const { entries } = window
    const added = entries[one.at]!
    for (let index = one.at + 1; index < entries.length; index += 1) {
      const { time, order, hit } = entries[index]!
      if (time - added.time > this.#kind.timespanMs) return
      if (!hit) continue
      const events = cover(entries, one.at, one.at)
      one.moment.sink.more?.({ key, name: String(order), time, order, events })
      return
    }
  }

  #holdOf(window: Window<P>, watermarkMs: number): Hold {
    if (window.lastHitMs + this.#kind.timespanMs >= watermarkMs) return 'held'
    return window.entries.length > 1 ? 'grown' : 'fresh'
  }

  #trim(window: Window<P>): void {
    const { entriesMax } = this.#kind.limits
    if (window.entries.length <= entriesMax) return
    // A tenth at once: cutting the head of a long list is not for every event.
    const count = window.entries.length - entriesMax + Math.floor(entriesMax / 10)
    this.table.losses.trimmed += window.entries
      .slice(0, count)
      .filter((entry) => entry.refs !== undefined).length
    this.#drop(window, count)
  }

  #drop(window: Window<P>, count: number): void {
    if (count === 0) return
    for (let at = window.from; at < count; at += 1) window.scan.leave(window.entries[at]!)
    window.entries.splice(0, count)
    window.from = Math.max(0, window.from - count)
  }

  #scanOf(entries: readonly Noted<P>[], from: number): Scan<P> {
    const scan = this.#kind.scan()
    for (let at = from; at < entries.length; at += 1) scan.add(entries[at]!)
    return scan
  }

  #empty(): Window<P> {
    return { entries: [], lastHitMs: Number.NEGATIVE_INFINITY, scan: this.#kind.scan(), from: 0 }
  }

  #fromRow([lastHitMs, ...rows]: Row<P>): Window<P> {
    const window = this.#empty()
    window.lastHitMs = lastHitMs ?? Number.NEGATIVE_INFINITY
    for (const [time, order, hit, what, refs] of rows) {
      window.entries.push({ time, order, hit: hit === 1, what, refs: refs ?? undefined })
      this.#slide(window)
    }
    return window
  }
}

function hitOf<P>(
  key: string,
  entries: readonly Noted<P>[],
  one: { readonly index: number; readonly timespanMs: number },
): Hit {
  const { time, order } = entries[one.index]!
  const events = coverWindow(entries, one.index, one.timespanMs)
  return { key, name: String(order), time, order, events }
}

type Row<P> = [lastHitMs: number | null, ...entries: EntryRow<P>[]]
type EntryRow<P> = [
  time: number,
  order: number,
  hit: 0 | 1,
  what: P,
  refs: readonly EventRef[] | null,
]

function toRow<P>({ lastHitMs, entries }: Window<P>): Row<P> {
  const rows = entries.map(({ time, order, hit, what, refs }): EntryRow<P> => [
    time,
    order,
    hit ? 1 : 0,
    what,
    refs ?? null,
  ])
  return [Number.isFinite(lastHitMs) ? lastHitMs : null, ...rows]
}
