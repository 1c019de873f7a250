import { Worker } from 'node:worker_threads'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Problem } from '../base/problems.ts'
import type { LmdbJournal } from '../journal/lmdb-journal.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { RuleTotals } from '../model/desks.ts'
import type { Keyring } from '../vault/keyring.ts'
import { compileAside, type CompileLimits } from './compile-thread.ts'
import { memoryOfRules } from './compiled-rules.ts'
import { detectorMetrics } from './detector-metrics.ts'
import type {
  DetectorData,
  DetectorSettings,
  DetectorStatus,
  FromDetector,
  ToDetector,
} from './protocol.ts'
import type { RuleCount } from './rule-counts.ts'
import type { PackedRules } from './rules-control.ts'

export interface DetectorThreadOptions {
  readonly journal: LmdbJournal
  readonly keyring: Keyring
  readonly settings: DetectorSettings
  readonly log: Logger
  readonly metrics: Metrics
  /** Alerts that are in the journal now; a hint for whoever shows them, the journal is the truth. */
  readonly onAlerts?: (alerts: readonly AlertRecord[]) => void
  /** Of the thread that compiles rules. */
  readonly compile?: CompileLimits
}

export interface DetectorThread {
  /** Undefined until the thread has spoken. */
  status(): DetectorStatus | undefined
  /** What came of a rule since this was started. */
  ruleTotals(ruleId: string): RuleTotals | undefined
  /** What stands in the way; undefined while all is well. For readiness. */
  trouble(): Problem | undefined
  /**
   * Has rules compiled in another thread and handed over that are about to be journalled, so that they
   * take force in no time. Never rejects; gives the problem of rules of which no index can be made: they
   * must not be journalled. When the detector is down, the rules are compiled when they come.
   */
  prepare(rules: PackedRules): Promise<Problem | undefined>
  /** Saves the state and ends the thread. Safe twice. */
  stop(): Promise<void>
}

type Answer = Extract<FromDetector, { readonly kind: 'has' | 'prepared' }>

const RESTART_FIRST_MS = 200
const RESTART_MAX_MS = 30_000
/** After this long without a fault the next restart is quick again. */
const STEADY_MS = 60_000
const STOP_WAIT_MS = 10_000
const PREPARE_WAIT_MS = 60_000

/**
 * Runs the live detector in a thread of its own and starts it anew when it dies: what it had not
 * saved it replays from the journal. Rules reach it through the journal, see `rulesControl`.
 */
export function startDetectorThread(options: DetectorThreadOptions): DetectorThread {
  const { log } = options
  const metrics = detectorMetrics(options.metrics)
  let status: DetectorStatus | undefined
  let trouble: Problem | undefined
  const totals = new Map<string, RuleTotals>()
  let worker: Worker | undefined
  let timer: NodeJS.Timeout | undefined
  let waitMs = RESTART_FIRST_MS
  let stopping: Promise<void> | undefined
  /** Who waits for which answer. */
  const asked = new Map<(answer?: Answer) => void, string>()

  const receive = (message: FromDetector): void => {
    switch (message.kind) {
      case 'status':
        status = message.status
        metrics.status(message.status)
        for (const count of message.status.rules) addTo(totals, count)
        if (trouble?.code === 'DETECTOR_DOWN') trouble = undefined
        return
      case 'alerts':
        metrics.alerts(message.alerts, message.waitedMs)
        options.onAlerts?.(message.alerts)
        return
      case 'has':
      case 'prepared':
        for (const [done, what] of asked) {
          if (what === `${message.kind} ${message.hash}`) done(message)
        }
        return
      case 'trouble':
        trouble = message.problem
        return
      case 'log':
        log[message.level](message.fields, message.message)
        return
    }
  }

  const start = (): void => {
    const share = options.journal.share()
    const data: DetectorData = {
      journal: share,
      keyring: options.keyring.share(),
      settings: options.settings,
    }
    const startedMs = performance.now()
    const one = new Worker(new URL('./worker.js', import.meta.url), {
      name: 'picket-detector',
      workerData: data,
      transferList: [share.port],
    })
    worker = one
    one.on('message', receive)
    one.on('error', (error) => {
      log.error({ error: error.message, at: error.stack?.split('\n')[1] }, 'The detector failed.')
    })
    one.once('exit', () => {
      worker = undefined
      for (const done of asked.keys()) done()
      if (stopping !== undefined) return
      metrics.restarted()
      if (performance.now() - startedMs > STEADY_MS) waitMs = RESTART_FIRST_MS
      trouble = {
        code: 'DETECTOR_DOWN',
        message: 'The detector stopped and is being started again; it will catch up.',
      }
      timer = setTimeout(start, waitMs)
      waitMs = Math.min(waitMs * 2, RESTART_MAX_MS)
    })
  }

  const stop = async (): Promise<void> => {
    clearTimeout(timer)
    const last = worker
    if (last === undefined) return
    const ended = new Promise<void>((resolve) => last.once('exit', () => resolve()))
    last.postMessage({ kind: 'stop' })
    const late = setTimeout(() => void last.terminate(), STOP_WAIT_MS)
    await ended
    clearTimeout(late)
  }

  /** Undefined when the thread ends before, or says nothing for long. */
  const ask = <K extends Answer['kind']>(
    message: ToDetector & { readonly kind: 'has' | 'prepare' },
    kind: K,
    transfer: ArrayBuffer[] = [],
  ): Promise<Extract<Answer, { kind: K }> | undefined> => {
    const one = worker
    if (one === undefined) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const done = (answer?: Answer): void => {
        clearTimeout(late)
        asked.delete(done)
        resolve(answer as Extract<Answer, { kind: K }> | undefined)
      }
      const late = setTimeout(done, PREPARE_WAIT_MS)
      const hash = message.kind === 'has' ? message.hash : message.rules.hash
      asked.set(done, `${kind} ${hash}`)
      one.postMessage(message, transfer)
    })
  }

  const prepare = async (rules: PackedRules): Promise<Problem | undefined> => {
    const { hash } = rules
    if ((await ask({ kind: 'has', hash }, 'has'))?.has === true) return undefined
    const compiled = await compileAside(rules, options.compile)
    if (!compiled.ok) return compiled.problem
    const memory = memoryOfRules(compiled.value)
    const prepared = await ask({ kind: 'prepare', rules: compiled.value }, 'prepared', memory)
    return prepared?.problem
  }

  start()
  return {
    status: () => status,
    ruleTotals: (ruleId) => totals.get(ruleId),
    trouble: () => trouble ?? status?.rulesProblem,
    prepare,
    stop: () => (stopping ??= stop()),
  }
}

function addTo(totals: Map<string, RuleTotals>, { ruleId, ...more }: RuleCount): void {
  const { matches = 0, hits = 0, lost = 0, seconds = 0 } = totals.get(ruleId) ?? {}
  totals.set(ruleId, {
    matches: matches + more.matches,
    hits: hits + more.hits,
    lost: lost + more.lost,
    seconds: seconds + more.spentMs / 1_000,
  })
}
