import { basename, dirname } from 'node:path'
import {
  type FileRecord,
  isRotation,
  parseRecord,
  type RotationName,
  rotationName,
} from './record.ts'

/** Key of the cursor that says that the source has been started before. */
export const START_KEY = 'start'

/** The contents that were read under one path. */
interface Family {
  readonly loose: RotationName
  readonly exact: RotationName
  readonly ids: Set<string>
  /** Files rotated from this path that changed before this were there before us. */
  markMs: number
}

/**
 * All contents that were ever delivered from, as the cursors hold them: one slot, which is the key
 * of a cursor, for each. Slots are used again for new contents once the oldest finished one must
 * be forgotten, so that the number of cursors has a limit.
 */
export class Records {
  readonly #byId = new Map<string, FileRecord>()
  readonly #idByKey = new Map<string, string>()
  /** By folder, then by path. */
  readonly #folders = new Map<string, Map<string, Family>>()
  readonly #slots = new Map<string, number>()
  readonly #free: number[] = []
  readonly #sizeMax: number
  #slotsUsed = 0

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax
  }

  /** Takes over saved cursors; gives how many could not be understood. */
  restore(cursors: ReadonlyMap<string, string>): number {
    let unreadable = 0
    const taken = new Set<number>()
    for (const [key, value] of cursors) {
      const slot = /^f\d{1,9}$/.test(key) ? Number(key.slice(1)) : undefined
      const record = parseRecord(value)
      if (slot === undefined || record === undefined) {
        unreadable += key === START_KEY ? 0 : 1
        continue
      }
      taken.add(slot)
      this.#slotsUsed = Math.max(this.#slotsUsed, slot + 1)
      this.#slots.set(record.id, slot)
      this.#index(record)
    }
    for (let slot = 0; slot < this.#slotsUsed; slot++) if (!taken.has(slot)) this.#free.push(slot)
    return unreadable
  }

  /** Puts a content's newest state and gives the key of its cursor. */
  put(record: FileRecord): string {
    const before = this.#byId.get(record.id)
    if (before !== undefined) this.#unindex(before)
    this.#index(record)
    const slot = this.#slots.get(record.id) ?? this.#takeSlot(record.id)
    this.#slots.set(record.id, slot)
    return `f${slot}`
  }

  /** The key of a content's cursor; undefined before anything was delivered of it. */
  cursorKey(id: string): string | undefined {
    const slot = this.#slots.get(id)
    return slot === undefined ? undefined : `f${slot}`
  }

  get(id: string): FileRecord | undefined {
    return this.#byId.get(id)
  }

  all(): IterableIterator<FileRecord> {
    return this.#byId.values()
  }

  get size(): number {
    return this.#byId.size
  }

  /** The newest content seen at `device:inode`. */
  byKey(key: string): FileRecord | undefined {
    return this.#byId.get(this.#idByKey.get(key) ?? '')
  }

  /** Contents of which a file of this path may be a copy, by its name; the newest first. */
  related(path: string): FileRecord[] {
    const name = basename(path)
    const found: FileRecord[] = []
    for (const [familyPath, family] of this.#families(path)) {
      if (familyPath !== path && !isRotation(name, family.loose, false)) continue
      for (const id of family.ids) {
        const record = this.#byId.get(id)
        if (record !== undefined && record.next > 0) found.push(record)
      }
    }
    return found.sort((a, b) => b.markMs - a.markMs)
  }

  /** Whether a file named as a rotation of a followed path is newer than what was read there. */
  isSuccessor(path: string, mtimeMs: number): boolean {
    const name = basename(path)
    for (const [familyPath, family] of this.#families(path)) {
      if (mtimeMs < family.markMs || familyPath === path) continue
      if (isRotation(name, family.exact, true)) return true
    }
    return false
  }

  /** Whether a path is named as a rotation of another that is or was followed. */
  isRotated(path: string): boolean {
    return this.isSuccessor(path, Number.POSITIVE_INFINITY)
  }

  /** Whether a path is a followed one, or named as a rotation of one. */
  isNear(path: string): boolean {
    const name = basename(path)
    const families = this.#families(path)
    if (families.has(path)) return true
    for (const family of families.values()) if (isRotation(name, family.loose, false)) return true
    return false
  }

  /** Folders that followed files are or were in. */
  folders(): IterableIterator<string> {
    return this.#folders.keys()
  }

  #families(path: string): ReadonlyMap<string, Family> {
    return this.#folders.get(dirname(path)) ?? NO_FAMILIES
  }

  #index(record: FileRecord): void {
    this.#byId.set(record.id, record)
    this.#idByKey.set(record.key, record.id)
    const folder = dirname(record.path)
    const families = this.#folders.get(folder) ?? new Map<string, Family>()
    this.#folders.set(folder, families)
    const family = families.get(record.path)
    if (family === undefined) {
      const { path, markMs, id } = record
      const names = { loose: rotationName(path, true), exact: rotationName(path, false) }
      families.set(path, { ...names, ids: new Set([id]), markMs })
      return
    }
    family.ids.add(record.id)
    family.markMs = Math.min(family.markMs, record.markMs)
  }

  #unindex(record: FileRecord): void {
    this.#byId.delete(record.id)
    if (this.#idByKey.get(record.key) === record.id) this.#idByKey.delete(record.key)
    const families = this.#folders.get(dirname(record.path))
    const family = families?.get(record.path)
    family?.ids.delete(record.id)
  }

  #takeSlot(forId: string): number {
    if (this.#byId.size > this.#sizeMax) this.#forgetOldest(forId)
    const free = this.#free.pop()
    if (free !== undefined) return free
    this.#slotsUsed += 1
    return this.#slotsUsed - 1
  }

  #forgetOldest(exceptId: string): void {
    for (const record of this.#byId.values()) {
      const slot = this.#slots.get(record.id)
      if (record.done === undefined || record.id === exceptId || slot === undefined) continue
      this.#unindex(record)
      this.#slots.delete(record.id)
      this.#free.push(slot)
      this.#raiseMarks(record)
      return
    }
  }

  /** What is as old as a forgotten file must not be taken for unread. */
  #raiseMarks(forgotten: FileRecord): void {
    const folder = dirname(forgotten.path)
    const families = this.#folders.get(folder)
    const name = basename(forgotten.path)
    for (const [path, family] of families ?? []) {
      const isSame = path === forgotten.path || isRotation(name, family.exact, true)
      if (isSame) family.markMs = Math.max(family.markMs, forgotten.mtimeMs + 1)
      if (family.ids.size === 0) families?.delete(path)
    }
    if (families?.size === 0) this.#folders.delete(folder)
  }
}

const NO_FAMILIES: ReadonlyMap<string, Family> = new Map()
