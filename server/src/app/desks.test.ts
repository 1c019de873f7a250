import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { SILENT } from '../base/log.ts'
import type { Problem } from '../base/problems.ts'
import { fail, ok } from '../base/result.ts'
import { parseConfig } from '../config/config.ts'
import type { Config } from '../config/schema.ts'
import { RULES_CONTROL, unpackRules } from '../detect/rules-control.ts'
import type { JournalBatch } from '../model/journal.ts'
import { openState } from '../state/state.ts'
import { testSealer } from '../state/testing/engines.ts'
import { openConfigDesk } from './config-desk.ts'
import { openRuleDesk } from './rule-desk.ts'
import { doRuleWork, type RuleWork } from './rule-work.ts'
import type { Volume } from './logger.ts'
import type { RunningSource } from './sources.ts'
import { builtinFilter } from '../ingest/filter/filter.ts'

const folder = mkdtempSync(join(tmpdir(), 'picket-desks-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const ruleText = (id: string, extra = ''): string => `title: Rule ${id}
id: ${id}
status: test
logsource: { category: mqtt }
detection:
  selection:
    event.action: mqtt-connect
  condition: selection
level: low
${extra}`
const A = '11111111-1111-4111-8111-111111111111'
const B = '22222222-2222-4222-8222-222222222222'
const C = '33333333-3333-4333-8333-333333333333'
const D = '44444444-4444-4444-8444-444444444444'

async function openRules(name: string) {
  const at = { sqlite: join(folder, `${name}.db`) }
  const opened = await openState({ at, sealer: testSealer(), log: SILENT })
  if (!opened.ok) throw new Error(opened.problem.message)
  const state = opened.value
  const path = mkdtempSync(join(folder, `${name}-`))
  writeFileSync(join(path, 'a.yml'), ruleText(A))
  writeFileSync(join(path, 'b.yml'), ruleText(B))
  const batches: JournalBatch[] = []
  const append = async (batch: JournalBatch): Promise<number> => batches.push(batch)
  const options = {
    state,
    journal: { append },
    clock: new ManualClock(1_000),
    log: SILENT,
    paths: () => [path],
    uploads: join(folder, `${name}-uploads`),
    work: async (work: RuleWork) => doRuleWork(work),
  }
  const desk = await openRuleDesk(options)
  const inForce = () => {
    const controls = batches.flatMap((batch) => batch.controls ?? [])
    const last = controls.findLast(({ type }) => type === RULES_CONTROL)
    const { matches } = unpackRules(last?.body)
    return matches.map(({ meta }) => `${meta.id.slice(0, 1)} ${meta.life}`).sort()
  }
  return { state, path, options, desk, batches, inForce }
}

test('rules are put in shadow, disabled, and left to their files; it stays so over a restart', async () => {
  const { state, options, desk, batches, inForce } = await openRules('lives')
  expect(desk.list().map(({ id, life, ok: good }) => [id, life, good])).toEqual([
    [A, 'live', true],
    [B, 'live', true],
  ])
  expect(inForce()).toEqual(['1 live', '2 live'])
  expect(await desk.setLife(A, 'shadow', 'u1')).toMatchObject({ life: 'shadow', isSet: true })
  expect(inForce()).toEqual(['1 shadow', '2 live'])
  await desk.setLife(B, 'disabled', 'u1')
  expect(inForce()).toEqual(['1 shadow'])
  const again = await openRuleDesk(options)
  expect(inForce()).toEqual(['1 shadow'])
  await again.setLife(A, undefined, 'u1')
  await again.setLife(B, undefined, 'u1')
  expect(inForce()).toEqual(['1 live', '2 live'])
  const count = batches.length
  expect(await again.reload()).toMatchObject({ changed: false, count: 2, broken: 0 })
  expect(batches).toHaveLength(count)
  await expect(again.setLife('none', 'shadow', 'u1')).rejects.toMatchObject({
    problem: { code: 'RULE_UNKNOWN' },
  })
  await state.close()
})

test('a reload takes up what changed, and nothing where a running rule broke', async () => {
  const { state, path, desk, batches, inForce } = await openRules('reload')
  writeFileSync(join(path, 'c.yml'), ruleText(C))
  expect(await desk.reload()).toMatchObject({ changed: true, count: 3 })
  expect(inForce()).toEqual(['1 live', '2 live', '3 live'])
  const count = batches.length
  writeFileSync(join(path, 'a.yml'), ruleText(A).replace('condition: selection', 'condition: nope'))
  await expect(desk.reload()).rejects.toMatchObject({ problem: { code: 'RULES_BROKEN' } })
  writeFileSync(join(path, 'a.yml'), 'title: [')
  await expect(desk.reload()).rejects.toMatchObject({ problem: { code: 'RULES_BROKEN' } })
  expect(batches).toHaveLength(count)
  rmSync(join(path, 'a.yml'))
  expect(await desk.reload()).toMatchObject({ changed: true, count: 2 })
  await state.close()
})

test('rules of which no index can be made change nothing: no record, no folder, no life', async () => {
  const { state, options, batches, inForce } = await openRules('uncompiled')
  let problem: Problem | undefined
  const asked: string[] = []
  const prepare = async ({ hash }: { hash: string }): Promise<Problem | undefined> => {
    asked.push(hash)
    return problem
  }
  const desk = await openRuleDesk({ ...options, prepare })
  const text = ruleText(C)
  await desk.upload('mine', [{ path: 'c.yml', text }])
  const [count, before] = [batches.length, inForce()]
  problem = { code: 'RULES_UNCOMPILED', message: 'no' }
  const refused = { problem: { code: 'RULES_UNCOMPILED' } }
  const louder = { path: 'c.yml', text: text.replace('level: low', 'level: high') }
  await expect(desk.upload('mine', [louder])).rejects.toMatchObject(refused)
  const more = { path: 'd.yml', text: ruleText(D) }
  await expect(desk.upload('other', [more])).rejects.toMatchObject(refused)
  await expect(desk.removeFolder('mine')).rejects.toMatchObject(refused)
  await expect(desk.setLife(A, 'shadow', 'u1')).rejects.toMatchObject(refused)
  expect(desk.list().map(({ severity, life }) => [severity, life])).toEqual(
    Array.from({ length: 3 }, () => ['low', 'live']),
  )
  expect(readdirSync(options.uploads)).toEqual(['mine'])
  expect(readFileSync(join(options.uploads, 'mine', 'c.yml'), 'utf8')).toBe(text)
  expect([batches.length, inForce()]).toEqual([count, before])
  // Nor is it done at the next start.
  const again = await openRuleDesk(options)
  expect(again.list().map(({ life }) => life)).toEqual(['live', 'live', 'live'])
  problem = undefined
  const times = asked.length
  await desk.setLife(A, 'shadow', 'u1')
  expect(asked).toHaveLength(times + 1)
  expect(inForce()).toEqual(['1 shadow', '2 live', '3 live'])
  await state.close()
})

test('a draft runs when it is told to, and where it feeds a rule that runs', async () => {
  const { state, path, desk, inForce } = await openRules('drafts')
  writeFileSync(join(path, 'c.yml'), ruleText(C, 'life: draft\n'))
  expect(await desk.reload()).toMatchObject({ changed: true, count: 3 })
  expect(inForce()).toEqual(['1 live', '2 live'])
  expect(desk.list().map(({ life }) => life)).toEqual(['live', 'live', 'draft'])
  await desk.setLife(C, 'shadow', 'u1')
  expect(inForce()).toEqual(['1 live', '2 live', '3 shadow'])
  await desk.setLife(C, undefined, 'u1')
  const chain = `title: Many\nid: ${D}\ncorrelation: { type: event_count, rules: [${C}], timespan: 1m, condition: { gte: 3 } }\n`
  writeFileSync(join(path, 'd.yml'), chain)
  await desk.reload()
  expect(inForce()).toEqual(['1 live', '2 live', '3 draft'])
  await state.close()
})

test('a typing mistake in a case keeps no rule from running, but a folder from being uploaded', async () => {
  const { state, path, desk, inForce } = await openRules('cases')
  const text = ruleText(C, 'tests: [{ name: x, alert: 1 }]\n')
  const upload = desk.upload('mine', [{ path: 'c.yml', text }])
  await expect(upload).rejects.toMatchObject({ problem: { code: 'RULES_BROKEN' } })
  writeFileSync(join(path, 'c.yml'), text)
  writeFileSync(join(path, 'l.yml'), 'list: admins\nitems: [root]\n')
  // A list is no rule.
  expect(await desk.reload()).toMatchObject({ changed: true, count: 3, broken: 0, problems: [] })
  expect(inForce()).toEqual(['1 live', '2 live', '3 live'])
  writeFileSync(join(path, 'm.yml'), 'macro: none\noverride: append\nselection: { a: b }\n')
  const problems = [expect.stringMatching(/m\.yml:1:1: RULE_REFERENCE: .*no macro "none"/)]
  expect(await desk.reload()).toMatchObject({ changed: false, count: 3, broken: 1, problems })
  expect(desk.list().at(-1)).toMatchObject({ ok: true, problems: [expect.any(String), {}] })
  await state.close()
})

test('a folder is uploaded as a whole or not at all', async () => {
  const { state, options, desk, inForce } = await openRules('upload')
  const file = { path: 'x/c.yml', text: ruleText(C) }
  expect(await desk.upload('mine', [file])).toMatchObject({ changed: true, count: 3 })
  const bad = { path: 'bad.yml', text: 'title: x\ndetection: {}\n' }
  await expect(desk.upload('mine', [file, bad])).rejects.toMatchObject({
    problem: { code: 'RULES_BROKEN', at: { file: 'bad.yml' } },
  })
  await expect(desk.upload('empty', [{ path: 'a.txt', text: '' }])).rejects.toMatchObject({
    problem: { code: 'RULES_BROKEN' },
  })
  expect(inForce()).toEqual(['1 live', '2 live', '3 live'])
  expect(readdirSync(options.uploads)).toEqual(['mine'])
  const changed = { path: 'd.yml', text: ruleText(C).replace('level: low', 'level: high') }
  expect(await desk.upload('mine', [changed])).toMatchObject({ changed: true, count: 3 })
  expect(desk.list().find(({ id }) => id === C)?.severity).toBe('high')
  await desk.removeFolder('mine')
  expect(inForce()).toEqual(['1 live', '2 live'])
  await expect(desk.removeFolder('mine')).rejects.toMatchObject({
    problem: { code: 'RULE_UNKNOWN' },
  })
  await state.close()
})

function configOf(text: string): Config {
  const parsed = parseConfig(text, { baseDir: '/' })
  if (!parsed.ok) throw new Error(parsed.problem[0]?.message)
  return parsed.value
}
const source = (name: string, path: string): string =>
  `  ${name}: { type: file, decoder: json, paths: ['${path}'] }`

test('a changed configuration starts, stops and leaves alone; a bad one changes nothing', async () => {
  const said: string[] = []
  const broken = new Set<string>()
  const make = (config: Config): RunningSource[] =>
    Object.keys(config.sources).map((name) => {
      if (name === 'unmakeable') throw new Error('unmakeable')
      const stop = async (): Promise<void> => void said.push(`stop ${name}`)
      return {
        name,
        ingest: { stop: () => undefined },
        source: { stop },
      } as unknown as RunningSource
    })
  const start = async (came: readonly RunningSource[]): Promise<void> => {
    for (const { name } of came) {
      said.push(`start ${name}`)
      if (broken.has(name)) throw new Error('address in use')
    }
  }
  const first = configOf(`sources:\n${source('a', '/a')}\n${source('b', '/b')}\n`)
  const sources = make(first)
  let next = ok(first) as ReturnType<typeof ok<Config>> | ReturnType<typeof fail>
  let rulesBroken = false
  const batches: JournalBatch[] = []
  const volume: Volume = { level: 'info' }
  const inForce = { current: builtinFilter() }
  const taken: string[] = []
  const read: unknown[] = []
  let desk: ReturnType<typeof openConfigDesk> | undefined
  desk = openConfigDesk({
    config: first,
    load: async () => next as never,
    rules: {
      reload: async () => {
        if (rulesBroken) throw new Error('rules broken')
        read.push(desk?.current().detection.rules)
      },
    } as never,
    sources,
    begun: Promise.resolve(),
    make,
    filter: inForce,
    volume,
    takeIdentity: async ({ identity }) => {
      if (identity.assets === '/broken.csv') throw new Error('no table')
      taken.push(identity.precedence.join())
    },
    takeLookups: async ({ lookups }) => {
      taken.push(`lookups ${Object.keys(lookups).join()}`)
    },
    start,
    journal: { append: async (batch) => batches.push(batch) },
    clock: new ManualClock(1),
    log: SILENT,
  })
  const names = (): string =>
    sources
      .map(({ name }) => name)
      .sort()
      .join()
  expect(await desk.reload()).toEqual({ applied: [], needsRestart: [] })
  expect(said).toEqual([])
  const lines = [source('b', '/other'), source('c', '/c')].join('\n')
  const others = `log: { level: debug, format: json }
detection: { lateness: 5s, rules: [builtin, /others] }
api: { listen: '127.0.0.1:1' }
outputs: { terminal: false }
`
  const changed = configOf(`${others}sources:\n${lines}\n`)
  next = ok(changed)
  rulesBroken = true
  await expect(desk.reload()).rejects.toThrow('rules broken')
  rulesBroken = false
  next = fail({ code: 'CONFIG_SYNTAX', message: 'no' })
  await expect(desk.reload()).rejects.toMatchObject({ problem: { code: 'CONFIG_SYNTAX' } })
  next = ok(configOf(`sources:\n${source('unmakeable', '/x')}\n`))
  await expect(desk.reload()).rejects.toThrow('unmakeable')
  expect([said, names()]).toEqual([[], 'a,b'])
  next = ok(changed)
  broken.add('c')
  await expect(desk.reload()).rejects.toThrow('address in use')
  expect(names()).toBe('a,b')
  expect(desk.current().sources).toEqual(first.sources)
  // The rules are those of before again, too.
  expect(desk.current().detection.rules).toEqual(first.detection.rules)
  expect(read.slice(-2)).toEqual([changed.detection.rules, first.detection.rules])
  broken.clear()
  said.length = 0
  expect(await desk.reload()).toEqual({
    applied: ['sources.a', 'sources.b', 'sources.c', 'log.level', 'detection.rules'],
    needsRestart: ['api.listen', 'detection.lateness', 'log.format', 'outputs.terminal'],
  })
  expect(volume.level).toBe('debug')
  // Said again for as long as it is so.
  const again = await desk.reload()
  expect(again.needsRestart).toEqual([
    'api.listen',
    'detection.lateness',
    'log.format',
    'outputs.terminal',
  ])
  expect(said).toEqual(['stop a', 'stop b', 'start b', 'start c'])
  expect(names()).toBe('b,c')
  expect(batches.at(-1)?.controls).toMatchObject([
    { type: 'config' },
    { type: 'sources', body: { names: ['b', 'c'] } },
  ])
  expect(batches).toHaveLength(3)
  next = ok(
    configOf(
      `${others}sources:\n${lines.replaceAll('decoder: json', 'decoder: json, lateness: 7s')}\n`,
    ),
  )
  expect((await desk.reload()).needsRestart).toContain('sources.b.lateness')
  const folding = `filter: { policy: [{ name: all, when: '*', keep: both, reason: r }] }
identity: { precedence: [mac] }
time: { cohort_shift: 'off' }
lookups: { owners: { file: o.csv, key: device.id, fields: { team: iot.owner } } }
`
  const before = inForce.current
  const whole = `${others}${folding}sources:\n${lines}\n`
  next = ok(configOf(whole.replace('[mac]', "[mac], assets: '/broken.csv'")))
  await expect(desk.reload()).rejects.toThrow('no table')
  expect(inForce.current).toBe(before)
  next = ok(configOf(whole))
  expect((await desk.reload()).applied).toEqual(
    expect.arrayContaining(['filter', 'identity', 'lookups', 'time']),
  )
  expect(inForce.current.settings.policy.entries[0]?.name).toBe('all')
  expect(taken.slice(-2)).toEqual(['mac', 'lookups owners'])
  expect(batches.at(-1)?.controls?.map(({ type }) => type)).toEqual(['config', 'sources', 'filter'])
})
