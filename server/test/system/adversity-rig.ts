/** The compiled server under adverse conditions: starts it, writes what it reads, asks it, ends it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AlertRecord } from '../../src/model/alert.ts'
import type { EcsDoc } from '../../src/model/event.ts'

const SERVER = join(import.meta.dirname, '..', '..')
const PROGRAM = join(SERVER, 'bin', 'picket.mjs')
const DIST = join(SERVER, 'dist')
const DAY_MS = 86_400_000
export const isBuilt = existsSync(join(DIST, 'main.js'))

export interface Ready {
  readonly status: number
  readonly problems: readonly {
    readonly component: string
    readonly message: string
    readonly blocking: boolean
  }[]
}

/** One server with a data folder, a log of devices (`json`) and one of a broker (`mosquitto`). */
export class AdversityRig {
  readonly folder: string
  readonly data: string
  /** Every event that was written, by its own number. */
  readonly written = new Set<string>()
  readonly #logs: string
  #server: ChildProcess | undefined
  #output = ''
  #count = 0
  #load: NodeJS.Timeout | undefined
  readonly #sections: () => Readonly<Record<string, unknown>>

  /** `sections` replace those of the configuration, at each start. */
  constructor(sections: () => Readonly<Record<string, unknown>> = () => ({})) {
    this.#sections = sections
    this.folder = mkdtempSync(join(tmpdir(), 'picket-adversity-'))
    this.data = join(this.folder, 'data')
    this.#logs = join(this.folder, 'logs')
    mkdirSync(this.data)
    mkdirSync(this.#logs)
  }

  async start(env: Readonly<Record<string, string>> = {}): Promise<void> {
    const source = { type: 'file', poll_interval: '50ms' }
    const config = {
      data: this.data,
      detection: { snapshot_interval: '500ms', lateness: '10s', tick_interval: '300ms' },
      journal: { bytes_max: '64MiB', trim_interval: '300ms' },
      api: { listen: '127.0.0.1:0' },
      outputs: { terminal: false, json_lines: { path: join(this.folder, 'alerts.jsonl') } },
      sources: {
        fleet: { ...source, decoder: 'json', paths: [join(this.#logs, 'fleet.log')] },
        broker: { ...source, decoder: 'mosquitto', paths: [join(this.#logs, 'broker.log')] },
      },
      ...this.#sections(),
    }
    const file = join(this.folder, 'picket.yml')
    // JSON is YAML.
    writeFileSync(file, JSON.stringify(config))
    const program = spawn(process.execPath, [PROGRAM, 'serve', '--config', file], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...env },
    })
    this.#server = program
    this.#output = ''
    program.stderr.on('data', (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-20_000)
    })
    await this.until('it is up', () => this.#output.includes('Picket is up'))
  }

  get isAlive(): boolean {
    return this.#server?.exitCode === null && this.#server.signalCode === null
  }

  /** Events of devices that mean nothing, until the rig ends or `quiet` is called. */
  load(): void {
    this.#load ??= setInterval(() => {
      for (let left = 10; left > 0; left -= 1) this.device({ id: `dev-${this.#count % 40}` })
    }, 50)
  }

  quiet(): void {
    clearInterval(this.#load)
    this.#load = undefined
  }

  /** One event of a device; `at` is the time it claims. */
  device(one: { readonly id: string; readonly at?: number; readonly doc?: EcsDoc }): string {
    const name = this.#next('f')
    const doc = {
      '@timestamp': new Date(one.at ?? Date.now()).toISOString(),
      event: { action: 'device-metrics', category: ['host'], outcome: 'success' },
      device: { id: one.id },
      labels: { sequence: name },
      ...one.doc,
    }
    appendFileSync(join(this.#logs, 'fleet.log'), `${JSON.stringify(doc)}\n`)
    return name
  }

  /** Twelve refused logins from one address, as a broker logs them. */
  attack(ip: string, atMs = Date.now()): void {
    const lines: string[] = []
    for (let left = 12; left > 0; left -= 1) {
      const name = this.#next('b')
      const at = Math.floor(atMs / 1_000)
      lines.push(
        `${at}: New connection from ${ip}:${20_000 + this.#count} on port 1883.`,
        `${at}: Sending CONNACK to ${name} (0, 5)`,
        `${at}: Client ${name} disconnected, not authorised.`,
      )
    }
    appendFileSync(join(this.#logs, 'broker.log'), `${lines.join('\n')}\n`)
  }

  async ready(): Promise<Ready> {
    const { url } = JSON.parse(readFileSync(join(this.data, 'first-run.json'), 'utf8')) as {
      url: string
    }
    const answer = await fetch(new URL('/readyz', url), { signal: AbortSignal.timeout(5_000) })
    const { problems } = (await answer.json()) as Pick<Ready, 'problems'>
    return { status: answer.status, problems }
  }

  /** Asks `/readyz` until it says so. */
  async untilReady(what: string, holds: (ready: Ready) => boolean): Promise<Ready> {
    let last: Ready | undefined
    await this.until(what, async () => {
      last = await this.ready()
      return holds(last)
    }).catch((error: unknown) => {
      throw new Error(`${String(error)}; /readyz: ${JSON.stringify(last)}`)
    })
    return last!
  }

  /** The brute-force alert about an address. */
  async alerted(ip: string): Promise<AlertRecord> {
    const find = (): AlertRecord | undefined =>
      this.alerts.find(
        ({ rule, group }) =>
          rule.name === 'MQTT brute force from one address' && group['source.ip'] === ip,
      )
    await this.until(`an alert about ${ip}`, () => find() !== undefined)
    return find()!
  }

  get alerts(): AlertRecord[] {
    const path = join(this.folder, 'alerts.jsonl')
    if (!existsSync(path)) return []
    const lines = readFileSync(path, 'utf8').split('\n')
    // The last line may still be under way.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as AlertRecord)
  }

  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const endMs = performance.now() + 120_000
    while (performance.now() < endMs) {
      if (await holds()) return
      if (!this.isAlive) throw new Error(`the server ended, before: ${what}; ${this.#output}`)
      await sleep(100)
    }
    const seen = this.alerts.map(({ rule, group }) => `${rule.name} ${JSON.stringify(group)}`)
    throw new Error(`never happened: ${what}; alerts: ${seen.join(', ')}; ${this.#output}`)
  }

  /** A counter or gauge of `/metrics`, all its label sets together. */
  async metric(name: string): Promise<number> {
    const { url } = JSON.parse(readFileSync(join(this.data, 'first-run.json'), 'utf8')) as {
      url: string
    }
    const text = await (await fetch(new URL('/metrics', url))).text()
    const lines = text.split('\n').filter((line) => new RegExp(`^${name}[{ ]`).test(line))
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
  }

  /** How many events a search finds, whatever time they bear; undefined: searches do not work. */
  stored(): number | undefined {
    const to = new Date(Date.now() + 2 * DAY_MS).toISOString()
    const done = spawnSync(
      process.execPath,
      `${PROGRAM} search counts --set step=24h --from 30d --format json`
        .split(' ')
        .concat('--to', to, '--data', this.data),
      { encoding: 'utf8' },
    )
    if (done.status !== 0) return undefined
    const rows = done.stdout.split('\n').filter((line) => line !== '')
    return rows.reduce((sum, row) => sum + (JSON.parse(row) as { events: number }).events, 0)
  }

  /** Ends the server in order, and returns the stored documents by the number they were written with. */
  async stopAndRead(): Promise<ReadonlyMap<string, EcsDoc[]>> {
    this.quiet()
    await this.until('everything is stored', async () => {
      const count = this.stored() ?? 0
      if (count < this.written.size) await sleep(500)
      return count >= this.written.size
    })
    const code = await this.#end('SIGTERM')
    if (code !== 0) throw new Error(`a clean stop ended with ${code}: ${this.#output}`)
    return readStore(join(this.data, 'store'))
  }

  /** The server, and not its engine, which notices by itself. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    const code = await this.#end('SIGTERM')
    if (code !== 0) throw new Error(`a clean stop ended with ${code}: ${this.#output}`)
  }

  get pid(): number {
    return this.#server!.pid!
  }

  /** Process id of the store engine: the server's child. */
  get enginePid(): number | undefined {
    const children = readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8')
    const pids = children.split(' ').filter((text) => text !== '')
    const engine = pids.find((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('store-engine.mjs'),
    )
    return engine === undefined ? undefined : Number(engine)
  }

  /** Resident memory in MiB. */
  get residentMib(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'utf8')
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024
  }

  async remove(): Promise<void> {
    this.quiet()
    if (this.isAlive) {
      const engine = this.enginePid
      await this.#end('SIGKILL')
      if (engine !== undefined && existsSync(`/proc/${engine}`)) process.kill(engine, 'SIGKILL')
    }
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const server = this.#server!
    const ended = new Promise<number | null>((resolve) => server.once('exit', resolve))
    server.kill(signal)
    return ended
  }

  #next(kind: string): string {
    this.#count += 1
    const name = `${kind}-${this.#count}`
    this.written.add(name)
    return name
  }
}

/** Reads every row of a stopped server's store with the product's own engine. */
async function readStore(dataDir: string): Promise<ReadonlyMap<string, EcsDoc[]>> {
  type Engines = typeof import('../../src/store/engine/engine.ts')
  type Searches = typeof import('../../src/store/search/search.ts')
  const { startStoreEngine } = (await import(join(DIST, 'store/engine/engine.js'))) as Engines
  const { createSearch } = (await import(join(DIST, 'store/search/search.js'))) as Searches
  const { MetricsRegistry } = await import('../../src/base/metrics.ts')
  const { SILENT } = await import('../../src/base/log.ts')
  // A test wants to see all at once; what a search may use is not what is tested by this.
  const limits = { memoryBytesMax: 4 * 2 ** 30, searchBytesMax: 3 * 2 ** 30 }
  const metrics = new MetricsRegistry()
  const started = startStoreEngine({ dataDir, log: SILENT, metrics, limits })
  if (!started.ok) throw new Error(started.problem.message)
  const engine = started.value
  const found = new Map<string, EcsDoc[]>()
  try {
    await engine.whenReady()
    const range = { fromMs: Date.now() - 30 * DAY_MS, toMs: Date.now() + 2 * DAY_MS }
    for await (const events of createSearch(engine).streamEvents(range)) {
      for (const { doc } of events) {
        const name = nameOf(doc)
        found.set(name, [...(found.get(name) ?? []), doc])
      }
    }
  } finally {
    await engine.stop()
  }
  return found
}

function nameOf(doc: EcsDoc): string {
  const labels = doc['labels'] as { sequence?: string } | undefined
  const iot = doc['iot'] as { mqtt?: { client_id?: string } } | undefined
  return labels?.sequence ?? iot?.mqtt?.client_id ?? 'unknown'
}
