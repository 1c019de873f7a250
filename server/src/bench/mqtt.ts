import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, connect as tcpConnect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { SILENT } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { decoders } from '../decode/registry.ts'
import { Ingest } from '../ingest/ingest.ts'
import { createPreparer } from '../ingest/prepare.ts'
import { openJournal } from '../journal/journal.ts'
import type { RawBatch, SourceSink } from '../model/source.ts'
import { createSource, sourceKinds } from '../source/registry.ts'
import { openDataDir } from '../vault/directory.ts'
import { openKeyring } from '../vault/keyring.ts'
import type { PeerData, PeerDone } from './mqtt-peer.ts'
import type { Bench, Report } from './report.ts'

const MESSAGES = 100_000
const WINDOW = 4_000
const GOAL_PER_S = 10_000
const GOAL_IN_FLIGHT = 1_000
const MOSQUITTO = '/usr/sbin/mosquitto'

/**
 * One connection, messages of QoS 1, a flush of the journal before each acknowledgement. Decoding and
 * journal are those of the server; detection and store are not part of it (see `live`).
 */
export const mqttBench: Bench = {
  name: 'mqtt',
  summary: 'QoS 1 messages over one connection, acknowledged when flushed',
  run: async (report) => {
    await direct(report, '3.1.1')
    await direct(report, '5')
    if (existsSync(MOSQUITTO)) await throughMosquitto(report)
    else report.row('through Mosquitto', 'skipped', `${MOSQUITTO} is not there`)
  },
}

interface Taken {
  messages: number
  flushes: number
  largest: number
  firstAt: number
  lastAt: number
}

interface Listening {
  readonly taken: Taken
  readonly whenConnected: Promise<void>
  stop(): Promise<void>
}

async function direct(report: Report, protocol: '3.1.1' | '5'): Promise<void> {
  const port = await freePort()
  const peer = startPeer({ kind: 'broker', port, messages: MESSAGES, window: WINDOW })
  await peer.ready
  const cpu = process.cpuUsage()
  const listening = await listen(port, protocol)
  const { elapsedMs, inFlightMax } = await peer.done
  await listening.stop()
  await peer.end()
  tell(report, `directly, MQTT ${protocol}`, listening.taken, { elapsedMs, inFlightMax })
  const { user, system } = process.cpuUsage(cpu)
  const us = (user + system) / MESSAGES
  report.row('  processor time, both sides', `${us.toFixed(0)} µs`, 'a message, all threads')
}

async function throughMosquitto(report: Report): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'picket-bench-mqtt-'))
  const port = await freePort()
  const settings = [
    ...(process.getuid?.() === 0 ? ['user root'] : []),
    `listener ${port} 127.0.0.1`,
    ...['allow_anonymous true', 'max_inflight_messages 0', 'max_queued_messages 0', ''],
  ]
  writeFileSync(join(folder, 'mosquitto.conf'), settings.join('\n'))
  const broker = spawn(MOSQUITTO, ['-c', join(folder, 'mosquitto.conf')], { stdio: 'ignore' })
  try {
    await answers(port)
    const listening = await listen(port, '5')
    await listening.whenConnected
    const peer = startPeer({ kind: 'publisher', port, messages: MESSAGES, window: WINDOW })
    await peer.ready
    peer.begin()
    await peer.done
    while (listening.taken.messages < MESSAGES) await sleep(50)
    const { taken } = listening
    await listening.stop()
    await peer.end()
    tell(report, 'through Mosquitto, MQTT 5', taken, { elapsedMs: taken.lastAt - taken.firstAt })
  } finally {
    const ended = new Promise((resolve) => broker.once('exit', resolve))
    broker.kill('SIGTERM')
    await ended
    rmSync(folder, { recursive: true, force: true })
  }
}

function tell(
  report: Report,
  name: string,
  taken: Taken,
  seen: { elapsedMs: number; inFlightMax?: number },
): void {
  const perS = (taken.messages / seen.elapsedMs) * 1_000
  report.row(name, `${perS.toFixed(0)}/s`, `${taken.messages} messages`)
  const mean = taken.messages / taken.flushes
  report.row(
    '  flushes',
    String(taken.flushes),
    `${mean.toFixed(0)} messages each, at most ${taken.largest}`,
  )
  if (seen.inFlightMax !== undefined) {
    report.row('  in flight', String(seen.inFlightMax), 'unacknowledged at once, at most')
  }
  report.goal(`${GOAL_PER_S} messages/s`, perS >= GOAL_PER_S)
  report.goal(`${GOAL_IN_FLIGHT} in flight at a flush`, taken.largest >= GOAL_IN_FLIGHT)
}

async function listen(port: number, protocol: '3.1.1' | '5'): Promise<Listening> {
  const folder = mkdtempSync(join(tmpdir(), 'picket-bench-'))
  const log = SILENT
  const clock = { now: (): number => Date.now() }
  const metrics = new MetricsRegistry()
  const dataDir = await openDataDir(folder)
  const keyring = await openKeyring({ dataDir, masterKey: { kind: 'generated' }, env: {}, log })
  const journal = await openJournal({
    ...{ dir: join(folder, 'journal'), keyring, log, metrics, clock },
    ...{ bytesMax: 2 ** 33, ageMaxMs: 86_400_000, reservedBytes: 2 ** 26 },
  })
  const decoderSpec = decoders['json']
  if (decoderSpec === undefined) throw new Error('no json decoder')
  const preparer = createPreparer({ source: 'bench', decoderSpec, tenant: 'default' })
  const pause = (ms: number): Promise<void> => sleep(ms)
  const ingest = new Ingest({ source: 'bench', journal, preparer, clock, log, metrics, pause })
  const options = sourceKinds.mqtt.options.parse({
    ...{ broker: `mqtt://127.0.0.1:${port}`, protocol, in_flight_max: WINDOW },
    topics: ['fleet/{iot.site}/{device.id}/attest'],
  })
  const secret = (): Promise<string> => Promise.resolve('')
  const deps = { name: 'bench', baseDir: folder, clock, log, metrics, secret }
  const source = createSource('mqtt', options, deps)
  const taken: Taken = { messages: 0, flushes: 0, largest: 0, firstAt: 0, lastAt: 0 }
  let connected: () => void = () => undefined
  const whenConnected = new Promise<void>((resolve) => (connected = resolve))
  await source.start(counting(ingest, taken, () => connected()))
  return {
    ...{ taken, whenConnected },
    stop: async () => {
      await source.stop()
      await journal.close()
      dataDir.release()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The same sink, which counts what became durable. */
function counting(sink: SourceSink, taken: Taken, onConnected: () => void): SourceSink {
  return {
    deliver: async (batch: RawBatch, whenFull) => {
      if (taken.firstAt === 0) taken.firstAt = performance.now()
      const delivery = await sink.deliver(batch, whenFull)
      if (delivery.kind === 'durable') {
        taken.messages += batch.items.length
        taken.flushes += 1
        taken.largest = Math.max(taken.largest, batch.items.length)
        taken.lastAt = performance.now()
      }
      return delivery
    },
    cursors: () => sink.cursors(),
    dropped: (reason, count) => sink.dropped(reason, count),
    status: (state) => {
      if (state === 'connected') onConnected()
    },
  }
}

function startPeer(workerData: PeerData) {
  const worker = new Worker(new URL('./mqtt-peer.js', import.meta.url), { workerData })
  let ready: () => void = () => undefined
  let finish: (done: PeerDone) => void = () => undefined
  const whenReady = new Promise<void>((resolve) => (ready = resolve))
  const done = new Promise<PeerDone>((resolve) => (finish = resolve))
  worker.on('message', (message: 'ready' | PeerDone) => {
    if (message === 'ready') ready()
    else finish(message)
  })
  return {
    ...{ ready: whenReady, done },
    begin: (): void => worker.postMessage('begin'),
    end: async (): Promise<void> => void (await worker.terminate()),
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function answers(port: number): Promise<void> {
  for (let turn = 0; turn < 500; turn += 1) {
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = tcpConnect(port, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
    if (isUp) return
    await sleep(10)
  }
  throw new Error('the broker did not come up')
}
