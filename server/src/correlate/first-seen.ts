import type { FirstSeenCorrelation } from '../model/correlation.ts'
import type {
  Correlator,
  CorrelatorLimits,
  EventRef,
  Hit,
  Moment,
  Observation,
} from './correlator.ts'
import { firstFrom, insertEntry, type Place } from './entries.ts'
import { decodeKey, encodeKey } from './group-key.ts'
import { KeyTable } from './key-table.ts'

interface Sight extends Place {
  readonly ref: EventRef | undefined
  readonly value: string
}

interface Known {
  /** When the key was first seen, or again after a whole history without it: it is watched since. */
  sinceMs: number
  /** When it was last seen below the watermark. */
  latestMs: number
  /** Values and when they were last seen below the watermark, stalest first. */
  readonly lastSeen: Map<string, number>
  /** Sights from the watermark on, sorted by (time, order). */
  pending: Sight[]
  /** Provisional hits, by name. */
  readonly open: Map<string, Hit>
}

/**
 * A value (or combination) that its key has not shown within the history. Said at once, as
 * provisional; final when the watermark has passed and no earlier sight of the value came late.
 */
export class FirstSeen implements Correlator {
  readonly table: KeyTable<Known>
  readonly #historyMs: number
  readonly #learnMs: number
  readonly #entriesMax: number
  /** The key of a hit: the group, and with `perValue` the value in it. */
  readonly #keyOf: (key: string, value: string) => string

  constructor(correlation: FirstSeenCorrelation, limits: CorrelatorLimits) {
    this.#historyMs = correlation.historyMs
    this.#learnMs = correlation.learnMs
    this.#entriesMax = limits.entriesMax
    this.#keyOf = correlation.perValue === true ? keyWithin(correlation.fields) : (key) => key
    this.table = new KeyTable({
      keysMax: limits.keysMax,
      codec: { encode: toRow, decode: fromRow },
    })
  }

  observe(observation: Observation, moment: Moment): void {
    const { time, order, events } = observation
    const seen = new Map<string, Set<string>>()
    for (const { key, values } of observation.parts) {
      seen.set(key, new Set([...(seen.get(key) ?? []), ...values]))
    }
    for (const [key, values] of seen) {
      if (values.size === 0) continue
      const known = this.table.open(key, () => fresh(time))
      if (known === undefined) continue
      for (const value of values) {
        if (known.pending.length >= this.#entriesMax) this.#trim(key, known, moment)
        const sight = { time, order, value, ref: events.at(-1) }
        if (this.#isNew(known, sight)) this.#say(key, known, sight, moment)
        insertEntry(known.pending, sight)
      }
      this.#put(key, known)
    }
  }

  advance(moment: Moment): void {
    for (;;) {
      const key = this.table.nextDue(moment.watermarkMs)
      if (key === undefined) return
      const known = this.table.get(key)!
      this.#settle(key, known, moment)
      for (const [value, lastMs] of known.lastSeen) {
        if (lastMs + this.#historyMs < moment.watermarkMs) known.lastSeen.delete(value)
        else break
      }
      this.#put(key, known)
    }
  }

  finish(moment: Moment): void {
    const whole = { ...moment, watermarkMs: Number.POSITIVE_INFINITY }
    for (const key of this.table.keys()) {
      this.#settle(key, this.table.get(key)!, whole)
      this.table.delete(key)
    }
  }

  #say(key: string, known: Known, sight: Sight, moment: Moment): void {
    const hit = hitOf(this.#keyOf(key, sight.value), sight)
    known.open.set(hit.name, hit)
    moment.sink.hit(hit, 'provisional')
  }

  #isNew(known: Known, sight: Sight): boolean {
    if (sight.time - this.#watchedMs(known, sight) < this.#learnMs) return false
    const lastMs = known.lastSeen.get(sight.value)
    if (lastMs !== undefined && sight.time - lastMs <= this.#historyMs) return false
    return !known.pending.some(
      ({ value, time }) =>
        value === sight.value && time <= sight.time && sight.time - time <= this.#historyMs,
    )
  }

  #watchedMs(known: Known, { time }: Sight): number {
    if (time - known.latestMs <= this.#historyMs) return known.sinceMs
    return Math.min(known.pending[0]?.time ?? time, time)
  }

  /** Goes over the sights that the watermark has passed. */
  #settle(key: string, known: Known, moment: Moment): void {
    this.#decide(key, known, { count: firstFrom(known.pending, moment.watermarkMs), moment })
  }

  /** A key holds no more sights than the limit: the older half is taken as settled early. */
  #trim(key: string, known: Known, moment: Moment): void {
    const count = (known.pending.length >> 1) + 1
    this.table.losses.trimmed += count
    this.#decide(key, known, { count, moment })
  }

  /** Goes over the first of the sights, in their order. */
  #decide(
    key: string,
    known: Known,
    { count, moment }: { readonly count: number; readonly moment: Moment },
  ): void {
    const { pending, lastSeen, open } = known
    for (const sight of pending.splice(0, count)) {
      // Whether its row is still there is a matter of when the watermark rose, and says nothing.
      if (sight.time - known.latestMs > this.#historyMs) known.sinceMs = sight.time
      known.latestMs = sight.time
      const name = nameOf(sight)
      const said = open.get(name)
      const lastMs = lastSeen.get(sight.value)
      const isKnown = lastMs !== undefined && sight.time - lastMs <= this.#historyMs
      const isNew = !isKnown && sight.time - known.sinceMs >= this.#learnMs
      open.delete(name)
      if (isNew && said !== undefined) moment.sink.final(said)
      else if (isNew) {
        moment.sink.hit(hitOf(this.#keyOf(key, sight.value), sight), 'final')
      } else if (said !== undefined) moment.sink.retract(said)
      lastSeen.delete(sight.value)
      lastSeen.set(sight.value, sight.time)
    }
    for (const value of lastSeen.keys()) {
      if (lastSeen.size <= this.#entriesMax) break
      lastSeen.delete(value)
      this.table.losses.trimmed += 1
    }
  }

  #put(key: string, known: Known): void {
    const [stalest] = known.lastSeen.values()
    const historyMs = (stalest ?? Number.POSITIVE_INFINITY) + this.#historyMs
    const dueMs = Math.min(known.pending[0]?.time ?? Number.POSITIVE_INFINITY, historyMs)
    if (dueMs === Number.POSITIVE_INFINITY) return this.table.delete(key)
    const hold = known.open.size > 0 ? 'held' : known.lastSeen.size > 0 ? 'grown' : 'fresh'
    this.table.put(key, known, { hold, dueMs })
  }
}

/** Several fields make one value, which is written as keys are. */
function keyWithin(fields: readonly string[]): (key: string, value: string) => string {
  return (key, value) =>
    encodeKey([...decodeKey(key), ...(fields.length === 1 ? [value] : decodeKey(value))])
}

const nameOf = ({ order, value }: Sight): string => `${order} ${value}`

function hitOf(key: string, sight: Sight): Hit {
  const { time, order, ref, value } = sight
  const events = ref === undefined ? [] : [ref]
  return { key, name: nameOf(sight), time, order, events, facts: { value: value.slice(0, 256) } }
}

type Row = [sinceMs: number, lastSeen: [string, number][], pending: Sight[], open: readonly Hit[]]

function toRow({ sinceMs, lastSeen, pending, open }: Known): Row {
  return [sinceMs, [...lastSeen], pending, [...open.values()]]
}

function fresh(timeMs: number): Known {
  const latestMs = Number.NEGATIVE_INFINITY
  return { sinceMs: timeMs, latestMs, lastSeen: new Map(), pending: [], open: new Map() }
}

function fromRow(row: unknown): Known {
  const [sinceMs, lastSeen, pending, open] = row as Row
  return {
    sinceMs,
    latestMs: lastSeen.at(-1)?.[1] ?? Number.NEGATIVE_INFINITY,
    lastSeen: new Map(lastSeen),
    pending,
    open: new Map(open.map((hit) => [hit.name, hit])),
  }
}
