import { afterEach, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { AssetIndex } from '../fleet/asset-index.ts'
import { type Asset, assetSchema } from '../model/asset.ts'
import type { JournalBatch } from '../model/journal.ts'
import type { State } from '../state/state.ts'
import { describeEngines } from '../state/testing/engines.ts'
import { openAssetDesk } from './asset-desk.ts'

const asset = (id: string, more: object = {}): Asset => assetSchema.parse({ id, ...more })

describeEngines('the desk of assets', (engine) => {
  const opened: State[] = []
  afterEach(async () => {
    for (const state of opened.splice(0)) await state.close()
  })

  async function open(name: string) {
    const state = await engine.open(name)
    opened.push(state)
    const batches: JournalBatch[] = []
    const journal = { append: async (batch: JournalBatch) => batches.push(batch) }
    const index = new AssetIndex()
    const desk = await openAssetDesk({ state, journal, clock: new ManualClock(5), index })
    const controls = (): unknown[] =>
      batches.flatMap((batch) => (batch.controls ?? []).map(({ body }) => body))
    return { desk, index, controls, state }
  }

  test('keeps assets, joins by them, and notes each change in the journal', async () => {
    const { desk, index, controls, state } = await open('assets')
    const pump = asset('pump', { site: 'oslo', type: 'pump', identifiers: { client_id: ['c1'] } })
    expect(await desk.put(pump)).toMatchObject({ revision: 1, changedMs: 5, origin: 'api' })
    expect(await desk.put({ ...pump })).toMatchObject({ revision: 1 })
    expect(index.named('client_id', 'c1')).toEqual(['pump'])
    const moved = { ...pump, site: 'bergen', identifiers: { client_id: ['c2'] } }
    expect(await desk.put(moved, 1)).toMatchObject({ revision: 2 })
    await expect(desk.put(pump, 1)).rejects.toMatchObject({ problem: { code: 'ASSET_CHANGED' } })
    expect([index.named('client_id', 'c1'), index.named('client_id', 'c2')]).toEqual([[], ['pump']])
    expect(controls()).toEqual([{ put: [pump] }, { put: [moved] }])
    // The owner is a person: the row does not show it.
    const rows = await state.query((db) => db.selectFrom('asset').selectAll().execute())
    expect(Buffer.from(rows[0]!.body).toString('latin1')).not.toContain('bergen')
    await desk.remove('pump', 2)
    expect([index.size, await desk.get('pump')]).toEqual([0, undefined])
    await expect(desk.remove('pump')).rejects.toMatchObject({ problem: { code: 'ASSET_UNKNOWN' } })
  })

  test('imports whole tables; what a file no longer lists goes, what came otherwise stays', async () => {
    const { desk, index, controls } = await open('imports')
    await desk.put(asset('own'))
    const many = Array.from({ length: 1_200 }, (_, at) => asset(`d${at}`, { site: 's' }))
    expect(await desk.takeFile(many)).toMatchObject({ added: 1_200, removed: 0, shared: 0 })
    expect(controls()).toHaveLength(4)
    const next = [asset('d0', { site: 's' }), asset('d1', { site: 't' })]
    expect(await desk.takeFile(next)).toEqual({
      ...{ added: 0, changed: 1, removed: 1_198, unchanged: 1, shared: 0 },
    })
    expect(index.size).toBe(3)
    const twins = ['x', 'y'].map((id) => asset(id, { identifiers: { mac: ['aa:bb'] } }))
    expect(await desk.import(twins, false)).toMatchObject({ added: 2, shared: 1 })
    expect(await desk.import([asset('x')], true)).toMatchObject({ changed: 1, removed: 2 })
    expect((await desk.list({}, { limit: 10 })).map((kept) => kept.asset.id)).toEqual([
      'd0',
      'd1',
      'x',
    ])
  })

  test('what a file names is of the file from then on, though nothing else of it changed', async () => {
    const { desk } = await open('takeover')
    await desk.put(asset('own'))
    expect(await desk.takeFile([asset('own')])).toMatchObject({ changed: 1, unchanged: 0 })
    expect(await desk.get('own')).toMatchObject({ origin: 'file', revision: 2 })
    expect(await desk.takeFile([asset('own')])).toMatchObject({ changed: 0, unchanged: 1 })
    expect(await desk.takeFile([])).toMatchObject({ removed: 1 })
    expect(await desk.get('own')).toBeUndefined()
  })

  test('lists by page, site, type, and what somebody may see', async () => {
    const { desk } = await open('lists')
    const all = ['a', 'b', 'c', 'd'].map((id, at) =>
      asset(id, { site: at % 2 === 0 ? 'n' : 's', ...(at > 1 && { type: 'cam' }) }),
    )
    await desk.import(all, false)
    const ids = async (...args: Parameters<typeof desk.list>): Promise<string[]> =>
      (await desk.list(...args)).map((kept) => kept.asset.id)
    expect(await ids({}, { limit: 2, after: 'a' })).toEqual(['b', 'c'])
    expect(await ids({ site: 'n' }, { limit: 9 })).toEqual(['a', 'c'])
    expect(await ids({ site: 'n', type: 'cam' }, { limit: 9 })).toEqual(['c'])
    expect(await ids({ visibility: { deviceTypes: ['cam'] } }, { limit: 9 })).toEqual(['c', 'd'])
    expect(await ids({ visibility: { sites: [] } }, { limit: 9 })).toEqual([])
  })

  test('is there again after a restart, and says so', async () => {
    const first = await open('restart')
    await first.desk.put(asset('pump', { identifiers: { serial: ['S1'] } }))
    const second = await open('restart')
    expect(second.index.named('serial', 'S1')).toEqual(['pump'])
    expect(second.controls()).toEqual([{ hash: expect.any(String), count: 1 }])
  })
})
