import { ANEW } from '../base/anew.ts'
import type {
  Correlator,
  CorrelatorLimits,
  EventRef,
  Hit,
  Moment,
  Observation,
} from './correlator.ts'
import { changedFrom, goneFrom } from './entry-row.ts'
import { KeyTable, type Hold, type RowChanges } from './key-table.ts'
import { codecOf, followed, hitOf, refsOf } from './ordered-row.ts'

/** An event of a match. `given`: a settled hit has already named it. */
export interface Item {
  /** Its place in the order; the event itself, unless `refs` says otherwise. */
  readonly ref: EventRef
  /** Of a hit of another correlation: the events that it brings, any number of them. */
  readonly refs?: readonly EventRef[]
  given: boolean
  /** Its number in the row of its key as it is saved; below zero where that does not hold it. */
  place: number
}

/** A matched event of one key; `roles` are numbers that the machine gave to inputs. */
export interface Entry {
  readonly item: Item
  readonly roles: readonly number[]
}

/** A completed match and the event time at which it came true. */
export interface Done {
  readonly items: readonly Item[]
  readonly timeMs: number
  /** Tells it from others of its key, whatever its items come to be; else they tell. */
  readonly name?: string
}

/** What one key goes through, given its entries in the order of (time, order). */
export interface MachineKind<M> {
  readonly roleOf: ReadonlyMap<string, number>
  /** Nothing is said of a match before it is certain. */
  readonly late: boolean
  create(): M
  copy(machine: M): M
  step(machine: M, entry: Entry, done: Done[]): void
  /** Completes what events from `timeMs` on cannot undo, and forgets what they cannot use. */
  settle(machine: M, timeMs: number, done: Done[]): void
  /** Drops the oldest of what it keeps beyond `entriesMax`; how many. */
  trim(machine: M, entriesMax: number): number
  /** Whether an entry with these roles means anything to a new key. */
  begins(roles: readonly number[]): boolean
  isEmpty(machine: M): boolean
  holdOf(machine: M): Hold
  /** When it has to be looked at next though no entry is pending. */
  dueOf(machine: M): number
  encode(machine: M, placeOf: PlaceOf): unknown
  decode(row: unknown, items: readonly Item[]): M
  /** For machines that keep many entries: only what has changed is written. Of no use to copies. */
  readonly changes?: Omit<RowChanges<M>, 'since'> & {
    since(machine: M, placeOf: PlaceOf): unknown
  }
}

/** Number of an event in the row that is being written. */
export type PlaceOf = (item: Item) => number

export interface Open {
  readonly hit: Hit
  readonly done: Done
}

/** The state of one key. */
export interface Followed<M> {
  /** After all entries below the watermark: nothing can come between those any more. */
  readonly machine: M
  /** Entries from the watermark on, sorted by (time, order). */
  pending: Entry[]
  /** Provisional hits: those of `pending`. */
  open: Open[]
  /** After all of `pending`; undefined where it has to be worked out again. */
  tip: M | undefined
  /** How many entries at the front of `pending` as it was saved are gone, and how many after them are as saved. */
  readonly saved: { gone: number; same: number }
  /** Events that the saved row holds. */
  savedItems: number
  /** Not only entries came and went since: the row is written whole. */
  isUneven: boolean
}

/**
 * Matches that depend on the order of events, live: an entry that comes in order moves the machine
 * on at once; one that comes out of order replays its key from the watermark. What completes is
 * provisional until the watermark has passed the event that completed it.
 */
export class Ordered<M> implements Correlator {
  readonly table: KeyTable<Followed<M>>
  readonly #kind: MachineKind<M>
  readonly #entriesMax: number

  constructor(kind: MachineKind<M>, limits: CorrelatorLimits) {
    this.#kind = kind
    this.#entriesMax = limits.entriesMax
    this.table = new KeyTable({ keysMax: limits.keysMax, codec: codecOf(kind) })
  }

  observe(observation: Observation, moment: Moment): void {
    const { parts } = observation
    for (let index = 0; index < parts.length; index++) {
      const { key } = parts[index]!
      if (index > 0 && parts.findIndex((part) => part.key === key) < index) continue
      const roles: number[] = []
      for (const part of parts) {
        const role = part.key === key ? this.#kind.roleOf.get(part.input) : undefined
        if (role !== undefined && !roles.includes(role)) roles.push(role)
      }
      if (roles.length > 0) this.#follow(key, roles, observation, moment)
    }
  }

  advance(moment: Moment): void {
    for (;;) {
      const key = this.table.nextDue(moment.watermarkMs)
      if (key === undefined) return
      const state = this.table.get(key)
      if (state === undefined) continue
      for (const settled of this.#settle(key, state, moment.watermarkMs)) report(settled, moment)
      this.#put(key, state, moment.watermarkMs)
    }
  }

  finish(moment: Moment): void {
    const settled: Settled[] = []
    for (const key of this.table.keys()) {
      const state = this.table.get(key)
      if (state === undefined) continue
      settled.push(...this.#settle(key, state, Number.POSITIVE_INFINITY))
      this.table.delete(key)
    }
    settled.sort((a, b) => a.hit.order - b.hit.order)
    for (const one of settled) report(one, moment)
  }

  #follow(key: string, roles: number[], observation: Observation, moment: Moment): void {
    const entry: Entry = { item: itemOf(observation), roles }
    const { ref } = entry.item
    let state = this.table.get(key)
    if (state === undefined) {
      // Nothing can come before it any more, and it begins nothing.
      if (ref.time <= moment.watermarkMs && !this.#kind.begins(roles)) return
      if (!this.table.admit()) return
      state = followed(this.#kind.create())
    }
    const at = placeOf(state.pending, entry)
    if (at === state.pending.length) state.pending.push(entry)
    else state.pending.splice(at, 0, entry)
    changedFrom(state, at)
    if (!this.#kind.late) {
      if (at === state.pending.length - 1) this.#append(key, state, entry, moment)
      else this.#replay(key, state, moment)
    }
    if (state.pending.length > this.#entriesMax) this.#trim(key, state, moment)
    this.#put(key, state, moment.watermarkMs)
  }

  /** The usual case: the newest entry of its key. */
  #append(key: string, state: Followed<M>, entry: Entry, moment: Moment): void {
    if (state.tip === undefined) {
      state.tip = this.#kind.copy(state.machine)
      for (let at = 0; at < state.pending.length - 1; at++) {
        this.#kind.step(state.tip, state.pending[at]!, [])
      }
    }
    const done: Done[] = []
    this.#kind.step(state.tip, entry, done)
    for (const one of done) {
      const hit = hitOf(key, one)
      state.isUneven = true
      state.open.push({ hit, done: one })
      moment.sink.hit(hit, 'provisional')
    }
  }

  /** An entry came between others: what completes is worked out again from the watermark on. */
  #replay(key: string, state: Followed<M>, moment: Moment): void {
    const tip = this.#kind.copy(state.machine)
    const done: Done[] = []
    for (const entry of state.pending) this.#kind.step(tip, entry, done)
    state.tip = tip
    const before = new Map(state.open.map((one) => [one.hit.name, one]))
    const now = done.map((one): Open => ({ hit: hitOf(key, one), done: one }))
    const names = new Set(now.map(({ hit }) => hit.name))
    if (state.open.length > 0 || now.length > 0) state.isUneven = true
    for (const { hit } of state.open) if (!names.has(hit.name)) moment.sink.retract(hit)
    state.open = now.map((one) => before.get(one.hit.name) ?? one)
    for (const { hit } of now) if (!before.has(hit.name)) moment.sink.hit(hit, 'provisional')
  }

  /** One key holds no more entries than the limit: its older half is taken as settled early. */
  #trim(key: string, state: Followed<M>, moment: Moment): void {
    const before = state.pending.length
    const until = state.pending[before >> 1]
    if (until === undefined) return
    for (const one of this.#settle(key, state, until.item.ref.time, until)) report(one, moment)
    this.table.losses.trimmed += before - state.pending.length
  }

  /** Moves the machine over all entries before `timeMs` (or `until`); what that made certain. */
  #settle(key: string, state: Followed<M>, timeMs: number, until?: Entry): readonly Settled[] {
    const { machine, pending } = state
    const done: Done[] = []
    let count = 0
    for (const entry of pending) {
      if (until === undefined ? entry.item.ref.time >= timeMs : entry === until) break
      this.#kind.step(machine, entry, done)
      count++
    }
    if (count === pending.length) pending.length = 0
    else if (count > 0) pending.splice(0, count)
    goneFrom(state, count)
    this.#kind.settle(machine, timeMs, done)
    this.table.losses.trimmed += this.#kind.trim(machine, this.#entriesMax)
    if (pending.length === 0) state.tip = undefined
    // Their events are marked as given.
    if (done.length > 0) state.isUneven = true
    if (done.length === 0) return NOTHING_SETTLED
    return done.map((one) => {
      const hit = hitOf(key, one)
      const at = state.open.findIndex((open) => open.hit.name === hit.name)
      if (at >= 0) state.open.splice(at, 1)
      return { hit: withoutGiven(hit, one.items), known: at >= 0 }
    })
  }

  #put(key: string, state: Followed<M>, watermarkMs: number): void {
    const { machine, pending, open } = state
    if (pending.length === 0 && this.#kind.isEmpty(machine)) {
      this.table.delete(key)
      return
    }
    const hold = this.#kind.holdOf(machine)
    const grown = hold === 'fresh' && pending.length > 1 ? 'grown' : hold
    const dueMs = Math.min(
      pending[0]?.item.ref.time ?? Number.POSITIVE_INFINITY,
      Math.max(this.#kind.dueOf(machine), watermarkMs),
    )
    this.table.put(key, state, { hold: open.length > 0 ? 'held' : grown, dueMs })
  }
}

interface Settled {
  readonly hit: Hit
  /** It was said before, as provisional. */
  readonly known: boolean
}

const NOTHING_SETTLED: readonly Settled[] = []

function report({ hit, known }: Settled, moment: Moment): void {
  if (known) moment.sink.final(hit)
  else moment.sink.hit(hit, 'final')
}

/** The event, or the hit of another correlation with the events that it brings. */
function itemOf({ events, time, order }: Observation): Item {
  const [only] = events
  if (only !== undefined && events.length === 1 && only.order === order && only.time === time) {
    return { ref: only, given: false, place: -1 }
  }
  const ref = { id: events.at(-1)?.id ?? String(order), time, order }
  return { ref, refs: events, given: false, place: -1 }
}

/** A settled hit names in `events` what no settled one named before. */
function withoutGiven(hit: Hit, items: readonly Item[]): Hit {
  const events = items.filter(({ given }) => !given).flatMap(refsOf)
  for (const item of items) item.given = true
  return { ...ANEW, ...hit, events }
}

/** Index after all entries that come before it. */
function placeOf(entries: readonly Entry[], entry: Entry): number {
  let at = entries.length
  while (at > 0 && isAfter(entries[at - 1]!, entry)) at--
  return at
}

function isAfter(a: Entry, b: Entry): boolean {
  const [left, right] = [a.item.ref, b.item.ref]
  return left.time > right.time || (left.time === right.time && left.order > right.order)
}
