/** The thread of the clients of the `load` benchmark; started by load.ts. */
import { Agent, get, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'

export interface ClientsData {
  readonly url: string
  readonly token: string
  readonly clients: number
  /** 0: reads without a pause, and follows no stream. */
  readonly readEveryMs: number
  /** So long nothing is counted: a cold server, and everybody comes at once. */
  readonly warmUpMs: number
}

export interface ClientsDone {
  readonly readsMs: readonly number[]
  /** From the event's time to its alert on a stream. */
  readonly toldMs: readonly number[]
  readonly streams: number
  readonly failures: number
}

const { url, token, clients, readEveryMs, warmUpMs } = workerData as ClientsData
const warmAtMs = performance.now() + warmUpMs
const headers = { authorization: `Bearer ${token}` }
const readsMs: number[] = []
const toldMs: number[] = []
let failures = 0
let streams = 0
let stopped = false

/** One client has one connection to read by, and one to follow by. */
async function client(number: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  if (readEveryMs > 0) follow()
  // Not all at the same moment.
  await sleep((readEveryMs * number) / clients)
  let cursor = ''
  let turn = 0
  while (!stopped) {
    const from = performance.now()
    const page = await read(agent, `/api/v1/alerts?limit=50${cursor}`)
    if (stopped) break
    if (page === undefined) failures += 1
    else if (from >= warmAtMs) readsMs.push(performance.now() - from)
    // The newest page and the two after it, by turns.
    const next = (turn += 1) % 3 === 0 ? undefined : page?.cursor
    cursor = next === undefined ? '' : `&cursor=${encodeURIComponent(next)}`
    if (readEveryMs > 0) await sleep(Math.max(0, from + readEveryMs - performance.now()))
  }
  agent.destroy()
}

function read(agent: Agent, path: string): Promise<{ readonly cursor?: string } | undefined> {
  return new Promise((resolve) => {
    const request = get(`${url}${path}`, { agent, headers }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('end', () => {
        if (response.statusCode !== 200) return resolve(undefined)
        resolve(JSON.parse(Buffer.concat(parts).toString('utf8')) as { cursor?: string })
      })
      response.on('error', () => resolve(undefined))
    })
    request.on('error', () => resolve(undefined))
  })
}

function follow(): void {
  const request = get(`${url}/api/v1/alerts/stream`, { agent: false, headers }, (response) => {
    streams += 1
    listen(response)
  })
  request.on('error', () => (failures += stopped ? 0 : 1))
}

const FIRST = /"first":"([^"]+)"/g

function listen(response: IncomingMessage): void {
  let rest = ''
  response.setEncoding('utf8')
  response.on('data', (text: string) => {
    const now = Date.now()
    const whole = rest + text
    const end = whole.lastIndexOf('\n\n') + 2
    rest = end < 2 ? whole : whole.slice(end)
    for (const found of whole.slice(0, Math.max(0, end)).matchAll(FIRST)) {
      // Openings alone: an alert that is told again has an old time.
      const ms = now - Date.parse(found[1] ?? '')
      if (ms < 60_000 && performance.now() >= warmAtMs) toldMs.push(ms)
    }
  })
  response.on('close', () => (failures += stopped ? 0 : 1))
}

for (let number = 0; number < clients; number += 1) void client(number)

parentPort?.once('message', () => {
  stopped = true
  const done: ClientsDone = { readsMs, toldMs, streams, failures }
  parentPort?.postMessage(done)
})
