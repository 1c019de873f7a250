import type { Logger } from '../base/log.ts'
import { ProblemError } from '../base/problems.ts'
import type { Config } from '../config/schema.ts'
import type { Enricher } from '../ingest/enrich/enricher.ts'
import { readAssetFile } from '../library/asset-files.ts'
import type { OpenAssetDesk } from './asset-desk.ts'

export interface Identity {
  /** Takes the sections `identity` and `time` over. Rejects, changing nothing, where the table is not good. */
  take(config: Config): Promise<void>
}

/** Keeps the joining of events to devices as the configuration says. */
export function openIdentity(options: {
  readonly assets: OpenAssetDesk
  readonly enricher: Enricher
  readonly log: Logger
}): Identity {
  const { assets, enricher, log } = options
  // Perhaps the configuration named one when the server ran before.
  let hadFile = true
  return {
    take: async ({ identity, time }) => {
      const { assets: path, precedence } = identity
      if (path !== undefined || hadFile) {
        const read = path === undefined ? { ok: true as const, value: [] } : readAssetFile(path)
        if (!read.ok) throw firstOf(read.problem)
        const done = await assets.takeFile(read.value)
        log.info({ ...done }, 'The table of assets was read.')
      }
      hadFile = path !== undefined
      enricher.precedence = precedence
      enricher.cohorts.settings = {
        policy: time.cohort_shift,
        devicesMin: time.cohort_devices,
        toleranceMs: time.cohort_tolerance,
      }
    },
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
