/** Goal: what the API does to rules, whoever owns the host does from the command line, recorded alike. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { createApi } from '../../api/api.ts'
import { makeWorld, type World } from '../../api/testing/world.ts'
import { openRuleDesk } from '../../app/rule-desk.ts'
import { doRuleWork } from '../../app/rule-work.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import { controlSocket } from '../../state/location.ts'
import { runCli } from '../cli.ts'
import { commands } from '../registry.ts'

const data = mkdtempSync(join(tmpdir(), 'picket-running-'))
const folder = join(data, 'own')
const RULE = `title: Refused
id: 4d7a9a3c-6a6e-4ef0-9a0a-6b8b7d7f0c11
status: stable
level: high
author: Ada
logsource: { product: mosquitto }
detection: { a: { event.outcome: failure }, condition: a }
`
const ID = '4d7a9a3c-6a6e-4ef0-9a0a-6b8b7d7f0c11'
let world: World
let close: () => Promise<void>

beforeEach(async () => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'refused.yml'), RULE)
  world = await makeWorld()
  const { state, clock, options } = world
  const rules = await openRuleDesk({
    ...{ state, clock, log: options.log, journal: options.journal },
    paths: () => [folder],
    uploads: join(data, 'uploads'),
    work: async (work) => doRuleWork(work),
    totals: () => ({ matches: 12, hits: 0, lost: 1, seconds: 0.5 }),
  })
  const api = createApi({ ...options, rules, rulesInForce: rules.packed })
  await api.listenLocal(controlSocket(data))
  close = async () => {
    await api.close()
    await world.close()
  }
})
afterEach(() => close())
afterAll(() => rmSync(data, { recursive: true, force: true }))

async function picket(...args: string[]): Promise<{ out: string; err: string; code: number }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  let code = 0
  const context = {
    ...{ stdin: new PassThrough(), stdout, stderr, env: {}, clock: world.clock },
    ...{ metrics: new MetricsRegistry(), interactive: false },
    exit: (given: 0 | 1 | 2) => {
      code = given
    },
  }
  await runCli(['rules', ...args, '--data', data], context, commands)
  return { out: String(stdout.read() ?? ''), err: String(stderr.read() ?? ''), code }
}

test('a rule is put in shadow, disabled, made live, and left to its file again', async () => {
  const first = await picket('running')
  expect(first.out).toMatch(
    /^LIFE +SEVERITY +KIND +TITLE +MATCHES +LOST +SECONDS +ID\nlive +high +rule +Refused +12 +1 +0\.500 +4d7a9a3c-/,
  )
  for (const [args, life, isSet] of [
    [['shadow', ID], 'shadow', true],
    [['disable', ID], 'disabled', true],
    [['enable', ID], 'live', true],
    [['life', ID, 'shadow'], 'shadow', true],
    [['reset', ID], 'live', false],
  ] as const) {
    const done = await picket(...args, '--json')
    expect([args, JSON.parse(done.out)]).toEqual([args, expect.objectContaining({ life, isSet })])
    const now = JSON.parse((await picket('running', '--json')).out) as { life: string }
    expect(now.life).toBe(life)
  }
  expect((await picket('disable', ID)).out).toBe(`${ID} (Refused): disabled, set here\n`)
  expect((await picket('running', '--life', 'live')).out).not.toContain(ID)
  expect((await picket('running', '--life', 'disabled')).out).toMatch(/^disabled\* /m)
  const changes = world.audit.filter(({ action }) => action === 'rule-change')
  expect(changes).toHaveLength(6)
  expect(changes[0]).toMatchObject({ actor: 'local', detail: { life: 'shadow' } })
})

test('what does not fit is said, and changes nothing', async () => {
  expect(await picket('disable', 'no-such-rule')).toMatchObject({
    code: 2,
    err: expect.stringContaining('RULE_UNKNOWN'),
  })
  expect((await picket('life', ID, 'draft')).err).toContain('live, shadow, disabled, as-written')
  writeFileSync(join(folder, 'refused.yml'), RULE.replace('condition: a', 'condition: b'))
  expect(await picket('reload')).toMatchObject({ err: expect.stringContaining('RULES_BROKEN') })
  expect((await picket('running')).out).toMatch(/^live +high/m)
})

test('files are read anew, uploaded by the folder, and taken away', async () => {
  writeFileSync(join(folder, 'refused.yml'), RULE.replace('level: high', 'level: low'))
  expect((await picket('reload')).out).toMatch(/^in force now: 1 rules \([0-9a-f]+\)\n$/)
  expect((await picket('reload')).out).toMatch(/^nothing changed: 1 rules/)
  const more = join(data, 'more')
  mkdirSync(join(more, 'deep'), { recursive: true })
  const other = RULE.replace(ID, ID.replace('4d', '5d')).replace('Refused', 'Other')
  writeFileSync(join(more, 'deep', 'other.yml'), other)
  expect((await picket('upload', 'mine', more)).out).toContain('in force now: 2 rules')
  expect((await picket('running')).out).toContain('Other')
  expect((await picket('upload', 'mine', join(data, 'nowhere'))).err).toContain('INPUT_UNREADABLE')
  expect((await picket('upload', '../x', more)).err).toContain('API_INVALID')
  expect((await picket('remove', 'mine')).out).toContain('in force now: 1 rules')
  expect((await picket('remove', 'mine')).err).toContain('RULE_UNKNOWN')
})

test('without a server nothing is in force', async () => {
  await close()
  const empty = await picket('running')
  expect(empty.code).toBe(2)
  close = async () => undefined
})

test('a running rule is explained by its id, with the exceptions that hold for it', async () => {
  const event = '{"event": {"module": "mosquitto", "outcome": "failure"}, "user": {"name": "joe"}}'
  const plain = await picket('explain', ID, event)
  expect(plain.out).toContain(`${ID} (Refused)`)
  const filter = `title: Not joe
id: 5d7a9a3c-6a6e-4ef0-9a0a-6b8b7d7f0c11
logsource: { product: mosquitto }
filter: { rules: [${ID}], a: { user.name: joe }, condition: not a }
`
  writeFileSync(join(folder, 'filter.yml'), filter)
  await picket('reload')
  const excepted = await picket('explain', ID, event)
  rmSync(join(folder, 'filter.yml'))
  expect(excepted.out).toContain(`${ID} (Refused) does not match`)
  expect(excepted.out).toMatch(/user\.name is "joe"; the event has "joe"/)
  const unknown = await picket('explain', 'no-such', event)
  expect(unknown.err).toContain('RULE_UNKNOWN: There is no file of the name "no-such"')
  expect(unknown.code).toBe(2)
})
