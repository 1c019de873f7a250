import { z } from 'zod'

const recordSchema = z.object({
  v: z.literal(1),
  id: z.string().min(1).max(64),
  /** The same content by another name: of a file, by its path. */
  alias: z.string().max(64).optional(),
  /** Records that are durable. */
  next: z.int().min(0),
  done: z.boolean().optional(),
})

/** What is kept of one object: the value of its cursor. Objects are named by hashes only. */
export type ObjectRecord = z.output<typeof recordSchema>

interface Kept {
  record: ObjectRecord
  readonly slot: number
  round: number
}

/**
 * The objects that were read or begun, as the cursors hold them: one slot, which is the key of a
 * cursor, for each. Slots are used again, so that the number of cursors has a limit.
 */
export class Remembered {
  readonly #sizeMax: number
  readonly #byId = new Map<string, Kept>()
  readonly #idByAlias = new Map<string, string>()
  readonly #free: number[] = []
  #slotsUsed = 0

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  /** Takes over saved cursors; gives how many could not be understood. */
  restore(cursors: ReadonlyMap<string, string>): number {
    let unreadable = 0
    const taken = new Set<number>()
    for (const [key, value] of cursors) {
      if (!/^o\d{1,9}$/.test(key)) continue
      const record = parseRecord(value)
      const slot = Number(key.slice(1))
      if (record === undefined || this.#byId.has(record.id)) {
        unreadable += record === undefined ? 1 : 0
        continue
      }
      taken.add(slot)
      this.#slotsUsed = Math.max(this.#slotsUsed, slot + 1)
      this.#index({ record, slot, round: 1 })
    }
    for (let slot = 0; slot < this.#slotsUsed; slot++) if (!taken.has(slot)) this.#free.push(slot)
    return unreadable
  }

  get(id: string, alias?: string): ObjectRecord | undefined {
    return this.#kept(id, alias)?.record
  }

  isDone(id: string, alias?: string): boolean {
    return this.get(id, alias)?.done === true
  }

  /** Says that an object is still there in this round of looking. */
  sight(id: string, round: number, alias?: string): void {
    const kept = this.#kept(id, alias)
    if (kept !== undefined) kept.round = round
  }

  /** Puts an object's newest state and gives the key of its cursor. */
  put(record: ObjectRecord, round = 1): string {
    const before = this.#byId.get(record.id)
    const slot = before?.slot ?? this.#free.pop() ?? this.#slotsUsed++
    // The newest stand last: the first is the one to forget.
    this.#byId.delete(record.id)
    this.#index({ record, slot, round: Math.max(round, before?.round ?? 0) })
    return `o${slot}`
  }

  cursorKey(id: string): string | undefined {
    const slot = this.#byId.get(id)?.slot
    return slot === undefined ? undefined : `o${slot}`
  }

  get size(): number {
    return this.#byId.size
  }

  /** Makes room for `count` more: forgets finished objects not sighted since `round`. False: there is none. */
  makeRoom(count: number, round: number): boolean {
    if (this.#byId.size + count <= this.#sizeMax) return true
    for (const [id, { record, round: sighted }] of this.#byId) {
      if (record.done !== true || sighted >= round) continue
      this.forget(id)
      if (this.#byId.size + count <= this.#sizeMax) return true
    }
    return false
  }

  /** Forgets a finished object that will not be met again. */
  forget(id: string): void {
    const kept = this.#byId.get(id)
    if (kept?.record.done !== true) return
    this.#byId.delete(id)
    if (kept.record.alias !== undefined) this.#idByAlias.delete(kept.record.alias)
    this.#free.push(kept.slot)
  }

  #kept(id: string, alias: string | undefined): Kept | undefined {
    const own = this.#byId.get(id)
    if (own !== undefined || alias === undefined) return own
    return this.#byId.get(this.#idByAlias.get(alias) ?? '')
  }

  #index(kept: Kept): void {
    const { id, alias } = kept.record
    this.#byId.set(id, kept)
    if (alias !== undefined) this.#idByAlias.set(alias, id)
  }
}

function parseRecord(value: string): ObjectRecord | undefined {
  try {
    return recordSchema.safeParse(JSON.parse(value)).data
  } catch {
    return undefined
  }
}
