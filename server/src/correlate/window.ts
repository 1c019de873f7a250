import type {
  Correlator,
  CorrelatorLimits,
  Hit,
  Moment,
  Observation,
  ObservationPart,
} from './correlator.ts'
import { cover, coverWindow, firstFrom, heldRefs, insertEntry, type HitEntry } from './entries.ts'
import {
  changedFrom,
  goneFrom,
  holdOf,
  notSaved,
  type RefsRow,
  refsOf,
  refsRow,
  savedChanges,
  type SavedEntries,
  type SavedRow,
  savedRow,
} from './entry-row.ts'
import { KeyTable } from './key-table.ts'

/** What a window holds of an event beside its place: plain data. */
export interface Noted<P> extends HitEntry {
  readonly what: P
}

/** Follows a window while it slides over entries. */
export interface Scan<P> {
  /** The entry is one more of the window; in whatever order they come. */
  add(entry: Noted<P>): void
  /** The entry, the oldest, has left the window. */
  leave(entry: Noted<P>): void
  /** Whether the window that ends with this entry, the newest, is what is looked for. */
  holds(entry: Noted<P>, events: number): boolean
}

export interface WindowKind<P> {
  readonly timespanMs: number
  readonly limits: CorrelatorLimits
  scan(): Scan<P>
  /** What to note of an event that has these parts for a key; undefined: nothing. */
  note(parts: readonly ObservationPart[]): P | undefined
}

interface Window<P> extends SavedEntries<Noted<P>> {
  /** Of the entries from index `from` on: the window that ends at the last one. */
  readonly scan: Scan<P>
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
    this.table = new KeyTable<Window<P>>({
      keysMax: kind.limits.keysMax,
      codec: {
        encode: (window) => savedRow(window, entryRow),
        decode: (row) => this.#fromRow(row as SavedRow<EntryRow<P>>),
        changes: savedChanges(entryRow),
      },
    })
  }

  observe(observation: Observation, moment: Moment): void {
    const { parts } = observation
    for (let index = 0; index < parts.length; index += 1) {
      const { key } = parts[index]!
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
    const window = this.table.open(key, this.#empty)
    if (window === undefined) return
    const { timespanMs } = this.#kind
    const { entries } = window
    this.#drop(window, firstFrom(entries, moment.watermarkMs - timespanMs))
    const { time, order } = observation
    const at = insertEntry(entries, { time, order, refs: heldRefs(observation), what, hit: false })
    changedFrom(window, at)
    const said = (index: number): void => {
      const { time: timeMs, order: name } = entries[index]!
      window.lastHitMs = Math.max(window.lastHitMs, timeMs)
      const { from, events } = coverWindow(entries, index, timespanMs)
      changedFrom(window, from)
      const hit: Hit = { key, name: String(name), time: timeMs, order: name, events }
      moment.sink.hit(hit, 'final')
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
      hold: holdOf(window, timespanMs, moment.watermarkMs),
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
      window.scan.add(added)
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
    goneFrom(window, count)
    window.from = Math.max(0, window.from - count)
  }

  readonly #empty = (): Window<P> => {
    const lastHitMs = Number.NEGATIVE_INFINITY
    return { entries: [], lastHitMs, saved: notSaved(), scan: this.#kind.scan(), from: 0 }
  }

  #fromRow([lastHitMs, ...rows]: SavedRow<EntryRow<P>>): Window<P> {
    const window = this.#empty()
    window.lastHitMs = lastHitMs ?? Number.NEGATIVE_INFINITY
    for (const [time, order, hit, what, refs] of rows) {
      const entry = { time, order, hit: hit === 1, what, refs: refsOf(refs, { time, order }) }
      window.entries.push(entry)
      this.#slide(window)
    }
    return window
  }
}

type EntryRow<P> = [time: number, order: number, hit: 0 | 1, what: P, refs: RefsRow]

function entryRow<P>(entry: Noted<P>): EntryRow<P> {
  const { time, order, hit, what } = entry
  return [time, order, hit ? 1 : 0, what, refsRow(entry)]
}
