import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { createApi, type Api } from '../api/api.ts'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { writeAlerts, writeHistory } from '../state/alerts.ts'
import { addDeadLetters } from '../state/dead-letters.ts'
import { controlSocket, stateFile } from '../state/location.ts'
import { openState, type State } from '../state/state.ts'
import { alertOf } from '../state/testing/alerts.ts'
import { openKeyring } from '../vault/keyring.ts'
import { createSealer } from '../vault/sealer.ts'
import { runCli } from './cli.ts'
import { commands } from './registry.ts'

const data = mkdtempSync(join(tmpdir(), 'picket-desk-'))
const clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'))
let state: State
let api: Api | undefined

beforeAll(async () => {
  const keyring = await openKeyring({
    dataDir: { path: data },
    masterKey: { kind: 'generated' },
    env: {},
    log: SILENT,
  })
  const sealer = createSealer(keyring, 'state', clock)
  const opened = await openState({ at: { sqlite: stateFile(data) }, sealer, log: SILENT })
  if (!opened.ok) throw new Error(opened.problem.message)
  state = opened.value
  const young = alertOf({ id: 'young', group: { 'source.ip': 'x\u001b[2J' } })
  const writes = [alertOf({ id: 'old', severity: 'low' }), young].map((alert, index) => ({
    alert,
    offset: 1,
    index,
    kind: 'opened' as const,
    atMs: 1_000,
  }))
  const letter = {
    id: 'l1',
    source: 'file:x',
    decoder: 'mosquitto',
    code: 'DECODE_SYNTAX',
    message: 'No time.',
    receivedMs: 1_000,
    raw: 'rub\u0007bish',
    rawEncoding: 'utf8' as const,
    facts: { line: '7' },
  }
  await state.transact(async (db) => {
    await writeAlerts(state, db, writes)
    await writeHistory(state, db, writes)
    await addDeadLetters(state, db, [{ letter, offset: 1, index: 0 }])
  })
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
  const columns = ['device.id', 'event.action', 'n']
  api = createApi({
    clock,
    metrics: new MetricsRegistry(),
    log: SILENT,
    journal: { append: async () => 1 },
    state,
    deadLetters: {
      replay: async (id) => ({ id, outcome: id === 'l1' ? 'accepted' : 'rejected', events: 0 }),
    },
    search: {
      templates: () => [
        {
          name: 'timeline',
          summary: 'Events of a device.',
          parameters: [{ name: 'device', summary: '', required: true }],
        },
      ],
      run: async ({ values, limit }) => ({
        ok: true,
        value: { columns, rows: [[values['device'], '=1+1', limit]], truncated: true },
      }),
    },
    readiness: () => ({ ready: true, problems: [] }),
    config: () => ({}),
    version: '0',
  })
  await api.listenLocal(controlSocket(data))
}

async function picket(...args: string[]): Promise<{ out: string; err: string; code: number }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  let code = 0
  const context = {
    stdin: new PassThrough(),
    stdout,
    stderr,
    env: {},
    clock,
    metrics: new MetricsRegistry(),
    interactive: false,
    exit: (given: 0 | 1 | 2) => {
      code = given
    },
  }
  await runCli([...args, '--data', data], context, commands)
  return { out: String(stdout.read() ?? ''), err: String(stderr.read() ?? ''), code }
}

test.each(['the files', 'a running server'])('alerts and dead letters, from %s', async (from) => {
  if (from === 'a running server') await serve()
  const list = await picket('alert', 'list')
  expect(list).toMatchObject({ err: '', code: 0 })
  expect(list.out.split('\n').map((line) => line.split(/ {2,}/).at(-1))).toEqual([
    'ID',
    'young',
    'old',
    '',
  ])
  expect(list.out).toContain('source.ip=x\\u{1b}[2J')
  expect(list.out).not.toContain('\u001b')
  const json = await picket('alert', 'list', '--json', '--severity', 'medium', '--limit', '1')
  expect(JSON.parse(json.out)).toMatchObject({ id: 'young', severity: 'high' })
  const first = await picket('alert', 'list', '--limit', '1')
  const cursor = /--cursor (\S+)/.exec(first.err)?.[1] ?? ''
  expect((await picket('alert', 'list', '--cursor', cursor)).out).toMatch(/ old\n$/)
  expect((await picket('alert', 'list', '--from', '1h')).err).toBe('No alerts.\n')
  expect((await picket('alert', 'list', '--from', '3h', '--open')).out).toContain('young')
  const show = await picket('alert', 'show', 'young')
  expect(show.out).toMatch(/^\[HIGH\] Brute force · provisional, open\n/)
  expect(show.out).toContain('Told:\n  1970-01-01T00:00:01.000Z  opened  revision 1\n')
  expect(await picket('alert', 'show', 'none')).toMatchObject({
    code: 2,
    err: expect.stringContaining('ALERT_UNKNOWN'),
  })
  const letters = await picket('deadletter', 'list')
  expect(letters.out).toContain('DECODE_SYNTAX')
  expect((await picket('deadletter', 'list', '--replayed')).err).toBe('No dead letters.\n')
  const letter = await picket('deadletter', 'show', 'l1')
  expect(letter.out).toContain('rub\\u{7}bish')
  expect(letter.out).toContain('line      7')
})

test('replay and search go through the server, and say so where there is none', async () => {
  for (const args of [
    ['deadletter', 'replay', 'l1'],
    ['search', 'timeline'],
  ]) {
    expect(await picket(...args)).toMatchObject({
      code: 2,
      err: expect.stringContaining('API_UNAVAILABLE'),
    })
  }
  await serve()
  expect(await picket('deadletter', 'replay', 'l1')).toMatchObject({ err: '', code: 0 })
  expect(await picket('deadletter', 'replay', 'l1', 'l2')).toMatchObject({
    code: 1,
    out: 'l1: accepted, 0 events\nl2: rejected, 0 events\n',
  })
  expect((await picket('search')).out).toMatch(/timeline +device +Events of a device\./)
  const set = ['search', 'timeline', '--set', 'device=pump-1', '--limit', '5', '--format']
  expect((await picket(...set, 'json')).out).toBe(
    '{"device.id":"pump-1","event.action":"=1+1","n":5}\n',
  )
  expect((await picket(...set, 'csv')).out).toBe("device.id,event.action,n\r\npump-1,'=1+1,5\r\n")
  expect(await picket(...set, 'table')).toMatchObject({
    out: 'device.id  event.action  n\npump-1     =1+1          5\n',
    err: 'There are more rows: raise --limit.\n',
  })
})

test('wrong use is told in a sentence', async () => {
  for (const args of [
    ['alert', 'list', '--severity', 'worst'],
    ['alert', 'list', '--from', 'yesterday'],
    ['alert', 'list', '--limit', '0'],
    ['search', 'x', '--set', 'novalue'],
  ]) {
    expect(await picket(...args)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/^picket: USAGE: /),
    })
  }
})
