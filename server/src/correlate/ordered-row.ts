import type { Item } from './ordered.ts'

export type ItemRow = [id: string, time: number, order: number, given: 0 | 1, from?: string]

/** Collects the events of a row: each stands once, however many parts of the state hold it. */
export function itemRows(): { rows: ItemRow[]; placeOf: (item: Item) => number } {
  const rows: ItemRow[] = []
  const places = new Map<number, number>()
  const placeOf = ({ ref, given }: Item): number => {
    const known = places.get(ref.order)
    if (known !== undefined) return known
    places.set(ref.order, rows.length)
    const row: ItemRow = [ref.id, ref.time, ref.order, given ? 1 : 0]
    if (ref.from !== undefined) row.push(ref.from)
    rows.push(row)
    return rows.length - 1
  }
  return { rows, placeOf }
}

export function itemsOf(rows: readonly ItemRow[]): Item[] {
  return rows.map(([id, time, order, given, from]) => ({
    ref: { id, time, order, ...(from !== undefined && { from }) },
    given: given === 1,
  }))
}
