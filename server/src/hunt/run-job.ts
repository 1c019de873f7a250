import { ProblemError } from '../base/problems.ts'
import { AssetIndex } from '../fleet/asset-index.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { RuleSet } from '../model/rule.ts'
import { packCheckpoint, type JobState, unpackCheckpoint } from './checkpoint.ts'
import { type Compared, compareAlerts } from './compare.ts'
import type { HuntNews } from './desk.ts'
import {
  type EventSource,
  hunt,
  type HuntCheckpoint,
  type HuntOptions,
  type HuntSummary,
  type RollupSource,
} from './hunt.ts'
import type { CompiledJob, JobRange } from './job.ts'

export interface JobPorts {
  readonly events: EventSource
  readonly rollups: RollupSource
  /** Resolves when there is room for more. */
  tell(news: HuntNews): Promise<void>
  readonly signal?: AbortSignal
  /** Called between stretches of events; what it throws ends the hunt. */
  readonly check?: () => void
  /** Comparing tells a checkpoint no more often, since it holds the alerts so far. */
  readonly keepEveryMs?: number
}

const KEEP_EVERY_MS = 10_000

/** Does it; the last news are `done`. Throws StoreError, and ProblemError HUNT_LIMIT and HUNT_RESUME. */
export async function doJob(
  job: JobRange,
  compiled: Pick<CompiledJob, 'ruleSet' | 'tell' | 'against'>,
  ports: JobPorts,
): Promise<void> {
  return new JobRun(job, compiled, ports).run()
}

type HuntFor = (ruleSet: RuleSet, more: Partial<HuntOptions>) => ReturnType<typeof hunt>

class JobRun {
  readonly #job: JobRange
  readonly #compiled: Pick<CompiledJob, 'ruleSet' | 'tell' | 'against'>
  readonly #ports: JobPorts
  readonly #from: JobState
  readonly #nowMs: number
  #keptMs = Number.NEGATIVE_INFINITY

  constructor(
    job: JobRange,
    compiled: Pick<CompiledJob, 'ruleSet' | 'tell' | 'against'>,
    ports: JobPorts,
  ) {
    this.#job = job
    this.#compiled = compiled
    this.#ports = ports
    this.#from = job.resume === undefined ? {} : unpackCheckpoint(job.resume)
    // What was absent when it began stays so.
    this.#nowMs = this.#from.nowMs ?? job.nowMs
  }

  async run(): Promise<void> {
    const { ruleSet, against } = this.#compiled
    if (against !== undefined) return this.#compare(against)
    const { hunt: from } = this.#from
    const limit = countTo(this.#job.alertsMax, from?.alerts)
    const running = this.#hunt(ruleSet, {
      tell: this.#compiled.tell,
      ...this.#keeping((checkpoint) => ({ hunt: checkpoint() })),
      ...(from !== undefined && { resume: from }),
    })
    const summary = await each(running, async (alerts) => {
      limit(alerts.length)
      await this.#ports.tell({ kind: 'alerts', alerts })
    })
    return this.#ports.tell({ kind: 'done', summary })
  }

  /** The rules compared with first, then the proposed ones. */
  async #compare(against: RuleSet): Promise<void> {
    const { before: known, after, hunt: at } = this.#from
    const limit = countTo(this.#job.alertsMax, (known?.length ?? 0) + (after?.length ?? 0))
    const before = [...(known ?? [])]
    if (after === undefined) {
      await this.#collect(against, before, { at, limit, keep: (rest) => ({ before, ...rest }) })
      await this.#keep({ before, after: [] })
    }
    const found = [...(after ?? [])]
    const summary = await this.#collect(this.#compiled.ruleSet, found, {
      ...{ at: after === undefined ? undefined : at, limit },
      keep: (rest) => ({ before, after: found, ...rest }),
    })
    const changes = compareAlerts(before, found)
    for (let first = 0; first < changes.length; first += CHANGES_BATCH) {
      const some = changes.slice(first, first + CHANGES_BATCH)
      await this.#ports.tell({ kind: 'changes', changes: some })
    }
    await this.#ports.tell({ kind: 'done', summary, changes: countsOf(changes) })
  }

  #collect(
    ruleSet: RuleSet,
    into: AlertRecord[],
    how: {
      readonly at: HuntCheckpoint | undefined
      readonly limit: (more: number) => void
      readonly keep: (rest: JobState) => JobState
    },
  ): Promise<HuntSummary> {
    const { at, limit, keep } = how
    const running = this.#hunt(ruleSet, {
      ...this.#keeping((checkpoint) => {
        const { keepEveryMs = KEEP_EVERY_MS } = this.#ports
        const isDue = performance.now() - this.#keptMs >= keepEveryMs
        return isDue ? keep({ hunt: checkpoint() }) : undefined
      }),
      ...(at !== undefined && { resume: at }),
    })
    return each(running, async (found) => {
      limit(found.length)
      for (const alert of found) into.push(alert)
    })
  }

  readonly #hunt: HuntFor = (ruleSet, more) => {
    const { fromMs, toMs, asOfNow, visibility } = this.#job
    const { signal, check } = this.#ports
    const assets = new AssetIndex()
    for (const asset of asOfNow?.assets ?? []) assets.put(asset)
    const seen = visibility === undefined ? {} : { visibility }
    let toldMs = Number.NEGATIVE_INFINITY
    return hunt((how) => this.#ports.events({ ...how, ...seen }), {
      ...{ fromMs, toMs, nowMs: this.#nowMs, ruleSet, tell: 'alerts' },
      rollups: (range) => this.#ports.rollups({ ...range, ...seen }),
      ...(asOfNow !== undefined && { asOfNow: { assets, precedence: asOfNow.precedence } }),
      ...(signal !== undefined && { signal }),
      ...(check !== undefined && { check }),
      onProgress: (how) => {
        if (performance.now() - toldMs < PROGRESS_MS) return
        toldMs = performance.now()
        void this.#ports.tell({ kind: 'progress', ...how })
      },
      ...more,
    })
  }

  #keeping(
    stateOf: (checkpoint: () => HuntCheckpoint) => JobState | undefined,
  ): Pick<HuntOptions, 'onDay'> {
    if (this.#job.keepBytesMax === undefined) return {}
    return {
      onDay: async (checkpoint) => {
        const state = stateOf(checkpoint)
        if (state !== undefined) await this.#keep(state)
      },
    }
  }

  /** One that is too large is not told: who goes on begins at the one before. */
  async #keep(state: JobState): Promise<void> {
    const { keepBytesMax } = this.#job
    if (keepBytesMax === undefined) return
    this.#keptMs = performance.now()
    const checkpoint = packCheckpoint({ ...state, nowMs: this.#nowMs })
    if (checkpoint.byteLength > keepBytesMax) return
    await this.#ports.tell({ kind: 'checkpoint', checkpoint })
  }
}

const CHANGES_BATCH = 500
const PROGRESS_MS = 250

async function each(
  running: ReturnType<typeof hunt>,
  take: (alerts: readonly AlertRecord[]) => Promise<void>,
): Promise<HuntSummary> {
  for (;;) {
    const step = await running.next()
    if (step.done === true) return step.value
    if (step.value.length > 0) await take(step.value)
  }
}

function countTo(most: number, before = 0): (more: number) => void {
  let count = before
  return (more) => {
    count += more
    if (count > most) throw tooMany(most)
  }
}

function tooMany(most: number): ProblemError {
  const message = `The hunt found more than ${most} alerts.`
  const hint = 'narrow its range or its rules'
  return new ProblemError({ code: 'HUNT_LIMIT', message, hint })
}

function countsOf(changes: readonly Compared[]): Record<Compared['change'], number> {
  const counts = { added: 0, gone: 0, same: 0 }
  for (const { change } of changes) counts[change] += 1
  return counts
}
