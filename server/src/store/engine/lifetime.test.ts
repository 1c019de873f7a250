import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SILENT } from '../../base/log.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import { fillStore } from '../testing/fill.ts'
import { TEST_DAY_MS, brokerEvent } from '../testing/store-fixture.ts'
import { createSearch } from '../search/search.ts'
import { ENGINE_LIMITS, KEY_HEADER, userName } from './config.ts'
import { startStoreEngine } from './engine.ts'
import { findEngineLibrary } from './library.ts'
import { startEngineProcess } from './process.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'picket-life-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

function library(): string {
  const found = findEngineLibrary(process.platform, process.arch)
  if (!found.ok) throw new Error(found.problem.message)
  return found.value
}

test('a server that others run is used through the same code', async () => {
  const limits = ENGINE_LIMITS
  const other = await startEngineProcess({ library: library(), dataDir: dir, limits })
  if (!other.ok) throw new Error(other.problem.message)
  const { url, secrets } = other.value
  const account = (role: 'admin' | 'writer' | 'reader') => ({
    username: userName(role),
    password: secrets.passwords[role],
  })
  const started = startStoreEngine({
    dataDir: join(dir, 'unused'),
    external: {
      url,
      accounts: { admin: account('admin'), writer: account('writer'), reader: account('reader') },
      headers: { [KEY_HEADER]: secrets.key },
    },
    log: SILENT,
    metrics: new MetricsRegistry(),
  })
  if (!started.ok) throw new Error(started.problem.message)
  const engine = started.value
  expect(engine.mode).toBe('external')
  expect(await engine.whenReady()).toBe(true)
  await fillStore(engine, [brokerEvent('a', TEST_DAY_MS)])
  const found = await createSearch(engine).run({ template: 'events', ids: ['a'] })
  expect(found).toMatchObject({ ok: true, value: { rows: [expect.arrayContaining(['a'])] } })
  await engine.stop()
  expect(() => engine.client('reader')).toThrow('stopped')
  await other.value.stop(5_000)
})

test('a server that is not there is waited for', async () => {
  const account = { username: 'u', password: 'p' }
  const closed = await new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
  const started = startStoreEngine({
    dataDir: dir,
    external: { url: `http://127.0.0.1:${closed}`, accounts: { admin: account } },
    backoff: { minMs: 5, maxMs: 10 },
    log: SILENT,
    metrics: new MetricsRegistry(),
  })
  if (!started.ok) throw new Error(started.problem.message)
  while (started.value.state().kind !== 'down' || started.value.restarts() < 2) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  expect(started.value.state()).toMatchObject({ problem: { code: 'STORE_UNAVAILABLE' } })
  await started.value.stop()
  expect(await started.value.whenReady()).toBe(false)
})

test.skipIf(process.platform !== 'linux')('a killed parent leaves no engine behind', async () => {
  const child = fileURLToPath(new URL('../../../bin/store-engine.mjs', import.meta.url))
  const config = join(dir, 'config.xml')
  writeFileSync(config, '<clickhouse></clickhouse>')
  const query = "SELECT count() FROM file('-', 'LineAsString', 'line String') FORMAT Null"
  // A parent of its own that can be killed: it starts the engine, says its id, and stays.
  const parent = spawn(
    process.execPath,
    [
      '-e',
      `const { spawn } = require('node:child_process')
       const engine = spawn(process.execPath, [...process.argv.slice(1), String(process.pid)],
         { stdio: ['pipe', 'ignore', 'inherit'] })
       console.log(engine.pid)
       setInterval(() => undefined, 1000)`,
      ...[child, library(), dir, '1', config, query],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const pid = await new Promise<number>((resolve) => {
    parent.stdout.once('data', (text: Buffer) => resolve(Number(text.toString())))
  })
  // Its data directory is locked: it is up, and would stay.
  while (!existsSync(join(dir, 'status'))) await new Promise((resolve) => setTimeout(resolve, 10))
  expect(runs(pid)).toBe(true)
  parent.kill('SIGKILL')
  while (runs(pid)) await new Promise((resolve) => setTimeout(resolve, 10))
})

function runs(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('neither key nor password stands in the list of processes or in the environment', async () => {
  const engine = await startEngineProcess({
    library: library(),
    dataDir: dir,
    limits: ENGINE_LIMITS,
  })
  if (!engine.ok) throw new Error(engine.problem.message)
  const { pid, secrets } = engine.value
  const seen =
    process.platform === 'linux'
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') + readFileSync(`/proc/${pid}/environ`, 'utf8')
      : ''
  expect(seen).not.toContain(secrets.key)
  expect(seen).not.toContain(secrets.passwords.reader)
  expect(seen).not.toContain('HOME=')
  await engine.value.stop(5_000)
})
