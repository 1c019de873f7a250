import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { formatProblem, ProblemError } from '../base/problems.ts'
import type { Config } from '../config/schema.ts'
import type { Enricher } from '../ingest/enrich/enricher.ts'
import { readAssetFile } from '../library/asset-files.ts'
import { ChangeWatch } from '../library/file-stamp.ts'
import type { OpenAssetDesk } from './asset-desk.ts'

export interface Identity {
  /** Takes the sections `identity` and `time` over. Rejects, changing nothing, where the table is not good. */
  take(config: Config): Promise<void>
  /** Why the changed table is not in use; undefined where it is. */
  trouble(): string | undefined
  stop(): Promise<void>
}

export interface IdentityOptions {
  readonly assets: Pick<OpenAssetDesk, 'takeFile'>
  readonly enricher: Enricher
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** How often the table of assets is looked at. */
  readonly lookEveryMs?: number
}

const LOOK_EVERY_MS = 2_000

/** Keeps the joining of events to devices as the configuration says, and as its table of assets does. */
export function openIdentity(options: IdentityOptions): Identity {
  return new Desk(options)
}

interface Table {
  readonly path: string
  readonly watch: ChangeWatch
}

class Desk implements Identity {
  readonly #options: IdentityOptions
  readonly #reads
  readonly #timer: NodeJS.Timeout
  // Perhaps the configuration named one when the server ran before.
  #hadFile = true
  #table: Table | undefined
  #trouble: string | undefined
  #last: Promise<unknown> = Promise.resolve()

  constructor(options: IdentityOptions) {
    this.#options = options
    this.#reads = options.metrics.counter(
      'picket_asset_file_reads_total',
      'Times that the table of assets was read: at the start, at a reload, when it changed.',
    )
    this.#timer = setInterval(() => {
      void this.#inTurn(() => this.#look())
    }, options.lookEveryMs ?? LOOK_EVERY_MS)
    this.#timer.unref()
  }

  take(config: Config): Promise<void> {
    return this.#inTurn(() => this.#take(config))
  }

  trouble(): string | undefined {
    return this.#trouble
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#last
  }

  async #take({ identity, time }: Config): Promise<void> {
    const { enricher } = this.#options
    const { assets: path, precedence } = identity
    const table = path === undefined ? undefined : { path, watch: new ChangeWatch(path) }
    // Before it is read: a change meanwhile is one.
    await table?.watch.know()
    if (path !== undefined || this.#hadFile) await this.#read(path)
    this.#trouble = undefined
    this.#table = table
    this.#hadFile = path !== undefined
    enricher.precedence = precedence
    enricher.cohorts.settings = {
      policy: time.cohort_shift,
      devicesMin: time.cohort_devices,
      toleranceMs: time.cohort_tolerance,
    }
  }

  /** A changed table comes into use; one that is not good changes nothing, and says why. */
  async #look(): Promise<void> {
    const table = this.#table
    if (table === undefined || !(await table.watch.hasChanged())) return
    try {
      await this.#read(table.path)
      this.#trouble = undefined
    } catch (error) {
      const problem =
        error instanceof ProblemError ? formatProblem(error.problem) : 'it could not be taken over'
      this.#trouble = problem
      this.#options.log.warn({ problem }, 'The table of assets stays as it was.')
    }
  }

  async #read(path: string | undefined): Promise<void> {
    const { assets, log } = this.#options
    const read = path === undefined ? { ok: true as const, value: [] } : readAssetFile(path)
    if (path !== undefined) this.#reads.inc({ outcome: read.ok ? 'ok' : 'failed' })
    if (!read.ok) throw firstOf(read.problem)
    const done = await assets.takeFile(read.value)
    log.info({ ...done }, 'The table of assets was read.')
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#last.then(work, work)
    this.#last = run.catch(() => undefined)
    return run
  }
}

function firstOf(problems: readonly ProblemError['problem'][]): ProblemError {
  const [first, ...others] = problems
  if (first === undefined) throw new Error('a table that was refused without a problem')
  if (others.length === 0) return new ProblemError(first)
  return new ProblemError({
    ...first,
    hint: `${others.length} more: picket asset import --dry-run`,
  })
}
