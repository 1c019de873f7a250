import { type EcsDoc, fieldOf } from '../model/event.ts'

/** What a lookup gives for one key: values by the names of its columns. */
export type LookupValues = Readonly<Record<string, unknown>>

export interface LookupPlan {
  readonly name: string
  /** Fields of the event; the first that has a value is the key. */
  readonly key: readonly string[]
  /** Column of the table (dotted, for JSON) to field of the event. */
  readonly fields: Readonly<Record<string, string>>
  readonly entriesMax: number
  /** Older than this, what is known is marked stale. */
  readonly staleMs: number
  /** Older than this, what was not known there is asked for again. */
  readonly refreshMs: number
}

interface Entry {
  /** Undefined: asked for, and not known there. */
  readonly values: LookupValues | undefined
  readonly atMs: number
}

const TEXT_MAX = 1_024

/**
 * What is known of keys, and since when. Never waits: a key that is not known is asked for in the
 * background (`want`), and the event goes on without it.
 */
export class LookupTable {
  readonly plan: LookupPlan
  #entries = new Map<string, Entry>()
  /** When the table was last read whole; for tables that are. */
  #readMs: number | undefined
  /** Keys that were looked for and are not known or are stale; undefined: the table is read whole. */
  readonly #want: ((key: string) => void) | undefined

  constructor(plan: LookupPlan, want?: (key: string) => void) {
    this.plan = plan
    this.#want = want
  }

  get size(): number {
    return this.#entries.size
  }

  /** Age of the oldest knowledge that is given out; undefined while there is none. */
  ageMs(nowMs: number): number | undefined {
    if (this.#readMs !== undefined) return Math.max(0, nowMs - this.#readMs)
    const [oldest] = this.#entries.values()
    return oldest === undefined ? undefined : Math.max(0, nowMs - oldest.atMs)
  }

  /** Takes a whole table over; what stands beyond the limit is left out, and how many these are. */
  replace(rows: ReadonlyMap<string, LookupValues>, nowMs: number): number {
    const entries = new Map<string, Entry>()
    for (const [key, values] of rows) {
      if (entries.size >= this.plan.entriesMax) break
      entries.set(key, { values, atMs: nowMs })
    }
    this.#entries = entries
    this.#readMs = nowMs
    return rows.size - entries.size
  }

  /** The table was read and has not changed. */
  confirm(nowMs: number): void {
    this.#readMs = nowMs
  }

  /** One key; the one asked for longest ago goes where there is no more room. */
  put(key: string, values: LookupValues | undefined, nowMs: number): void {
    this.#entries.delete(key)
    this.#entries.set(key, { values, atMs: nowMs })
    if (this.#entries.size <= this.plan.entriesMax) return
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined) this.#entries.delete(oldest)
  }

  /** Adds to the event what is known of it; fields that it has already stay. */
  join(doc: EcsDoc, nowMs: number): void {
    const key = this.#keyOf(doc)
    if (key === undefined) return
    const entry = this.#entries.get(key)
    const ageMs = entry === undefined ? 0 : Math.max(0, nowMs - (this.#readMs ?? entry.atMs))
    const stale = ageMs > this.plan.staleMs
    const wasUnknown = entry !== undefined && entry.values === undefined
    if (entry === undefined || stale || (wasUnknown && ageMs > this.plan.refreshMs)) {
      this.#want?.(key)
    }
    if (entry?.values === undefined) return
    for (const [column, field] of Object.entries(this.plan.fields)) {
      const value = plain(fieldOf(entry.values, column))
      if (value === undefined || fieldOf(doc, field) !== undefined) continue
      setPath(doc, field.split('.'), value)
    }
    const mark = { age: Math.round(ageMs / 1_000), ...(stale && { stale }) }
    for (const [name, value] of Object.entries(mark)) {
      setPath(doc, ['iot', 'lookup', this.plan.name, name], value)
    }
  }

  #keyOf(doc: EcsDoc): string | undefined {
    for (const path of this.plan.key) {
      const value = fieldOf(doc, path)
      if (typeof value === 'string' && value !== '' && value.length <= TEXT_MAX) return value
      if (typeof value === 'number') return String(value)
    }
    return undefined
  }
}

/** Text, numbers, truth and lists of them, bounded; nothing else goes into an event. */
function plain(value: unknown): unknown {
  if (typeof value === 'string') return value === '' ? undefined : value.slice(0, TEXT_MAX)
  if (typeof value === 'number' || typeof value === 'boolean') return value
  if (!Array.isArray(value)) return undefined
  const list = value.slice(0, 32).map(plain)
  const good = list.filter((one) => one !== undefined && !Array.isArray(one))
  return good.length === 0 ? undefined : good
}

/** Copies what it changes: what hangs below the top level is not the event's own. */
function setPath(doc: EcsDoc, path: readonly string[], value: unknown): void {
  let at = doc
  for (const name of path.slice(0, -1)) {
    const inner = at[name]
    if (
      inner !== undefined &&
      (inner === null || typeof inner !== 'object' || Array.isArray(inner))
    ) {
      return
    }
    const copy: EcsDoc = { ...(inner as EcsDoc | undefined) }
    at[name] = copy
    at = copy
  }
  const last = path.at(-1)
  if (last !== undefined) at[last] ??= value
}
