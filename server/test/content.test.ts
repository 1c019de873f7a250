/**
 * The shipped rules: each case that a rule carries, their style, and what they say of real logs.
 */
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { ManualClock } from '../src/base/clock.ts'
import { MetricsRegistry } from '../src/base/metrics.ts'
import { runCli } from '../src/cli/cli.ts'
import { detectCommand } from '../src/cli/detect.ts'
import { runRuleTest } from '../src/detect/rule-tests.ts'
import { loadRules } from '../src/library/library.ts'
import type { AlertRecord } from '../src/model/alert.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const CONTENT = join(ROOT, 'content', 'rules')
const loaded = loadRules([CONTENT])
const rules = [...loaded.ruleSet.matches, ...loaded.ruleSet.correlations]
const alerting = new Set(rules.filter(({ alerts }) => alerts).map(({ meta }) => meta.id))
const isSourceAbsence = (id: string): boolean =>
  loaded.ruleSet.correlations.some(
    ({ meta, correlation }) =>
      meta.id === id && correlation.type === 'absence' && correlation.of === 'source',
  )

async function detect(...args: readonly string[]): Promise<{ alerts: AlertRecord[]; err: string }> {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const exits: number[] = []
  const context = {
    stdin: Readable.from([]),
    ...{ stdout, stderr, env: {}, clock: new ManualClock(0), metrics: new MetricsRegistry() },
    interactive: false,
    exit: (code: number) => void exits.push(code),
  }
  await runCli(['detect', ...args], context, [detectCommand])
  expect(exits).toEqual([])
  const lines = String(stdout.read() ?? '')
    .split('\n')
    .filter(Boolean)
  const err = String(stderr.read() ?? '')
  return { alerts: lines.map((line) => JSON.parse(line) as AlertRecord), err }
}

const sample = (name: string): string =>
  join(import.meta.dirname, 'samples', `mosquitto_${name}.log`)

/** Severity, rule, whom it is about, how many events. */
async function saidOf(name: string): Promise<unknown[]> {
  const { alerts, err } = await detect(
    ...['--rules', CONTENT, '--decoder', 'mosquitto', '--strict', sample(name)],
  )
  expect(err).not.toContain('"reject"')
  return alerts.map(({ severity, rule, group, count, state, open }) => {
    expect([state, open]).toEqual(['final', false])
    return [severity, rule.name, Object.values(group)[0] ?? '', count]
  })
}

describe('shipped rules', () => {
  test('all compile without a warning', () => {
    expect(loaded.problems).toEqual([])
    for (const { meta, problems } of loaded.reports)
      expect([meta.title, problems]).toEqual([meta.title, []])
    expect(alerting.size).toBeGreaterThan(10)
  })

  test.each(
    loaded.reports.flatMap(({ meta, tests }) => tests.map((one) => [meta.title, one] as const)),
  )('%s: $1.name', (title, one) => {
    const id = loaded.reports.find(
      ({ meta, tests }) => meta.title === title && tests.includes(one),
    )!.meta.id
    expect(runRuleTest(loaded.ruleSet, id, one)).toMatchObject({ passed: true })
  })

  test('each that alerts says who wrote it, what it may be instead, what to do, and where in ATT&CK', () => {
    for (const { meta, tests } of loaded.reports.filter(({ meta }) => alerting.has(meta.id))) {
      expect(meta.author, meta.title).toBe('Picket')
      expect(meta.falsepositives.length, meta.title).toBeGreaterThan(0)
      expect(meta.response.length, meta.title).toBeGreaterThan(0)
      expect(
        meta.tags.some((tag) => /^attack\.t\d{4}/.test(tag)),
        meta.title,
      ).toBe(true)
      // What the ticks of a source say cannot be written as events of a case.
      if (isSourceAbsence(meta.id)) continue
      expect(
        tests.some(({ alerts }) => alerts > 0),
        `${meta.title} must fire`,
      ).toBe(true)
      expect(
        tests.some(({ alerts }) => alerts === 0),
        `${meta.title} must not fire`,
      ).toBe(true)
    }
  })

  test('ids are unique', () => {
    const ids = loaded.reports.map(({ meta }) => meta.id)
    expect(new Set(ids).size).toBe(ids.length)
  })
})

describe('real logs', () => {
  // Three refused logins are no brute force; eight TLS failures in a second are a probe.
  test('Mosquitto 2.0.11: a foreign topic, a doubled client id, a TLS probe', async () => {
    expect(await saidOf('2.0.11')).toEqual([
      ['medium', 'MQTT topic access denied', 'ok1', 2],
      ['medium', 'MQTT client id taken over soon after it connected', 'dup1', 1],
      ['medium', 'TLS handshake failures in bulk', '127.0.0.1', 8],
    ])
  })

  test('Mosquitto 2.0.20: the same, and its own warnings', async () => {
    const said = await saidOf('2.0.20')
    expect(said.slice(1)).toEqual([
      ['medium', 'MQTT topic access denied', 'ok1', 2],
      ['medium', 'MQTT client id taken over soon after it connected', 'dup1', 1],
      ['medium', 'TLS handshake failures in bulk', '127.0.0.1', 8],
    ])
    const [severity, name, , count] = said[0] as unknown[]
    expect([severity, name, count]).toEqual(['low', 'Broker warns of insecure file permissions', 3])
  })

  // The reconnects of the client `ctl` end properly each time: no takeover. Two refusals: no attack.
  test('Mosquitto 2.0.11 with dynamic security: who changed it, by which account, and what was denied', async () => {
    expect(await saidOf('2.0.11_dynsec')).toEqual([
      ['medium', 'MQTT topic access denied', 'dev2', 1],
      ['medium', 'Default user name in use', 'admin', 8],
      ['informational', 'Access rules of the broker changed', 'admin', 7],
    ])
  })
})
