/**
 * The detector in its own thread, against the compiled program: a thread cannot load TypeScript.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SILENT } from '../../src/base/log.ts'
import { MetricsRegistry } from '../../src/base/metrics.ts'
import type { DetectorThread } from '../../src/detect/thread.ts'
import {
  actionRule,
  bySource,
  correlationRule,
  eventOf,
  ruleSet,
} from '../../src/detect/testing/rules.ts'
import { rulesControl } from '../../src/detect/rules-control.ts'
import { JournalRig } from '../../src/journal/testing/rig.ts'
import type { LmdbJournal } from '../../src/journal/lmdb-journal.ts'
import type { AlertRecord } from '../../src/model/alert.ts'

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

async function start(): Promise<void> {
  const { startDetectorThread } = (await import(join(DIST, 'detect', 'thread.js'))) as Threads
  const keyring = await rig.keyring()
  const settings = { live: { saveRows: 5 } }
  thread = startDetectorThread({ journal, keyring, settings, log: SILENT, metrics })
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

    test('tells how far it is', async () => {
      await start()
      await fail(0, 3)
      await until(() => (thread!.status()?.offset ?? 0) >= 3)
      expect(thread!.status()).toMatchObject({ replaying: false, late: 0 })
      expect(metrics.value('picket_detector_events_total')).toBeGreaterThanOrEqual(3)
      expect(metrics.value('picket_rule_matches_total', { rule: 'fail' })).toBeGreaterThanOrEqual(4)
      expect(metrics.value('picket_rule_hits_total', { rule: 'brute' })).toBeGreaterThanOrEqual(1)
    })
  },
)
