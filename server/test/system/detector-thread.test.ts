/**
 * The detector in its own thread, against the compiled program: a thread cannot load TypeScript.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SILENT } from '../../src/base/log.ts'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import type { CompileLimits } from '../../src/detect/compile-thread.ts'
import type { DetectorThread } from '../../src/detect/thread.ts'
import {
  actionRule,
  bySource,
  correlationRule,
  eventOf,
  ruleSet,
} from '../../src/detect/testing/rules.ts'
import { packRules, rulesControl } from '../../src/detect/rules-control.ts'
import { JournalRig } from '../../src/journal/testing/rig.ts'
import type { LmdbJournal } from '../../src/journal/lmdb-journal.ts'
import type { AlertRecord } from '../../src/model/alert.ts'
import type { Condition } from '../../src/model/condition.ts'
import type { MatchRule, RuleSet } from '../../src/model/rule.ts'

const DIST = join(import.meta.dirname, '..', '..', 'dist')
const built = existsSync(join(DIST, 'detect', 'worker.js'))
type Threads = typeof import('../../src/detect/thread.ts')
type RuleThreads = typeof import('../../src/app/rule-thread.ts')

const RULES = ruleSet(
  [actionRule('fail', 'failure')],
  [
    correlationRule('brute', {
      type: 'event_count',
      inputs: ['fail'],
      groupBy: bySource,
      timespanMs: 10_000,
      condition: { gte: 3 },
      fields: [],
    }),
  ],
)

let rig: JournalRig
let journal: LmdbJournal
let thread: DetectorThread | undefined
const metrics = new MetricsRegistry()

beforeEach(async () => {
  rig = new JournalRig()
  journal = await rig.open()
})
afterEach(async () => {
  await thread?.stop()
  await rig.remove()
})

async function start(compile?: CompileLimits): Promise<void> {
  const { startDetectorThread } = (await import(join(DIST, 'detect', 'thread.js'))) as Threads
  const keyring = await rig.keyring()
  const settings = { live: { saveRows: 5 } }
  const limits = compile && { compile }
  thread = startDetectorThread({ journal, keyring, settings, log: SILENT, metrics, ...limits })
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5))
}

const alertsOf = (): AlertRecord[] =>
  journal.read(0, 1 << 30).flatMap(({ batch }) => [...(batch.alerts ?? [])])

async function fail(from: number, to: number): Promise<void> {
  for (let n = from; n < to; n += 1) {
    const event = eventOf(`e${n}`, 1_000_000 + n * 100, { action: 'failure', ip: '10.0.0.1' })
    await journal.append({ source: 's', ingestedMs: event.time, events: [event] })
  }
}

/** One rule that alerts, and as many and as large ones beside it as SigmaHQ's whole set has. */
function versionOf(id: string, beside: number): RuleSet {
  const names = ['process.command_line', 'process.executable', 'file.path', 'registry.path']
  let seed = 7
  const word = (): string => {
    seed = (Math.imul(seed, 48_271) >>> 0) % 2_147_483_647
    return `\\${seed.toString(36)}${(seed >> 3).toString(36)}`
  }
  const others = Array.from({ length: beside }, (_, n): MatchRule => {
    const some = (kind: 'substring' | 'suffix', length: number): Condition => ({
      kind: 'or',
      parts: Array.from({ length }, () => ({
        ...{ kind: 'field', path: names[n % names.length]! },
        test: { kind, value: word(), cased: false },
      })),
    })
    const parts = [some('suffix', 2), some('substring', 6)]
    return { ...actionRule(`beside-${n}`, ''), condition: { kind: 'and', parts } }
  })
  const speaks = actionRule(id, 'failure', { alerts: true, groupBy: ['source.ip'] })
  return ruleSet([speaks, ...others], [], id)
}

const versionOne = versionOf('v1', 0)
const versionTwo = versionOf('v2', 3_754)

async function putInForce(rules: RuleSet): Promise<void> {
  const control = rulesControl(rules, 1_000_000)
  await journal.append({ source: 'app', ingestedMs: 1_000_000, controls: [control] })
}

/** From an address of its own. */
async function oneEvent(n: number): Promise<void> {
  const ip = `10.${n >> 8}.${n & 255}.1`
  const event = eventOf(`e${n}`, 1_000_000 + n, { action: 'failure', ip })
  await journal.append({ source: 's', ingestedMs: event.time, events: [event] })
}

/** Address and rule of each alert that was opened, in the order of addresses. */
function openedOf(): string[] {
  const opened = alertsOf().filter(({ revision }) => revision === 1)
  return opened.map(({ group, rule }) => `${group['source.ip']} ${rule.id}`)
}

describe.skipIf(!built && process.env['REQUIRE_SERVICES'] !== '1')(
  'the detector thread (needs the compiled program: npm run build)',
  () => {
    test('finds what is journalled, and goes on after a restart without saying it again', async () => {
      const control = rulesControl(RULES, 1_000_000)
      await journal.append({ source: 'app', ingestedMs: 1_000_000, controls: [control] })
      await start()
      await fail(0, 4)
      await until(() => alertsOf().length >= 1)
      expect(alertsOf()[0]).toMatchObject({ rule: { id: 'brute' }, count: 3, revision: 1 })
      await thread!.stop()
      await fail(4, 8)
      await start()
      await fail(8, 12)
      // Said anew whenever its hits have doubled; the eighth is the tenth event.
      await until(() => alertsOf().at(-1)?.count === 10)
      const alerts = alertsOf()
      expect(new Set(alerts.map(({ id }) => id)).size).toBe(1)
      expect(alerts.map(({ revision }) => revision)).toEqual(alerts.map((_, at) => at + 1))
      expect(thread!.trouble()).toBeUndefined()
    })

    test('rules are read in a thread of their own and compiled before they come', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'picket-rules-'))
      try {
        const rule = (n: number): string =>
          `title: Rule ${n}\nid: rule-${n}\nlogsource: {product: x}\ndetection:\n` +
          `  s: {message|contains: word${n}}\n  condition: s\n`
        for (let n = 0; n < 500; n += 1) writeFileSync(join(folder, `${n}.yml`), rule(n))
        const { workAside } = (await import(join(DIST, 'app', 'rule-thread.js'))) as RuleThreads
        let turns = 0
        let waiting = true
        const turn = (): void => {
          turns += 1
          if (waiting) setImmediate(turn)
        }
        turn()
        const read = await workAside({ kind: 'read', paths: [folder], lives: new Map() })
        waiting = false
        expect(turns).toBeGreaterThan(100)
        expect(read.files?.reports).toHaveLength(500)
        await start()
        await thread!.prepare(read.rules)
        await journal.append({
          source: 'app',
          ingestedMs: 1_000_000,
          controls: [rulesControl(read.rules, 1_000_000)],
        })
        await until(() => thread!.status()?.rulesHash === read.rules.hash)
        expect(thread!.status()?.matcher.rules).toBe(500)
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    })

    test('goes on while thousands of rules are compiled; all swap between two batches', async () => {
      await putInForce(versionOne)
      await start()
      let prepared = false
      const preparing = thread!.prepare(packRules(versionTwo)).then((problem) => {
        prepared = true
        return problem
      })
      let count = 0
      for (; !prepared; count += 1) {
        await oneEvent(count)
        await until(() => openedOf().length > count)
      }
      expect(await preparing).toBeUndefined()
      // Held up until the end, the first would be the only one.
      expect(count).toBeGreaterThan(1)
      expect(thread!.status()?.rulesHash).not.toBe(versionTwo.hash)
      // No answer is waited for: events are under way before and after the record.
      for (let more = 0; more < 20; more += 1) await oneEvent(count + more)
      await putInForce(versionTwo)
      for (let more = 20; more < 40; more += 1) await oneEvent(count + more)
      await until(() => openedOf().length >= count + 40)
      const wanted = Array.from({ length: count + 40 }, (_, n) => {
        return `10.${n >> 8}.${n & 255}.1 ${n < count + 20 ? 'v1' : 'v2'}`
      })
      expect(openedOf()).toEqual(wanted)
      await until(() => thread!.status()?.rulesHash === versionTwo.hash)
      expect(thread!.status()?.matcher.rules).toBe(versionTwo.matches.length)
    })

    test('rules that cannot be compiled are refused by name, and those before run on', async () => {
      await putInForce(versionOne)
      await start({ memoryBytesMax: 16 * 2 ** 20, timeMsMax: 300_000 })
      const problem = await thread!.prepare(packRules(versionTwo))
      expect(problem).toMatchObject({
        code: 'RULES_UNCOMPILED',
        message: expect.stringContaining('it needs more than 16 MiB'),
      })
      await oneEvent(0)
      await until(() => openedOf().length === 1)
      expect(openedOf()).toEqual(['10.0.0.1 v1'])
      expect(thread!.trouble()).toBeUndefined()
    })

    test('tells how far it is', async () => {
      await putInForce(RULES)
      await start()
      await fail(0, 3)
      await until(() => thread!.ruleTotals('brute') !== undefined)
      expect(thread!.status()).toMatchObject({ replaying: false, late: 0 })
      expect(metrics.value('picket_detector_events_total')).toBeGreaterThanOrEqual(3)
      expect(metrics.value('picket_rule_matches_total', { rule: 'fail' })).toBeGreaterThanOrEqual(4)
      expect(metrics.value('picket_rule_hits_total', { rule: 'brute' })).toBeGreaterThanOrEqual(1)
      expect(thread!.ruleTotals('fail')).toMatchObject({ matches: 3, hits: 0, lost: 0 })
      expect(thread!.ruleTotals('brute')).toMatchObject({ matches: 0, hits: 1 })
      expect(thread!.ruleTotals('none')).toBeUndefined()
    })
  },
)
