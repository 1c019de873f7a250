import type { StateChange } from '../model/decoder.ts'
import { ownText } from '../base/own-text.ts'

/** Longer keys are not kept: they would make the limit on entries none on bytes. */
const KEY_MAX = 600

/** Entries form a list in the order of their last use: a Map's own order is slow to take the first of. */
interface Entry<V> {
  readonly key: string
  value: V
  /** Order of the last use, so that a restored map evicts as this one would have. */
  turn: number
  older: Entry<V> | undefined
  newer: Entry<V> | undefined
}

/**
 * A map with a limit, whose least recently used entry makes room (counted in `evicted`), and whose
 * changes can be saved and restored exactly. Values are replaced, never changed in place.
 */
export class KeptMap<V> {
  evicted = 0
  readonly #entries = new Map<string, Entry<V>>()
  readonly #changed = new Set<string>()
  readonly #saved = new Set<string>()
  readonly #prefix: string
  readonly #max: number
  readonly #onEvict: ((key: string, value: V) => void) | undefined
  readonly #revive: ((saved: unknown) => V | undefined) | undefined
  #turn = 0
  #oldest: Entry<V> | undefined
  #newest: Entry<V> | undefined

  /**
   * `prefix` begins the keys of this map's saved entries; one letter and a colon. `revive` makes a value
   * of what JSON left of a saved one; undefined where it is none.
   */
  constructor(
    prefix: string,
    max: number,
    onEvict?: (key: string, value: V) => void,
    revive?: (saved: unknown) => V | undefined,
  ) {
    this.#prefix = prefix
    this.#max = max
    this.#onEvict = onEvict
    this.#revive = revive
  }

  get size(): number {
    return this.#entries.size
  }

  get(key: string): V | undefined {
    return this.#entries.get(key)?.value
  }

  has(key: string): boolean {
    return this.#entries.has(key)
  }

  /** Sets the value and makes it the most recently used. A key that is too long is not kept. */
  set(key: string, value: V): void {
    if (key.length > KEY_MAX) {
      this.evicted += 1
      return
    }
    const known = this.#entries.get(key)
    if (known !== undefined) {
      known.value = value
      known.turn = ++this.#turn
      this.#unlink(known)
      this.#append(known)
    } else {
      if (this.#entries.size >= this.#max) this.#evict()
      this.#insert(ownText(key), value, ++this.#turn)
    }
    this.#changed.add(this.#newest?.key ?? key)
  }

  delete(key: string): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    this.#entries.delete(key)
    this.#unlink(entry)
    this.#changed.add(key)
    return true
  }

  clear(): void {
    for (const key of this.#entries.keys()) this.#changed.add(key)
    this.#entries.clear()
    this.#oldest = undefined
    this.#newest = undefined
  }

  /** Oldest use first. Do not change the map meanwhile. */
  *[Symbol.iterator](): IterableIterator<readonly [string, V]> {
    for (let entry = this.#oldest; entry !== undefined; entry = entry.newer) {
      yield [entry.key, entry.value]
    }
  }

  /** The key used longest ago. */
  get oldestKey(): string | undefined {
    return this.#oldest?.key
  }

  takeChanges(into: StateChange[]): void {
    for (const key of this.#changed) {
      const entry = this.#entries.get(key)
      if (entry !== undefined) {
        this.#saved.add(key)
        const value = JSON.stringify([entry.turn, entry.value])
        into.push({ key: this.#prefix + key, value })
      } else if (this.#saved.delete(key)) {
        into.push({ key: this.#prefix + key, value: undefined })
      }
    }
    this.#changed.clear()
  }

  /** Takes the entries that are this map's; others are left alone. Corrupt ones are dropped. */
  restore(entries: Iterable<readonly [string, string]>): void {
    const found: { key: string; turn: number; value: V }[] = []
    for (const [key, text] of entries) {
      if (!key.startsWith(this.#prefix)) continue
      const entry = readEntry(text)
      if (entry === undefined) continue
      const value = this.#revive === undefined ? (entry.value as V) : this.#revive(entry.value)
      if (value === undefined) continue
      found.push({ key: key.slice(this.#prefix.length), turn: entry.turn, value })
    }
    found.sort((a, b) => a.turn - b.turn)
    for (const { key, turn, value } of found) {
      if (this.#entries.has(key)) continue
      this.#insert(key, value, turn)
      this.#saved.add(key)
      this.#turn = Math.max(this.#turn, turn)
    }
  }

  #insert(key: string, value: V, turn: number): void {
    const entry: Entry<V> = { key, value, turn, older: undefined, newer: undefined }
    this.#entries.set(key, entry)
    this.#append(entry)
  }

  #append(entry: Entry<V>): void {
    entry.older = this.#newest
    entry.newer = undefined
    if (this.#newest === undefined) this.#oldest = entry
    else this.#newest.newer = entry
    this.#newest = entry
  }

  #unlink(entry: Entry<V>): void {
    const { older, newer } = entry
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }

  #evict(): void {
    const first = this.#oldest
    if (first === undefined) return
    this.delete(first.key)
    this.evicted += 1
    this.#onEvict?.(first.key, first.value)
  }
}

function readEntry(text: string): { turn: number; value: unknown } | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    if (!Array.isArray(parsed) || typeof parsed[0] !== 'number' || parsed.length !== 2) {
      return undefined
    }
    return { turn: parsed[0], value: parsed[1] as unknown }
  } catch {
    return undefined
  }
}
