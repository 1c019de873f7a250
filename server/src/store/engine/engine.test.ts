import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SILENT } from '../../base/log.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import { sql } from '../sql.ts'
import { startStoreEngine } from './engine.ts'
import type { StoreEngine } from './engine.ts'
import { findEngineLibrary } from './library.ts'

let dir: string
let engine: StoreEngine
const metrics = new MetricsRegistry()

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'picket-engine-'))
  const started = startStoreEngine({ dataDir: dir, log: SILENT, metrics })
  if (!started.ok) throw new Error(started.problem.message)
  engine = started.value
  expect(await engine.whenReady()).toBe(true)
})

afterAll(async () => {
  await engine.stop()
  rmSync(dir, { recursive: true, force: true })
})

describe('the engine', () => {
  test('answers and has its tables', async () => {
    const found = await engine.client('reader').query(sql`SELECT count() FROM picket.events`)
    expect(found.rows).toEqual([[0]])
    expect(metrics.value('picket_store_up')).toBe(1)
  })

  test('leaves neither key nor password in a file', () => {
    expect(readdirSync(dir).filter((name) => name.startsWith('picket-'))).toEqual([])
  })

  test('answers nobody without the key', async () => {
    const client = engine.client('admin')
    const port = await client.query(sql`SELECT getServerPort('http_port')`).catch(() => undefined)
    expect(port).toBeDefined()
    const response = await fetch(`http://127.0.0.1:${String(port?.rows[0]?.[0])}/?query=SELECT%201`)
    expect(response.status).toBe(404)
  })

  test('comes back after it was killed', async () => {
    const pid = engine.pid()
    expect(pid).toBeDefined()
    const down = new Promise<void>((resolve) => {
      const forget = engine.onState((state) => {
        if (state.kind !== 'down') return
        forget()
        resolve()
      })
    })
    process.kill(pid ?? 0, 'SIGKILL')
    await down
    expect(() => engine.client('reader')).toThrow('The store is down')
    expect(await engine.whenReady()).toBe(true)
    expect(engine.pid()).not.toBe(pid)
    expect(engine.restarts()).toBe(1)
    const found = await engine.client('reader').query(sql`SELECT count() FROM picket.events`)
    expect(found.rows).toEqual([[0]])
  })
})

test('a platform without an engine is a problem with a way out', () => {
  const found = findEngineLibrary('sunos', 'sparc')
  expect(found).toMatchObject({ ok: false, problem: { code: 'STORE_UNSUPPORTED' } })
})
