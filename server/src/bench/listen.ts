import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { decoders } from '../decode/registry.ts'
import { Ingest } from '../ingest/ingest.ts'
import { createRoutedPreparer } from '../ingest/routed.ts'
import { openJournal } from '../journal/journal.ts'
import type { LmdbJournal } from '../journal/lmdb-journal.ts'
import type { DecoderSpec } from '../model/decoder.ts'
import { createSource, sourceKinds } from '../source/registry.ts'
import { openDataDir } from '../vault/directory.ts'
import { openKeyring } from '../vault/keyring.ts'
import { type Bench, nsPerItem, type Report } from './report.ts'

const EVENTS_A_REQUEST = 500
const REQUESTS = 200
const RUNS = 3
const CLIENT = fileURLToPath(new URL('./listen-client.js', import.meta.url))
const clock = { now: () => Date.now() }

/** What the sending process is told. */
export interface ListenJob {
  readonly transport: 'http' | 'tcp'
  readonly port: number
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly bodyFile: string
  readonly requests: number
  /** Connections at once. */
  readonly lanes: number
}

/** One line for each listener that is measured. */
interface Measured {
  readonly name: string
  readonly transport: ListenJob['transport']
  readonly lanes: number
  readonly kind: 'hec' | 'elastic' | 'http' | 'syslog'
  readonly options?: Readonly<Record<string, unknown>>
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  body(texts: readonly string[]): string
}

const LISTENERS: readonly Measured[] = [
  {
    ...{ name: 'HEC', transport: 'http', lanes: 4, kind: 'hec', path: '/services/collector' },
    body: (texts) => texts.map((text) => `{"event":${text}}`).join(''),
  },
  {
    ...{ name: '_bulk', transport: 'http', lanes: 4, kind: 'elastic', path: '/elastic/_bulk' },
    headers: { 'content-type': 'application/x-ndjson' },
    body: (texts) => texts.map((text) => `{"create":{"_index":"logs"}}\n${text}\n`).join(''),
  },
  {
    ...{ name: 'HTTP, NDJSON', transport: 'http', lanes: 4, kind: 'http', path: '/api/v1/events' },
    body: (texts) => `${texts.join('\n')}\n`,
  },
  {
    ...{ name: 'syslog, TCP', transport: 'tcp', lanes: 4, kind: 'syslog', path: '' },
    options: { transports: ['tcp'] },
    body: (texts) => texts.map((text) => `${Buffer.byteLength(text)} ${text}`).join(''),
  },
]

/** From the wire until durable, beside what the decoder alone costs for the same texts. */
export const listenBench: Bench = {
  name: 'listen',
  summary: 'rates of HEC, _bulk, NDJSON and syslog, and their cost as a ratio to decoding alone',
  run: async (report) => {
    const spec = decoders['json']
    if (spec === undefined) throw new Error('no json decoder')
    const texts = Array.from({ length: EVENTS_A_REQUEST }, (_, n) => textOf(n))
    const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    const alone = await decodeAlone(spec, texts)
    const folder = mkdtempSync(join(tmpdir(), 'picket-bench-listen-'))
    try {
      const each = Math.round(bytes / texts.length)
      report.row('decoder alone', `${(1e9 / alone).toFixed(0)}/s`, `${each} bytes an event`)
      for (const one of LISTENERS) await measure(report, { one, texts, spec, folder, alone })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

/** A login as a device's gateway would tell it. */
function textOf(n: number): string {
  const at = new Date(1_800_000_000_000 + n).toISOString()
  return JSON.stringify({
    '@timestamp': at,
    event: { action: 'api-call', category: ['iam'], outcome: n % 3 === 0 ? 'failure' : 'success' },
    source: { ip: `10.0.${n % 250}.7`, port: 40_000 + n },
    user: { name: `device-${n}` },
    device: { id: `d-${n}`, type: 'meter' },
    message: `login of device-${n} by certificate, attempt ${n % 4}`,
    labels: { site: 'ber', firmware: '2.4.1', gateway: `gw-${n % 20}` },
  })
}

async function decodeAlone(spec: DecoderSpec, texts: readonly string[]): Promise<number> {
  const decoder = spec.create()
  const out = { event: () => undefined, routine: () => undefined, reject: () => undefined }
  const rounds = 40
  return nsPerItem(texts.length * rounds, 5, () => {
    for (let round = 0; round < rounds; round += 1) {
      for (const text of texts) decoder.decode({ text, key: 'k', receivedMs: 0 }, out)
    }
  })
}

interface Given {
  readonly one: Measured
  readonly texts: readonly string[]
  readonly spec: DecoderSpec
  readonly folder: string
  readonly alone: number
}

async function measure(report: Report, { one, texts, spec, folder, alone }: Given): Promise<void> {
  const bodyFile = join(folder, 'body')
  writeFileSync(bodyFile, one.body(texts))
  const port = await freePort()
  const { transport, lanes, path, headers = {} } = one
  const job = { transport, port, path, headers, bodyFile, requests: REQUESTS, lanes }
  const jobFile = join(folder, 'job.json')
  writeFileSync(jobFile, JSON.stringify(job satisfies ListenJob))
  const events = REQUESTS * texts.length
  const samples: { readonly wallNs: number; readonly cpuNs: number }[] = []
  for (let run = 0; run < RUNS; run += 1) {
    const listening = await listen(one, spec, join(folder, `${one.kind}-${run}`), port)
    try {
      const cpu = process.cpuUsage()
      const from = performance.now()
      await send(jobFile)
      await listening.until(events)
      const used = process.cpuUsage(cpu)
      const wallNs = ((performance.now() - from) * 1e6) / events
      samples.push({ wallNs, cpuNs: ((used.user + used.system) * 1e3) / events })
    } finally {
      await listening.close()
    }
  }
  const wall = Math.min(...samples.map(({ wallNs }) => wallNs))
  const cpu = Math.min(...samples.map(({ cpuNs }) => cpuNs))
  const ratio = `${(cpu / alone).toFixed(1)} x the decoder alone, of processor time`
  report.row(one.name, `${(1e9 / wall).toFixed(0)}/s`, `${ratio}; ${cpu.toFixed(0)} ns an event`)
}

async function listen(
  one: Measured,
  decoderSpec: DecoderSpec,
  dir: string,
  port: number,
): Promise<{ until(events: number): Promise<void>; close(): Promise<void> }> {
  const dataDir = await openDataDir(dir)
  const masterKey = { kind: 'generated' } as const
  const keyring = await openKeyring({ dataDir, masterKey, env: {}, log: SILENT })
  const metrics = new MetricsRegistry()
  const journal: LmdbJournal = await openJournal({
    ...{ dir: join(dir, 'journal'), keyring, metrics, log: SILENT, clock },
    ...{ bytesMax: 8 * 2 ** 30, ageMaxMs: 86_400_000, reservedBytes: 2 ** 20 },
  })
  const plainSpec = decoders['text'] ?? decoderSpec
  const preparer = createRoutedPreparer({
    ...{ source: 'bench', decoderSpec, plainSpec, routes: [], tenant: 'default' },
  })
  const pause = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms))
  const ingest = new Ingest({
    ...{ source: 'bench', journal, preparer, clock, log: SILENT, metrics, pause },
  })
  const options = sourceKinds[one.kind].options.parse({
    ...{ listen: `127.0.0.1:${port}`, ...one.options },
  })
  const secret = (): Promise<string> => Promise.resolve('')
  const deps = { name: 'bench', baseDir: dir, clock, log: SILENT, metrics, secret }
  const source = createSource(one.kind, options as never, deps)
  await source.start(ingest)
  return {
    until: async (events) => {
      while (ingest.report().events < events) await pause(2)
    },
    close: async () => {
      await source.stop()
      await journal.close()
      dataDir.release()
    },
  }
}

async function send(jobFile: string): Promise<void> {
  const child = spawn(process.execPath, [CLIENT, jobFile], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const code = await new Promise<number | null>((resolve) => child.once('exit', resolve))
  if (code !== 0) throw new Error(`the sender ended with ${code}`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}
