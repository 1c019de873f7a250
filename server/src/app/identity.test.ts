import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { parseConfig } from '../config/config.ts'
import { Enricher } from '../ingest/enrich/enricher.ts'
import { openIdentity } from './identity.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step()
})

async function until(ready: () => boolean): Promise<void> {
  while (!ready()) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('a changed table of assets comes into use by itself; a bad one changes nothing and is told', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'picket-identity-'))
  undo.push(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'devices.csv')
  writeFileSync(file, 'id,mac\npump-7,00:0c:29:aa:bb:cc\n')
  const taken: string[][] = []
  const metrics = new MetricsRegistry()
  const identity = openIdentity({
    assets: {
      takeFile: async (assets) => {
        taken.push(assets.map(({ id }) => id))
        return { added: 0, changed: 0, removed: 0, unchanged: 0, shared: 0 }
      },
    },
    ...{
      enricher: new Enricher(),
      clock: new ManualClock(1),
      log: SILENT,
      metrics,
      lookEveryMs: 5,
    },
  })
  undo.push(() => identity.stop())
  const parsed = parseConfig(`identity: { assets: ${file} }`, { baseDir: folder })
  if (!parsed.ok) throw new Error('no configuration')
  await identity.take(parsed.value)
  expect(taken).toEqual([['pump-7']])

  writeFileSync(file, 'id,mac\npump-7,00:0c:29:aa:bb:cc\npump-8,\n')
  await until(() => taken.length === 2)
  expect(taken[1]).toEqual(['pump-7', 'pump-8'])

  for (const bad of ['', 'id,colour\npump-9,red\n']) {
    writeFileSync(file, bad)
    await until(() => identity.trouble() !== undefined)
    const reads = taken.length
    writeFileSync(file, 'id\npump-9\n')
    await until(() => identity.trouble() === undefined)
    expect(taken.slice(reads)).toEqual([['pump-9']])
  }
  expect(metrics.value('picket_asset_file_reads_total', { outcome: 'failed' })).toBe(2)
})
