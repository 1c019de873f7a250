import { type ChildProcess, spawn } from 'node:child_process'
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { percentile, type Report } from './report.ts'

export const EVENTS_PER_S = 5_000
/** PICKET_BENCH_SECONDS makes it longer, to see what memory comes to. */
export const LOAD_SECONDS = Number(process.env['PICKET_BENCH_SECONDS'] ?? 30)
export const WARM_UP_MS = 5_000
export const MARKED_PER_S = 50
const STEP_MS = 20
const SETTLE_MS_MAX = 60_000
export const PICKET = fileURLToPath(new URL('../../bin/picket.mjs', import.meta.url))
const API_PORT = 18_600 + (process.pid % 1_000)

const MARK_RULE = `title: Marked event
id: 0b6d1a52-2a42-4a4f-9b13-5a1f7a3f6f10
level: low
logsource: { product: picket }
detection:
  mark: { labels.mark|exists: true }
  condition: mark
`

/** A server of its own, in a folder of its own. */
export interface Rig {
  readonly folder: string
  readonly url: string
  readonly server: ChildProcess
}

export async function withServer(work: (rig: Rig) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'picket-live-'))
  const server = await startServer(folder)
  try {
    await work({ folder, server, url: `http://127.0.0.1:${API_PORT}` })
  } finally {
    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
}

export interface Load {
  readonly latenciesMs: readonly number[]
  readonly marked: number
  readonly written: number
  readonly residentBytes: number
  readonly metrics: string
  /** How long the writing took; longer where the machine could not write that fast. */
  readonly writingMs: number
  /** Processor seconds while the events were written. */
  readonly cpu: { readonly server: number; readonly engine: number }
}

export const configFile = (folder: string): string => join(folder, 'picket.yml')

/** `lateness` is something that a reload changes of the source: it is stopped and started again. */
export function configText(folder: string, lateness = '60s'): string {
  const file = `type: file, decoder: json, paths: [${folder}/in.log], poll_interval: 20ms`
  return `data: ${folder}/data
api: { listen: 127.0.0.1:${API_PORT} }
detection: { rules: [builtin, ${folder}/rules] }
outputs: { terminal: false, json_lines: { path: ${folder}/alerts.jsonl } }
sources: { in: { ${file}, lateness: ${lateness} } }
`
}

async function startServer(folder: string): Promise<ChildProcess> {
  mkdirSync(join(folder, 'rules'))
  writeFileSync(join(folder, 'rules', 'mark.yml'), MARK_RULE)
  writeFileSync(join(folder, 'in.log'), '')
  writeFileSync(configFile(folder), configText(folder))
  const args = [PICKET, 'serve', '--config', configFile(folder)]
  const server = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  await new Promise<void>((resolve, reject) => {
    let said = ''
    server.stderr.on('data', (chunk) => {
      said += String(chunk)
      if (said.includes('Picket is up')) resolve()
    })
    server.once('exit', () => reject(new Error(`the server did not start: ${said}`)))
  })
  return server
}

/** EVENTS_PER_S lines into the followed file, some of which are alerts each. */
export async function runLoad({ folder, server, url }: Rig): Promise<Load> {
  const sent = new Map<string, number>()
  const seen = new Map<string, number>()
  const watch = followAlerts(join(folder, 'alerts.jsonl'), seen)
  const perStep = (EVENTS_PER_S * STEP_MS) / 1_000
  const everyMark = EVENTS_PER_S / MARKED_PER_S
  let written = 0
  let resident = 0
  const cpuBefore = cpuSecondsOf(server.pid)
  const startMs = performance.now()
  for (let step = 0; step * STEP_MS < LOAD_SECONDS * 1_000; step += 1) {
    const lines: string[] = []
    const marks: string[] = []
    for (let left = perStep; left > 0; left -= 1) {
      written += 1
      const mark = written % everyMark === 0 ? `m${written}` : undefined
      if (mark !== undefined) marks.push(mark)
      lines.push(benchLine(written, mark))
    }
    const now = performance.now()
    for (const mark of marks) sent.set(mark, now)
    appendFileSync(join(folder, 'in.log'), lines.join(''))
    if (step % 50 === 0) resident = Math.max(resident, residentOf(server.pid))
    const due = startMs + (step + 1) * STEP_MS
    await sleep(Math.max(0, due - performance.now()))
  }
  const writingMs = performance.now() - startMs
  const cpuSeconds = cpuSecondsOf(server.pid).map((after, at) => after - (cpuBefore[at] ?? 0))
  const metrics = await settled(url, written)
  watch()
  // The first seconds are the warm-up of a cold server.
  const warm = [...sent].filter(([, at]) => at > startMs + WARM_UP_MS)
  const latenciesMs = warm.flatMap(([mark, at]) => {
    const until = seen.get(mark)
    return until === undefined ? [] : [until - at]
  })
  const [serverCpu = 0, ...below] = cpuSeconds
  const cpu = { server: serverCpu, engine: below.reduce((sum, one) => sum + one, 0) }
  return {
    latenciesMs,
    marked: warm.length,
    written,
    residentBytes: resident,
    metrics,
    cpu,
    writingMs,
  }
}

/** The metrics once all is stored, or it takes too long, and a little later. */
async function settled(url: string, written: number): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    const metrics = await (await fetch(`${url}/metrics`)).text()
    await sleep(500)
    if (storedOf(metrics) >= written) return metrics
    if (tries * 500 >= SETTLE_MS_MAX) return metrics
  }
}

function storedOf(metrics: string): number {
  return Number(/^picket_store_rows_total\{table="events"\} (\d+)$/m.exec(metrics)?.[1] ?? 0)
}

function benchLine(number: number, mark: string | undefined): string {
  const device = `sensor-${number % 5_000}`
  const doc = {
    '@timestamp': new Date().toISOString(),
    event: { kind: 'event', category: ['network'], action: 'mqtt-connect', outcome: 'success' },
    source: { ip: `10.1.${number % 200}.${number % 250}`, port: 20_000 + (number % 40_000) },
    user: { name: device },
    device: { id: mark ?? device },
    iot: { mqtt: { client_id: device, keepalive: 60, protocol_version: '3.1.1' } },
    ...(mark === undefined ? {} : { labels: { mark } }),
  }
  return `${JSON.stringify(doc)}\n`
}

/** Notes when each mark's first alert line appears. Returns the stop. */
function followAlerts(path: string, seen: Map<string, number>): () => void {
  let offset = 0
  let rest = ''
  let handle: number | undefined
  const look = (): void => {
    const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0
    if (size <= offset) return
    const now = performance.now()
    handle ??= openSync(path, 'r')
    const bytes = Buffer.allocUnsafe(size - offset)
    const got = readSync(handle, bytes, 0, bytes.length, offset)
    const text = rest + bytes.toString('utf8', 0, got)
    offset += got
    const lines = text.split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const mark = String(JSON.parse(line).group['device.id'])
      if (!seen.has(mark)) seen.set(mark, now)
    }
  }
  const timer = setInterval(look, 2)
  return () => {
    clearInterval(timer)
    look()
    if (handle !== undefined) closeSync(handle)
  }
}

/**
 * Memory of a process and its children from /proc: the proportional set size, in which a page that
 * several hold (the program's text, the journal's map) counts once; 0 where there is none.
 */
function residentOf(pid: number | undefined): number {
  if (pid === undefined || process.platform !== 'linux') return 0
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const own = Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) * 1_024
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  const below = children === '' ? [] : children.split(' ').map((child) => residentOf(Number(child)))
  return below.reduce((sum, bytes) => sum + bytes, own)
}

/** Processor time that a process and its children have taken, in seconds; of the kernel's clock of 100 Hz. */
function cpuSecondsOf(pid: number | undefined): number[] {
  if (pid === undefined || process.platform !== 'linux') return [0]
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
  const below =
    children === '' ? [] : children.split(' ').flatMap((child) => cpuSecondsOf(Number(child)))
  return [(Number(fields[11]) + Number(fields[12])) / 100, ...below]
}

/** Received to alert stored and told, memory, event loops, and that all is in the store. */
export function tellLoad(report: Report, load: Load, latencyMsMax = Number.NaN): void {
  const { latenciesMs, marked, written, residentBytes, metrics } = load
  const at = (share: number): number => percentile(latenciesMs, share)
  const perS = (written / load.writingMs) * 1_000
  report.row(
    'events written',
    String(written),
    `${perS.toFixed(0)}/s; asked for: ${EVENTS_PER_S}/s`,
  )
  report.row(
    'alerts seen',
    `${latenciesMs.length}/${marked}`,
    'from line written to alert stored and told',
  )
  report.row('p50', `${at(0.5).toFixed(0)} ms`)
  report.row('p99', `${at(0.99).toFixed(0)} ms`)
  report.row('p99.9', `${at(0.999).toFixed(0)} ms`)
  report.goal('no alert missing', latenciesMs.length === marked)
  if (latencyMsMax > 0) report.goal(`p99 under ${latencyMsMax} ms`, at(0.99) < latencyMsMax)
  report.row(
    'resident memory, all processes',
    `${(residentBytes / 2 ** 20).toFixed(0)} MiB`,
    'largest sum of proportional set sizes (PSS)',
  )
  report.goal('under 1 GiB', residentBytes < 2 ** 30)
  for (const found of metrics.matchAll(
    /^picket_event_loop_delay_worst_seconds\{thread="(\w+)"\} (\S+)$/gm,
  )) {
    report.row(`largest event-loop delay, ${found[1]}`, `${(Number(found[2]) * 1e3).toFixed(0)} ms`)
  }
  const share = (seconds: number): string => `${((seconds / LOAD_SECONDS) * 100).toFixed(0)} %`
  report.row('processor time of the server', share(load.cpu.server), 'of one core, all threads')
  report.row('processor time of the engine', share(load.cpu.engine), 'of one core')
  report.row('events in the store', String(storedOf(metrics)), `of ${written}`)
  report.goal('no event lost', storedOf(metrics) === written)
}
