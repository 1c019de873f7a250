/** The thread of the live detector; started by thread.ts. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { LogFields, Logger } from '../base/log.ts'
import { MetricsRegistry } from '../base/metrics.ts'
import { joinJournal } from '../journal/journal.ts'
import { joinKeyring } from '../vault/keyring.ts'
import { type CompiledRules, uncompiled } from './compiled-rules.ts'
import { LiveDetector } from './live.ts'
import type { DetectorData, FromDetector, ToDetector } from './protocol.ts'

const STATUS_EVERY_MS = 1_000
const DELAY_RESOLUTION_MS = 10

const port = parentPort
if (port === null) throw new Error('This file runs as a worker thread only.')
const { journal: share, keyring: keys, settings } = workerData as DetectorData
const say = (message: FromDetector): void => port.postMessage(message)

const clock = { now: () => Date.now() }
const log = portLogger({})
const keyring = joinKeyring(keys)
const journal = await joinJournal({ share, keyring, metrics: new MetricsRegistry(), log, clock })
const { live, ...engine } = settings
const detector = new LiveDetector({
  journal,
  engine: { ...engine, stopwatch: () => performance.now() },
  ...(live !== undefined && { limits: live }),
  now: clock.now,
  turn: () => nextTurn(),
  pause: (ms) => pause(ms),
  events: {
    alerts: (alerts, waitedMs) => say({ kind: 'alerts', alerts, waitedMs }),
    trouble: (problem) => say({ kind: 'trouble', problem }),
  },
})

const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
delay.enable()

function tellStatus(): void {
  const loopDelayMs = Math.max(0, delay.max / 1e6 - DELAY_RESOLUTION_MS)
  delay.reset()
  const rules = detector.takeRuleCounts()
  say({ kind: 'status', status: { ...detector.status(), loopDelayMs, rules } })
}

/** A fault in processing ends the thread; the one who started it starts it anew. */
function wake(): void {
  detector.wake().catch((error: unknown) => {
    setImmediate(() => {
      throw error
    })
  })
}

journal.onAppend(wake)
// A hint may be missed; the look itself costs next to nothing.
const timer = setInterval(() => {
  wake()
  tellStatus()
}, STATUS_EVERY_MS)

port.on('message', (message: ToDetector) => {
  if (message.kind === 'stop') void stop()
  else if (message.kind === 'has') {
    say({ kind: 'has', hash: message.hash, has: detector.hasRules(message.hash) })
  } else void prepare(message.rules)
})
wake()

async function prepare(rules: CompiledRules): Promise<void> {
  const { hash } = rules
  try {
    await detector.prepare(rules)
    say({ kind: 'prepared', hash })
  } catch (error) {
    say({ kind: 'prepared', hash, problem: uncompiled(error) })
  }
}

async function stop(): Promise<void> {
  clearInterval(timer)
  await detector.stop()
  tellStatus()
  await journal.close()
  port?.close()
}

function portLogger(bound: LogFields): Logger {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: LogFields, message: string): void =>
      say({ kind: 'log', level, fields: { ...bound, ...fields }, message })
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => portLogger({ ...bound, ...fields }),
  }
}
