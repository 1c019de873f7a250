import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { loadRules } from '../../library/library.ts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ManualClock } from '../../base/clock.ts'
import { MetricsRegistry } from '../../base/metrics.ts'
import { runCli } from '../cli.ts'
import { rulesCommand } from '../rules.ts'
import { coverageOf } from './coverage.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-cli-rules-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function run(args: readonly string[], input = '') {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  let code = 0
  await runCli(
    args,
    {
      stdin: Readable.from([Buffer.from(input)]),
      stdout,
      stderr,
      env: {},
      clock: new ManualClock(0),
      metrics: new MetricsRegistry(),
      interactive: false,
      exit: (wanted) => {
        code = wanted
      },
    },
    [rulesCommand],
  )
  return { code, out: String(stdout.read() ?? ''), err: String(stderr.read() ?? '') }
}

const RULE = `title: Denied
id: denied
level: high
tags: [attack.t0855, attack.t1110.001, attack.credential_access]
logsource: {product: picket}
detection: {sel: {event.action: mqtt-publish-denied}, condition: sel}
tests:
  - {name: fires, alerts: 1, events: [{event: {action: mqtt-publish-denied}}]}
  - {name: is quiet, fires: false, events: [{event: {action: mqtt-connect}}]}
`

function write(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

test('check prints a line a rule, and what rules cost and cover', async () => {
  const path = write('a.yml', RULE)
  const { code, out, err } = await run(['rules', 'check', '--json', folder])
  expect(code).toBe(0)
  // Of two events, the rule is looked at for the one that it matches.
  expect(JSON.parse(err)).toEqual({
    summary: {
      ...{ documents: 1, refused: 0, unreadable: 0, matches: 1, correlations: 0 },
      cost: { predicates: 1, always: [], events: 2, candidatesPerEvent: 0.5 },
      attack: { tactics: ['credential-access'], enterprise: ['T1110.001'], ics: ['T0855'] },
    },
  })
  expect(JSON.parse(out)).toEqual({
    path,
    id: 'denied',
    title: 'Denied',
    language: 'sigma',
    kind: 'rule',
    ok: true,
    problems: [],
  })
  const text = await run(['rules', 'check', path])
  expect(text.out).toContain('0 rules are evaluated on every event')
  expect(text.out).toContain('0.5 rules are looked at per event, over the 2 of their cases.')
  expect(text.out).toContain('ICS: 1 techniques (T0855)')
})

test('check names the rules that every event costs', async () => {
  write('a.yml', RULE)
  const never = RULE.replaceAll('denied', 'other').replace('condition: sel', 'condition: not sel')
  write('b.yml', never)
  const { err } = await run(['rules', 'check', '--json', folder])
  expect(JSON.parse(err)).toMatchObject({
    summary: { cost: { always: ['other'], events: 4, candidatesPerEvent: 1.25 } },
  })
})

test('check ends with 2 and a place where a rule does not compile', async () => {
  write('a.yml', RULE.replace('condition: sel', 'condition: sell'))
  write('b.yml', 'title: "')
  const { code, out } = await run(['rules', 'check', '--json', folder])
  expect(code).toBe(2)
  const lines = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatchObject({ ok: false, id: null, problems: [{ code: 'RULE_SYNTAX' }] })
  expect(lines[1]).toMatchObject({
    ok: false,
    problems: [{ code: 'RULE_REFERENCE', line: 6, column: 66, hint: 'did you mean "sel"?' }],
  })
})

test('test runs the cases, ends with 1 where one fails, and writes JUnit', async () => {
  const path = write('a.yml', RULE)
  expect((await run(['rules', 'test', path])).code).toBe(0)
  write('a.yml', RULE.replace('alerts: 1', 'alerts: 2'))
  const junit = join(folder, 'junit.xml')
  const { code, out, err } = await run(['rules', 'test', path, '--junit', junit])
  expect(code).toBe(1)
  expect(out).toContain(`FAIL denied: fires (Expected alerts: 2; there were 1.) at ${path}:8`)
  expect(err).toContain('2 cases, 1 failed; 0 documents without cases.')
  expect(readFileSync(junit, 'utf8')).toContain(
    '<testsuite name="picket rules" tests="2" failures="1">',
  )
})

const SITE = `title: At the south
id: south
level: low
logsource: {product: picket}
detection: {sel: {iot.site: south}, condition: sel}
tests:
  - name: by the table of the case
    alerts: 1
    events: [{iot.mqtt.client_id: 'c-1'}, {iot: {mqtt: {client_id: c-1}}}]
    assets: [{id: lamp, site: south, identifiers: {client_id: [c-1]}}]
  - name: of another site
    fires: false
    events: [{iot: {mqtt: {client_id: c-1}}}]
    assets: [{id: lamp, site: north, identifiers: {client_id: [c-1]}}]
  - name: of nobody
    fires: false
    events: [{iot: {mqtt: {client_id: c-1}}}]
`
const SILENT_SOURCE = `title: Silent
id: silent
level: low
correlation: {type: absence, of: source, timespan: 10m}
tests:
  - {name: one of two, alerts: 1, until: 20m, sources: {a: 5m, b: 20m}}
  - {name: both, alerts: 2, until: 15m, sources: {a: 5m, b: 0s}}
  - {name: not yet, fires: false, until: 899s, sources: {a: 5m}}
`

test('cases join events to their own assets, and let sources fall silent', async () => {
  const paths = [write('site.yml', SITE), write('silent.yml', SILENT_SOURCE)]
  const { code, out, err } = await run(['rules', 'test', ...paths])
  expect(out).not.toContain('FAIL')
  expect(err).toContain('6 cases, 0 failed')
  expect(code).toBe(0)
})

test('an exception is applied where its file is given too', async () => {
  const filter = `title: Not there
id: f
logsource: {product: picket}
filter: {rules: [denied], sel: {event.action: mqtt-publish-denied}, condition: not sel}
`
  const paths = [write('a.yml', RULE), write('f.yml', filter)]
  const { code, out } = await run(['rules', 'test', '--json', ...paths])
  expect(code).toBe(1)
  const [first] = out.split('\n').map((line) => JSON.parse(line || '{}') as { line?: number })
  expect(first).toMatchObject({ test: 'fires', passed: false, alerts: 0, path: paths[0], line: 8 })
})

test('what is wrong with assets and sources of a case is said with its line', async () => {
  write('a.yml', SITE.replace('site: north', 'sight: north').replace('iot.site', 'iot.zone'))
  write('b.yml', SILENT_SOURCE.replace('b: 20m', 'b: 21m').replace('a: 5m}}', 'a: soon}}'))
  const { code, err } = await run(['rules', 'test', folder])
  expect(code).toBe(2)
  expect(err).toMatch(/a\.yml:14:\d+: .*An asset of a test: .*sight/)
  expect(err).toMatch(/b\.yml:6:\d+: .*within the test/)
  expect(err).toMatch(/b\.yml:8:\d+: .*within the test/)
})

const MOCKED = `title: Of a critical owner
id: mocked
level: low
logsource: {product: picket}
detection:
  sel: {event.action: denied, iot.owner: critical}
  admin: {user.name|expand: '%admins%'}
  condition: sel and not admin
tests:
  - name: by the lookup of the case
    alerts: 1
    lookups: {cmdb: {key: [x.y, device.id], fields: {team: iot.owner}, rows: {cam: {team: critical}}}}
    lists: {admins: [root]}
    events: [{event.action: denied, device.id: cam}, {event.action: denied, device.id: lamp}]
  - name: an old table is marked
    alerts: 1
    lookups: {cmdb: {key: device.id, age: 2d, rows: {cam: {iot: {owner: critical}}}}}
    lists: {admins: [root]}
    exceptions: [{iot.lookup.cmdb.age|lt: 172800}, {iot.lookup.cmdb.stale: false}]
    events: [{event.action: denied, device.id: cam}]
  - name: what the event says itself stays
    fires: false
    lookups: {cmdb: {key: device.id, rows: {cam: {iot.owner: critical}}}}
    lists: {admins: [root]}
    events: [{event.action: denied, device.id: cam, iot.owner: other}]
  - name: by the list of the case
    fires: false
    lists: {admins: [root, eve]}
    events: [{event.action: denied, iot.owner: critical, user.name: eve}]
  - name: an exception of fields, and one of selections
    alerts: 1
    lists: {admins: [root]}
    exceptions:
      - {user.name: backup}
      - {a: {user.name|startswith: svc}, b: {user.name: probe}, condition: not 1 of them}
    events:
      - {event.action: denied, iot.owner: critical, user.name: backup, device.id: a}
      - {event.action: denied, iot.owner: critical, user.name: svc-1, device.id: b}
      - {event.action: denied, iot.owner: critical, user.name: probe, device.id: c}
      - {event.action: denied, iot.owner: critical, user.name: mallory, device.id: d}
---
title: Twice
id: twice
level: low
correlation: {type: event_count, rules: [mocked], timespan: 1m, condition: {gte: 2}}
tests:
  - name: an exception holds for what feeds the rule
    fires: false
    lists: {admins: [root]}
    exceptions: [{device.id: a}]
    events: [{event.action: denied, iot.owner: critical, device.id: a, repeat: 2}]
  - name: and only there
    alerts: 1
    lists: {admins: [root]}
    events: [{event.action: denied, iot.owner: critical, device.id: a, repeat: 2}]
`

test('a case stands in for lookups, lists and exceptions', async () => {
  const { code, out, err } = await run(['rules', 'test', write('mocked.yml', MOCKED)])
  expect(out).not.toContain('FAIL')
  expect(err).toContain('7 cases, 0 failed')
  // What has values only in its cases runs there, and is refused elsewhere.
  expect(code).toBe(0)
  expect((await run(['rules', 'check', write('mocked.yml', MOCKED)])).code).toBe(2)
})

test('what a case stands in for ends with the case', async () => {
  const list = "---\nlist: admins\nitems: ['eve']\n"
  const text = `${MOCKED.replaceAll(/^ +lists: .*\n/gm, '')}${list}`
  const { code, out } = await run(['rules', 'test', write('mocked.yml', text)])
  expect(code).toBe(0)
  expect(out).not.toContain('FAIL')
  const other = await run(['rules', 'test', write('mocked.yml', text.replace("['eve']", '[bob]'))])
  expect(other.code).toBe(1)
  expect(other.out).toMatch(/FAIL mocked: by the list of the case .*there were 1/)
})

test('what is wrong with what a case stands in for is said with its line', async () => {
  const broken = MOCKED.replace('key: [x.y, device.id]', 'kay: device.id')
    .replace('age: 2d', 'age: old')
    .replace('lists: {admins: [root, eve]}', 'lists: [root]')
    .replace('{user.name: backup}', '[]')
  const { code, err } = await run(['rules', 'test', write('broken.yml', broken)])
  expect(code).toBe(2)
  expect(err).toMatch(/broken\.yml:12:\d+: .*A lookup of a test has no "kay"/)
  expect(err).toMatch(/broken\.yml:17:\d+: .*"age" takes a time/)
  expect(err).toMatch(/broken\.yml:28:\d+: .*"lists" of a test is a map/)
  expect(err).toMatch(/broken\.yml:34:\d+: .*An exception of a test is a map/)
})

const TOML = `[metadata]
maturity = "production"
[rule]
rule_id = "toml"
name = "One after the other"
type = "eql"
query = 'sequence by host.id with maxspan=1m [process where true] [network where true]'
author = ["Somebody"]
[[tests]]
name = "within"
alerts = 1
start = 2026-01-01T00:00:00Z
events = [
  {event = {category = "process"}, host = {id = "h"}},
  {at = "60s", event = {category = "network"}, host = {id = "h"}},
]
[[tests]]
name = "too late"
fires = false
events = [
  {event = {category = "process"}, host = {id = "h"}},
  {at = "61s", event = {category = "network"}, host = {id = "h"}},
]
[[tests]]
name = "excepted"
fires = false
exceptions = [{entries = [{field = "host.id", type = "match", value = "h"}]}]
events = [
  {event = {category = "process"}, host = {id = "h"}},
  {at = "5s", event = {category = "network"}, host = {id = "h"}},
]
`

test("rule files in TOML have cases too, with Elastic's exceptions", async () => {
  const good = await run(['rules', 'test', write('rule.toml', TOML)])
  expect(good.out).not.toContain('FAIL')
  expect(good.err).toContain('3 cases, 0 failed')
  expect(good.code).toBe(0)
  const bad = await run(['rules', 'test', write('rule.toml', TOML.replace('"61s"', '"59s"'))])
  expect(bad.out).toMatch(/FAIL toml: too late .* at .*rule\.toml:17/)
  expect(bad.code).toBe(1)
  const wrong = TOML.replace('alerts = 1', 'alarms = 1')
  const refused = await run(['rules', 'test', write('rule.toml', wrong)])
  expect(refused.err).toMatch(/rule\.toml:9:\d+: .*"alarms" is no key of a test/)
  expect(refused.code).toBe(2)
})

test('a mistake in a case is told and fails its rule, which runs all the same', async () => {
  const text = RULE.replace(/\ntests:[\s\S]*/, '')
  const tests = 'tests:\n  - { name: typed wrong, alert: 1, events: [{ event.action: x }] }\n'
  const path = write('typed.yml', `${text.trimEnd()}\n${tests}`)
  const checked = await run(['rules', 'check', path])
  expect(checked.out).toMatch(
    /typed\.yml:\d+:\d+: .*"alert" is no key of a test.*did you mean "alerts"/,
  )
  expect(checked.out).toContain('1 documents: 0 fine, 1 refused.')
  expect(checked.code).toBe(2)
  const json = await run(['rules', 'check', path, '--json'])
  expect(JSON.parse(json.out)).toMatchObject({ ok: false })
  const tested = await run(['rules', 'test', path])
  expect(tested.out).toContain('FAIL')
  expect(tested.out).toContain('The cases cannot be read: "alert" is no key of a test.')
  const [report] = loadRules([path]).reports
  expect(report).toMatchObject({ ok: true, problems: [{ severity: 'error' }, {}] })
  expect(loadRules([path]).ruleSet.matches).toHaveLength(1)
})

test('results that cannot be written are told, not thrown', async () => {
  const junit = join(folder, 'no', 'such', 'folder.xml')
  const { code, err } = await run(['rules', 'test', write('a.yml', RULE), '--junit', junit])
  expect(err).toContain('OUTPUT_UNWRITABLE')
  expect(err).not.toContain('at Object')
  expect(code).toBe(2)
})

test('list and explain', async () => {
  const path = write('a.yml', RULE)
  const { out } = await run(['rules', 'list', '--json', path])
  expect(JSON.parse(out)).toMatchObject({
    id: 'denied',
    severity: 'high',
    life: 'live',
    techniques: ['T1110.001', 'T0855'],
    tests: 2,
  })
  const missing = await run(['rules', 'list', path, join(folder, 'missing.yml')])
  expect(missing.out).toContain('denied Denied')
  expect([missing.code, missing.err]).toEqual([
    2,
    `error: ${folder}/missing.yml: INPUT_UNREADABLE: The file could not be read: ENOENT.\n`,
  ])
  const why = await run(['rules', 'explain', path, '-'], '{"event":{"action":"mqtt-connect"}}\n{}')
  expect(why.out).toContain('denied (Denied) does not match')
  expect(why.out).toContain('- event.action is "mqtt-publish-denied"; the event has "mqtt-connect"')
  expect((await run(['rules', 'explain', path, 'no json'])).code).toBe(2)
})

test('explain says of a correlation under which group an event counts, or what it lacks', async () => {
  const path = write(
    'chain.yml',
    `title: Seen
id: seen
logsource: { product: test }
detection: { s: { kind: a }, condition: s }
---
title: Many values
id: many
correlation:
  type: value_count
  rules: [seen]
  group-by: [user]
  timespan: 1h
  condition: { field: address, gte: 3 }
---
title: Again
id: again
correlation: { type: event_count, rules: [many], timespan: 1d, condition: { gte: 2 } }
`,
  )
  const explain = async (event: unknown, ...more: string[]) => {
    const args = ['rules', 'explain', path, JSON.stringify(event), '--pipeline', 'none', ...more]
    return (await run(args)).out
  }
  const counted = await explain({ kind: 'a', user: 'eve', address: '::1' })
  expect(counted).toContain(
    'many (Many values) takes it\n  + value_count of address gte 3 within 1h',
  )
  expect(counted).toContain('+ seen matches; group {"user":"eve"}; value ::1')
  expect(counted).toContain('again (Again) passes it by')
  expect(counted).toContain('- many is made of several events')
  expect(await explain({ kind: 'a' })).toContain('- seen matches, but the event has no user to')
  expect(await explain({ kind: 'a', user: 'eve' })).toContain('but the event has no address to')
  expect(await explain({ kind: 'b' })).toContain('- seen does not match')
  const [seen, many] = (await explain({ kind: 'b' }, '--json')).split('\n')
  expect(JSON.parse(seen!)).toMatchObject({ rule: 'seen', kind: 'match', holds: false })
  expect(JSON.parse(many!)).toMatchObject({ rule: 'many', kind: 'value_count', holds: false })
})

test('explain says what an event is to a sequence', async () => {
  const text = `sequence by host.id with maxspan=1m
  [process where true] ![file where true] [network where true]
until [process where event.type == "end"]`
  const path = write('q.eql', text)
  const explain = async (event: unknown) => {
    return (await run(['rules', 'explain', path, JSON.stringify(event)])).out
  }
  const host = { id: 'h' }
  const file = await explain({ event: { category: 'file' }, host })
  expect(file).toContain('+ q#2 matches; group {"host.id":"h"} (it must not occur)')
  const end = await explain({ event: { category: 'process', type: 'end' }, host })
  expect(end).toContain('+ q#until matches; group {"host.id":"h"} (it would end what is under way)')
  const lost = await explain({ event: { category: 'process', type: 'end' } })
  expect(lost).toContain('- q#until matches, but the event has no host.id to group by')
})

test('techniques are told apart by their numbers', () => {
  const tags = [
    'attack.t0800',
    'attack.T1059',
    'attack.initial-access',
    'cve.2020.1',
    'attack.g0001',
  ]
  expect(coverageOf([{ tags }])).toEqual({
    enterprise: ['T1059'],
    ics: ['T0800'],
    tactics: ['initial-access'],
  })
})

test('pipelines may be several: they run by priority, and default and none stand alone', async () => {
  const text = RULE.replace('{event.action: mqtt-publish-denied}', '{f: a}').replace(
    /tests:[^]*/,
    '',
  )
  const rule = write('a.yml', text)
  const later = write(
    'later.yml',
    'priority: 2\ntransformations: [{type: field_name_suffix, suffix: .z}]\n',
  )
  const first = write(
    'first.yml',
    'priority: 1\ntransformations: [{type: field_name_prefix, prefix: x.}]\n',
  )
  const both = ['--pipeline', later, '--pipeline', first]
  const { code, out } = await run(['rules', 'explain', rule, '{"x.f.z": "a"}', '--json', ...both])
  expect([code, JSON.parse(out)]).toMatchObject([0, { rule: 'denied', holds: true }])
  expect(out).toContain('x.f.z')
  const alone = await run(['rules', 'check', rule, '--pipeline', later, '--pipeline', 'none'])
  expect([alone.code, alone.err]).toEqual([2, expect.stringContaining('stands alone')])
})
