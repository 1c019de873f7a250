/**
 * Goal: a hunt that a server does for a command elsewhere goes on after an interruption like one that is
 * done beside it, compares with what runs, and keeps to the limits it was given.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, afterEach, expect, test } from 'vitest'
import { makeWorld, serveAs, type World } from '../api/testing/world.ts'
import { ManualClock } from '../base/clock.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { runCli } from '../cli/cli.ts'
import { commands } from '../cli/registry.ts'
import { packRules } from '../detect/rules-control.ts'
import { huntHere } from '../hunt/here.ts'
import type { EventSource } from '../hunt/hunt.ts'
import { loadRules } from '../library/library.ts'
import { testSealer } from '../state/testing/engines.ts'
import { StoreError } from '../store/failure.ts'
import type { StoredEvent } from '../store/search/stream.ts'
import { openHuntDesk } from './hunt-desk.ts'

const DAY_MS = 86_400_000
const NOON = Date.UTC(2026, 10, 1, 12)
const folder = mkdtempSync(join(tmpdir(), 'picket-hunt-desk-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Two a day, for six days. */
const EVENTS: readonly StoredEvent[] = Array.from({ length: 12 }, (_, at) => ({
  ...{ id: `e${at}`, time: NOON + Math.floor(at / 2) * DAY_MS + (at % 2) * 3_600_000 },
  ingestedMs: NOON,
  position: { partition: 0, offset: at, index: 0 },
  doc: {
    event: { id: `e${at}`, action: 'mqtt-connect', outcome: at % 2 === 0 ? 'failure' : 'success' },
    device: { id: `pump-${at}` },
  },
}))

function ruleFile(name: string, detection: string, id = 'odd'): string {
  const path = join(folder, `${name}.yml`)
  const head = `title: Odd\nid: ${id}\nlogsource: { category: mqtt }\n`
  writeFileSync(path, `${head}detection: ${detection}\n`)
  return path
}
const ALL = '{ it: { event.action: mqtt-connect }, condition: it }'
const FAILED = '{ it: { event.outcome: failure }, condition: it }'

interface Rig {
  readonly world: World
  readonly url: string
  /** Where reading began, of each hunt. */
  readonly reads: number[]
  /** Bytes that each hunt may hold. */
  readonly memory: number[]
  /** The store is gone from this day on; undefined: it is well. */
  downFrom: number | undefined
  /** The store is gone for the so manieth hunt. */
  downFor: number | undefined
}

const open: { close(): Promise<unknown> }[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close()
})

async function openRig(running: string): Promise<Rig> {
  const reads: number[] = []
  const memory: number[] = []
  const well: Pick<Rig, 'downFrom' | 'downFor'> = { downFrom: undefined, downFor: undefined }
  const rig = { reads, memory, ...well }
  const events: EventSource = async function* ({ fromMs, toMs, onTotal }) {
    reads.push(fromMs)
    const within = EVENTS.filter(({ time }) => time >= fromMs && time < toMs)
    onTotal?.(within.length)
    for (const event of within) {
      if (
        event.time >= (rig.downFrom ?? Number.POSITIVE_INFINITY) ||
        reads.length === rig.downFor
      ) {
        throw new StoreError('unavailable', 'The store is gone.')
      }
      yield [event]
    }
  }
  const none = async function* () {}
  const hunts = openHuntDesk({
    ...{ atOnce: 2, limits: { memoryBytesMax: 2 ** 30, timeMsMax: 60_000 } },
    clock: new ManualClock(NOON + 9 * DAY_MS),
    pass: () => ({ url: 'http://127.0.0.1:9', username: 'x', password: 'x' }),
    assets: async () => [],
    precedence: () => [],
    current: () => packRules(loadRules([running]).ruleSet),
    sealer: testSealer(),
    start: async (job, _pass, { signal, memoryBytesMax }) => {
      memory.push(memoryBytesMax)
      return huntHere(job, { events, rollups: none }, signal)
    },
  })
  const world = await makeWorld({ hunts })
  const app = serveAs(world, { id: 'u', roles: ['analyst'] })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  open.push(world, app)
  return Object.assign(rig, { world, url })
}

async function picket(
  rig: Rig,
  ...args: string[]
): Promise<{ lines: Record<string, never>[]; err: string; code: number }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  let code = 0
  const context = {
    ...{ stdin: new PassThrough(), stdout, stderr, env: { PICKET_TOKEN: 'x' } },
    ...{ clock: new ManualClock(NOON + 9 * DAY_MS), metrics: new MetricsRegistry() },
    interactive: false,
    exit: (given: 0 | 1 | 2) => {
      code = given
    },
  }
  await runCli(['hunt', ...args, '--from', '2026-11-01', '--url', rig.url], context, commands)
  const lines = String(stdout.read() ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, never>)
  return { lines, err: String(stderr.read() ?? ''), code }
}

const eventsOf = (lines: readonly object[]): readonly string[] =>
  lines.flatMap((line) => (line as { events: string[] }).events)

test('a hunt of a server goes on at the last whole day', async () => {
  const rules = ruleFile('all', ALL)
  const rig = await openRig(rules)
  const file = join(folder, 'hunt.json')
  const query = ['--sigma', rules, '--resume', file]
  rig.downFrom = NOON + 3 * DAY_MS
  const first = await picket(rig, ...query)
  expect([first.code, eventsOf(first.lines)]).toEqual([2, ['e0', 'e1', 'e2', 'e3']])
  expect(first.err).toContain('the same command goes on from there')
  expect(readFileSync(file, 'utf8')).not.toContain('pump')
  rig.downFrom = undefined
  const other = await picket(rig, '--sigma', ruleFile('failed', FAILED), '--resume', file)
  expect(other.err).toContain('HUNT_RESUME: The checkpoint is of a hunt with another rules')
  const rest = await picket(rig, ...query)
  expect(eventsOf(rest.lines)).toEqual(EVENTS.slice(4).map(({ id }) => id))
  expect(rest.err).toContain('"alerts":12,"events":12')
  expect(rig.reads.at(-1)).toBe(Math.floor(NOON / DAY_MS) * DAY_MS + 2 * DAY_MS)
  expect([rest.code, existsSync(file)]).toEqual([0, false])
})

test('so does one that compares', async () => {
  const [proposed, running] = [ruleFile('proposed', FAILED), ruleFile('running', ALL)]
  const rig = await openRig(running)
  const file = join(folder, 'compare.json')
  const query = ['--rules', proposed, '--against', 'current', '--resume', file]
  const whole = await picket(rig, ...query)
  expect(whole.code).toBe(0)
  expect(whole.err).toContain('"added":0,"gone":6,"same":6')
  // The running rules are through when the store goes away.
  rig.reads.length = 0
  rig.downFor = 2
  const first = await picket(rig, ...query)
  expect([first.code, first.lines]).toEqual([2, []])
  rig.downFor = undefined
  const rest = await picket(rig, ...query)
  expect([rest.code, rest.lines]).toEqual([0, whole.lines])
  // They were not asked about again.
  expect(rig.reads).toHaveLength(3)
})

test('a checkpoint goes on for nobody else, and not if it was changed', async () => {
  const rules = ruleFile('mine', ALL)
  const rig = await openRig(rules)
  const file = join(folder, 'mine.json')
  const query = ['--sigma', rules, '--resume', file]
  rig.downFrom = NOON + 3 * DAY_MS
  await picket(rig, ...query)
  rig.downFrom = undefined
  // Another address is another key of the file: it is made to fit.
  const saved = JSON.parse(readFileSync(file, 'utf8')) as { checkpoint: string; key: object }
  const refused = async (id: string, checkpoint: string): Promise<void> => {
    const app = serveAs(rig.world, { id, roles: ['analyst'] })
    const payload = {
      rules: { files: [{ path: rules, text: readFileSync(rules, 'utf8') }], matches: true },
      ...{ from: '2026-11-01T00:00:00.000Z', to: new Date(NOON + 9 * DAY_MS).toISOString() },
      resume: checkpoint,
    }
    const answer = await app.inject({ method: 'POST', url: '/api/v1/hunts', payload })
    expect(answer.json()).toMatchObject({ code: 'HUNT_RESUME' })
    await app.close()
  }
  await refused('v', saved.checkpoint)
  const bytes = Buffer.from(saved.checkpoint, 'base64')
  bytes[bytes.length - 20]! ^= 1
  await refused('u', bytes.toString('base64'))
  await refused('u', 'AAAA')
})

test('what runs is compared with by its id; what runs nowhere is said', async () => {
  const running = ruleFile('in-force', ALL)
  const rig = await openRig(running)
  const narrower = await picket(
    rig,
    '--rules',
    ruleFile('narrower', FAILED),
    '--against',
    'current',
  )
  expect(narrower.err).toContain('"added":0,"gone":6,"same":6')
  const anew = await picket(rig, '--rules', ruleFile('anew', FAILED, 'new'), '--against', 'current')
  expect(anew.err).toContain('RULE_UNKNOWN: No rule of the id "new" is running')
  expect(anew.err).toContain('"added":6,"gone":0,"same":0')
  expect([narrower.code, anew.code]).toEqual([0, 0])
  const query = await picket(rig, '--eql', 'any where true', '--against', 'current')
  expect(query.err).toContain('a query has none')
})

test('keeps to the memory that it is given, and to no more than the server allows', async () => {
  const rules = ruleFile('memory', ALL)
  const rig = await openRig(rules)
  for (const size of ['64MiB', '4GiB']) await picket(rig, '--rules', rules, '--memory-max', size)
  await picket(rig, '--rules', rules)
  expect(rig.memory).toEqual([2 ** 26, 2 ** 30, 2 ** 30])
  const little = await picket(rig, '--rules', rules, '--memory-max', '1MiB')
  expect(little.err).toContain('at least 64MiB')
})
