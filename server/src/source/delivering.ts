import { formatProblem, ProblemError } from '../base/problems.ts'
import type { RawBatch, SourceSink } from '../model/source.ts'
import type { SourceCounters, SourceDeps } from './define.ts'

const RETRY_MS_MIN = 100
const RETRY_MS_MAX = 5_000
/** How long stopping waits for deliveries under way; what is not durable was not acknowledged. */
const STOP_MS = 2_000

/** Delivers until a batch is durable; what fails is tried again, so that nothing is stepped over. */
export class Delivering {
  readonly #sink: SourceSink
  readonly #deps: SourceDeps
  readonly #counters: SourceCounters
  #stopped = false
  readonly #sleepers = new Set<() => void>()
  onTrouble: (detail: string | undefined) => void = () => undefined

  constructor(sink: SourceSink, deps: SourceDeps, counters: SourceCounters) {
    this.#sink = sink
    this.#deps = deps
    this.#counters = counters
  }

  /** True once durable; false where the source was stopped before. */
  async deliver(batch: RawBatch, bytes: number): Promise<boolean> {
    let retryMs = RETRY_MS_MIN
    while (!this.#stopped) {
      try {
        const delivery = await this.#sink.deliver(batch, 'wait')
        if (delivery.kind === 'durable') {
          if (retryMs > RETRY_MS_MIN) this.onTrouble(undefined)
          if (batch.items.length > 0) this.#counters.received(batch.items.length, bytes)
          return true
        }
        await this.#sleep(delivery.retryAfterMs)
      } catch (error) {
        this.#counters.failed('delivery')
        const detail = error instanceof ProblemError ? formatProblem(error.problem) : String(error)
        this.#deps.log.warn({ source: this.#deps.name, detail }, 'A batch was not taken.')
        this.onTrouble(detail)
        await this.#sleep(retryMs)
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX)
      }
    }
    return false
  }

  stop(): void {
    this.#stopped = true
    for (const wake of this.#sleepers) wake()
  }

  get isStopped(): boolean {
    return this.#stopped
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        this.#sleepers.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, ms)
      this.#sleepers.add(wake)
    })
  }
}

/**
 * What a source logs in with, read anew before a further try: passwords and certificates are changed
 * while it runs. Where they cannot be read the ones before are tried again.
 */
export async function renewed<Login>(
  before: Login,
  read: () => Promise<Login>,
  { deps, counters }: { readonly deps: SourceDeps; readonly counters: SourceCounters },
): Promise<Login> {
  try {
    return await read()
  } catch (error) {
    counters.failed('login_unreadable')
    const detail = error instanceof ProblemError ? formatProblem(error.problem) : String(error)
    deps.log.warn({ source: deps.name, detail }, 'What to log in with cannot be read.')
    return before
  }
}

/** Waits for an end, but not for ever. */
export async function waitForEnd(end: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, STOP_MS)
  })
  await Promise.race([end, late])
  clearTimeout(timer)
}
