import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { OfflineDetector } from '../detect/offline.ts'
import { hunt } from '../hunt/hunt.ts'
import { compileEql } from '../lang/eql/compile.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { SecurityEvent } from '../model/event.ts'
import type { JournalBatch } from '../model/journal.ts'
import type { RuleSet } from '../model/rule.ts'
import { startStoreEngine, type StoreEngine } from '../store/engine/engine.ts'
import { createStoreReader } from '../store/reader/reader.ts'
import { streamEvents } from '../store/search/stream.ts'
import { EncodedJournal } from './encoded-journal.ts'
import { generatedEvents } from './generated-rules.ts'
import { mixedRules } from './mixed-rules.ts'
import type { Bench, Report } from './report.ts'

const EVENTS = 100_000
const BATCH = 500
const DAY_MS = 86_400_000
const START = Date.UTC(2026, 0, 5)

/** Hunts over a stored day; no figure without the alerts that the same events give without a store. */
export const huntBench: Bench = {
  name: 'hunt',
  summary: `hunts over a stored day of ${EVENTS} events`,
  async run(report) {
    const folder = mkdtempSync(join(tmpdir(), 'picket-bench-'))
    const started = startStoreEngine({
      ...{ dataDir: folder, log: SILENT, metrics: new MetricsRegistry() },
    })
    try {
      if (!started.ok) return report.row('store', 'none', started.problem.message)
      const events = dayOfEvents()
      await started.value.whenReady()
      await fill(started.value, events)
      const one = 'any where event.action == "mqtt-publish-denied" and iot.mqtt.client_id : "*-77*"'
      const sequence =
        'sequence by iot.site with maxspan=1m [any where event.outcome == "failure"] ' +
        '[any where event.action == "mqtt-publish-denied" and iot.mqtt.client_id : "*-77*"]'
      const lanes: readonly (readonly [string, RuleSet])[] = [
        ['one rule that the store can narrow', eql(one)],
        ['a sequence over two fifths of all events', eql(sequence)],
        ['1,000 mixed rules', mixedRules(1_000)],
      ]
      for (const lane of lanes) await row(report, started.value, { lane, events })
    } finally {
      if (started.ok) await started.value.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

function dayOfEvents(): SecurityEvent[] {
  return generatedEvents(EVENTS).map((doc, at) => {
    const time = START + Math.floor((at * DAY_MS) / EVENTS)
    return { id: `e${at}`, time, doc: { ...doc, '@timestamp': new Date(time).toISOString() } }
  })
}

async function fill(engine: StoreEngine, events: readonly SecurityEvent[]): Promise<void> {
  const batches: JournalBatch[] = []
  for (let at = 0; at < events.length; at += BATCH) {
    const part = events.slice(at, at + BATCH)
    batches.push({ source: 'bench', ingestedMs: part.at(-1)!.time, events: part })
  }
  const journal = new EncodedJournal(batches)
  journal.again()
  const reader = createStoreReader({
    ...{ journal, engine, log: SILENT, metrics: new MetricsRegistry() },
    clock: { now: () => START + DAY_MS },
    onRefused: () => Promise.reject(new Error('refused')),
    limits: { lingerMs: 1 },
  })
  reader.start()
  while (reader.status().position < journal.lastOffset()) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  await reader.stop()
}

function eql(text: string): RuleSet {
  const compiled = compileEql(text, { id: 'hunted' })
  if (!compiled.ok) throw new Error(compiled.problem.message)
  const { matches, correlation } = compiled.value
  return { hash: text, matches, correlations: correlation === undefined ? [] : [correlation] }
}

async function row(
  report: Report,
  engine: StoreEngine,
  given: {
    readonly lane: readonly [string, RuleSet]
    readonly events: readonly SecurityEvent[]
  },
): Promise<void> {
  const [name, ruleSet] = given.lane
  const from = performance.now()
  const alerts: AlertRecord[] = []
  const running = hunt(
    (how) => streamEvents({ reader: engine.client('reader'), queryName: 'picket-bench' }, how),
    { ruleSet, fromMs: START, toMs: START + DAY_MS, tell: 'alerts' },
  )
  let step = await running.next()
  for (; step.done !== true; step = await running.next()) alerts.push(...step.value)
  const seconds = (performance.now() - from) / 1_000
  const wanted = withoutStore(ruleSet, given.events)
  if (outline(alerts) !== outline(wanted)) throw new Error(`wrong alerts: ${name}`)
  const { events: read, narrowed } = step.value
  const rate = (count: number): string => `${Math.round(count / seconds).toLocaleString('en-US')}/s`
  const how = narrowed ? `${read} rows read` : `all ${read} rows read`
  const remark = `${seconds.toFixed(2)} s, ${how} (${rate(read)}), ${alerts.length} alerts`
  report.row(name, rate(EVENTS), `stored events; ${remark}`)
}

function withoutStore(ruleSet: RuleSet, events: readonly SecurityEvent[]): AlertRecord[] {
  const detector = new OfflineDetector(ruleSet, { tell: 'alerts', latenessMs: 0, early: false })
  const alerts: AlertRecord[] = []
  for (const event of events) {
    detector.observe(event)
    alerts.push(...detector.take())
  }
  detector.finish(START + DAY_MS)
  return [...alerts, ...detector.take()]
}

function outline(alerts: readonly AlertRecord[]): string {
  return alerts
    .map(({ rule, group, first, last, count }) =>
      JSON.stringify([rule.id, group, first, last, count]),
    )
    .sort()
    .join('\n')
}
