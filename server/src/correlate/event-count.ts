import type { Correlator, CorrelatorLimits, Hit, Moment, Observation } from './correlator.ts'
import { coverWindow, dropBefore, heldRefs, insertEntry, type HitEntry } from './entries.ts'
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

type Counted = SavedEntries<HitEntry>

const noneCounted = (): Counted => {
  return { entries: [], lastHitMs: Number.NEGATIVE_INFINITY, saved: notSaved() }
}

/**
 * `event_count` with a lower bound N: an event is a hit when it and the events of its key within
 * the timespan before it (inclusive) are at least N. Monotone: an event that arrives out of order
 * can only add hits, so each is final at once.
 *
 * A key keeps about 2N entries however many events it sees: an entry that is a hit itself, with N
 * neighbours on either side all within one timespan, can be forgotten, because every window that
 * holds it holds N others (see `thin`).
 */
export class EventCount implements Correlator {
  readonly table: KeyTable<Counted>
  readonly #least: number
  readonly #timespanMs: number
  readonly #entriesMax: number

  constructor(options: { least: number; timespanMs: number; limits: CorrelatorLimits }) {
    this.#least = options.least
    this.#timespanMs = options.timespanMs
    // Rules ask for 100,000 at most, and what is needed for that is not to be cut away.
    this.#entriesMax = Math.max(options.limits.entriesMax, 3 * options.least)
    this.table = new KeyTable({ keysMax: options.limits.keysMax, codec: CODEC })
  }

  observe(observation: Observation, moment: Moment): void {
    const { parts } = observation
    for (let index = 0; index < parts.length; index += 1) {
      const { key } = parts[index]!
      // An event that matches two inputs of the rule is one event.
      if (index > 0 && parts.findIndex((part) => part.key === key) < index) continue
      this.#count(key, observation, moment)
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

  #count(key: string, observation: Observation, moment: Moment): void {
    const counted = this.table.open(key, noneCounted)
    if (counted === undefined) return
    const { entries } = counted
    goneFrom(counted, dropBefore(entries, moment.watermarkMs - this.#timespanMs))
    const { time, order } = observation
    const at = insertEntry(entries, { time, order, refs: heldRefs(observation), hit: false })
    changedFrom(counted, at)
    for (let index = at; index < entries.length; index += 1) {
      if (entries[index]!.time - time > this.#timespanMs) break
      if (this.#becomesHit(entries, index)) {
        counted.lastHitMs = Math.max(counted.lastHitMs, entries[index]!.time)
        moment.sink.hit(this.#hitOf(key, counted, index), 'final')
      }
    }
    this.#thin(counted)
    this.table.put(key, counted, {
      hold: holdOf(counted, this.#timespanMs, moment.watermarkMs),
      dueMs: entries.at(-1)!.time + this.#timespanMs,
    })
  }

  #becomesHit(entries: readonly HitEntry[], index: number): boolean {
    const entry = entries[index]!
    if (entry.hit) return false
    const start = entries[index - this.#least + 1]
    return start !== undefined && entry.time - start.time <= this.#timespanMs
  }

  #hitOf(key: string, counted: Counted, index: number): Hit {
    const { time, order } = counted.entries[index]!
    const { from, events } = coverWindow(counted.entries, index, this.#timespanMs)
    changedFrom(counted, from)
    return { key, name: String(order), time, order, events }
  }

  #thin(counted: Counted): void {
    const { entries } = counted
    const least = this.#least
    // Not at every event: a list that cannot be thinned must not be walked each time.
    if (entries.length < 4 * least || entries.length % Math.max(32, least) !== 0) return
    let kept = 0
    for (let index = 0; index < entries.length; index += 1) {
      const entry = entries[index]!
      const before = kept >= least ? entries[kept - least] : undefined
      const after = entries[index + least]
      const spare =
        entry.hit &&
        before !== undefined &&
        after !== undefined &&
        after.time - before.time <= this.#timespanMs
      if (spare) {
        changedFrom(counted, kept)
        continue
      }
      entries[kept] = entry
      kept += 1
    }
    entries.length = kept
    if (kept > this.#entriesMax) {
      this.table.losses.trimmed += kept - this.#entriesMax
      entries.splice(0, kept - this.#entriesMax)
      goneFrom(counted, kept - this.#entriesMax)
    }
  }
}

type EntryRow = [time: number, order: number, hit: 0 | 1, refs?: RefsRow]

const CODEC = {
  encode: (counted: Counted): SavedRow<EntryRow> => savedRow(counted, entryRow),
  decode(row: unknown): Counted {
    const [last, ...rows] = row as SavedRow<EntryRow>
    const entries = rows.map(([time, order, hit, refs]) => {
      return { time, order, hit: hit === 1, refs: refsOf(refs, { time, order }) }
    })
    return { entries, lastHitMs: last ?? Number.NEGATIVE_INFINITY, saved: notSaved() }
  },
  changes: savedChanges(entryRow),
}

function entryRow(entry: HitEntry): EntryRow {
  const { time, order, hit, refs } = entry
  const flag = hit ? 1 : 0
  return refs === undefined ? [time, order, flag] : [time, order, flag, refsRow(entry)]
}
