import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MetricsRegistry } from '../../base/metrics.ts'
import { createSource } from '../registry.ts'
import { describeSource, type SourceWorld } from '../testing/describe-source.ts'
import { testDeps } from '../testing/file-world.ts'
import { fileOptions } from './options.ts'

describeSource('file', makeWorld, () => new MetricsRegistry())

async function makeWorld(): Promise<SourceWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'picket-file-'))
  const path = join(folder, 'app.log')
  await writeFile(path, '')
  const options = fileOptions.parse({
    paths: ['*.log'],
    poll_interval: '10ms',
    scan_interval: '20ms',
    line_bytes_max: '64KiB',
    batch_bytes_max: '4KiB',
  })
  return {
    create: (metrics) =>
      createSource('file', options, testDeps(folder, { now: () => Date.now() }, metrics)),
    send: (texts) => appendFile(path, texts.map((text) => `${text}\n`).join('')),
    replays: true,
    keepsKeys: true,
    textBytesMax: 65_536,
    deliveriesMax: 2,
    end: () => rm(folder, { recursive: true, force: true }),
  }
}
