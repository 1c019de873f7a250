/**
 * The detector in its own thread, against the compiled program: a thread cannot load TypeScript.
 */
import { existsSync } from 'node:fs'
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

    test('tells how far it is', async () => {
      await start()
      await fail(0, 3)
      await until(() => (thread!.status()?.offset ?? 0) >= 3)
      expect(thread!.status()).toMatchObject({ replaying: false, late: 0 })
      expect(metrics.value('picket_detector_events_total')).toBeGreaterThanOrEqual(3)
    })
  },
)
