import { existsSync } from 'node:fs'
import type { Result } from '../base/result.ts'
import { fail, ok } from '../base/result.ts'
import { stateFile } from '../state/location.ts'
import type { StateOptions } from '../state/state.ts'
import type { Config } from './schema.ts'
import { readSecret } from './secret.ts'

/** Where the state of this configuration lives. Fails with CONFIG_SECRET. */
export async function statePlace(
  config: Config,
  dataDir: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result<StateOptions['at']>> {
  const { postgres_url: ref } = config.state
  if (ref === undefined) return ok({ sqlite: stateFile(dataDir) })
  const url = await readSecret(ref, env, config.baseDir)
  return url.ok ? ok({ postgres: url.value }) : url
}

/** The same where a state must be there already. Fails with STATE_MISSING, CONFIG_SECRET. */
export async function knownStatePlace(
  config: Config,
  dataDir: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result<StateOptions['at']>> {
  const place = await statePlace(config, dataDir, env)
  if (!place.ok || !('sqlite' in place.value) || existsSync(place.value.sqlite)) return place
  return fail({
    code: 'STATE_MISSING',
    message: 'No server is running on this data directory, and it holds no state.',
    at: { file: dataDir },
    hint: 'name the data directory with --data',
  })
}
