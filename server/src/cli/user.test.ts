import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createApi } from '../api/api.ts'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { openJournal } from '../journal/journal.ts'
import type { AuditEntry } from '../model/journal.ts'
import { createPeople } from '../people/people.ts'
import { controlSocket, stateFile } from '../state/location.ts'
import { openState, type State } from '../state/state.ts'
import { openKeyring } from '../vault/keyring.ts'
import { createSealer } from '../vault/sealer.ts'
import { runCli } from './cli.ts'
import { commands } from './registry.ts'

const data = mkdtempSync(join(tmpdir(), 'picket-user-'))
const clock = new ManualClock(Date.parse('2026-03-01T12:00:00Z'))
const cost = { N: 16, r: 8, p: 1 }

beforeAll(async () => (await openFiles()).close())
afterAll(() => rmSync(data, { recursive: true, force: true }))

async function openFiles(): Promise<State> {
  const keyring = await openRing()
  const sealer = createSealer(keyring, 'state', clock)
  const opened = await openState({ at: { sqlite: stateFile(data) }, sealer, log: SILENT })
  if (!opened.ok) throw new Error(opened.problem.message)
  return opened.value
}

const openRing = () =>
  openKeyring({ dataDir: { path: data }, masterKey: { kind: 'generated' }, env: {}, log: SILENT })

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

async function recorded(): Promise<AuditEntry[]> {
  const journal = await openJournal({
    dir: join(data, 'journal'),
    keyring: await openRing(),
    bytesMax: 2 ** 30,
    reservedBytes: 2 ** 20,
    ageMaxMs: 1e9,
    metrics: new MetricsRegistry(),
    log: SILENT,
    clock,
    writer: 'here',
  })
  const entries = journal.read(0, 1e9).flatMap((entry) => entry.batch.audit ?? [])
  await journal.close()
  return entries
}

test('whoever owns the host gets in without a server, and it is recorded', async () => {
  const added = await picket('user', 'add', 'Ada', '--role', 'admin', '--json')
  expect(added).toMatchObject({ err: '', code: 0 })
  const { password } = JSON.parse(added.out) as { password: string }
  const scoped = ['--role', 'analyst', '--site', 'oslo', '--site', 'bergen', '--mask', 'user.name']
  expect((await picket('user', 'add', 'bob', ...scoped)).code).toBe(0)
  const list = await picket('user', 'list')
  expect(list.out).toMatch(/^NAME +ROLES +SEES +STATE +LOGIN +CODE +ID\n/)
  expect(list.out).toMatch(/bob +analyst +oslo,bergen +must change password +password +no +u-/)
  expect((await picket('user', 'list', '--json')).out).not.toMatch(/scrypt|secretHash/)
  const single = await picket('user', 'add', 'eve', '--role', 'auditor', '--oidc')
  expect(single).toMatchObject({ out: 'eve may log in by the OpenID provider\n', code: 0 })
  expect((await picket('user', 'list')).out).toMatch(/eve +auditor +all +enabled +oidc +no +u-/)
  const reset = await picket('user', 'reset', 'ada', '--json')
  const { password: next } = JSON.parse(reset.out) as { password: string }
  const state = await openFiles()
  const people = createPeople({ state, clock, cost })
  await expect(people.login({ name: 'ada', password })).rejects.toThrow('wrong')
  expect((await people.login({ name: 'ada', password: next })).user.mustChange).toBe(true)
  const token = (await picket('token', 'create', 'ci', '--role', 'ingest')).out.trim()
  expect((await people.byToken(token))?.principal.roles).toEqual(['ingest'])
  await state.close()
  expect(await picket('user', 'remove', 'ADA')).toMatchObject({
    code: 2,
    err: expect.stringContaining('USER_LAST_ADMIN'),
  })
  expect(await picket('user', 'add', 'x')).toMatchObject({ code: 2 })
  expect(await picket('user', 'disable', 'nobody')).toMatchObject({ code: 2 })
  const said = (await recorded()).map(
    ({ actor, action, outcome }) => `${actor} ${action} ${outcome}`,
  )
  expect(said).toContain('local user-password success')
  expect(said).toContain('local token-create success')
  expect(said.slice(-4)).toEqual([
    'local user-list success',
    'local user-delete success',
    'local user-delete failure',
    'local user-list success',
  ])
})

test('a running server is asked instead', async () => {
  const state = await openFiles()
  const audit: AuditEntry[] = []
  const api = createApi({
    clock,
    metrics: new MetricsRegistry(),
    log: SILENT,
    journal: {
      append: async (batch) => {
        audit.push(...(batch.audit ?? []))
        return 1
      },
    },
    state,
    deadLetters: { replay: async (id) => ({ id, outcome: 'accepted', events: 0 }) },
    readiness: () => ({ ready: true, problems: [] }),
    config: () => ({}),
    version: '0',
    cost,
  })
  await api.listenLocal(controlSocket(data))
  expect((await picket('user', 'grant', 'bob', '--role', 'auditor')).out).toBe('bob changed\n')
  expect((await picket('user', 'list')).out).toMatch(/bob +auditor +all/)
  expect((await picket('user', 'disable', 'bob')).out).toBe('bob disabled\n')
  expect((await picket('user', 'list')).out).toMatch(/bob +auditor +all +disabled/)
  expect((await picket('user', 'remove', 'bob')).code).toBe(0)
  const made = await picket('token', 'create', 'x', '--role', 'ingest', '--expires', '2026-04-01')
  expect(made.out).toMatch(/^pkt_/)
  const id = made.out.split('_')[1]?.slice(0, 16) ?? ''
  expect((await picket('token', 'revoke', made.out.slice(4, 20))).code).toBe(0)
  expect(id).not.toBe('')
  expect((await picket('token', 'list')).out).toMatch(
    /x +ingest +all +2026-04-01T00:00:00.000Z +never +revoked/,
  )
  expect(audit.map((entry) => entry.action)).toContain('user-delete')
  await api.close()
  await state.close()
})
