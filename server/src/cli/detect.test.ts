import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import type { AlertRecord } from '../model/alert.ts'
import { runCli } from './cli.ts'
import { detectCommand } from './detect.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-detect-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, lines: readonly unknown[]): string {
  const path = join(folder, name)
  const text = lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)))
  writeFileSync(path, text.map((line) => `${line}\n`).join(''))
  return path
}

function start(args: readonly string[], nowMs = 0) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const exits: number[] = []
  const context = {
    ...{
      stdin,
      stdout,
      stderr,
      env: {},
      clock: new ManualClock(nowMs),
      metrics: new MetricsRegistry(),
    },
    interactive: false,
    exit: (code: number) => void exits.push(code),
  }
  const ended = runCli(['detect', ...args], context, [detectCommand])
  const textOf = (stream: PassThrough): string => String(stream.read() ?? '')
  const alerts = (): AlertRecord[] =>
    textOf(stdout)
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as AlertRecord)
  return { stdin, exits, ended, alerts, stderr: () => textOf(stderr) }
}

async function detect(...args: readonly string[]) {
  const run = start(args)
  await run.ended
  return { alerts: run.alerts(), stderr: run.stderr(), exits: run.exits }
}

const at = (second: number): string => new Date(1_700_000_000_000 + second * 1_000).toISOString()
const eventsOf = (alerts: readonly AlertRecord[]): string[] =>
  alerts.map(({ events }) => events.join(' '))

const COUNT_RULE = `
title: failure
name: failure
logsource: {product: picket}
detection: {sel: {event.action: fail}, condition: sel}
---
title: many
id: many
author: someone
level: high
correlation: {type: event_count, rules: [failure], group-by: [source.ip], timespan: 1m, condition: {gte: 3}}
`
const fails = (seconds: readonly number[]): unknown[] =>
  seconds.map((second) => ({
    '@timestamp': at(second),
    event: { action: 'fail' },
    source: { ip: '10.0.0.1' },
  }))

describe('picket detect', () => {
  test('prints the promised shape of an alert', async () => {
    const rules = file('shape.yml', [COUNT_RULE])
    const { alerts, exits } = await detect(
      '--rules',
      rules,
      '--ndjson',
      file('a', fails([3, 1, 2])),
    )
    expect(exits).toEqual([])
    expect(alerts).toHaveLength(1)
    expect(alerts[0]).toMatchObject({
      rule: { id: 'many', name: 'many', kind: 'event_count' },
      ...{ severity: 'high', author: 'someone', group: { 'source.ip': '10.0.0.1' } },
      ...{ first: at(1), last: at(3), count: 3, events: ['2', '3', '1'] },
      ...{ suppressed_by: null, state: 'final' },
    })
    expect(typeof alerts[0]!.id).toBe('string')
  })

  test("Elastic's new terms take what is given as all the history there is", async () => {
    const rule = file('terms.toml', [
      `[rule]
name = "New user"
rule_id = "new-user"
type = "new_terms"
language = "kuery"
query = "event.action:login"
[rule.new_terms]
field = "new_terms_fields"
value = ["user.name"]
[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-7d"`,
    ])
    const login = (day: number, user: string) => ({
      ...{ '@timestamp': new Date(Date.UTC(2026, 0, day)).toISOString() },
      ...{ event: { action: 'login' }, user: { name: user } },
    })
    const log = [
      login(1, 'ann'),
      login(2, 'ann'),
      login(3, 'bob'),
      login(8, 'ann'),
      login(11, 'bob'),
    ]
    const { alerts } = await detect('--rules', rule, '--ndjson', file('logins', log))
    expect(eventsOf(alerts)).toEqual(['1', '3', '5'])
    // Those that come within seconds are alerts of their own, which say of whom they are.
    const together = ['ann', 'bob', 'ann', 'cy'].map((user, second) => ({
      ...login(1, user),
      '@timestamp': at(second),
    }))
    const each = await detect('--rules', rule, '--ndjson', file('together', together))
    expect(each.alerts.map(({ group, events, count }) => ({ group, events, count }))).toEqual(
      [
        ['ann', '1'],
        ['bob', '2'],
        ['cy', '4'],
      ].map(([name, id]) => ({ group: { 'user.name': name }, events: [id], count: 1 })),
    )
  })

  test('files are read in event-time order, ties by the tie-breaker, then by input order', async () => {
    const event = (second: number, id: string, seq?: number | string) => ({
      ...{ '@timestamp': at(second), _id: id, event: { category: 'x' } },
      ...(seq !== undefined && { seq }),
    })
    const lines = [
      event(2, 'e'),
      event(1, 'b', 2),
      event(1, 'd'),
      event(1, 'a', 1),
      event(1, 'c', 'z'),
    ]
    const path = file('ties', lines)
    const second = file('more', [event(0, 'first'), event(2, 'f')])
    const query = ['--eql', 'x where true', '--ndjson', '--tiebreaker-field', 'seq']
    expect(eventsOf((await detect(...query, path, second)).alerts)).toEqual([
      ...['first', 'a', 'b', 'c', 'd', 'e', 'f'],
    ])
  })

  test('ids and times are taken as the design says', async () => {
    const fields = { event: { category: 'x' } }
    const ms = 1_700_000_000_000
    const path = file('times', [
      { ...fields, '@timestamp': at(6) },
      { ...fields, '@timestamp': ms / 1_000, _id: 'seconds' },
      { ...fields, '@timestamp': ms + 1_000, serial_event_id: 7 },
      { event: { category: 'x', id: 'own' }, '@timestamp': (ms + 2_000) * 1_000 },
      `{"event":{"category":"x","id":"nanos"},"@timestamp":${ms + 3_000}000000}`,
      { ...fields, timestamp: (ms + 4_000) * 10_000 + 116_444_736_000_000_000, _id: 'filetime' },
      { ...fields, '@timestamp': at(5).replace('Z', '001Z'), _id: 'micros-late' },
      { ...fields, '@timestamp': at(5).replace('Z', '0005Z'), _id: 'micros-early' },
    ])
    const { alerts, stderr } = await detect('--eql', 'any where true', '--ndjson', path)
    expect(eventsOf(alerts)).toEqual([
      ...['seconds', '7', 'own', 'nanos', 'filetime', 'micros-early', 'micros-late', '1'],
    ])
    expect(stderr).toContain('"untimed":0')
    const nanos = file('nanos', [
      ...[3, 1, 2].map((nano) => ({
        _id: nano,
        '@timestamp': at(1).replace('Z', `00000${nano}Z`),
      })),
      { _id: 'whole', '@timestamp': at(1) },
    ])
    const fine = await detect('--eql', 'any where true', '--ndjson', nanos)
    expect(eventsOf(fine.alerts)).toEqual(['whole', '1', '2', '3'])
    const named = ['--timestamp-field', 'when', '--event-category-field', 'kind']
    const other = file('named', [
      { when: at(2), kind: 'x' },
      { when: at(1), kind: 'x' },
    ])
    const found = await detect('--eql', 'x where true', ...named, '--ndjson', other)
    expect(eventsOf(found.alerts)).toEqual(['2', '1'])
  })

  test('an ad-hoc query tells every match in order, through its pipes', async () => {
    const event = (second: number, name: string, user: string) => ({
      ...{ '@timestamp': at(second), event: { category: 'process' } },
      ...{ process: { name }, user: { id: user } },
    })
    const path = file('pairs', [
      ...[event(1, 'a', 'u'), event(2, 'a', 'v'), event(3, 'b', 'v'), event(4, 'b', 'u')],
      ...[event(5, 'a', 'u'), event(6, 'b', 'u'), event(90, 'a', 'u'), event(200, 'b', 'u')],
    ])
    const sequence =
      'sequence by user.id with maxspan=1m [process where process.name == "a"] [any where process.name == "b"]'
    const run = async (query: string) =>
      eventsOf((await detect('--eql', query, '--ndjson', path)).alerts)
    expect(await run(sequence)).toEqual(['2 3', '1 4', '5 6'])
    expect(await run(`${sequence} | head 2`)).toEqual(['2 3', '1 4'])
    expect(await run(`${sequence} | head 2 | tail 1`)).toEqual(['1 4'])
    expect(await run('process where process.name == "b"')).toEqual(['3', '4', '6', '8'])
    const kql = await detect('--kql', 'user.id: v', '--ndjson', path)
    expect(eventsOf(kql.alerts)).toEqual(['2', '3'])
    const sigma = file('sigma.yml', [COUNT_RULE])
    const counted = await detect('--sigma', sigma, '--ndjson', file('f', fails([1, 2, 3, 4])))
    expect(eventsOf(counted.alerts)).toEqual(['1 2 3 4'])
  })

  test('standard input is streamed, and an alert is told before the input ends', async () => {
    const run = start(['--rules', file('stream.yml', [COUNT_RULE]), '--ndjson', '-'])
    for (const line of fails([1, 2, 3])) run.stdin.write(`${JSON.stringify(line)}\n`)
    let early: AlertRecord[] = []
    while (early.length === 0) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      early = run.alerts()
    }
    expect(early).toMatchObject([{ count: 3, open: true }])
    for (const line of fails([4])) run.stdin.write(`${JSON.stringify(line)}\n`)
    run.stdin.end()
    await run.ended
    expect(run.alerts()).toMatchObject([
      { id: early[0]!.id, count: 4, open: false, state: 'final' },
    ])
  })

  test('a device a day ahead makes no other event of a stream late', async () => {
    const rules = ['--rules', file('ahead.yml', [COUNT_RULE]), '--ndjson', '-']
    const run = start(rules, Date.parse(at(3)))
    const [first, ...rest] = fails([1, 2, 3])
    const lines = [first, ...fails([86_400]), ...rest]
    for (const line of lines) {
      run.stdin.write(`${JSON.stringify(line)}\n`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    run.stdin.end()
    await run.ended
    expect(run.alerts().at(-1)).toMatchObject({ count: 3, first: at(1), last: at(3) })
    expect(run.stderr()).toContain('"late":0')
  })

  test('rejects are told and counted, and --strict makes them an error', async () => {
    const path = file('bad', ['{"a":1', '[1]', { '@timestamp': 'yesterday' }, '', { a: 1 }])
    const query = ['--kql', 'a: 1', '--ndjson', path]
    const lax = await detect(...query)
    expect(lax.exits).toEqual([])
    const codes = [...lax.stderr.matchAll(/"line":(\d),"code":"(\w+)"/g)].map(
      ([, l, c]) => `${l} ${c}`,
    )
    expect(codes).toEqual(['1 DECODE_SYNTAX', '2 DECODE_SYNTAX', '3 DECODE_TIME'])
    expect(lax.stderr).toContain('"rejects":3')
    expect(eventsOf(lax.alerts)).toEqual(['5'])
    expect((await detect(...query, '--strict')).exits).toEqual([2])
  })

  test.each([
    [['--ndjson', 'x'], 'which rules'],
    [['--eql', 'any where true', '--kql', 'a:1', '--ndjson', 'x'], 'which rules'],
    [['--eql', 'any where true', 'x'], 'how the input is written'],
    [['--eql', 'any where', '--ndjson', 'x'], 'QUERY_SYNTAX'],
    [['--kql', 'a:1', '--decoder', 'mosquito', 'x'], 'did you mean mosquitto'],
    [['--kql', 'a:1', '--ndjson', '/none'], 'INPUT_UNREADABLE'],
    [['--rules', '/none', '--ndjson', 'x'], 'INPUT_UNREADABLE'],
    [['--eql', 'a where b', '--eql', 'a where c', '--ndjson', 'x'], 'can be given once'],
  ])('%j is refused with a sentence and exit code 2', async (args, words) => {
    const { alerts, stderr, exits } = await detect(...args)
    expect(stderr).toContain(words)
    expect([alerts, exits]).toEqual([[], [2]])
  })
})

test('rules see what assets say, and folded messages keep a device from being absent', async () => {
  const T = 1_795_301_000
  const connect = (second: number, id: string): string =>
    `${T + second}: New client connected from 10.0.0.1:5 as ${id} (p2, c1, k60).`
  const publish = (second: number): string =>
    `${T + second}: Received PUBLISH from c7 (d0, q0, r0, m0, 'a/b', ... (5 bytes))`
  const seconds = [60, 240, 420, 600, 780]
  const log = file('folded.log', [connect(0, 'c7'), ...seconds.map(publish), connect(900, 'c8')])
  const assets = file('served.csv', ['id,client_id,site', 'pump-8,c8,oslo'])
  const rule = file('site.yml', [
    ...['title: At Oslo', 'id: 11111111-2222-4333-8444-555555555555', 'logsource: {}'],
    ...['detection: { a: { iot.site: oslo }, condition: a }', 'level: low'],
  ])
  const silent = file('silent.yml', [
    ...['title: Any', 'name: any', 'id: 11111111-2222-4333-8444-666666666666', 'logsource: {}'],
    ...["detection: { a: { event.dataset: 'mosquitto.log' }, condition: a }", 'level: low', '---'],
    ...['title: Silent', 'id: 11111111-2222-4333-8444-777777777777', 'correlation:'],
    ...['  type: absence', '  rules: [any]', '  group-by: [iot.mqtt.client_id]', '  timespan: 5m'],
    'level: low',
  ])
  const args = ['--decoder', 'mosquitto', '--pipeline', 'none', log]
  expect((await detect('--rules', rule, ...args)).alerts).toEqual([])
  const joined = await detect('--rules', rule, ...args, '--assets', assets)
  expect(joined.alerts.map(({ group }) => group)).toEqual([{ 'device.id': 'pump-8' }])
  expect((await detect('--rules', silent, ...args)).alerts).toHaveLength(1)
  expect((await detect('--rules', silent, ...args, '--filter', 'builtin')).alerts).toEqual([])
})

test('a folder of Sigma rules runs as one rule does; what does not compile is told of', async () => {
  mkdirSync(join(folder, 'set', 'deep'), { recursive: true })
  const rule = (id: string, value: string) =>
    `title: ${id}\nid: ${id}\nlogsource: {product: x}\ndetection: {sel: {${value}}, condition: sel}`
  file('set/a.yml', [rule('one', 'f: a')])
  file('set/deep/b.yml', [rule('two', 'f: a')])
  const events = file('set.ndjson', [{ f: 'a' }, { f: 'b' }])
  const args = ['--sigma', join(folder, 'set'), '--pipeline', 'none', '--ndjson', events]
  const fine = await detect(...args)
  expect(fine.alerts.map((alert) => [alert.rule.id, alert.events])).toEqual([
    ['one', ['1']],
    ['two', ['1']],
  ])
  expect(fine.exits).toEqual([])
  const broken = file('set/c.yml', [rule('three', 'f|contain: a')])
  const others = await detect(...args)
  expect(others.alerts).toHaveLength(2)
  expect(others.exits).toEqual([2])
  expect(others.stderr).toContain('c.yml:4:')
  expect((await detect('--sigma', broken, '--ndjson', events)).exits).toEqual([2])
})
