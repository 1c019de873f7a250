/** `picket source test NAME`, against the API on its control socket. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Api, createApi } from '../api/api.ts'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import type { SourceReport } from '../model/source.ts'
import { controlSocket, stateFile } from '../state/location.ts'
import { openState, type State } from '../state/state.ts'
import { openKeyring } from '../vault/keyring.ts'
import { createSealer } from '../vault/sealer.ts'
import { runCli } from './cli.ts'
import { commands } from './registry.ts'

const data = mkdtempSync(join(tmpdir(), 'picket-source-'))
const clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'))
let state: State
let api: Api | undefined

const QUIET: SourceReport = {
  name: 'quiet',
  state: 'paused',
  detail: 'the journal is full',
  ...{ deliveries: 0, events: 0, routine: 0, rejects: 0, dropped: 0, inputs: [] },
}
const REPORTS: Readonly<Record<string, SourceReport>> = {
  quiet: QUIET,
  gateway: {
    name: 'gateway',
    state: 'connected',
    ...{ deliveries: 2, events: 3, routine: 1, rejects: 1, dropped: 4 },
    lastMs: clock.now() - 1_000,
    inputs: [
      {
        receivedMs: clock.now() - 2_000,
        text: 'login of ada',
        outcome: 'events',
        actions: ['user-login', 'api-call'],
      },
      {
        receivedMs: clock.now() - 1_000,
        text: 'rub\u001b[2Jbish',
        outcome: 'reject',
        code: 'DECODE_SYNTAX',
        message: 'no JSON',
      },
    ],
  },
}

beforeAll(async () => {
  const dataDir = { path: data }
  const masterKey = { kind: 'generated' } as const
  const keyring = await openKeyring({ dataDir, masterKey, env: {}, log: SILENT })
  const sealer = createSealer(keyring, 'state', clock)
  const opened = await openState({ at: { sqlite: stateFile(data) }, sealer, log: SILENT })
  if (!opened.ok) throw new Error(opened.problem.message)
  state = opened.value
})
afterEach(async () => {
  await api?.close()
  api = undefined
})
afterAll(async () => {
  await state.close()
  rmSync(data, { recursive: true, force: true })
})

async function serve(): Promise<void> {
  api = createApi({
    ...{ clock, state, metrics: new MetricsRegistry(), log: SILENT, version: '0' },
    journal: { append: async () => 1 },
    deadLetters: { replay: async (id) => ({ id, outcome: 'accepted', events: 0 }) },
    readiness: () => ({ ready: true, problems: [] }),
    config: () => ({}),
    sources: { names: () => Object.keys(REPORTS), report: (name) => REPORTS[name] },
  })
  await api.listenLocal(controlSocket(data))
}

async function picket(...args: string[]): Promise<{ out: string; err: string; code: number }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  let code = 0
  const context = {
    ...{ stdin: new PassThrough(), stdout, stderr, env: {}, clock, interactive: false },
    metrics: new MetricsRegistry(),
    exit: (given: 0 | 1 | 2) => {
      code = given
    },
  }
  await runCli([...args, '--data', data], context, commands)
  return { out: String(stdout.read() ?? ''), err: String(stderr.read() ?? ''), code }
}

test('says what arrived and what was made of the last inputs', async () => {
  await serve()
  const { out, err, code } = await picket('source', 'test', 'gateway')
  expect([err, code]).toEqual(['', 0])
  expect(out.split('\n')).toEqual([
    'Source gateway',
    '  state     connected',
    '  last      2026-03-01T11:59:59.000Z',
    '  became    3 events, 1 routine, 1 rejected, 4 dropped',
    '',
    'The last inputs, the newest last:',
    '  2026-03-01T11:59:58.000Z  events: user-login, api-call',
    '    login of ada',
    '  2026-03-01T11:59:59.000Z  reject: DECODE_SYNTAX: no JSON',
    '    rub\\u{1b}[2Jbish',
    '',
  ])
})

test('with --json, one object', async () => {
  await serve()
  const { out, code } = await picket('source', 'test', 'gateway', '--json')
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ name: 'gateway', rejects: 1, inputs: [{}, {}] })
})

test('exit code 1 where nothing has arrived, and why it waits', async () => {
  await serve()
  const { out, code } = await picket('source', 'test', 'quiet')
  expect(code).toBe(1)
  expect(out).toContain('paused: the journal is full')
  expect(out).toContain('nothing has arrived since it was started')
})

test('exit code 2 for a source that is not there, with the nearest name', async () => {
  await serve()
  const { out, err, code } = await picket('source', 'test', 'gatway')
  expect([out, code]).toEqual(['', 2])
  expect(err).toContain('SOURCE_UNKNOWN')
  expect(err).toContain('gateway')
})

test('exit code 2 where no server runs, and what to do', async () => {
  const { err, code } = await picket('source', 'test', 'gateway')
  expect(code).toBe(2)
  expect(err).toContain('API_UNAVAILABLE')
  expect(err).toContain('picket serve')
})
