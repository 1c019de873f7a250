import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Records } from './records.ts'

const NAMES_MAX = 20_000
/** A folder changed twice within one tick of the file system's clock keeps its stamp. */
const STAMP_TICK_MS = 100

/** When each folder had last changed as it was listed. */
export type Listings = Map<string, number>

export interface NeighborSearch {
  readonly records: Records
  readonly listings: Listings
  /** Paths that the patterns name already. */
  readonly known: ReadonlySet<string>
  /** List folders even where they did not change: something is searched for. */
  readonly always: boolean
  readonly nowMs: number
}

/**
 * Files that stand beside followed ones and are named as their rotation names them: where the rest of a
 * rotated file is found, and what was rotated away before it was ever seen.
 */
export async function listNeighbors(search: NeighborSearch): Promise<string[]> {
  const { records, listings, nowMs } = search
  const found: string[] = []
  for (const folder of records.folders()) {
    try {
      const { mtimeMs } = await stat(folder)
      if (!search.always && listings.get(folder) === mtimeMs) continue
      if (nowMs - mtimeMs > STAMP_TICK_MS) listings.set(folder, mtimeMs)
      const names = await readdir(folder)
      for (const name of names.slice(0, NAMES_MAX)) {
        const path = join(folder, name)
        if (!search.known.has(path) && records.isNear(path)) found.push(path)
      }
    } catch {
      // A folder that vanished has no files to find; one that cannot be read is reported by the walk.
      listings.delete(folder)
    }
  }
  return found
}
