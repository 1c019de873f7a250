import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { decoders } from '../decode/registry.ts'
import { createEngine } from '../detect/engine.ts'
import { createPreparer } from '../ingest/prepare.ts'
import { openJournal } from '../journal/journal.ts'
import { loadRules } from '../library/library.ts'
import type { JournalBatch } from '../model/journal.ts'
import type { RawBatch } from '../model/source.ts'
import { openDataDir } from '../vault/directory.ts'
import { openKeyring } from '../vault/keyring.ts'
import { brokerLines } from './broker-lines.ts'
import { type Bench, nsPerItem, type Report } from './report.ts'

const CONNECTIONS = 40_000
const BATCH_LINES = 1_000
const RUNS = 5
export const FROM_S = 1_800_000_000
const RULES = fileURLToPath(new URL('../../../content/rules', import.meta.url))

/** Bytes of a broker's log to ECS events, through all rules, into the journal: each stage by itself. */
export const spineBench: Bench = {
  name: 'spine',
  summary: 'cost of bytes → ECS → rules → journal as a ratio to JSON.parse of the events',
  run: async (report) => {
    const raws = rawBatches(brokerLines(CONNECTIONS, FROM_S))
    const prepared = prepareAll(raws)
    const events = prepared.reduce((sum, batch) => sum + (batch.events?.length ?? 0), 0)
    const texts = prepared.flatMap((batch) =>
      (batch.events ?? []).map(({ doc }) => JSON.stringify(doc)),
    )
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    const parse = await nsPerItem(events, RUNS, () => {
      for (const text of texts) JSON.parse(text)
    })
    const decode = await nsPerItem(events, RUNS, () => void prepareAll(raws))
    const rules = loadRules([RULES]).ruleSet
    const detect = await nsPerItem(events, RUNS, () => observeAll(prepared, rules))
    const journal = await journalCost(prepared, events)
    report.row('events', String(events), `${Math.round(bytes / events)} bytes each as JSON`)
    report.row('JSON.parse of the events produced', `${parse.toFixed(0)} ns`, '1.00 x')
    show(report, 'decode and normalize', decode, parse)
    show(report, `all rules (${rules.matches.length + rules.correlations.length})`, detect, parse)
    show(report, 'journal: encode, seal, flush (processor time)', journal.cpu, parse)
    show(report, 'journal: until durable (elapsed)', journal.wall, parse)
    const ratio = (decode + detect + journal.cpu) / parse
    report.row('bytes → ECS → rules → journal', `${ratio.toFixed(2)} x`, 'of JSON.parse')
    report.goal('at most 5 times JSON.parse of the events', ratio <= 5)
  },
}

function show(report: Report, name: string, ns: number, base: number): void {
  report.row(name, `${ns.toFixed(0)} ns`, `${(ns / base).toFixed(2)} x`)
}

export function rawBatches(lines: readonly string[]): RawBatch[] {
  const batches: RawBatch[] = []
  for (let at = 0; at < lines.length; at += BATCH_LINES) {
    const items = lines.slice(at, at + BATCH_LINES).map((text, index) => ({
      ...{ text, key: `bench:${at + index}`, receivedMs: (FROM_S + 1_000) * 1_000 },
    }))
    batches.push({ items })
  }
  return batches
}

export function prepareAll(raws: readonly RawBatch[]): JournalBatch[] {
  const decoderSpec = decoders['mosquitto']
  if (decoderSpec === undefined) throw new Error('no mosquitto decoder')
  const preparer = createPreparer({ source: 'bench', decoderSpec, tenant: 'default' })
  return raws.map((raw) => preparer.prepare(raw, (FROM_S + 1_000) * 1_000).batch)
}

function observeAll(
  batches: readonly JournalBatch[],
  rules: ReturnType<typeof loadRules>['ruleSet'],
): void {
  const engine = createEngine(rules)
  let offset = 0
  for (const batch of batches) {
    offset += 1
    engine.apply({ offset, batch })
    engine.takeAlerts()
  }
}

async function journalCost(
  batches: readonly JournalBatch[],
  events: number,
): Promise<{ cpu: number; wall: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'picket-bench-'))
  const log = SILENT
  const dataDir = await openDataDir(folder)
  const keyring = await openKeyring({ dataDir, masterKey: { kind: 'generated' }, env: {}, log })
  const journal = await openJournal({
    ...{ dir: join(folder, 'journal'), keyring, log, metrics: new MetricsRegistry() },
    ...{ bytesMax: 2 ** 33, ageMaxMs: 86_400_000, reservedBytes: 2 ** 26 },
    clock: { now: () => Date.now() },
  })
  const write = async (): Promise<void> => {
    // Several under way, as several sources have.
    for (let at = 0; at < batches.length; at += 4) {
      await Promise.all(batches.slice(at, at + 4).map((batch) => journal.append(batch)))
    }
  }
  await write()
  const cpuBefore = process.cpuUsage()
  const from = performance.now()
  for (let run = 0; run < RUNS; run += 1) await write()
  const wall = ((performance.now() - from) * 1e6) / (events * RUNS)
  const { user, system } = process.cpuUsage(cpuBefore)
  await journal.close()
  dataDir.release()
  rmSync(folder, { recursive: true, force: true })
  return { cpu: ((user + system) * 1e3) / (events * RUNS), wall }
}
