import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeWorld, serveAs } from '../api/testing/world.ts'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { KeptAsset } from '../model/asset.ts'
import type { AssetDesk } from '../model/desks.ts'
import { controlSocket } from '../state/location.ts'
import { startStoreEngine } from '../store/engine/engine.ts'
import type { StoreEngine } from '../store/engine/engine.ts'
import { fillStore } from '../store/testing/fill.ts'
import { TEST_DAY_MS, brokerEvent } from '../store/testing/store-fixture.ts'
import { runCli } from './cli.ts'
import { commands } from './registry.ts'

const HOUR_MS = 3_600_000
let data: string
let engine: StoreEngine

function start(): StoreEngine {
  const started = startStoreEngine({
    dataDir: join(data, 'store'),
    log: SILENT,
    metrics: new MetricsRegistry(),
  })
  if (!started.ok) throw new Error(started.problem.message)
  return started.value
}

beforeAll(async () => {
  data = mkdtempSync(join(tmpdir(), 'picket-hunt-'))
  engine = start()
  await engine.whenReady()
  const hours = Array.from({ length: 5 }, (_, at) =>
    brokerEvent(`e${at}`, TEST_DAY_MS + at * HOUR_MS),
  )
  const days = Array.from({ length: 4 }, (_, at) =>
    brokerEvent(`d${at}`, TEST_DAY_MS + (at + 2) * 24 * HOUR_MS),
  )
  await fillStore(engine, [...hours, ...days])
})
afterAll(async () => {
  await engine.stop()
  rmSync(data, { recursive: true, force: true })
})

async function picket(...args: string[]): Promise<{ out: string; err: string; code: number }> {
  return picketTo(new PassThrough(), ...args)
}

async function picketTo(
  stdout: PassThrough,
  ...args: string[]
): Promise<{ out: string; err: string; code: number }> {
  const stderr = new PassThrough()
  let code = 0
  const context = {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env: {},
    clock: new ManualClock(TEST_DAY_MS + 12 * HOUR_MS),
    metrics: new MetricsRegistry(),
    interactive: false,
    exit: (given: 0 | 1 | 2) => {
      code = given
    },
  }
  await runCli([...args, '--data', data], context, commands)
  return { out: String(stdout.read() ?? ''), err: String(stderr.read() ?? ''), code }
}

const RANGE = ['--from', '2026-11-22T01:00:00Z', '--to', '2026-11-22T03:30:00Z']
const QUERY = ['hunt', '--eql', 'any where event.outcome == "failure"', ...RANGE]

function eventsOf(out: string): readonly string[] {
  const lines = out.split('\n').filter((line) => line !== '')
  return lines.flatMap((line) => (JSON.parse(line) as AlertRecord).events)
}

test('hunts beside a running server, by a pass from its control socket', async () => {
  const world = await makeWorld({ storePass: () => engine.readerPass() })
  await world.api.listenLocal(controlSocket(data))
  const found = await picket(...QUERY)
  expect(eventsOf(found.out)).toEqual(['e1', 'e2', 'e3'])
  expect(found.code).toBe(0)
  expect(JSON.parse(found.err)).toMatchObject({
    summary: { alerts: 3, narrowed: true, context: 'as-of-then' },
  })
  expect(world.audit).toContainEqual(expect.objectContaining({ action: 'store-pass' }))
  // Over the network nobody gets a pass, whoever they are.
  const app = serveAs(world, { id: 'a', roles: ['admin'] })
  const refused = await app.inject({ method: 'POST', url: '/api/v1/store/pass', payload: {} })
  expect(refused.statusCode).toBe(404)
  await app.close()
  await world.close()
})

test('joins events to the assets of the running server, as of now', async () => {
  const asset = (n: number): KeptAsset => ({
    ...{ revision: 1, changedMs: 0, origin: 'api' },
    asset: { id: `lamp-${n}`, site: 'south', identifiers: { client_id: [`client-e${n}`] } },
  })
  const all = [asset(1), asset(2)]
  const desk = {
    list: async (_: unknown, page: { after?: string }) =>
      page.after === undefined ? all : all.slice(1),
  } as unknown as AssetDesk
  const world = await makeWorld({ storePass: () => engine.readerPass(), assets: desk })
  await world.api.listenLocal(controlSocket(data))
  const query = ['hunt', '--eql', 'any where iot.site == "south"', ...RANGE]
  expect((await picket(...query)).out).toBe('')
  const found = await picket(...query, '--as-of', 'now')
  expect(eventsOf(found.out)).toEqual(['e1', 'e2'])
  expect(JSON.parse(found.err)).toMatchObject({ summary: { context: 'as-of-now', assets: 2 } })
  const wrong = await picket(...query, '--as-of', 'later')
  expect(wrong).toMatchObject({ code: 2, out: '' })
  expect(wrong.err).toContain('--as-of')
  await world.close()
})

test('hunts in the files that a stopped server left', async () => {
  await engine.stop()
  const found = await picket(...QUERY)
  expect(eventsOf(found.out)).toEqual(['e1', 'e2', 'e3'])
  // They hold no table of assets: nothing is guessed.
  const now = await picket(...QUERY, '--as-of', 'now')
  expect(now).toMatchObject({ code: 2, out: '' })
  expect(now.err).toContain('STATE_MISSING')
})

test('compares a proposed rule with the one in force', async () => {
  const rule = (outcome: string): string => {
    const file = join(data, `${outcome}.yml`)
    const detection = `detection: { it: { event.outcome: ${outcome} }, condition: it }`
    writeFileSync(file, `title: ${outcome}\nlogsource: { category: x }\n${detection}\n`)
    return file
  }
  const old = rule('failure')
  const how = ['--pipeline', 'none', '--ignore-logsource', ...RANGE]
  const stricter = await picket('hunt', '--rules', rule('success'), '--against', old, ...how)
  const changes = stricter.out.split('\n').filter((line) => line !== '')
  expect(changes.map((line) => (JSON.parse(line) as { change: string }).change)).toEqual([
    'gone',
    'gone',
    'gone',
  ])
  expect(stricter.err).toContain('"added":0,"gone":3,"same":0')
  const same = await picket('hunt', '--rules', old, '--against', old, ...how)
  expect(same.err).toContain('"added":0,"gone":0,"same":3')
  // A comparison that is kept goes on too, of the same two.
  const kept = ['--resume', join(data, 'compared.json')]
  const whole = await picket('hunt', '--rules', rule('success'), '--against', old, ...how, ...kept)
  expect([whole.code, whole.out]).toEqual([0, stricter.out])
  expect(existsSync(kept[1]!)).toBe(false)
})

test('an interrupted hunt goes on at the last whole day', { timeout: 240_000 }, async () => {
  const file = join(data, 'hunt.json')
  const query = ['hunt', '--eql', 'any where event.outcome == "failure"']
  const days = ['--from', '2026-11-22', '--to', '2026-11-28', '--resume', file]
  const stdout = new PassThrough()
  const write = stdout.write.bind(stdout)
  let lines = 0
  stdout.write = ((text: string) => {
    lines += 1
    // As the terminal does, once the first days are told.
    if (lines === 2) process.emit('SIGINT')
    return write(text)
  }) as typeof stdout.write
  const first = await picketTo(stdout, ...query, ...days)
  expect(eventsOf(first.out)).toEqual(['e0', 'e1', 'e2', 'e3', 'e4', 'd0'])
  expect(first.code).toBe(2)
  expect(first.err).toContain('the same command goes on from there')
  const other = await picket('hunt', '--eql', 'any where true', ...days)
  expect(other).toMatchObject({ code: 2, out: '' })
  expect(other.err).toContain('another rules')
  const later = await picket(...query, ...days.with(3, '2026-11-29'))
  expect(later.err).toContain('another --to')
  const rest = await picket(...query, ...days)
  expect(eventsOf(rest.out)).toEqual(['d1', 'd2', 'd3'])
  expect(JSON.parse(rest.err)).toMatchObject({ summary: { alerts: 9, events: 9 } })
  expect(existsSync(file)).toBe(false)
  writeFileSync(file, 'no checkpoint')
  const broken = await picket(...query, ...days)
  expect(broken).toMatchObject({ code: 2, out: '' })
  expect(broken.err).toContain('HUNT_RESUME')
})

test('a hunt ends where it holds more than it may', async () => {
  const query = ['hunt', '--eql', 'any where event.outcome == "failure"', ...RANGE]
  const tiny = await picket(...query, '--memory-max', '1MiB')
  expect(tiny.err).toContain('at least 64MiB')
  expect(eventsOf((await picket(...query, '--memory-max', '4GiB')).out)).toHaveLength(3)
  const grown = Array.from({ length: 1_000_000 }, (_, at) => ({ at }))
  const over = await picket(...query, '--memory-max', '64MiB')
  expect(over).toMatchObject({ code: 2, out: '' })
  expect(over.err).toMatch(/HUNT_LIMIT: The hunt holds \d+ MiB; it may hold 64 MiB/)
  expect(grown).toHaveLength(1_000_000)
})

test('wrong use is said plainly', async () => {
  const backwards = await picket('hunt', '--eql', 'any where true', '--from', '1h', '--to', '2h')
  expect(backwards).toMatchObject({ code: 2, out: '' })
  expect(backwards.err).toContain('--from must be earlier than --to')
  const none = await picket('hunt', '--from', '1h')
  expect(none.err).toContain('--rules, --eql, --kql and --sigma')
})
