import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../../base/clock.ts'
import { SILENT } from '../../base/log.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import type { EcsDoc } from '../../model/event.ts'
import { type Lookups, type LookupSettings, startLookups, type TableInUse } from './lookups.ts'
import { LookupTable } from '../../fleet/lookup-table.ts'
import { Wanted } from './wanted.ts'

const NOW = Date.UTC(2026, 10, 22)
const PLAN = {
  ...{
    name: 'cmdb',
    key: ['device.id'],
    fields: { owner: 'iot.owner', 'room.name': 'labels.room' },
  },
  ...{ entriesMax: 3, staleMs: 60_000, refreshMs: 20 },
}
const SETTINGS: Omit<LookupSettings, 'from'> = {
  ...PLAN,
  ...{ match: 'id', items: undefined, timeoutMs: 20_000, bytesMax: 2_000, version: '1' },
}

describe('a table', () => {
  const row = { owner: 'plant-team', room: { name: '4.12' } }

  test('adds what it knows, with its age; what the event has stays', () => {
    const table = new LookupTable(PLAN)
    table.replace(new Map([['d1', row]]), NOW)
    const device = Object.freeze({ id: 'd1' })
    const doc: EcsDoc = { device, labels: Object.freeze({ room: 'here' }) }
    table.join(doc, NOW + 30_000)
    expect(doc).toEqual({
      ...{ device, labels: { room: 'here' } },
      iot: { owner: 'plant-team', lookup: { cmdb: { age: 30 } } },
    })
    const later: EcsDoc = { device }
    table.join(later, NOW + 61_000)
    expect(later['iot']).toEqual({
      owner: 'plant-team',
      lookup: { cmdb: { age: 61, stale: true } },
    })
    const unknown: EcsDoc = { device: { id: 'd2' } }
    table.join(unknown, NOW)
    expect(unknown).toEqual({ device: { id: 'd2' } })
  })

  test('is bounded, whole or by key', () => {
    const rows = new Map(['a', 'b', 'c', 'd', 'e'].map((key) => [key, row]))
    const table = new LookupTable(PLAN)
    expect(table.replace(rows, NOW)).toBe(2)
    const byKey = new LookupTable(PLAN, () => undefined)
    for (const key of rows.keys()) byKey.put(key, row, NOW)
    expect([table.size, byKey.size]).toEqual([3, 3])
  })

  test('asks for what it does not know, again when it is stale, and sooner for what was not there', () => {
    const wanted: string[] = []
    const table = new LookupTable(PLAN, (key) => wanted.push(key))
    const doc = (): EcsDoc => ({ device: { id: 'd1' } })
    table.join(doc(), NOW)
    table.put('d1', undefined, NOW)
    table.join(doc(), NOW + 1)
    expect(wanted).toEqual(['d1'])
    table.join(doc(), NOW + 21)
    expect(wanted).toEqual(['d1', 'd1'])
    table.put('d1', row, NOW)
    table.join(doc(), NOW + 21)
    expect(wanted).toHaveLength(2)
    table.join(doc(), NOW + 61_000)
    expect(wanted).toHaveLength(3)
  })
})

test('keys wait for one another, each once, and no more than there is room for', async () => {
  const asked: string[] = []
  let open = 0
  let most = 0
  const ask = async (key: string): Promise<void> => {
    open += 1
    most = Math.max(most, open)
    asked.push(key)
    await new Promise((resolve) => setTimeout(resolve, 1))
    open -= 1
    if (key === 'k1') throw new Error('no')
  }
  const wanted = new Wanted({ ask, waitingMax: 3, atOnce: 2 })
  for (const key of ['k0', 'k1', 'k1', 'k2', 'k3', 'k4', 'k5', 'k6']) wanted.want(key)
  expect(wanted.dropped).toBe(2)
  while (!wanted.idle) await new Promise((resolve) => setTimeout(resolve, 1))
  expect([asked, most]).toEqual([['k0', 'k1', 'k2', 'k3', 'k4'], 2])
})

describe('a service', () => {
  let server: Server
  let answer: (request: IncomingMessage, response: ServerResponse) => void
  let url = ''
  let folder = ''
  const running: Lookups[] = []
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'picket-lookup-'))
    server = createServer((request, response) => answer(request, response))
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.close()
    server.closeAllConnections()
    rmSync(folder, { recursive: true })
  })
  afterEach(() => {
    for (const one of running.splice(0)) one.stop()
  })

  function start(change: Partial<LookupSettings> & Pick<LookupSettings, 'from'>) {
    const metrics = new MetricsRegistry()
    const clock = new ManualClock(NOW)
    const noted: TableInUse[] = []
    const note = async (table: TableInUse): Promise<void> => {
      noted.push(table)
    }
    const deps = { clock, log: SILENT, metrics, note, lookEveryMs: 5 }
    const lookups = startLookups([{ ...SETTINGS, ...change }], deps)
    running.push(lookups)
    const ownerOf = (id: string): unknown => {
      const doc: EcsDoc = { device: { id } }
      lookups.add(doc)
      return (doc['iot'] as EcsDoc | undefined)?.['owner']
    }
    const until = async (id: string, owner: unknown): Promise<void> => {
      while (ownerOf(id) !== owner) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    return { lookups, ownerOf, until, metrics, clock, noted }
  }
  const json = (response: ServerResponse, body: unknown, status = 200): void => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  }

  test('gives a table, asked with its secret, and read anew', async () => {
    let owner = 'one'
    const seen: unknown[] = []
    answer = (request, response) => {
      seen.push(request.headers['x-api-key'])
      json(response, { result: [{ id: 'd1', owner }, { id: 7, owner: 'seven' }, 'x'] })
    }
    const secret = { header: 'x-api-key', value: async () => 's3cret' }
    const run = start({ from: { url }, items: 'result', secret })
    await run.lookups.begun
    expect([run.ownerOf('d1'), run.ownerOf('7'), run.ownerOf('d2')]).toEqual([
      'one',
      'seven',
      undefined,
    ])
    owner = 'two'
    await run.until('d1', 'two')
    expect(new Set(seen)).toEqual(new Set(['s3cret']))
    expect(run.metrics.render()).toContain('picket_lookup_entries{lookup="cmdb"} 2')
  })

  test.each<[string, typeof answer]>([
    ['an error', (_, response) => json(response, {}, 500)],
    ['no JSON', (_, response) => void response.end('<html>')],
    ['no list', (_, response) => json(response, { id: 'd1' })],
    ['too much', (_, response) => json(response, [{ id: 'd1', owner: 'x'.repeat(3_000) }])],
    ['no answer in time', () => undefined],
    ['a redirect', (_, response) => void response.writeHead(302, { location: '/' }).end()],
  ])('what was known stays in use at %s', async (_, broken) => {
    answer = (_request, response) => json(response, [{ id: 'd1', owner: 'kept' }])
    const run = start({ from: { url }, timeoutMs: 2_000 })
    await run.until('d1', 'kept')
    answer = broken
    const failed = 'picket_lookup_requests_total{lookup="cmdb",outcome="failed"}'
    while (!run.metrics.render().includes(failed)) await new Promise((go) => setTimeout(go, 5))
    expect(run.ownerOf('d1')).toBe('kept')
  })

  test('is asked for a key behind the event; the next event has it', async () => {
    const asked: string[] = []
    answer = (request, response) => {
      asked.push(request.url ?? '')
      if (request.url === '/d/a%2Fb') json(response, { owner: 'Ada' })
      else json(response, {}, 404)
    }
    const run = start({ from: { url: `${url}/d/{key}` } })
    await run.lookups.begun
    expect(run.ownerOf('a/b')).toBeUndefined()
    await run.until('a/b', 'Ada')
    expect(run.ownerOf('gone')).toBeUndefined()
    while (!asked.includes('/d/gone')) await new Promise((resolve) => setTimeout(resolve, 5))
    for (let at = 0; at < 20; at++) run.ownerOf('a/b')
    expect(asked).toEqual(['/d/a%2Fb', '/d/gone'])
  })

  test('a key that could not be asked is not asked again at once, nor for hours if our clock is set back', async () => {
    let asked = 0
    answer = (_, response) => {
      asked += 1
      json(response, {}, 500)
    }
    const run = start({ from: { url: `${url}/d/{key}` } })
    await run.lookups.begun
    const ask = async (times: number): Promise<void> => {
      while (asked < times) {
        run.ownerOf('a')
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      const labels = { lookup: 'cmdb', outcome: 'failed' }
      const failed = () => run.metrics.value('picket_lookup_requests_total', labels)
      while (failed() !== times) await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await ask(1)
    for (let at = 0; at < 20; at++) run.ownerOf('a')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(asked).toBe(1)
    run.clock.set(NOW - 3_600_000)
    await ask(2)
    run.clock.set(NOW - 3_600_000 + 31_000)
    await ask(3)
  })

  test('what finds no room in the table is counted; a secret that cannot be read is told, not shown', async () => {
    answer = (_, response) =>
      json(
        response,
        Array.from({ length: 8 }, (_one, n) => ({ id: `d${n}`, owner: 'x' })),
      )
    const full = start({ from: { url } })
    await full.lookups.begun
    expect(full.metrics.value('picket_lookup_dropped_total', { lookup: 'cmdb' })).toBe(5)
    const value = (): Promise<string> => Promise.reject(new Error('hunter2'))
    const closed = start({ from: { url }, secret: { header: 'authorization', value } })
    await closed.lookups.begun
    expect(closed.lookups.failing()).toEqual([
      { name: 'cmdb', reason: 'its secret cannot be read' },
    ])
  })

  test('a file is read anew, and one that broke changes nothing', async () => {
    const file = join(folder, 'owners.csv')
    writeFileSync(file, 'id,owner\nd1,one\n')
    const run = start({ from: { file } })
    await run.lookups.begun
    expect(run.ownerOf('d1')).toBe('one')
    writeFileSync(file, 'id,owner\n"d1,two\n')
    const failed = 'outcome="failed"'
    while (!run.metrics.render().includes(failed)) await new Promise((go) => setTimeout(go, 5))
    expect(run.ownerOf('d1')).toBe('one')
    writeFileSync(file, 'id,owner\nd1,two\n')
    await run.until('d1', 'two')
  })

  test('a changed file comes into use by itself, is noted, and one that is empty or of another table is not', async () => {
    const file = join(folder, 'watched.csv')
    writeFileSync(file, 'id,owner\nd1,one\n')
    // It would not be read anew in time.
    const run = start({ from: { file }, refreshMs: 86_400_000 })
    await run.lookups.begun
    writeFileSync(file, 'id,owner\nd1,two\nd2,two\n')
    await run.until('d1', 'two')
    for (const bad of ['', 'name,owner\nd1,bad\n']) {
      writeFileSync(`${file}.new`, bad)
      renameSync(`${file}.new`, file)
      while (run.lookups.failing().length === 0) await new Promise((go) => setTimeout(go, 5))
      expect(run.ownerOf('d1')).toBe('two')
      expect(run.lookups.failing()[0]!.reason).toMatch(/empty|column id/)
      writeFileSync(file, 'id,owner\nd1,two\nd2,two\n')
      while (run.lookups.failing().length > 0) await new Promise((go) => setTimeout(go, 5))
    }
    expect(run.noted.map(({ name, entries }) => [name, entries])).toEqual([
      ['cmdb', 1],
      ['cmdb', 2],
    ])
    expect(new Set(run.noted.map(({ hash }) => hash)).size).toBe(2)
    expect(run.metrics.value('picket_lookup_changes_total', { lookup: 'cmdb' })).toBe(2)
  })

  test('other settings are taken over while running; what is as it was goes on', async () => {
    const file = join(folder, 'kept.csv')
    writeFileSync(file, 'id,owner\nd1,kept\n')
    const kept = { ...SETTINGS, from: { file }, refreshMs: 86_400_000 }
    const run = start({ from: { file }, refreshMs: 86_400_000 })
    await run.lookups.begun
    const other = join(folder, 'other.csv')
    writeFileSync(other, 'id,team\nd1,blue\n')
    const fields = { team: 'labels.team' }
    await run.lookups.take([
      kept,
      { ...kept, name: 'teams', fields, from: { file: other }, version: '2' },
    ])
    const doc: EcsDoc = { device: { id: 'd1' } }
    run.lookups.add(doc)
    expect(doc).toMatchObject({ iot: { owner: 'kept' }, labels: { team: 'blue' } })
    await run.lookups.take([])
    expect(run.ownerOf('d1')).toBeUndefined()
    // Read once: the one that stayed was not begun anew.
    expect(run.noted.map(({ name }) => name)).toEqual(['cmdb', 'teams'])
  })
})
