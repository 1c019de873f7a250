import { ProblemError } from '../base/problems.ts'
import { loadConfig } from '../config/config.ts'
import { AssetIndex } from '../fleet/asset-index.ts'
import type { RejoinOptions } from '../fleet/rejoin.ts'
import type { CliContext } from './context.ts'
import { openDesk, type DeskOptions } from './desk.ts'

/**
 * The table of assets as it is: of a running server, else as the last one left it. Rejects with
 * ProblemError where there is neither.
 */
export async function readAssetsNow(
  options: DeskOptions,
  context: CliContext,
): Promise<RejoinOptions> {
  const loaded = await loadConfig(options.config)
  if (!loaded.ok) throw new ProblemError(loaded.problem)
  const desk = await openDesk(options, context)
  try {
    const assets = new AssetIndex()
    for (const asset of await desk.allAssets()) assets.put(asset)
    return { assets, precedence: loaded.value.identity.precedence }
  } finally {
    await desk.close()
  }
}
