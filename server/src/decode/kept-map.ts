import type { StateChange } from '../model/decoder.ts'

interface Entry<V> {
  readonly value: V
  /** Order of the last use, so that a restored map evicts as this one would have. */
  turn: number
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
  #turn = 0

  /** `prefix` begins the keys of this map's saved entries; one letter and a colon. */
  constructor(prefix: string, max: number, onEvict?: (key: string, value: V) => void) {
    this.#prefix = prefix
    this.#max = max
    this.#onEvict = onEvict
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

  /** Sets the value and makes it the most recently used. */
  set(key: string, value: V): void {
    if (!this.#entries.delete(key) && this.#entries.size >= this.#max) this.#evict()
    this.#entries.set(key, { value, turn: ++this.#turn })
    this.#changed.add(key)
  }

  delete(key: string): boolean {
    const had = this.#entries.delete(key)
    if (had) this.#changed.add(key)
    return had
  }

  clear(): void {
    for (const key of this.#entries.keys()) this.#changed.add(key)
    this.#entries.clear()
  }

  /** Oldest use first. Do not change the map meanwhile but by deleting the entry at hand. */
  *[Symbol.iterator](): IterableIterator<readonly [string, V]> {
    for (const [key, { value }] of this.#entries) yield [key, value]
  }

  /** The key and value used longest ago. */
  oldest(): readonly [string, V] | undefined {
    for (const [key, { value }] of this.#entries) return [key, value]
    return undefined
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
    const found: { key: string; entry: Entry<V> }[] = []
    for (const [key, text] of entries) {
      if (!key.startsWith(this.#prefix)) continue
      const entry = readEntry<V>(text)
      if (entry !== undefined) found.push({ key: key.slice(this.#prefix.length), entry })
    }
    found.sort((a, b) => a.entry.turn - b.entry.turn)
    for (const { key, entry } of found) {
      this.#entries.set(key, entry)
      this.#saved.add(key)
      this.#turn = Math.max(this.#turn, entry.turn)
    }
  }

  #evict(): void {
    const first = this.oldest()
    if (first === undefined) return
    this.#entries.delete(first[0])
    this.#changed.add(first[0])
    this.evicted += 1
    this.#onEvict?.(first[0], first[1])
  }
}

function readEntry<V>(text: string): Entry<V> | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    if (!Array.isArray(parsed) || typeof parsed[0] !== 'number' || parsed.length !== 2) {
      return undefined
    }
    return { turn: parsed[0], value: parsed[1] as V }
  } catch {
    return undefined
  }
}
