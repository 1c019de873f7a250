import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
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
