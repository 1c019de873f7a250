import type { Visibility } from '../model/access.ts'
import type { Asset, KeptAsset } from '../model/asset.ts'
import { chunks } from './paging.ts'
import type { State } from './state.ts'
import type { AssetRow, Db } from './tables.ts'

const ROWS_A_STATEMENT = 50

export interface AssetFilter {
  readonly site?: string
  readonly type?: string
  readonly visibility?: Visibility
}

/** Everything there is, in order of id. */
export async function readAllAssets(state: State, db: Db): Promise<KeptAsset[]> {
  const rows = await db
    .selectFrom('asset')
    .selectAll()
    .where('tenant', '=', state.tenant)
    .orderBy('id')
    .execute()
  return rows.map((row) => keptOf(state, row))
}

/** A page in order of id; `after` is the last id of the page before. */
export async function listAssets(
  state: State,
  db: Db,
  filter: AssetFilter,
  page: { readonly limit: number; readonly after?: string },
): Promise<KeptAsset[]> {
  let query = db.selectFrom('asset').selectAll().where('tenant', '=', state.tenant)
  if (page.after !== undefined) query = query.where('id', '>', page.after)
  if (filter.site !== undefined) query = query.where('site', '=', filter.site)
  if (filter.type !== undefined) query = query.where('device_type', '=', filter.type)
  const { sites, deviceTypes, datasets } = filter.visibility ?? {}
  // An asset is of no dataset: it is shown only to those who see every one.
  if (datasets !== undefined) query = query.where('id', 'in', NONE)
  // `in` of an empty list finds nothing, as it should.
  if (sites !== undefined) query = query.where('site', 'in', [...sites, ...NONE])
  if (deviceTypes !== undefined) {
    query = query.where('device_type', 'in', [...deviceTypes, ...NONE])
  }
  const rows = await query.orderBy('id').limit(page.limit).execute()
  return rows.map((row) => keptOf(state, row))
}

/** A value that no column holds: some engines do not take an empty list. */
const NONE: readonly string[] = ['\u0001']

export async function readAsset(state: State, db: Db, id: string): Promise<KeptAsset | undefined> {
  const row = await db
    .selectFrom('asset')
    .selectAll()
    .where('tenant', '=', state.tenant)
    .where('id', '=', id)
    .executeTakeFirst()
  return row && keptOf(state, row)
}

export async function saveAssets(
  state: State,
  db: Db,
  assets: readonly KeptAsset[],
): Promise<void> {
  for (const part of chunks(assets, ROWS_A_STATEMENT)) {
    await db
      .insertInto('asset')
      .values(part.map((kept) => rowOf(state, kept)))
      .onConflict((conflict) =>
        conflict.columns(['tenant', 'id']).doUpdateSet((eb) => ({
          revision: eb.ref('excluded.revision'),
          changed_ms: eb.ref('excluded.changed_ms'),
          origin: eb.ref('excluded.origin'),
          site: eb.ref('excluded.site'),
          device_type: eb.ref('excluded.device_type'),
          body: eb.ref('excluded.body'),
        })),
      )
      .execute()
  }
}

export async function removeAssets(state: State, db: Db, ids: readonly string[]): Promise<void> {
  for (const part of chunks(ids, ROWS_A_STATEMENT)) {
    await db
      .deleteFrom('asset')
      .where('tenant', '=', state.tenant)
      .where('id', 'in', [...part])
      .execute()
  }
}

function rowOf(state: State, { asset, revision, changedMs, origin }: KeptAsset): AssetRow {
  return {
    tenant: state.tenant,
    id: asset.id,
    revision,
    changed_ms: changedMs,
    origin,
    site: asset.site ?? null,
    device_type: asset.type ?? null,
    body: state.sealJson(asset, placeOf(state, asset.id)),
  }
}

function keptOf(state: State, row: AssetRow): KeptAsset {
  return {
    asset: state.openJson(row.body, placeOf(state, row.id)) as Asset,
    revision: Number(row.revision),
    changedMs: Number(row.changed_ms),
    origin: row.origin === 'file' ? 'file' : 'api',
  }
}

const placeOf = (state: State, id: string): string => `asset/${state.tenant}/${id}`
