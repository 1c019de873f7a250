import { ANEW } from '../base/anew.ts'
import { ownText } from '../base/own-text.ts'
import type { StateChange } from '../model/decoder.ts'
import type { StateLosses, StateTable } from './correlator.ts'
import { DueQueue } from './due-queue.ts'

/**
 * How much a key would be missed. `fresh`: nothing beyond its first event; `grown`: some progress;
 * `held`: an open episode, a partial sequence, an unsettled hit. Eviction takes the stalest fresh
 * key, then the stalest grown one, never a held one.
 */
export type Hold = 'fresh' | 'grown' | 'held'

/** How a correlator's state of one key becomes text and comes back. */
export interface RowCodec<S> {
  encode(state: S): unknown
  decode(row: unknown): S
  /** For states that grow at one end: only what has changed is written, see `RowChanges`. */
  readonly changes?: RowChanges<S>
}

export interface RowChanges<S> {
  /** What changed since the last `taken`; undefined: the row is to be written whole. */
  since(state: S): unknown
  /** The state, as it is now, has been written. */
  taken(state: S): void
  /** A row as it is after a change. */
  amend(row: unknown, change: unknown): unknown
}

interface Cell<S> {
  readonly key: string
  state: S
  hold: Hold
  /** Counts puts of the table: the order of staleness, kept across restarts. */
  touched: number
  dueMs: number
  /** Bytes of the row as it was last written whole, and of the changes written since; 0: not written. */
  rowBytes: number
  changeBytes: number
  changes: number
  /** 0 to SPREAD - 1. */
  readonly spread: number
}

/**
 * A row is written whole after so many changes, or when they outweigh it. Both limits differ from key to
 * key, by up to so many steps: keys that began together would else all be written whole at once.
 */
const CHANGES_MIN = 8
const SPREAD = 17
/** Stands between the key and the number of a change in the name of its row. */
const CHANGE_MARK = '\u0000'

type SavedRow = readonly [
  touched: number,
  hold: Hold,
  dueMs: number | null,
  row: unknown,
  change?: number,
]

/**
 * The bounded, keyed, serializable state of one correlator. Take a state, change it, `put` it back;
 * `due` hands back the keys whose time has come.
 */
export class KeyTable<S> implements StateTable {
  readonly losses: StateLosses = { evicted: 0, refused: 0, trimmed: 0 }
  readonly #codec: RowCodec<S>
  readonly #keysMax: number
  readonly #cells = new Map<string, Cell<S>>()
  readonly #tiers: Readonly<Record<Hold, Tier>> = {
    fresh: new Tier(),
    grown: new Tier(),
    held: new Tier(),
  }
  readonly #dues = new DueQueue()
  readonly #dirty = new Set<string>()
  /** Keys that are gone, and how many changes of their rows are still saved. */
  readonly #left = new Map<string, number>()
  #touched = 0

  constructor(options: { keysMax: number; codec: RowCodec<S> }) {
    this.#keysMax = options.keysMax
    this.#codec = options.codec
  }

  get size(): number {
    return this.#cells.size
  }

  get(key: string): S | undefined {
    return this.#cells.get(key)?.state
  }

  /** All keys, in an order that a restart does not change. */
  keys(): readonly string[] {
    return [...this.#cells.keys()].sort()
  }

  /** Room for one more key, made by eviction if need be; false (and counted) when all are held. */
  admit(): boolean {
    if (this.#cells.size < this.#keysMax) return true
    const { fresh, grown } = this.#tiers
    const victim = fresh.takeStalest() ?? grown.takeStalest()
    if (victim === undefined) {
      this.losses.refused += 1
      return false
    }
    this.delete(victim)
    this.losses.evicted += 1
    return true
  }

  /** Stores a changed state. `due` gives the key back once the watermark is past `dueMs`. */
  put(key: string, state: S, where: { readonly hold: Hold; readonly dueMs: number }): void {
    this.#touched += 1
    const cell = this.#cells.get(key)
    if (cell === undefined) {
      this.#cells.set(key, {
        ...ANEW,
        ...{ key, state, hold: where.hold, dueMs: where.dueMs, touched: this.#touched },
        ...{ rowBytes: 0, changeBytes: 0, changes: this.#left.get(key) ?? 0 },
        spread: this.#touched % SPREAD,
      })
      this.#left.delete(key)
    } else {
      this.#tiers[cell.hold].delete(key)
      cell.state = state
      cell.hold = where.hold
      cell.touched = this.#touched
      cell.dueMs = where.dueMs
    }
    this.#tiers[where.hold].add(key)
    this.#dues.schedule(key, where.dueMs)
    this.#dirty.add(key)
  }

  delete(key: string): void {
    const cell = this.#cells.get(key)
    if (cell === undefined) return
    this.#cells.delete(key)
    this.#tiers[cell.hold].delete(key)
    this.#dirty.add(key)
    if (cell.changes > 0) this.#left.set(key, cell.changes)
  }

  /** The next key whose due time is below the watermark, in the order of (due, key). */
  nextDue(watermarkMs: number): string | undefined {
    return this.#dues.next(watermarkMs, (key) => this.#cells.get(key)?.dueMs)
  }

  takeChanges(): readonly StateChange[] {
    if (this.#dirty.size === 0) return []
    const changes: StateChange[] = []
    for (const key of this.#dirty) {
      const cell = this.#cells.get(key)
      if (cell !== undefined) {
        this.#take(cell, changes)
        continue
      }
      changes.push({ key, value: undefined })
      forgetChanges(key, this.#left.get(key) ?? 0, changes)
    }
    this.#dirty.clear()
    this.#left.clear()
    return changes
  }

  /** The row, or what has changed of it since it was last taken. */
  #take(cell: Cell<S>, changes: StateChange[]): void {
    const codec = this.#codec.changes
    const { key } = cell
    const change =
      cell.rowBytes > 0 && cell.changes < CHANGES_MIN + cell.spread
        ? codec?.since(cell.state)
        : undefined
    if (change !== undefined) {
      const value = savedRow(cell, change, cell.changes + 1)
      // From half of the row to one and a half times it.
      const share = 0.5 + cell.spread / (SPREAD - 1)
      if (cell.changeBytes + value.length <= cell.rowBytes * share) {
        cell.changes += 1
        cell.changeBytes += value.length
        changes.push({ key: key + CHANGE_MARK + cell.changes, value })
        codec?.taken(cell.state)
        return
      }
    }
    const value = this.#row(cell)
    changes.push({ key, value })
    forgetChanges(key, cell.changes, changes)
    cell.rowBytes = value.length
    cell.changes = 0
    cell.changeBytes = 0
    codec?.taken(cell.state)
  }

  get dirtyCount(): number {
    return this.#dirty.size
  }

  *rows(): Iterable<readonly [string, string]> {
    for (const [key, cell] of this.#cells) yield [key, this.#row(cell)]
  }

  *names(): Iterable<string> {
    for (const [key, { changes }] of this.#cells) yield* namesOf(key, changes)
    for (const key of this.#dirty) {
      if (!this.#cells.has(key)) yield* namesOf(key, this.#left.get(key) ?? 0)
    }
  }

  restore(rows: Iterable<readonly [string, string]>): void {
    const whole: (readonly [string, SavedRow, number])[] = []
    const amended = new Map<string, SavedRow[]>()
    for (const [name, text] of rows) {
      const saved = JSON.parse(text) as SavedRow
      const [, , , , change] = saved
      if (change === undefined) {
        whole.push([name, saved, text.length])
        continue
      }
      const key = name.slice(0, -(CHANGE_MARK.length + String(change).length))
      const list = amended.get(key)
      if (list === undefined) amended.set(key, [saved])
      else list.push(saved)
    }
    const cells = whole.map(([key, saved, bytes]) =>
      this.#cellOf({ key, saved, bytes, changes: amended.get(key) ?? [] }),
    )
    cells.sort((a, b) => a.touched - b.touched)
    for (const cell of cells) {
      this.#cells.set(cell.key, cell)
      this.#tiers[cell.hold].add(cell.key)
      this.#dues.schedule(cell.key, cell.dueMs)
      this.#touched = cell.touched
    }
  }

  #cellOf(from: { key: string; saved: SavedRow; bytes: number; changes: SavedRow[] }): Cell<S> {
    const { saved, bytes, changes } = from
    // Not with the whole of the saved text that it was read from.
    const key = ownText(from.key)
    changes.sort((a, b) => (a[4] ?? 0) - (b[4] ?? 0))
    let row = saved[3]
    for (const change of changes) row = this.#codec.changes?.amend(row, change[3])
    const [touched, hold, dueMs] = changes.at(-1) ?? saved
    const state = this.#codec.decode(row)
    this.#codec.changes?.taken(state)
    return {
      ...ANEW,
      ...{ key, state, hold, touched, dueMs: dueMs ?? Number.POSITIVE_INFINITY },
      // Amended ones are written whole the next time: so their changes do not have to be weighed.
      ...{ rowBytes: changes.length > 0 ? 0 : bytes, changeBytes: 0, changes: changes.length },
      spread: touched % SPREAD,
    }
  }

  #row(cell: Cell<S>): string {
    return savedRow(cell, this.#codec.encode(cell.state))
  }
}

function savedRow(cell: Cell<unknown>, row: unknown, change?: number): string {
  const { touched, hold, dueMs } = cell
  // JSON has no Infinity; null stands for "never due".
  const due = Number.isFinite(dueMs) ? dueMs : null
  return JSON.stringify(
    change === undefined ? [touched, hold, due, row] : [touched, hold, due, row, change],
  )
}

function forgetChanges(key: string, count: number, changes: StateChange[]): void {
  for (let change = 1; change <= count; change += 1) {
    changes.push({ key: key + CHANGE_MARK + change, value: undefined })
  }
}

function* namesOf(key: string, changes: number): Iterable<string> {
  yield key
  for (let change = 1; change <= changes; change += 1) yield key + CHANGE_MARK + change
}

/** Keys of one hold, stalest first. */
class Tier {
  readonly #keys = new Set<string>()
  /**
   * Stands before the stalest. One from the beginning would have to pass the places of all that went
   * before it: a flood of keys would cost more and more for each.
   */
  #next: IterableIterator<string> | undefined

  add(key: string): void {
    this.#keys.add(key)
  }

  delete(key: string): void {
    this.#keys.delete(key)
  }

  takeStalest(): string | undefined {
    if (this.#keys.size === 0) return undefined
    let next = this.#next?.next()
    if (next === undefined || next.done === true) {
      this.#next = this.#keys.values()
      next = this.#next.next()
    }
    if (next.done === true) return undefined
    this.#keys.delete(next.value)
    return next.value
  }
}
