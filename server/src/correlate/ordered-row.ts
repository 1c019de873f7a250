import type { EventRef, Hit } from './correlator.ts'
import type { RowChanges, RowCodec } from './key-table.ts'
import type { Done, Followed, Item, MachineKind, Open, PlaceOf } from './ordered.ts'

type ItemRow = [
  id: string,
  time: number,
  order: number,
  given: 0 | 1,
  from?: string | null,
  refs?: readonly EventRef[],
]
type PendingRow = [item: number, roles: readonly number[]]
type Row = [
  items: ItemRow[],
  machine: unknown,
  pending: PendingRow[],
  open: [key: string, timeMs: number, items: number[], name?: string][],
]
/** Events are numbered on from those of the row; what hits are open has not changed. */
type Change = [
  items: ItemRow[],
  machine: unknown,
  gone: number,
  same: number,
  pending: PendingRow[],
]

/** How what one key goes through becomes text: whole, or what came and went since it last did. */
export function codecOf<M>(kind: MachineKind<M>): RowCodec<Followed<M>> {
  /** The events of what was written last, and of which state it was. */
  let written: { readonly of: Followed<M>; readonly items: Gathered } | undefined

  const encode = (state: Followed<M>): Row => {
    const items = new Gathered(undefined)
    const { placeOf } = items
    const machine = kind.encode(state.machine, placeOf)
    const pending = state.pending.map(({ item, roles }): PendingRow => [placeOf(item), roles])
    const open = state.open.map(({ hit, done }): Row[3][number] => {
      const { timeMs, name } = done
      const row: Row[3][number] = [hit.key, timeMs, done.items.map(placeOf)]
      if (name !== undefined) row.push(name)
      return row
    })
    written = { of: state, items }
    return [items.rows, machine, pending, open]
  }

  const changes: RowChanges<Followed<M>> = {
    since(state): Change | undefined {
      if (state.isUneven) return undefined
      const { machine, pending, saved } = state
      const items = new Gathered(state.savedItems)
      const { placeOf } = items
      const part = kind.changes?.since(machine, placeOf) ?? kind.encode(machine, placeOf)
      const last: PendingRow[] = []
      for (let at = saved.same; at < pending.length; at += 1) {
        const { item, roles } = pending[at]!
        last.push([placeOf(item), roles])
      }
      written = { of: state, items }
      return [items.rows, part, saved.gone, saved.same, last]
    },
    taken(state): void {
      // Not so where a row was just read.
      if (written?.of === state) state.savedItems = written.items.number()
      written = undefined
      state.saved.gone = 0
      state.saved.same = state.pending.length
      state.isUneven = false
      kind.changes?.taken(state.machine)
    },
    amend(row, change): Row {
      const [items, machine, pending, open] = row as Row
      const [more, part, gone, same, last] = change as Change
      const now = kind.changes === undefined ? part : kind.changes.amend(machine, part)
      return [[...items, ...more], now, [...pending.slice(gone, gone + same), ...last], open]
    },
  }

  const decode = (row: unknown): Followed<M> => {
    const [rows, machine, pending, open] = row as Row
    const items = rows.map(itemOf)
    const state = followed(kind.decode(machine, items))
    state.savedItems = items.length
    state.pending = pending.map(([index, roles]) => ({ item: items[index]!, roles }))
    state.open = open.map(([key, timeMs, indexes, name]): Open => {
      const of = indexes.map((index) => items[index]!)
      const done = { items: of, timeMs, ...(name !== undefined && { name }) }
      return { hit: hitOf(key, done), done }
    })
    return state
  }
  return { encode, decode, changes }
}

function itemOf([id, time, order, given, from, refs]: ItemRow, place: number): Item {
  return {
    ref: { id, time, order, ...(typeof from === 'string' && { from }) },
    ...(refs !== undefined && { refs }),
    given: given === 1,
    place,
  }
}

/** The events of a row: each stands once, however many parts of the state hold it. */
class Gathered {
  readonly rows: ItemRow[] = []
  // By the object: an event and the hit that it completed have one order.
  readonly #places = new Map<Item, number>()
  readonly #saved: number | undefined

  /** `saved`: how many events the row holds already; undefined: it is written whole. */
  constructor(saved: number | undefined) {
    this.#saved = saved
  }

  readonly placeOf: PlaceOf = (item) => {
    if (this.#saved !== undefined && item.place >= 0) return item.place
    const known = this.#places.get(item)
    if (known !== undefined) return known
    const place = (this.#saved ?? 0) + this.rows.length
    this.#places.set(item, place)
    const { ref, refs, given } = item
    const row: ItemRow = [ref.id, ref.time, ref.order, given ? 1 : 0]
    if (refs !== undefined) row.push(null, refs)
    else if (ref.from !== undefined) row.push(ref.from)
    this.rows.push(row)
    return place
  }

  /** They are saved, by these numbers. Gives how many the row holds now. */
  number(): number {
    for (const [item, place] of this.#places) item.place = place
    return (this.#saved ?? 0) + this.rows.length
  }
}

export function followed<M>(machine: M): Followed<M> {
  return {
    machine,
    pending: [],
    open: [],
    tip: undefined,
    saved: { gone: 0, same: 0 },
    savedItems: 0,
    isUneven: false,
  }
}

export const refsOf = ({ ref, refs }: Item): readonly EventRef[] => refs ?? [ref]

export function hitOf(key: string, { items, timeMs, name }: Done): Hit {
  let last = items[0]?.ref
  for (const { ref } of items) {
    if (last === undefined || ref.time > last.time) last = ref
    else if (ref.time === last.time && ref.order > last.order) last = ref
  }
  const refs = items.flatMap(refsOf)
  const order = last?.order ?? 0
  const names = name ?? items.map(({ ref }) => ref.order).join('.')
  return { key, name: names, time: timeMs, order, events: refs, all: refs }
}
