import { access, constants, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Problem } from '../base/problems.ts'
import { readAssetFile } from '../library/asset-files.ts'
import { readTls } from '../vault/tls.ts'
import { BUILTIN_RULES } from './config.ts'
import type { Config } from './schema.ts'

/** What is wrong with the files and folders that a configuration names, as far as a look tells. */
export async function probeFiles(config: Config, nowMs: number): Promise<Problem[]> {
  const problems: Problem[] = []
  const wrong = (field: string, message: string): void => {
    const at = { ...(config.file !== undefined && { file: config.file }), field }
    problems.push({ code: 'CONFIG_INVALID', message, at })
  }
  const there = async (field: string, path: string): Promise<void> => {
    const why = await unreadable(path)
    if (why !== undefined) wrong(field, `${path} cannot be read: ${why}`)
  }
  const { api, identity, detection, lookups, outputs, baseDir, sources } = config
  for (const [index, path] of detection.rules.entries()) {
    if (path !== BUILTIN_RULES) await there(`detection.rules.${index}`, path)
  }
  for (const [field, tls] of [
    ['api.tls', api.tls] as const,
    ...Object.entries(sources).map(([name, one]) => [`sources.${name}.tls`, tlsOf(one)] as const),
  ]) {
    if (tls === undefined) continue
    const { cert_file: cert, key_file: key, client_ca_file: ca } = tls
    const files = {
      ...{ certFile: resolve(baseDir, cert), keyFile: resolve(baseDir, key) },
      ...(ca !== undefined && { clientCaFile: resolve(baseDir, ca) }),
    }
    const read = await readTls(files, nowMs)
    if (!read.ok) wrong(field, `${read.problem.at?.file ?? cert}: ${read.problem.message}`)
  }
  if (identity.assets !== undefined) {
    const read = readAssetFile(identity.assets)
    if (!read.ok) problems.push(...read.problem.slice(0, ASSET_PROBLEMS_MAX))
  }
  for (const [name, { file }] of Object.entries(lookups)) {
    if (file !== undefined) await there(`lookups.${name}.file`, resolve(baseDir, file))
  }
  if (outputs.json_lines !== undefined) {
    await there('outputs.json_lines.path', dirname(outputs.json_lines.path))
  }
  return problems
}

const ASSET_PROBLEMS_MAX = 10

/** Files of a listener; a source that connects may go without a certificate. */
function tlsOf(source: object): ServerFiles | undefined {
  const tls: unknown = Reflect.get(source, 'tls')
  const isServer =
    typeof tls === 'object' && tls !== null && 'cert_file' in tls && 'listen' in source
  return isServer ? (tls as ServerFiles) : undefined
}

interface ServerFiles {
  readonly cert_file: string
  readonly key_file: string
  readonly client_ca_file?: string
}

async function unreadable(path: string): Promise<string | undefined> {
  try {
    await stat(path)
    await access(path, constants.R_OK)
    return undefined
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown error'
  }
}
