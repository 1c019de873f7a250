import type { Metrics } from '../../base/metrics.ts'
import { formatProblem, ProblemError } from '../../base/problems.ts'
import { type SourceCounters, sourceCounters, type SourceDeps } from '../define.ts'
import { Delivering } from '../delivering.ts'
import type { SourceSink } from '../../model/source.ts'
import { ObjectFault, PassingFault } from './faults.ts'
import type { PullOptions } from './options.ts'
import { giveUp, type PullObject, readObject, type ReadParts } from './read-object.ts'
import { Remembered } from './remembered.ts'
import { ServiceFault } from './s3/service-fault.ts'

/** How reading an object ended. `later`: it is to be tried again. */
export type PoolEnd = 'done' | 'later' | 'stopped'

interface Attempt {
  count: number
  dueMs: number
}

const RETRY_MS_MIN = 1_000
const RETRY_MS_MAX = 3_600_000
const ATTEMPTS_KEPT_MAX = 100_000

/** Reads a few objects at a time, remembers which were read, and tells how far behind it is. */
export class Pool {
  readonly remembered: Remembered
  readonly counters: SourceCounters
  readonly #options: PullOptions
  readonly #deps: SourceDeps
  readonly #delivering: Delivering
  readonly #running = new Map<string, { object: PullObject; end: Promise<PoolEnd> }>()
  readonly #attempts = new Map<string, Attempt>()
  readonly #metrics: ReturnType<typeof makeMetrics>
  readonly #waiters: (() => void)[] = []
  /** When the oldest object known and not read was written. */
  #oldestWaitingMs: number | undefined
  /** A look that saw everything ends a round: what is not sighted in the next ones is gone. */
  round = 1
  /** Finished objects may be forgotten at once: nothing lists them again. */
  mayForget = false
  /** Deliveries or objects fail; undefined: no more. */
  onTrouble: (detail: string | undefined) => void = () => undefined

  constructor(options: PullOptions, deps: SourceDeps, sink: SourceSink) {
    this.#options = options
    this.#deps = deps
    this.counters = sourceCounters(deps.metrics, deps.name)
    this.remembered = new Remembered(options.objects_remembered_max)
    this.#delivering = new Delivering(sink, deps, this.counters)
    this.#delivering.onTrouble = (detail) => this.onTrouble(detail)
    this.#metrics = makeMetrics(deps.metrics)
    const unreadable = this.remembered.restore(sink.cursors())
    for (let count = 0; count < unreadable; count++) this.counters.failed('cursor_unreadable')
  }

  get isStopped(): boolean {
    return this.#delivering.isStopped
  }

  /** Whether it is under way, or was tried and its next attempt is not due. */
  isWaiting(id: string): boolean {
    if (this.#running.has(id)) return true
    const attempt = this.#attempts.get(id)
    return attempt !== undefined && attempt.dueMs > this.#deps.clock.now()
  }

  /** Waits for a place, then begins to read. Undefined: stopped, or too much is remembered. */
  async begin(object: PullObject): Promise<{ end: Promise<PoolEnd> } | undefined> {
    while (this.#running.size >= this.#options.objects_at_once && !this.isStopped) {
      await new Promise<void>((wake) => this.#waiters.push(wake))
    }
    if (this.isStopped) return undefined
    // Another may have begun or read it while this one waited for its place.
    const twin = this.#running.get(object.id)
    if (twin !== undefined) return { end: twin.end }
    if (this.remembered.isDone(object.id, object.alias)) return { end: Promise.resolve('done') }
    const known = this.remembered.get(object.id, object.alias) === undefined ? 1 : 0
    const reserved = [...this.#running.keys()].filter((id) => !this.remembered.get(id)).length
    if (
      known === 1 &&
      !this.remembered.makeRoom(1 + reserved, this.mayForget ? Infinity : this.round - 1)
    )
      return undefined
    const end = this.#read(object).finally(() => {
      this.#running.delete(object.id)
      this.#measure()
      for (const wake of this.#waiters.splice(0)) wake()
    })
    this.#running.set(object.id, { object, end })
    this.#measure()
    return { end }
  }

  async settled(): Promise<void> {
    while (this.#running.size > 0) {
      await Promise.all([...this.#running.values()].map(({ end }) => end))
    }
  }

  /** Cursor keys of the objects under reading. */
  behind(): string[] {
    return [...this.#running.keys()].map((id) => this.remembered.cursorKey(id) ?? `new:${id}`)
  }

  /** What a look found that is not begun. */
  waiting(oldestMs: number | undefined): void {
    this.#oldestWaitingMs = oldestMs
    this.#measure()
  }

  /** Saves something of the source's own. */
  async save(key: string, value: string): Promise<boolean> {
    return this.#delivering.deliver({ items: [], cursor: { key, value } }, 0)
  }

  /** An object that cannot be read becomes a dead letter. */
  async refuse(object: Omit<PullObject, 'open'>, fault: ObjectFault): Promise<PoolEnd> {
    this.counters.failed(fault.reason)
    const isKept = await giveUp(object, fault, this.#parts())
    this.#attempts.delete(object.id)
    this.#metrics.objects.inc({ source: this.#deps.name, outcome: 'dead_letter' })
    return isKept ? 'done' : 'stopped'
  }

  stop(): void {
    this.#delivering.stop()
    for (const wake of this.#waiters.splice(0)) wake()
  }

  #parts(): ReadParts {
    return {
      options: this.#options,
      remembered: this.remembered,
      now: () => this.#deps.clock.now(),
      round: this.round,
      deliver: (items, cursor, bytes) => this.#delivering.deliver({ items, cursor }, bytes),
    }
  }

  /** Never rejects. */
  async #read(object: PullObject): Promise<PoolEnd> {
    const { name, log } = this.#deps
    try {
      const end = await readObject(object, this.#parts())
      if (end.kind === 'stopped') return 'stopped'
      this.#attempts.delete(object.id)
      const outcome = end.kind === 'read' ? 'read' : 'dead_letter'
      this.#metrics.objects.inc({ source: name, outcome })
      if (end.kind === 'fault') {
        this.counters.failed(end.reason)
        log.warn(
          { source: name, object: object.place, detail: end.detail },
          'An object is damaged.',
        )
      }
      this.onTrouble(undefined)
      return 'done'
    } catch (error) {
      return this.#failed(object, error)
    }
  }

  async #failed(object: PullObject, error: unknown): Promise<PoolEnd> {
    if (this.isStopped) return 'stopped'
    const { name, log, clock } = this.#deps
    const detail = detailOf(error)
    const reason = reasonOf(error)
    const own = (this.#attempts.get(object.id)?.count ?? 0) + 1
    const count = Math.max(own, object.attempts ?? 0)
    log.warn({ source: name, object: object.place, detail, count }, 'An object was not read.')
    this.onTrouble(`${object.place}: ${detail}`)
    if (error instanceof ObjectFault && count >= this.#options.attempts_max) {
      return this.refuse(object, error)
    }
    this.counters.failed(reason)
    const firstMs = error instanceof ObjectFault ? this.#options.retry_first : RETRY_MS_MIN
    const delayMs = Math.min(RETRY_MS_MAX, firstMs * 2 ** Math.min(count - 1, 20))
    if (this.#attempts.size >= ATTEMPTS_KEPT_MAX) this.#attempts.clear()
    this.#attempts.set(object.id, { count, dueMs: clock.now() + delayMs })
    return 'later'
  }

  #measure(): void {
    const { name, clock } = this.#deps
    let oldestMs = this.#oldestWaitingMs ?? Number.POSITIVE_INFINITY
    for (const { object } of this.#running.values()) oldestMs = Math.min(oldestMs, object.writtenMs)
    const lagMs = oldestMs === Number.POSITIVE_INFINITY ? 0 : clock.now() - oldestMs
    this.#metrics.lag.set(Math.max(0, lagMs) / 1_000, { source: name })
    this.#metrics.running.set(this.#running.size, { source: name })
  }
}

export function reasonOf(error: unknown): string {
  if (error instanceof ObjectFault || error instanceof PassingFault) return error.reason
  if (error instanceof ServiceFault) return 'service'
  return error instanceof ProblemError ? 'configuration' : 'unreadable'
}

export function detailOf(error: unknown): string {
  if (error instanceof ProblemError) return formatProblem(error.problem)
  return error instanceof Error ? error.message.slice(0, 500) : String(error)
}

function makeMetrics(metrics: Metrics) {
  return {
    objects: metrics.counter(
      'picket_source_objects_total',
      'Objects and files that a source read, by outcome: read, dead_letter.',
    ),
    running: metrics.gauge('picket_source_objects_reading', 'Objects under reading.'),
    lag: metrics.gauge(
      'picket_source_object_lag_seconds',
      'Age of the oldest object that is known and not read.',
    ),
  }
}
