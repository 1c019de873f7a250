import type { Clock } from '../base/clock.ts'
import { sha256Hex } from '../base/hash.ts'
import { ProblemError } from '../base/problems.ts'
import type { AssetIndex } from '../fleet/asset-index.ts'
import type { Asset, KeptAsset } from '../model/asset.ts'
import type { AssetDesk, AssetImport } from '../model/desks.ts'
import type { ControlRecord, Journal } from '../model/journal.ts'
import { listAssets, readAllAssets, readAsset, removeAssets, saveAssets } from '../state/assets.ts'
import type { State } from '../state/state.ts'

export interface AssetDeskOptions {
  readonly state: State
  readonly journal: Pick<Journal, 'append'>
  readonly clock: Clock
  /** What events are joined by; kept equal to the table. */
  readonly index: AssetIndex
}

export interface OpenAssetDesk extends AssetDesk {
  /** The table of the configuration: what it says is so, and what it no longer says goes. */
  takeFile(assets: readonly Asset[]): Promise<AssetImport>
}

/** Assets in one control record: a record is one value of the journal. */
const RECORD_ASSETS_MAX = 500

/** Type of the control record that says which assets are as they say from there on. */
const ASSETS_CONTROL = 'assets'

interface Change {
  readonly put: readonly KeptAsset[]
  readonly gone: readonly string[]
}

/** Reads the table of assets into the index, and takes changes of it. */
export async function openAssetDesk(options: AssetDeskOptions): Promise<OpenAssetDesk> {
  const { state, index, clock, journal } = options
  const kept = await state.query((db) => readAllAssets(state, db))
  for (const { asset } of kept) index.put(asset)
  if (kept.length > 0) {
    // What was in force before stands in the records before; this one tells that it still is.
    const hash = sha256Hex(JSON.stringify(kept.map(({ asset, revision }) => [asset.id, revision])))
    const body = { hash, count: kept.length }
    await journal.append({
      ...{ source: 'app', ingestedMs: clock.now() },
      controls: [{ type: ASSETS_CONTROL, atMs: clock.now(), body }],
    })
  }
  return new Desk(options)
}

class Desk implements OpenAssetDesk {
  readonly #options: AssetDeskOptions
  /** Changes wait for one another. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: AssetDeskOptions) {
    this.#options = options
  }

  list(...[filter, page]: Parameters<AssetDesk['list']>): Promise<readonly KeptAsset[]> {
    const { state } = this.#options
    return state.query((db) => listAssets(state, db, filter, page))
  }

  get(id: string): Promise<KeptAsset | undefined> {
    const { state } = this.#options
    return state.query((db) => readAsset(state, db, id))
  }

  put(asset: Asset, expected?: number): Promise<KeptAsset> {
    return this.#inTurn(async () => {
      const before = await this.get(asset.id)
      refuseChanged(before, expected)
      if (before !== undefined && same(before.asset, asset)) return before
      const kept = this.#next(before, asset, 'api')
      await this.#change({ put: [kept], gone: [] })
      return kept
    })
  }

  remove(id: string, expected?: number): Promise<void> {
    return this.#inTurn(async () => {
      const before = await this.get(id)
      if (before === undefined) throw unknownAsset()
      refuseChanged(before, expected)
      await this.#change({ put: [], gone: [id] })
    })
  }

  import(assets: readonly Asset[], replace: boolean): Promise<AssetImport> {
    return this.#take(assets, 'api', replace)
  }

  takeFile(assets: readonly Asset[]): Promise<AssetImport> {
    return this.#take(assets, 'file', true)
  }

  #take(
    assets: readonly Asset[],
    origin: KeptAsset['origin'],
    replace: boolean,
  ): Promise<AssetImport> {
    return this.#inTurn(async () => {
      const { state, index } = this.#options
      const all = await state.query((db) => readAllAssets(state, db))
      const before = new Map(all.map((kept) => [kept.asset.id, kept]))
      const wanted = new Set(assets.map(({ id }) => id))
      const put: KeptAsset[] = []
      for (const asset of assets) {
        const old = before.get(asset.id)
        if (old !== undefined && old.origin === origin && same(old.asset, asset)) continue
        put.push(this.#next(old, asset, origin))
      }
      const gone = replace
        ? all.filter((kept) => kept.origin === origin && !wanted.has(kept.asset.id))
        : []
      await this.#change({ put, gone: gone.map(({ asset }) => asset.id) })
      const added = put.filter(({ revision }) => revision === 1).length
      const { length: removed } = gone
      const unchanged = assets.length - put.length
      const shared = [...index.shared()].length
      return { added, changed: put.length - added, removed, unchanged, shared }
    })
  }

  #next(before: KeptAsset | undefined, asset: Asset, origin: KeptAsset['origin']): KeptAsset {
    const { clock } = this.#options
    return { asset, revision: (before?.revision ?? 0) + 1, changedMs: clock.now(), origin }
  }

  /** Kept first, then noted in the journal, then in force: events behind the note are joined by it. */
  async #change(change: Change): Promise<void> {
    const { state, journal, clock, index } = this.#options
    if (change.put.length + change.gone.length === 0) return
    await state.transact(async (db) => {
      await saveAssets(state, db, change.put)
      await removeAssets(state, db, change.gone)
    })
    const atMs = clock.now()
    for (const record of recordsOf(change, atMs)) {
      await journal.append({ source: 'app', ingestedMs: atMs, controls: [record] })
    }
    for (const id of change.gone) index.remove(id)
    for (const { asset } of change.put) index.put(asset)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#last.then(work, work)
    this.#last = run.catch(() => undefined)
    return run
  }
}

function* recordsOf({ put, gone }: Change, atMs: number): Iterable<ControlRecord> {
  for (let at = 0; at < put.length; at += RECORD_ASSETS_MAX) {
    const assets = put.slice(at, at + RECORD_ASSETS_MAX).map(({ asset }) => asset)
    yield { type: ASSETS_CONTROL, atMs, body: { put: assets } }
  }
  for (let at = 0; at < gone.length; at += RECORD_ASSETS_MAX) {
    yield { type: ASSETS_CONTROL, atMs, body: { gone: gone.slice(at, at + RECORD_ASSETS_MAX) } }
  }
}

/** The same, whatever the order in which fields were given. */
function same(a: Asset, b: Asset): boolean {
  return canonical(a) === canonical(b)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}

function refuseChanged(kept: KeptAsset | undefined, expected: number | undefined): void {
  if (expected === undefined || expected === (kept?.revision ?? 0)) return
  const message = 'The asset was changed since it was read.'
  throw new ProblemError({ code: 'ASSET_CHANGED', message, hint: 'read it again' })
}

function unknownAsset(): ProblemError {
  return new ProblemError({ code: 'ASSET_UNKNOWN', message: 'There is no asset of this id.' })
}
