import type { EcsDoc } from '../../model/event.ts'
import { EVENT_COLUMNS } from '../schema/columns.ts'

interface Branch {
  readonly below: Map<string, Branch>
  column: number
}

/** Paths as a tree, so that one walk over a document finds every column's value. */
function plant(paths: readonly string[]): Branch {
  const root: Branch = { below: new Map(), column: -1 }
  for (const [column, path] of paths.entries()) {
    let at = root
    for (const part of path.split('.')) {
      let next = at.below.get(part)
      if (next === undefined) at.below.set(part, (next = { below: new Map(), column: -1 }))
      at = next
    }
    at.column = column
  }
  return root
}

const TREE = plant(EVENT_COLUMNS.map((column) => column.path))

/** The values of a document's typed columns. `several[i]`: there was more than the one found. */
export interface Extracted {
  readonly values: unknown[]
  readonly several: boolean[]
}

export function createExtractor(): (doc: EcsDoc) => Extracted {
  const values: unknown[] = EVENT_COLUMNS.map(() => undefined)
  const several: boolean[] = EVENT_COLUMNS.map(() => false)
  const extracted: Extracted = { values, several }
  return (doc) => {
    values.fill(undefined)
    several.fill(false)
    walk(TREE, doc, extracted)
    return extracted
  }
}

/** As deep as the tree of paths, whatever the document's depth. */
function walk(at: Branch, object: EcsDoc, found: Extracted): void {
  for (const key in object) {
    const next = at.below.get(key)
    if (next !== undefined) visit(next, object[key], found)
    else if (key.includes('.')) visitDotted(at, key, object[key], found)
  }
}

function visit(at: Branch, value: unknown, found: Extracted): void {
  if (value === undefined || value === null) return
  if (at.column >= 0) put(found, at.column, value)
  if (at.below.size > 0) into(at, value, found, 0)
}

/** Lists of lists are looked through this deep; rules do so too (VALUE_DEPTH_MAX). */
const LISTS_DEEP_MAX = 64

/** Elasticsearch's view of a list of objects: the field holds the values of all of them. */
function into(at: Branch, value: unknown, found: Extracted, depth: number): void {
  if (value === null || typeof value !== 'object' || depth > LISTS_DEEP_MAX) return
  if (!Array.isArray(value)) walk(at, value as EcsDoc, found)
  else for (const item of value as unknown[]) into(at, item, found, depth + 1)
}

/** A literal dotted key, `{"source.ip": …}`, at any level. */
function visitDotted(at: Branch, key: string, value: unknown, found: Extracted): void {
  let branch: Branch | undefined = at
  for (const part of key.split('.', 8)) {
    branch = branch.below.get(part)
    if (branch === undefined) return
  }
  visit(branch, value, found)
}

function put(found: Extracted, column: number, value: unknown): void {
  if (found.values[column] === undefined) found.values[column] = value
  else found.several[column] = true
}
