import type { Asset, ListedKind } from '../model/asset.ts'
import { LISTED_KINDS } from '../model/asset.ts'
import { plainName } from './names.ts'

/** Ids of the assets that list a value; mostly one. */
type Ids = readonly string[]

const NOBODY: Ids = []

/** Assets by id, and by everything that they are known by. */
export class AssetIndex {
  readonly #assets = new Map<string, Asset>()
  readonly #names = new Map<ListedKind, Map<string, Ids>>(
    LISTED_KINDS.map((kind) => [kind, new Map()]),
  )

  get size(): number {
    return this.#assets.size
  }

  get(id: string): Asset | undefined {
    return this.#assets.get(id)
  }

  put(asset: Asset): void {
    this.remove(asset.id)
    this.#assets.set(asset.id, asset)
    for (const [kind, name] of namesOf(asset)) {
      const names = this.#names.get(kind)
      const known = names?.get(name) ?? NOBODY
      if (!known.includes(asset.id)) names?.set(name, [...known, asset.id].sort())
    }
  }

  remove(id: string): void {
    const asset = this.#assets.get(id)
    if (asset === undefined) return
    this.#assets.delete(id)
    for (const [kind, name] of namesOf(asset)) {
      const names = this.#names.get(kind)
      const left = (names?.get(name) ?? NOBODY).filter((other) => other !== id)
      if (left.length === 0) names?.delete(name)
      else names?.set(name, left)
    }
  }

  /** Whether any asset lists something of the kind: else there is nothing to look for. */
  lists(kind: ListedKind): boolean {
    return (this.#names.get(kind)?.size ?? 0) > 0
  }

  /** Who lists the value; the value is in any of its spellings. */
  named(kind: ListedKind, value: string): Ids {
    const names = this.#names.get(kind)
    if (names === undefined || names.size === 0) return NOBODY
    return names.get(plainName(kind, value)) ?? NOBODY
  }

  /** Values that several assets list: nobody can be told apart by them. */
  *shared(): Iterable<{ readonly kind: ListedKind; readonly value: string; readonly ids: Ids }> {
    for (const [kind, names] of this.#names) {
      for (const [value, ids] of names) if (ids.length > 1) yield { kind, value, ids }
    }
  }
}

function* namesOf(asset: Asset): Iterable<readonly [ListedKind, string]> {
  yield ['device', plainName('device', asset.id)]
  for (const kind of LISTED_KINDS) {
    for (const value of asset.identifiers[kind] ?? []) yield [kind, plainName(kind, value)]
  }
}
