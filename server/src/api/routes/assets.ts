import { z } from 'zod'
import { ProblemError } from '../../base/problems.ts'
import type { Principal, Visibility } from '../../model/access.ts'
import { MASKED } from '../../model/access.ts'
import { assetSchema, type KeptAsset, type ListedKind } from '../../model/asset.ts'
import type { AssetDesk } from '../../model/desks.ts'
import { Mask } from '../mask.ts'
import { type Route, route } from '../route.ts'
import { limitSchema } from '../schemas.ts'

const READERS = ['admin', 'analyst', 'responder', 'auditor'] as const
const IMPORT_BYTES_MAX = 64 * 1024 * 1024
const IMPORT_ASSETS_MAX = 200_000

const assetId = z.string().min(1).max(256)
const keptSchema = assetSchema.extend({
  revision: z.int().describe('Counts the versions of this asset; the ETag names it.'),
  changed: z.string().describe('When it was last changed.'),
  origin: z.enum(['api', 'file']).describe('`file`: the table that the configuration names.'),
})
type View = z.output<typeof keptSchema>
const importedSchema = z.strictObject({
  added: z.int(),
  changed: z.int(),
  removed: z.int(),
  unchanged: z.int(),
  shared: z.int().describe('Names that several assets list; events by them are only marked.'),
})

export function assetRoutes(deps: { readonly assets: AssetDesk | undefined }): readonly Route[] {
  const params = z.strictObject({ id: assetId })
  return [
    route({
      method: 'GET',
      path: '/api/v1/assets',
      operation: 'listAssets',
      summary: 'The devices that are known, in order of their ids.',
      roles: READERS,
      access: 'asset-list',
      query: z.strictObject({
        site: z.string().max(256).optional(),
        type: z.string().max(256).optional(),
        cursor: assetId.optional().describe('The last id of the page before.'),
        limit: limitSchema,
      }),
      response: z.strictObject({ assets: z.array(keptSchema), cursor: z.string().optional() }),
      handle: async ({ query, principal }) => {
        refuseMasked(principal)
        const { cursor, limit, site, type } = query
        const { visibility } = principal
        const filter = {
          ...(site !== undefined && { site }),
          ...(type !== undefined && { type }),
          ...(visibility !== undefined && { visibility }),
        }
        const page = { limit: limit + 1, ...(cursor !== undefined && { after: cursor }) }
        const found = await deskOf(deps.assets).list(filter, page)
        const assets = found.slice(0, limit).map((kept) => viewOf(kept, principal))
        const last = found.length > limit ? assets.at(-1)?.id : undefined
        const next = last === undefined ? {} : { cursor: last }
        return { body: { assets, ...next }, rows: assets.length, record: { site, type } }
      },
    }),
    route({
      method: 'GET',
      path: '/api/v1/assets/:id',
      operation: 'readAsset',
      summary: 'One device, with its version as ETag.',
      roles: READERS,
      access: 'asset-read',
      params,
      response: keptSchema,
      handle: async ({ params: { id }, principal }) => {
        refuseMasked(principal)
        const kept = await deskOf(deps.assets).get(id)
        if (kept === undefined || !isVisible(kept, principal.visibility)) throw unknownAsset()
        return { body: viewOf(kept, principal), headers: { etag: etagOf(kept) }, record: { id } }
      },
    }),
    route({
      method: 'PUT',
      path: '/api/v1/assets/:id',
      operation: 'putAsset',
      summary: 'Makes or replaces a device; with If-Match only the version that it names.',
      roles: ['admin'],
      access: 'asset-change',
      params,
      body: assetSchema.omit({ id: true }),
      response: keptSchema,
      handle: async ({ params: { id }, body, principal, ifMatch }) => {
        const kept = await deskOf(deps.assets).put({ ...body, id }, revisionOf(ifMatch))
        return { body: viewOf(kept, principal), headers: { etag: etagOf(kept) }, record: { id } }
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/v1/assets/:id',
      operation: 'deleteAsset',
      summary: 'Removes a device; with If-Match only the version that it names.',
      roles: ['admin'],
      access: 'asset-delete',
      params,
      handle: async ({ params: { id }, ifMatch }) => {
        await deskOf(deps.assets).remove(id, revisionOf(ifMatch))
        return { body: undefined, record: { id } }
      },
    }),
    route({
      method: 'POST',
      path: '/api/v1/assets/import',
      operation: 'importAssets',
      summary: 'Takes a table of devices over, whole or not at all.',
      roles: ['admin'],
      access: 'asset-import',
      bodyBytesMax: IMPORT_BYTES_MAX,
      body: z.strictObject({
        assets: z
          .array(assetSchema)
          .max(IMPORT_ASSETS_MAX)
          .refine((assets) => new Set(assets.map(({ id }) => id)).size === assets.length, {
            message: 'an id stands twice',
          }),
        replace: z
          .boolean()
          .default(false)
          .describe('Devices that are not in the list, and not of the configured table, go.'),
      }),
      response: importedSchema,
      handle: async ({ body: { assets, replace } }) => {
        const done = { ...(await deskOf(deps.assets).import(assets, replace)) }
        return { body: done, record: { ...done, replace } }
      },
    }),
  ]
}

function viewOf({ asset, revision, changedMs, origin }: KeptAsset, principal: Principal): View {
  const mask = new Mask(principal.masks)
  return {
    ...masked(asset, mask),
    ...{ revision, changed: new Date(changedMs).toISOString(), origin },
  }
}

/** The fields whose values an asset's properties are, where a mask can hide them. */
const FIELDS = {
  name: 'device.name',
  type: 'device.type',
  model: 'device.model.identifier',
  manufacturer: 'device.manufacturer',
  class: 'iot.device_class',
  site: 'iot.site',
  owner: 'iot.owner',
  zone: 'iot.zone',
} as const
const KIND_FIELDS: Readonly<Record<ListedKind, readonly string[]>> = {
  device: ['device.id'],
  serial: ['device.serial_number'],
  certificate: ['tls.client.x509', 'tls.client.hash', 'x509'],
  client_id: ['iot.mqtt.client_id'],
  mac: ['source.mac', 'client.mac', 'host.mac'],
  ip: ['source.ip', 'client.ip', 'host.ip'],
  host: ['host.name', 'host.hostname'],
  user: ['user.name'],
}

function masked(asset: KeptAsset['asset'], mask: Mask): KeptAsset['asset'] {
  if (mask.isEmpty) return asset
  const shown = { ...asset, identifiers: { ...asset.identifiers } }
  for (const [name, field] of Object.entries(FIELDS) as [keyof typeof FIELDS, string][]) {
    if (shown[name] !== undefined && mask.hides(field)) shown[name] = MASKED
  }
  for (const [kind, fields] of Object.entries(KIND_FIELDS) as [ListedKind, string[]][]) {
    const isHidden = shown.identifiers[kind] !== undefined && fields.some((one) => mask.hides(one))
    if (isHidden) shown.identifiers[kind] = [MASKED]
  }
  return shown
}

/** A list of devices is of no use to who may not see which they are, and its cursor would tell. */
function refuseMasked({ masks }: Principal): void {
  if (!new Mask(masks).hides('device.id')) return
  const message = 'Assets are shown only to those who may see device.id.'
  throw new ProblemError({ code: 'API_FORBIDDEN', message })
}

function isVisible({ asset }: KeptAsset, visibility: Visibility | undefined): boolean {
  const within = (value: string | undefined, allowed: readonly string[] | undefined): boolean =>
    allowed === undefined || (value !== undefined && allowed.includes(value))
  // An asset is of no dataset: it is shown only to those who see every one.
  if (visibility?.datasets !== undefined) return false
  return within(asset.site, visibility?.sites) && within(asset.type, visibility?.deviceTypes)
}

const etagOf = ({ revision }: KeptAsset): string => `"r${revision}"`

/** Of `If-Match: "r3"`. An ETag that is none of ours fits no version. */
function revisionOf(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined
  const found = /^\s*"r(\d{1,9})"\s*$/.exec(ifMatch)
  return found === null ? -1 : Number(found[1])
}

function unknownAsset(): ProblemError {
  return new ProblemError({ code: 'ASSET_UNKNOWN', message: 'There is no asset of this id.' })
}

function deskOf(desk: AssetDesk | undefined): AssetDesk {
  if (desk !== undefined) return desk
  throw new ProblemError({ code: 'API_UNAVAILABLE', message: 'This server does not do that.' })
}
