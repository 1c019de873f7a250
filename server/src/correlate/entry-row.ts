import { ANEW } from '../base/anew.ts'
import type { EventRef } from './correlator.ts'
import { type Entry, heldRefs, type HitEntry, isOwn, type Place } from './entries.ts'
import type { Hold, RowChanges } from './key-table.ts'

/**
 * Entries of a key that are written bit by bit. Entries go at the front and come at the end, so what
 * changed since the last writing is told by two numbers and the entries at the end.
 */
export interface SavedEntries<E> {
  /** Sorted by (time, order). */
  entries: E[]
  lastHitMs: number
  /** How many entries at the front of what was written are gone, and how many after them are as written. */
  saved: { gone: number; same: number }
}

export const notSaved = (): SavedEntries<never>['saved'] => ({ gone: 0, same: 0 })

/** How much a key of entries within a timespan would be missed. */
export function holdOf(
  { entries, lastHitMs }: Pick<SavedEntries<unknown>, 'entries' | 'lastHitMs'>,
  timespanMs: number,
  watermarkMs: number,
): Hold {
  // Before the first watermark every hit is recent, but not none.
  if (Number.isFinite(lastHitMs) && lastHitMs + timespanMs >= watermarkMs) return 'held'
  return entries.length > 1 ? 'grown' : 'fresh'
}

/** Entry `index` is new, or not what it was. */
export function changedFrom(state: Pick<SavedEntries<unknown>, 'saved'>, index: number): void {
  if (index < state.saved.same) state.saved.same = index
}

/** The first `count` entries are gone. */
export function goneFrom(state: Pick<SavedEntries<unknown>, 'saved'>, count: number): void {
  const { saved } = state
  saved.gone += count
  saved.same = Math.max(0, saved.same - count)
}

export type SavedRow<R> = [lastHitMs: number | null, ...rows: R[]]
type Change<R> = [lastHitMs: number | null, gone: number, same: number, ...rows: R[]]

export function savedRow<E, R>(state: SavedEntries<E>, rowOf: (entry: E) => R): SavedRow<R> {
  return [finite(state.lastHitMs), ...state.entries.map(rowOf)]
}

export function savedChanges<E, R>(rowOf: (entry: E) => R): RowChanges<SavedEntries<E>> {
  return {
    since(state): Change<R> | undefined {
      const { entries, lastHitMs, saved } = state
      if (saved.same === 0) return undefined
      const rows = entries.slice(saved.same).map(rowOf)
      return [finite(lastHitMs), saved.gone, saved.same, ...rows]
    },
    taken(state): void {
      state.saved.gone = 0
      state.saved.same = state.entries.length
    },
    amend(row, change): SavedRow<R> {
      const [, ...before] = row as SavedRow<R>
      const [lastHitMs, gone, same, ...rows] = change as Change<R>
      return [lastHitMs, ...before.slice(gone, gone + same), ...rows]
    },
  }
}

/** Events of an entry: its own as [id, origin], none where a hit has taken them, or a list. */
export type RefsRow = readonly [id: string, from?: string] | readonly EventRef[] | null

export function refsRow({ refs }: HitEntry): RefsRow {
  if (refs === undefined) return null
  if (!isOwn(refs)) return refs
  return refs.from === undefined ? [refs.id] : [refs.id, refs.from]
}

export function refsOf(row: RefsRow | undefined, place: Place): Entry['refs'] {
  if (row === null || row === undefined) return undefined
  if (!isOwnRow(row)) return heldRefs({ ...ANEW, ...place, events: row })
  const [id, from] = row
  return { id, from }
}

function isOwnRow(row: readonly unknown[]): row is readonly [id: string, from?: string] {
  return typeof row[0] === 'string'
}

/** JSON has no Infinity. */
function finite(ms: number): number | null {
  return Number.isFinite(ms) ? ms : null
}
