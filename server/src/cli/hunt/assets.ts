import { sha256Hex } from '../../base/hash.ts'
import { ProblemError } from '../../base/problems.ts'
import { loadConfig } from '../../config/config.ts'
import type { Asset, IdentifierKind } from '../../model/asset.ts'
import type { CliContext } from '../context.ts'
import { openDesk, type DeskOptions } from '../desk.ts'

export interface AssetsNow {
  readonly assets: readonly Asset[]
  readonly precedence: readonly IdentifierKind[]
  /** Changes with the table. */
  readonly hash: string
}

/**
 * The table of assets as it is: of a running server, else as the last one left it. Rejects with
 * ProblemError where there is neither.
 */
export async function readAssetsNow(options: DeskOptions, context: CliContext): Promise<AssetsNow> {
  const loaded = await loadConfig(options.config)
  if (!loaded.ok) throw new ProblemError(loaded.problem)
  const desk = await openDesk(options, context)
  try {
    const assets = await desk.allAssets()
    const { precedence } = loaded.value.identity
    return { assets, precedence, hash: sha256Hex(JSON.stringify([assets, precedence])) }
  } finally {
    await desk.close()
  }
}
