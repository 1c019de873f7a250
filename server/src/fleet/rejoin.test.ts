import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Asset, assetSchema, IDENTIFIER_KINDS } from '../model/asset.ts'
import type { EcsDoc } from '../model/event.ts'
import { AssetIndex } from './asset-index.ts'
import { joinAsset } from './enrich.ts'
import { LeaseTable } from './leases.ts'
import { joiningChanges, rejoin } from './rejoin.ts'

function table(...assets: readonly (Partial<Asset> & { readonly id: string })[]): AssetIndex {
  const index = new AssetIndex()
  for (const asset of assets) index.put(assetSchema.parse(asset))
  return index
}

function joined(doc: EcsDoc, assets: AssetIndex): EcsDoc {
  const copy = structuredClone(doc)
  joinAsset(copy, 0, { assets, leases: new LeaseTable(), precedence: IDENTIFIER_KINDS })
  return copy
}

const OLD = { id: 'cam-1', site: 'north', type: 'camera', identifiers: { ip: ['10.0.0.1'] } }
const EVENT: EcsDoc = { source: { ip: '10.0.0.1' }, event: { action: 'a' } }

describe('an event joined anew', () => {
  const stored = joined(EVENT, table(OLD))

  test('bears what the table says of its asset today, and is not changed itself', () => {
    const before = structuredClone(stored)
    const now = rejoin(stored, 0, { assets: table({ ...OLD, site: 'south', owner: 'ada' }) })
    expect(now).toMatchObject({ device: { id: 'cam-1', type: 'camera' } })
    expect(now['iot']).toEqual({
      identity: { state: 'resolved', rule: 'ip' },
      site: 'south',
      owner: 'ada',
    })
    expect(stored).toEqual(before)
  })

  test('bears nothing of an asset that is gone, or that it is no longer of', () => {
    expect(rejoin(stored, 0, { assets: table() })).toEqual(EVENT)
    const other = { id: 'lamp', identifiers: { ip: ['10.0.0.1'] } }
    expect(rejoin(stored, 0, { assets: table({ ...OLD, identifiers: {} }, other) })).toEqual({
      ...EVENT,
      device: { id: 'lamp' },
      iot: { identity: { state: 'resolved', rule: 'ip' } },
    })
  })

  test('is found where the table did not know it, or could not tell, before', () => {
    expect(rejoin(EVENT, 0, { assets: table(OLD) })).toEqual(stored)
    const twice = joined(EVENT, table(OLD, { ...OLD, id: 'cam-2' }))
    expect(twice).toMatchObject({ iot: { identity: { state: 'ambiguous' } } })
    expect(rejoin(twice, 0, { assets: table(OLD) })).toEqual(stored)
  })

  test('is known by the name that it gave itself', () => {
    const named: EcsDoc = { ...EVENT, device: { id: 'own' } }
    const stood = joined(named, table(OLD))
    expect(stood).toMatchObject({ device: { id: 'cam-1' }, iot: { identity: { claimed: 'own' } } })
    expect(rejoin(stood, 0, { assets: table() })).toEqual(named)
    const now = rejoin(stood, 0, { assets: table({ id: 'own', site: 'east' }) })
    expect(now).toMatchObject({ device: { id: 'own' }, iot: { site: 'east' } })
  })

  test('keeps the asset that a lease gave it', () => {
    const leased: EcsDoc = {
      ...EVENT,
      device: { id: 'plug' },
      iot: { identity: { state: 'resolved', rule: 'lease' }, site: 'north' },
    }
    const plug = { id: 'plug', site: 'west', identifiers: { mac: ['00:11:22:33:44:55'] } }
    const now = rejoin(leased, 0, { assets: table(plug) })
    expect(now).toMatchObject({ device: { id: 'plug' }, iot: { site: 'west' } })
    expect(rejoin(leased, 0, { assets: table() })).toEqual(EVENT)
  })
})

const word = fc.constantFrom('a', 'b', 'c')
const anAsset = fc.record(
  {
    site: word,
    type: word,
    manufacturer: word,
    model: word,
    owner: word,
    ip: word,
    client_id: word,
    user: word,
  },
  { requiredKeys: [] },
)
const anEvent = fc.record(
  { device: word, ip: word, client: word, user: word, site: word, type: word },
  { requiredKeys: [] },
)

test('joined anew to the same table, nothing changes', () => {
  const seen = { joined: 0 }
  const assets = fc.dictionary(word, anAsset, { maxKeys: 3 })
  fc.assert(
    fc.property(assets, anEvent, (given, said) => {
      const index = table(
        ...Object.entries(given).map(([id, { ip, client_id, user, ...rest }]) => ({
          ...rest,
          id,
          identifiers: {
            ...(ip !== undefined && { ip: [ip] }),
            ...(client_id !== undefined && { client_id: [client_id] }),
            ...(user !== undefined && { user: [user] }),
          },
        })),
      )
      const stored = joined(eventOf(said), index)
      if ((stored['iot'] as EcsDoc | undefined)?.['identity'] !== undefined) seen.joined += 1
      expect(rejoin(stored, 0, { assets: index })).toEqual(stored)
    }),
    { numRuns: 500 },
  )
  expect(seen.joined).toBeGreaterThan(50)
})

function eventOf(said: { readonly [name: string]: string | undefined }): EcsDoc {
  const { device, ip, client, user, site, type } = said
  const doc: EcsDoc = {}
  if (device !== undefined || type !== undefined) {
    doc['device'] = {
      ...(device !== undefined && { id: device }),
      ...(type !== undefined && { type }),
    }
  }
  if (ip !== undefined) doc['source'] = { ip }
  if (user !== undefined) doc['user'] = { name: user }
  if (site !== undefined || client !== undefined) {
    doc['iot'] = {
      ...(site !== undefined && { site }),
      ...(client !== undefined && { mqtt: { client_id: client } }),
    }
  }
  return doc
}

test('what joining may change is told by its path', () => {
  for (const path of [
    'device',
    'device.id',
    'device.model',
    'iot',
    'iot.site',
    'iot.identity.rule',
  ]) {
    expect(joiningChanges(path), path).toBe(true)
  }
  for (const path of ['device.serial_number', 'iot.mqtt.client_id', 'iot.sites', 'event.action']) {
    expect(joiningChanges(path), path).toBe(false)
  }
})
