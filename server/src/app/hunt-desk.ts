import type { Clock } from '../base/clock.ts'
import { ProblemError } from '../base/problems.ts'
import type { Config } from '../config/schema.ts'
import type { HuntDesk, HuntRequest, RunningHunt } from '../hunt/desk.ts'
import type { HuntJob } from '../hunt/job.ts'
import { type HuntLimits, startHuntThread } from '../hunt/thread.ts'
import type { Asset, IdentifierKind } from '../model/asset.ts'
import { readAllAssets } from '../state/assets.ts'
import type { State } from '../state/state.ts'
import type { ConnectOptions } from '../store/client.ts'
import type { StoreEngine } from '../store/engine/engine.ts'

/** Alerts of one hunt that are told, or compared. */
const ALERTS_MAX = 100_000

export interface HuntDeskOptions {
  readonly atOnce: number
  readonly limits: HuntLimits
  readonly clock: Clock
  /** Undefined while the store is down. */
  readonly pass: () => ConnectOptions | undefined
  readonly assets: () => Promise<readonly Asset[]>
  readonly precedence: () => readonly IdentifierKind[]
  /** Another way to run them, for tests. */
  readonly start?: (
    job: HuntJob,
    pass: ConnectOptions,
    how: HuntLimits & { readonly signal: AbortSignal },
  ) => Promise<RunningHunt>
}

/** Hunts of a running server, each in a thread of its own, reading as the user that can only read. */
export function openHuntDesk(options: HuntDeskOptions): HuntDesk {
  const { atOnce, limits, clock, start = startHuntThread } = options
  return {
    atOnce,
    start: async (request: HuntRequest, signal: AbortSignal) => {
      const pass = options.pass()
      if (pass === undefined) {
        throw new ProblemError({ code: 'API_UNAVAILABLE', message: 'The store is not up.' })
      }
      const { asOf, ...rest } = request
      const asOfNow =
        asOf === 'now'
          ? { assets: await options.assets(), precedence: options.precedence() }
          : undefined
      const job: HuntJob = {
        ...{ ...rest, nowMs: clock.now(), alertsMax: ALERTS_MAX },
        ...(asOfNow !== undefined && { asOfNow }),
      }
      return start(job, pass, { ...limits, signal })
    },
  }
}

/** As the configuration says; its limits hold until the next start. */
export function huntsOf(of: {
  readonly config: Config
  readonly current: () => Config
  readonly clock: Clock
  readonly state: State
  readonly engine: StoreEngine
}): HuntDesk {
  const { at_once: atOnce, memory_max: memoryBytesMax, time_max: timeMsMax } = of.config.hunts
  return openHuntDesk({
    ...{ atOnce, limits: { memoryBytesMax, timeMsMax }, clock: of.clock },
    pass: () => of.engine.readerPass(),
    assets: async () => {
      const kept = await of.state.query((db) => readAllAssets(of.state, db))
      return kept.map(({ asset }) => asset)
    },
    precedence: () => of.current().identity.precedence,
  })
}
