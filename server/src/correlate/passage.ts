import { CORRELATOR_LIMITS, type EventRef, type Hit } from './correlator.ts'
import { insertEntry, isBefore, type Place } from './entries.ts'
import type { Matched } from './episodes.ts'
import { KeyTable } from './key-table.ts'

/** Hits of one key on their way to further correlations. */
interface Held {
  /** Sorted by (time, order), as are the events. */
  readonly hits: Place[]
  readonly events: EventRef[]
  readonly matched: Matched | undefined
}

export type Pass = (hit: Hit, matched: Matched | undefined) => void

/**
 * Between a correlation and those that it feeds. A hit may be certain before all of its events have
 * come, and which hit gave an event first depends on their arrival. Here hits wait until the
 * watermark has passed them; then they go on in the order of event time, each event with the first
 * hit that covers it: just what a correlation sees whose input came in order.
 */
export class Passage {
  readonly table: KeyTable<Held>
  readonly #hitsMax: number

  constructor(limits = CORRELATOR_LIMITS) {
    this.#hitsMax = limits.entriesMax
    this.table = new KeyTable({
      keysMax: limits.keysMax,
      codec: {
        encode: ({ hits, events, matched }): Row => [
          hits.map(({ time, order }) => [time, order]),
          events,
          matched ?? null,
        ],
        decode: heldOf,
      },
    })
  }

  /** Takes a hit in; where there is no room, the oldest of its key (or itself) goes on at once. */
  hold(hit: Hit, matched: () => Matched | undefined, pass: Pass): void {
    let held = this.table.get(hit.key)
    if (held === undefined) {
      if (!this.table.admit()) return pass(hit, matched())
      held = { hits: [], events: [], matched: matched() }
    }
    insertEntry(held.hits, { time: hit.time, order: hit.order })
    for (const event of hit.events) insertEntry(held.events, event)
    if (held.hits.length > this.#hitsMax) {
      this.table.losses.trimmed += 1
      this.#release(hit.key, held, pass)
    }
    this.#put(hit.key, held)
  }

  /** Further events of a hit that was taken in before. */
  more(hit: Hit): void {
    const held = this.table.get(hit.key)
    if (held === undefined) return
    for (const event of hit.events) insertEntry(held.events, event)
    this.#put(hit.key, held)
  }

  /** Lets go on what the watermark has passed. */
  advance(watermarkMs: number, pass: Pass): void {
    for (;;) {
      const key = this.table.nextDue(watermarkMs)
      if (key === undefined) return
      const held = this.table.get(key)!
      this.#release(key, held, pass)
      this.#put(key, held)
    }
  }

  #release(key: string, held: Held, pass: Pass): void {
    const { hits, events, matched } = held
    const hit = hits.shift()
    if (hit === undefined) return
    const after = hits.length === 0 ? -1 : events.findIndex((event) => isBefore(hit, event))
    const covered = events.splice(0, after < 0 ? events.length : after)
    const { time, order } = hit
    pass({ key, name: String(order), time, order, events: covered }, matched)
  }

  #put(key: string, held: Held): void {
    const [first] = held.hits
    if (first === undefined) this.table.delete(key)
    else this.table.put(key, held, { hold: 'held', dueMs: first.time })
  }
}

type Row = [hits: [time: number, order: number][], events: EventRef[], matched: Matched | null]

function heldOf(row: unknown): Held {
  const [hits, events, matched] = row as Row
  return {
    hits: hits.map(([time, order]) => ({ time, order })),
    events,
    matched: matched ?? undefined,
  }
}
