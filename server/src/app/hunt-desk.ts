import type { Clock } from '../base/clock.ts'
import { ProblemError } from '../base/problems.ts'
import type { Config } from '../config/schema.ts'
import { sha256Hex } from '../base/hash.ts'
import type { PackedRules } from '../detect/rules-control.ts'
import type { HuntDesk, HuntNews, HuntRequest, RunningHunt } from '../hunt/desk.ts'
import type { Sealer } from '../model/sealer.ts'
import type { HuntJob } from '../hunt/job.ts'
import { type HuntLimits, startHuntThread } from '../hunt/thread.ts'
import type { Asset, IdentifierKind } from '../model/asset.ts'
import { readAllAssets } from '../state/assets.ts'
import type { State } from '../state/state.ts'
import type { ConnectOptions } from '../store/client.ts'
import type { StoreEngine } from '../store/engine/engine.ts'

/** Alerts of one hunt that are told, or compared. */
const ALERTS_MAX = 100_000
/** A request with one must still be taken. */
const CHECKPOINT_BYTES_MAX = 8 * 2 ** 20

export interface HuntDeskOptions {
  readonly atOnce: number
  readonly limits: HuntLimits
  readonly clock: Clock
  /** Undefined while the store is down. */
  readonly pass: () => ConnectOptions | undefined
  readonly assets: () => Promise<readonly Asset[]>
  readonly precedence: () => readonly IdentifierKind[]
  /** The rules in force. */
  readonly current: () => PackedRules
  /** Of checkpoints that leave the server. */
  readonly sealer: Sealer
  /** Another way to run them, for tests. */
  readonly start?: (
    job: HuntJob,
    pass: ConnectOptions,
    how: HuntLimits & { readonly signal: AbortSignal },
  ) => Promise<RunningHunt>
}

/** Hunts of a running server, each in a thread of its own, reading as the user that can only read. */
export function openHuntDesk(options: HuntDeskOptions): HuntDesk {
  const { atOnce, limits, clock, sealer, start = startHuntThread } = options
  return {
    atOnce,
    start: async (request: HuntRequest, signal: AbortSignal) => {
      const pass = options.pass()
      if (pass === undefined) {
        throw new ProblemError({ code: 'API_UNAVAILABLE', message: 'The store is not up.' })
      }
      const asOfNow =
        request.asOf === 'now'
          ? { assets: await options.assets(), precedence: options.precedence() }
          : undefined
      const current = request.against === 'current' ? options.current() : undefined
      const { rules, against, fromMs, toMs, visibility, keep, resume, memoryBytesMax } = request
      const place = placeOf(request, asOfNow, current?.hash)
      const job: HuntJob = {
        ...{ rules, fromMs, toMs, nowMs: clock.now(), alertsMax: ALERTS_MAX },
        ...(visibility !== undefined && { visibility }),
        ...(against !== undefined && { against }),
        ...(current !== undefined && { current }),
        ...(asOfNow !== undefined && { asOfNow }),
        ...(keep === true && { keepBytesMax: CHECKPOINT_BYTES_MAX }),
        ...(resume !== undefined && { resume: opened(sealer, resume, place) }),
      }
      const most = Math.min(memoryBytesMax ?? limits.memoryBytesMax, limits.memoryBytesMax)
      const how = { ...limits, memoryBytesMax: most, signal }
      const running = await start(job, pass, how)
      return { ...running, news: () => sealed(running.news(), sealer, place) }
    },
  }
}

/** What must be the same for a hunt to go on; a checkpoint opens nowhere else. */
function placeOf(request: HuntRequest, asOfNow: unknown, currentHash: string | undefined): string {
  const { rules, against, fromMs, toMs, asOf, visibility, owner } = request
  const all = [rules, against, currentHash, fromMs, toMs, asOf, visibility, owner, asOfNow]
  return `hunt/${sha256Hex(JSON.stringify(all))}`
}

function opened(sealer: Sealer, checkpoint: string, place: string): Uint8Array {
  try {
    return sealer.open(Buffer.from(checkpoint, 'base64'), place)
  } catch {
    throw new ProblemError({
      code: 'HUNT_RESUME',
      message: 'The checkpoint is of another hunt.',
      hint: 'rules, range, context and who asks must be those that it was told of; or begin anew',
    })
  }
}

async function* sealed(
  news: AsyncGenerator<HuntNews>,
  sealer: Sealer,
  place: string,
): AsyncGenerator<HuntNews> {
  for await (const one of news) {
    if (one.kind !== 'checkpoint') yield one
    else yield { ...one, checkpoint: sealer.seal(one.checkpoint, place) }
  }
}

/** As the configuration says; its limits hold until the next start. */
export function huntsOf(of: {
  readonly config: Config
  readonly current: () => Config
  readonly clock: Clock
  readonly state: State
  readonly engine: StoreEngine
  readonly rulesInForce: () => PackedRules
  readonly sealer: Sealer
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
    ...{ current: of.rulesInForce, sealer: of.sealer },
  })
}
