import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { runCli } from '../cli/cli.ts'
import { serveCommand } from './serve-command.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'picket-serve-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('a data directory that cannot be made is said, with a demo too', async () => {
  const file = join(folder, 'file')
  await writeFile(file, '')
  const told = { text: '', code: 0 }
  const out = new Writable({
    write: (chunk, _, done) => {
      told.text += String(chunk)
      done()
    },
  })
  const context = {
    ...{ stdin: Readable.from([]), stdout: out, stderr: out, env: {}, interactive: false },
    ...{ clock: new ManualClock(), metrics: new MetricsRegistry() },
    exit: (code: 0 | 1 | 2) => void (told.code = code),
  }
  await runCli(['serve', '--demo', '--data', join(file, 'in', 'it')], context, [serveCommand])
  expect(told.text).toContain('DATA_UNUSABLE')
  expect(told.code).toBe(2)
})
