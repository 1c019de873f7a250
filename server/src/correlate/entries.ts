import type { EventRef } from './correlator.ts'

/** A place in the order of events: event time, ties by arrival. */
export interface Place {
  readonly time: number
  readonly order: number
}

/** An entry's one event, whose place is the entry's own: there may be very many. */
export interface OwnRef {
  readonly id: string
  readonly from: string | undefined
}

/** One matched event of a key, as correlators keep it. */
export interface Entry extends Place {
  /** Events it stands for, see `heldRefs`; undefined once a hit has covered them. */
  refs: OwnRef | readonly EventRef[] | undefined
}

/** The events of an observation as an entry of its place keeps them. */
export function heldRefs(of: Place & { readonly events: readonly EventRef[] }): Entry['refs'] {
  const { events, time, order } = of
  const [ref] = events
  if (ref === undefined || events.length > 1 || ref.time !== time || ref.order !== order) {
    return events
  }
  return { id: ref.id, from: ref.from }
}

export const isOwn = (refs: OwnRef | readonly EventRef[]): refs is OwnRef => !Array.isArray(refs)

function ownRef({ id, from }: OwnRef, { time, order }: Place): EventRef {
  return from === undefined ? { id, time, order } : { id, time, order, from }
}

export interface HitEntry extends Entry {
  hit: boolean
}

export function isBefore(a: Place, b: Place): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}

/** Puts an entry where it belongs; gives its index. At the end in the usual case. */
export function insertEntry<E extends Place>(entries: E[], entry: E): number {
  const last = entries.at(-1)
  if (last === undefined || !isBefore(entry, last)) {
    entries.push(entry)
    return entries.length - 1
  }
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(entry, entries[middle]!)) high = middle
    else low = middle + 1
  }
  entries.splice(low, 0, entry)
  return low
}

/** Drops the entries before a time; gives how many. */
export function dropBefore(entries: Place[], timeMs: number): number {
  let gone = 0
  while (gone < entries.length && entries[gone]!.time < timeMs) gone += 1
  if (gone > 0) entries.splice(0, gone)
  return gone
}

/** Index of the first entry at or after a time. */
export function firstFrom(entries: readonly Place[], timeMs: number): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (entries[middle]!.time < timeMs) low = middle + 1
    else high = middle
  }
  return low
}

/** Takes the events of entries `from`…`to` (inclusive) that no hit has had, oldest first. */
export function cover(entries: readonly Entry[], from: number, to: number): EventRef[] {
  const events: EventRef[] = []
  for (let index = to; index >= from; index -= 1) {
    const entry = entries[index]!
    const { refs } = entry
    if (refs === undefined) continue
    if (isOwn(refs)) events.push(ownRef(refs, entry))
    else for (let at = refs.length - 1; at >= 0; at -= 1) events.push(refs[at]!)
    entry.refs = undefined
  }
  return events.reverse()
}

/**
 * Makes entry `index` a hit and takes the events of its window that no hit has had. What lies before
 * an earlier hit in the window was that one's to take. `from` is the first entry that it changed.
 */
export function coverWindow(
  entries: readonly HitEntry[],
  index: number,
  timespanMs: number,
): { readonly from: number; readonly events: readonly EventRef[] } {
  const { time } = entries[index]!
  let from = index
  while (from > 0) {
    const before = entries[from - 1]!
    if (before.hit || time - before.time > timespanMs) break
    from -= 1
  }
  entries[index]!.hit = true
  return { from, events: cover(entries, from, index) }
}
