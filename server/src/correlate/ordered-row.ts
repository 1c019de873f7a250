import type { EventRef } from './correlator.ts'
import type { Item } from './ordered.ts'

export type ItemRow = [
  id: string,
  time: number,
  order: number,
  given: 0 | 1,
  from?: string | null,
  refs?: readonly EventRef[],
]

/** Collects the events of a row: each stands once, however many parts of the state hold it. */
export function itemRows(): { rows: ItemRow[]; placeOf: (item: Item) => number } {
  const rows: ItemRow[] = []
  // By the object: an event and the hit that it completed have one order.
  const places = new Map<Item, number>()
  const placeOf = (item: Item): number => {
    const known = places.get(item)
    if (known !== undefined) return known
    places.set(item, rows.length)
    const { ref, refs, given } = item
    const row: ItemRow = [ref.id, ref.time, ref.order, given ? 1 : 0]
    if (refs !== undefined) row.push(null, refs)
    else if (ref.from !== undefined) row.push(ref.from)
    rows.push(row)
    return rows.length - 1
  }
  return { rows, placeOf }
}

export function itemsOf(rows: readonly ItemRow[]): Item[] {
  return rows.map(([id, time, order, given, from, refs]) => ({
    ref: { id, time, order, ...(typeof from === 'string' && { from }) },
    ...(refs !== undefined && { refs }),
    given: given === 1,
  }))
}
