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

/**
 * All that is known of a key stands in one place, its neighbours in the lists that it is part of included:
 * an event that comes for one of very many keys costs one look-up, not one for each list.
 */
class Cell<S> {
  readonly key: string
  state: S
  hold: Hold = 'fresh'
  /** Counts puts of the table: the order of staleness, kept across restarts. */
  touched: number
  dueMs = Number.POSITIVE_INFINITY
  /** See `DueQueue`. */
  slotMs = Number.POSITIVE_INFINITY
  /** Neighbours among those of the same hold, by staleness. */
  older: Cell<S> | undefined = undefined
  newer: Cell<S> | undefined = undefined
  /** Place among those that changed since they were last taken; -1: none. */
  changedAt = -1
  /** A row of the key is saved, be it that of one before it. */
  isSaved = false
  /** Bytes of the row as it was last written whole, and of the changes written since; 0: not written. */
  rowBytes = 0
  changeBytes = 0
  changes = 0
  /** 0 to SPREAD - 1. */
  readonly spread: number

  constructor(key: string, state: S, touched: number) {
    this.key = key
    this.state = state
    this.touched = touched
    this.spread = touched % SPREAD
  }
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
  /** The cell that was looked up last: what is taken is mostly put back next. */
  #last: Cell<S> | undefined
  /** Those that may be evicted; held ones stand in no list. */
  readonly #fresh = new Tier<S>()
  readonly #grown = new Tier<S>()
  readonly #dues = new DueQueue<Cell<S>>()
  readonly #changed: Cell<S>[] = []
  /** Saved keys that are gone, and how many changes of their rows are saved. */
  readonly #gone = new Map<string, number>()
  #touched = 0

  constructor(options: { keysMax: number; codec: RowCodec<S> }) {
    this.#keysMax = options.keysMax
    this.#codec = options.codec
  }

  get size(): number {
    return this.#cells.size
  }

  get(key: string): S | undefined {
    return this.#find(key)?.state
  }

  /** The state of a key; a new one, not yet kept, where it has none; undefined where there is no room. */
  open(key: string, create: () => S): S | undefined {
    const state = this.get(key)
    if (state !== undefined) return state
    return this.admit() ? create() : undefined
  }

  #find(key: string): Cell<S> | undefined {
    if (this.#last?.key === key) return this.#last
    const cell = this.#cells.get(key)
    if (cell !== undefined) this.#last = cell
    return cell
  }

  /** All keys, in an order that a restart does not change. */
  keys(): readonly string[] {
    return [...this.#cells.keys()].sort()
  }

  /** Room for one more key, made by eviction if need be; false (and counted) when all are held. */
  admit(): boolean {
    if (this.#cells.size < this.#keysMax) return true
    const victim = this.#fresh.stalest ?? this.#grown.stalest
    if (victim === undefined) {
      this.losses.refused += 1
      return false
    }
    this.delete(victim.key)
    this.losses.evicted += 1
    return true
  }

  /** Stores a changed state. `due` gives the key back once the watermark is past `dueMs`. */
  put(key: string, state: S, where: { readonly hold: Hold; readonly dueMs: number }): void {
    this.#touched += 1
    let cell = this.#find(key)
    if (cell === undefined) {
      cell = this.#newCell(key, state)
      this.#cells.set(key, cell)
      this.#last = cell
    } else {
      this.#tierOf(cell.hold)?.remove(cell)
      cell.state = state
      cell.touched = this.#touched
    }
    cell.hold = where.hold
    cell.dueMs = where.dueMs
    this.#tierOf(where.hold)?.add(cell)
    this.#dues.schedule(cell)
    if (cell.changedAt >= 0) return
    cell.changedAt = this.#changed.length
    this.#changed.push(cell)
  }

  #newCell(key: string, state: S): Cell<S> {
    const cell = new Cell(key, state, this.#touched)
    const changes = this.#gone.get(key)
    if (changes === undefined) return cell
    this.#gone.delete(key)
    cell.isSaved = true
    cell.changes = changes
    return cell
  }

  #tierOf(hold: Hold): Tier<S> | undefined {
    if (hold === 'held') return undefined
    return hold === 'fresh' ? this.#fresh : this.#grown
  }

  delete(key: string): void {
    const cell = this.#find(key)
    if (cell === undefined) return
    this.#last = undefined
    this.#cells.delete(key)
    this.#tierOf(cell.hold)?.remove(cell)
    this.#dues.drop(cell)
    if (cell.isSaved) this.#gone.set(key, cell.changes)
    const { changedAt } = cell
    if (changedAt < 0) return
    const last = this.#changed.pop()!
    if (last === cell) return
    this.#changed[changedAt] = last
    last.changedAt = changedAt
  }

  /** The next key whose due time is below the watermark, in the order of (due, key). */
  nextDue(watermarkMs: number): string | undefined {
    const cell = this.#dues.next(watermarkMs)
    if (cell !== undefined) this.#last = cell
    return cell?.key
  }

  takeChanges(): readonly StateChange[] {
    const changes: StateChange[] = []
    for (const [key, count] of this.#gone) {
      changes.push({ key, value: undefined })
      forgetChanges(key, count, changes)
    }
    this.#gone.clear()
    for (const cell of this.#changed) {
      cell.changedAt = -1
      this.#take(cell, changes)
    }
    this.#changed.length = 0
    return changes
  }

  /** The row, or what has changed of it since it was last taken. */
  #take(cell: Cell<S>, changes: StateChange[]): void {
    const codec = this.#codec.changes
    const { key } = cell
    cell.isSaved = true
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
    return this.#changed.length + this.#gone.size
  }

  *rows(): Iterable<readonly [string, string]> {
    for (const [key, cell] of this.#cells) yield [key, this.#row(cell)]
  }

  *names(): Iterable<string> {
    for (const [key, { changes }] of this.#cells) yield* namesOf(key, changes)
    for (const [key, changes] of this.#gone) yield* namesOf(key, changes)
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
      this.#tierOf(cell.hold)?.add(cell)
      this.#dues.schedule(cell)
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
    const cell = new Cell(key, state, touched)
    cell.hold = hold
    cell.dueMs = dueMs ?? Number.POSITIVE_INFINITY
    cell.isSaved = true
    // Amended ones are written whole the next time: so their changes do not have to be weighed.
    cell.rowBytes = changes.length > 0 ? 0 : bytes
    cell.changes = changes.length
    return cell
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

/** Keys of one hold, stalest first: a list that goes through the cells. */
class Tier<S> {
  stalest: Cell<S> | undefined
  #newest: Cell<S> | undefined

  add(cell: Cell<S>): void {
    cell.older = this.#newest
    cell.newer = undefined
    if (this.#newest === undefined) this.stalest = cell
    else this.#newest.newer = cell
    this.#newest = cell
  }

  remove(cell: Cell<S>): void {
    const { older, newer } = cell
    if (older === undefined) this.stalest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
    cell.older = undefined
    cell.newer = undefined
  }
}
