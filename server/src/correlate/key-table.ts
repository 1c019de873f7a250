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
}

interface Cell<S> {
  readonly key: string
  state: S
  hold: Hold
  /** Counts puts of the table: the order of staleness, kept across restarts. */
  touched: number
  dueMs: number
}

/**
 * The bounded, keyed, serializable state of one correlator. Take a state, change it, `put` it back;
 * `due` hands back the keys whose time has come.
 */
export class KeyTable<S> implements StateTable {
  readonly losses: StateLosses = { evicted: 0, refused: 0, trimmed: 0 }
  readonly #codec: RowCodec<S>
  readonly #keysMax: number
  readonly #cells = new Map<string, Cell<S>>()
  /** Keys by hold, stalest first. */
  readonly #tiers: Readonly<Record<Hold, Set<string>>> = {
    fresh: new Set(),
    grown: new Set(),
    held: new Set(),
  }
  readonly #dues = new DueQueue()
  readonly #dirty = new Set<string>()
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
    const victim = first(fresh) ?? first(grown)
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
      this.#cells.set(key, { key, state, ...where, touched: this.#touched })
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
      changes.push({ key, value: cell === undefined ? undefined : this.#row(cell) })
    }
    this.#dirty.clear()
    return changes
  }

  get dirtyCount(): number {
    return this.#dirty.size
  }

  *rows(): Iterable<readonly [string, string]> {
    for (const [key, cell] of this.#cells) yield [key, this.#row(cell)]
  }

  restore(rows: Iterable<readonly [string, string]>): void {
    const cells: Cell<S>[] = []
    for (const [key, text] of rows) {
      const [touched, hold, dueMs, row] = JSON.parse(text) as [number, Hold, number | null, unknown]
      const state = this.#codec.decode(row)
      cells.push({ key, state, hold, touched, dueMs: dueMs ?? Number.POSITIVE_INFINITY })
    }
    cells.sort((a, b) => a.touched - b.touched)
    for (const cell of cells) {
      this.#cells.set(cell.key, cell)
      this.#tiers[cell.hold].add(cell.key)
      this.#dues.schedule(cell.key, cell.dueMs)
      this.#touched = cell.touched
    }
  }

  #row(cell: Cell<S>): string {
    // JSON has no Infinity; null stands for "never due".
    const due = Number.isFinite(cell.dueMs) ? cell.dueMs : null
    return JSON.stringify([cell.touched, cell.hold, due, this.#codec.encode(cell.state)])
  }
}

function first(keys: ReadonlySet<string>): string | undefined {
  for (const key of keys) return key
  return undefined
}
