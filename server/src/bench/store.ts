import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { startStoreEngine } from '../store/engine/engine.ts'
import { createStoreReader } from '../store/reader/reader.ts'
import { createSearch } from '../store/search/search.ts'
import { brokerLines } from './broker-lines.ts'
import { EncodedJournal } from './encoded-journal.ts'
import type { Bench, Report } from './report.ts'
import { FROM_S, prepareAll, rawBatches } from './spine.ts'

const CONNECTIONS = 40_000
const RUNS = 3

/** From journal entries to rows that are durable in the engine, and the way back by a search. */
export const storeBench: Bench = {
  name: 'store',
  summary: 'journal entries to durable rows, with the processor time of both sides',
  run: async (report) => {
    const batches = prepareAll(rawBatches(brokerLines(CONNECTIONS, FROM_S)))
    const events = batches.reduce((sum, batch) => sum + (batch.events?.length ?? 0), 0)
    const folder = mkdtempSync(join(tmpdir(), 'picket-bench-'))
    const metrics = new MetricsRegistry()
    const started = startStoreEngine({ dataDir: folder, log: SILENT, metrics })
    if (!started.ok) {
      report.row('store', 'none', started.problem.message)
      return
    }
    const engine = started.value
    await engine.whenReady()
    const journal = new EncodedJournal(batches)
    let turnMs = performance.now()
    let turnMsMax = 0
    const turns = setInterval(() => {
      turnMsMax = Math.max(turnMsMax, performance.now() - turnMs)
      turnMs = performance.now()
    }, 1)
    const before = { engine: cpuMs(engine.pid()), own: process.cpuUsage(), ms: performance.now() }
    for (let run = 0; run < RUNS; run += 1) {
      journal.again()
      const clock = { now: () => Date.now() }
      const onRefused = (): Promise<void> => Promise.reject(new Error('refused'))
      const common = { journal, engine, log: SILENT, metrics, clock, onRefused }
      const reader = createStoreReader({ ...common, limits: { lingerMs: 1 } })
      reader.start()
      while (reader.status().position < journal.lastOffset()) {
        await new Promise((resolve) => setTimeout(resolve, 2))
      }
      await reader.stop()
    }
    const ms = performance.now() - before.ms
    clearInterval(turns)
    const own = process.cpuUsage(before.own)
    const total = events * RUNS
    const rate = (total / ms) * 1_000
    report.row('events', String(total), `in batches of ${batches[0]?.events?.length ?? 0}`)
    report.row('journal → durable in the store', `${rate.toFixed(0)}/s`)
    report.row('processor time here', `${((own.user + own.system) / total).toFixed(1)} µs/event`)
    const engineMs = cpuMs(engine.pid()) - before.engine
    report.row(
      'processor time of the engine',
      `${((engineMs * 1_000) / total).toFixed(1)} µs/event`,
    )
    report.row('largest wait of a 1 ms timer', `${turnMsMax.toFixed(0)} ms`)
    report.row('resident memory of the engine', `${residentMb(engine.pid())} MB`)
    await searchOnce(report, createSearch(engine))
    report.goal('at least 60,000 events/s', rate >= 60_000)
    await engine.stop()
    rmSync(folder, { recursive: true, force: true })
  },
}

async function searchOnce(report: Report, search: ReturnType<typeof createSearch>): Promise<void> {
  const fromMs = FROM_S * 1_000
  const range = { fromMs, toMs: fromMs + 3_600_000 }
  for (const [name, filters] of [
    ['newest 100 of an hour', {}],
    ['one client id in an hour', { clientId: 'nobody' }],
  ] as const) {
    const found = await search.run({ template: 'recent', ...range, filters })
    if (found.ok)
      report.row(name, `${found.value.elapsedMs} ms`, `${found.value.rowsRead} rows read`)
  }
}

/** User and system time of a process (Linux: clock ticks of 10 ms). */
function cpuMs(pid: number | undefined): number {
  const fields = procFile(pid, 'stat').split(' ')
  return (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) * 10
}

function residentMb(pid: number | undefined): number {
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(procFile(pid, 'status'))?.[1] ?? 0) / 1_024)
}

function procFile(pid: number | undefined, name: string): string {
  try {
    return readFileSync(`/proc/${pid ?? 0}/${name}`, 'utf8')
  } catch {
    return ''
  }
}
