import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ManualClock } from '../base/clock.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { runCli } from './cli.ts'
import { filterCommand } from './filter.ts'

const RULES = join(import.meta.dirname, '../../../content/rules')
let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'picket-filter-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

async function run(
  args: readonly string[],
  input = '',
): Promise<{ out: string; err: string; code: number }> {
  const result = { out: '', err: '', code: 0 }
  const to = (name: 'out' | 'err') =>
    new Writable({
      write: (chunk, _, done) => {
        result[name] += String(chunk)
        done()
      },
    })
  const context = {
    stdin: Readable.from([Buffer.from(input)]),
    stdout: to('out'),
    stderr: to('err'),
    env: {},
    clock: new ManualClock(Date.UTC(2026, 10, 22)),
    metrics: new MetricsRegistry(),
    interactive: false,
    exit: (code: 0 | 1 | 2) => void (result.code = code),
  }
  await runCli(['filter', ...args], context, [filterCommand])
  return result
}

function configFile(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

const HEARTBEATS = `filter:
  policy:
    - name: heartbeats
      when: 'iot.mqtt.topic: fleet*heartbeat'
      keep: routine
      reason: A heartbeat says only that the device lives.
    - builtin
  tests:
    - name: a heartbeat
      event: { iot: { mqtt: { topic: fleet/7/heartbeat } } }
      keep: routine
      entry: heartbeats
    - name: wrongly expected
      event: { event: { action: mqtt-connect } }
      keep: routine
`

test('explain names the entry, the reason and the clauses', async () => {
  const { out, code } = await run(['explain', '{"event":{"action":"mqtt-publish"}}'])
  expect(code).toBe(0)
  expect(out).toContain('folded into a rollup of its device, by the entry telemetry-message:')
  expect(out).toContain('+ event.action is "mqtt-publish"')
  expect(out).toContain('did not hold before: found-by-others, authentication')
})

test('explain takes standard input, files, raw lines and a policy of one’s own', async () => {
  const event = { iot: { mqtt: { topic: 'fleet/9/heartbeat' } } }
  const config = configFile('own.yaml', HEARTBEATS)
  const own = await run(['explain', '-', '--config', config, '--json'], JSON.stringify(event))
  expect(JSON.parse(own.out)).toMatchObject({ entry: 'heartbeats', keep: 'routine' })
  const line = configFile('broker.log', '1795301345: Client x disconnected, not authorised.\n')
  const raw = await run(['explain', line, '--decoder', 'mosquitto', '--json'])
  expect(JSON.parse(raw.out)).toMatchObject({ entry: 'authentication', keep: 'security' })
})

test('explain of an id says that no server runs', async () => {
  const config = configFile('empty.yaml', `data: ${folder}/none\n`)
  const { code, err } = await run(['explain', 'abcdefgh12345678', '--config', config])
  expect(code).toBe(2)
  expect(err).not.toBe('')
})

test('test runs the built-in cases, and the rules that come with Picket see their events', async () => {
  const { out, err, code } = await run(['test', '--rules', RULES])
  expect(out).not.toContain('FAIL')
  expect(out).toContain('ok   the rule ')
  expect(code).toBe(0)
  expect(err).toMatch(/^\d{2} cases, 0 failed\.\n$/)
})

test('test of a policy whose case fails ends with 1', async () => {
  const { out, code } = await run(['test', '--config', configFile('bad.yaml', HEARTBEATS)])
  expect(out).toBe(
    'ok   a heartbeat\n' +
      'FAIL wrongly expected (expected routine, got security by authentication)\n',
  )
  expect(code).toBe(1)
})

test('a policy that folds what a rule needs is found', async () => {
  const policy = `filter: { policy: [{ name: all, when: '*', keep: routine, reason: No. }] }\n`
  const config = configFile('blind.yaml', policy)
  const { out, code } = await run(['test', '--config', config, '--rules', RULES])
  expect(code).toBe(1)
  expect(out).toContain('the entry all folds one of them away')
})

test('a condition that does not parse is told with its place in the file', async () => {
  const text = HEARTBEATS.replace('fleet*heartbeat', '(fleet')
  const { err, code } = await run(['list', '--config', configFile('broken.yaml', text)])
  expect(code).toBe(2)
  expect(err).toMatch(/broken\.yaml:4:\d+/)
  expect(err).toContain('of the condition')
})

test('list shows the entries in order', async () => {
  const { out } = await run(['list', '--json'])
  const names = out
    .split('\n')
    .filter(Boolean)
    .map((line) => (JSON.parse(line) as { name: string }).name)
  expect(names[0]).toBe('found-by-others')
  expect(names.at(-1)).toBe('everything-else')
})
