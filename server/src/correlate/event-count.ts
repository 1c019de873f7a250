import type {
  Correlator,
  CorrelatorLimits,
  EventRef,
  Hit,
  Moment,
  Observation,
} from './correlator.ts'
import { coverWindow, dropBefore, insertEntry, type HitEntry } from './entries.ts'
import { KeyTable, type Hold } from './key-table.ts'

interface Counted {
  /** Sorted by (time, order). */
  entries: HitEntry[]
  lastHitMs: number
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
    this.#entriesMax = options.limits.entriesMax
    this.table = new KeyTable({ keysMax: options.limits.keysMax, codec: CODEC })
  }

  observe(observation: Observation, moment: Moment): void {
    const { parts } = observation
    for (const [index, { key }] of parts.entries()) {
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
    let counted = this.table.get(key)
    if (counted === undefined) {
      if (!this.table.admit()) return
      counted = { entries: [], lastHitMs: Number.NEGATIVE_INFINITY }
    }
    const { entries } = counted
    dropBefore(entries, moment.watermarkMs - this.#timespanMs)
    const { time, order, events: refs } = observation
    const at = insertEntry(entries, { time, order, refs, hit: false })
    for (let index = at; index < entries.length; index += 1) {
      if (entries[index]!.time - time > this.#timespanMs) break
      if (this.#becomesHit(entries, index)) {
        counted.lastHitMs = Math.max(counted.lastHitMs, entries[index]!.time)
        moment.sink.hit(this.#hitOf(key, entries, index), 'final')
      }
    }
    this.#thin(entries)
    this.table.put(key, counted, {
      hold: this.#holdOf(counted, moment.watermarkMs),
      dueMs: entries.at(-1)!.time + this.#timespanMs,
    })
  }

  #holdOf(counted: Counted, watermarkMs: number): Hold {
    if (counted.lastHitMs + this.#timespanMs >= watermarkMs) return 'held'
    return counted.entries.length > 1 ? 'grown' : 'fresh'
  }

  #becomesHit(entries: readonly HitEntry[], index: number): boolean {
    const entry = entries[index]!
    if (entry.hit) return false
    const start = entries[index - this.#least + 1]
    return start !== undefined && entry.time - start.time <= this.#timespanMs
  }

  #hitOf(key: string, entries: readonly HitEntry[], index: number): Hit {
    const { time, order } = entries[index]!
    const events = coverWindow(entries, index, this.#timespanMs)
    return { key, name: String(order), time, order, events }
  }

  #thin(entries: HitEntry[]): void {
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
        entry.refs === undefined &&
        before !== undefined &&
        after !== undefined &&
        after.time - before.time <= this.#timespanMs
      if (spare) continue
      entries[kept] = entry
      kept += 1
    }
    entries.length = kept
    if (kept > this.#entriesMax) {
      this.table.losses.trimmed += kept - this.#entriesMax
      entries.splice(0, kept - this.#entriesMax)
    }
  }
}

type Row = [lastHitMs: number | null, ...entries: EntryRow[]]
type EntryRow = [time: number, order: number, hit: 0 | 1, refs?: readonly EventRef[]]

const CODEC = {
  encode(counted: Counted): Row {
    const last = Number.isFinite(counted.lastHitMs) ? counted.lastHitMs : null
    return [last, ...counted.entries.map(entryRow)]
  },
  decode(row: unknown): Counted {
    const [last, ...entries] = row as Row
    return {
      lastHitMs: last ?? Number.NEGATIVE_INFINITY,
      entries: entries.map(([time, order, hit, refs]) => ({ time, order, hit: hit === 1, refs })),
    }
  },
}

function entryRow({ time, order, hit, refs }: HitEntry): EntryRow {
  const flag = hit ? 1 : 0
  return refs === undefined ? [time, order, flag] : [time, order, flag, refs]
}
