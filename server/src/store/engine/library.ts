import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fail, ok } from '../../base/result.ts'
import type { Result } from '../../base/result.ts'

const PACKAGES: Readonly<Record<string, string>> = {
  'linux-x64': '@chdb/lib-linux-x64-gnu',
  'linux-arm64': '@chdb/lib-linux-arm64-gnu',
  'darwin-x64': '@chdb/lib-darwin-x64',
  'darwin-arm64': '@chdb/lib-darwin-arm64',
}

/** Where npm put the engine for this platform, or STORE_UNSUPPORTED. */
export function findEngineLibrary(platform: string, arch: string): Result<string> {
  const name = PACKAGES[`${platform}-${arch}`]
  if (name === undefined) {
    return fail({
      code: 'STORE_UNSUPPORTED',
      message: `The embedded store has no engine for ${platform} on ${arch}.`,
      hint: HINT,
    })
  }
  try {
    const own = createRequire(import.meta.url)
    const ofChdb = createRequire(own.resolve('chdb/package.json'))
    const file = join(dirname(ofChdb.resolve(`${name}/package.json`)), 'libchdb.so')
    if (existsSync(file)) return ok(file)
  } catch {
    // Said below: the package is not installed.
  }
  return fail({
    code: 'STORE_UNSUPPORTED',
    message: `The embedded store's engine (npm package ${name}) is not installed.`,
    hint: HINT,
  })
}

const HINT = 'install the optional npm packages, or name the URL of a ClickHouse server'
