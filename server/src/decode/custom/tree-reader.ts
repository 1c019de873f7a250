import { nearest } from '../../base/nearest.ts'
import type { Problem } from '../../base/problems.ts'
import { plainOf, textOf, type MapEntry, type Tree } from '../../lang/sigma/yaml/yaml-tree.ts'

export type Entries = ReadonlyMap<string, MapEntry>

/** Reads a tree strictly: what is not known is a problem with its place and the nearest key. */
export class TreeReader {
  readonly problems: Problem[] = []
  readonly #shared = new Map<string, unknown>()

  wrong(tree: { readonly place: Tree['place'] }, message: string): undefined {
    this.problems.push({ code: 'MAPPING_INVALID', message: `${message}.`, at: tree.place })
    return undefined
  }

  /** What a text was made into before, in this reading: forms often have a pattern in common. */
  once<T>(kind: string, text: string, make: () => T): T {
    const name = `${kind} ${text}`
    if (!this.#shared.has(name)) this.#shared.set(name, make())
    return this.#shared.get(name) as T
  }

  /** The entries of a map with these keys only; empty where it is no map. */
  map(tree: Tree | undefined, keys: readonly string[], what: string): Entries {
    const entries = new Map<string, MapEntry>()
    if (tree === undefined) return entries
    if (tree.kind !== 'map') {
      this.wrong(tree, `${what} must be a map`)
      return entries
    }
    for (const entry of tree.entries) {
      if (keys.includes(entry.key)) entries.set(entry.key, entry)
      else this.#unknown(entry, keys, what)
    }
    return entries
  }

  #unknown(entry: MapEntry, keys: readonly string[], what: string): void {
    const near = nearest(entry.key, keys)
    this.problems.push({
      code: 'MAPPING_UNKNOWN_KEY',
      message: `${what} has no key "${entry.key.slice(0, 60)}".`,
      at: entry.place,
      hint: near === undefined ? `keys: ${keys.join(', ')}` : `did you mean "${near}"?`,
    })
  }

  text(tree: Tree | undefined, what: string): string | undefined {
    if (tree === undefined) return undefined
    const text = textOf(tree)
    return text === undefined ? this.wrong(tree, `${what} must be a text`) : text
  }

  /** A text, or a list of texts. */
  texts(tree: Tree | undefined, what: string): string[] {
    if (tree === undefined) return []
    const items = tree.kind === 'list' ? tree.items : [tree]
    return items.map((item) => this.text(item, what)).filter((text) => text !== undefined)
  }

  list(tree: Tree | undefined, what: string): readonly Tree[] {
    if (tree === undefined) return []
    if (tree.kind === 'list') return tree.items
    this.wrong(tree, `${what} must be a list`)
    return []
  }

  flag(tree: Tree | undefined, what: string): boolean {
    if (tree === undefined) return false
    const value = plainOf(tree)
    if (typeof value === 'boolean') return value
    this.wrong(tree, `${what} must be true or false`)
    return false
  }
}
