import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BUILTIN_RULES } from './config.ts'
import type { Config } from './schema.ts'

const BUILTIN_PATH = fileURLToPath(new URL('../../../content/rules', import.meta.url))

/** Files and folders of rules that the configuration names. */
export function rulePathsOf({ detection }: Pick<Config, 'detection'>): readonly string[] {
  return detection.rules.map((path) => (path === BUILTIN_RULES ? BUILTIN_PATH : path))
}

/** Where a data directory keeps what was uploaded. */
export function uploadsOf(dataDir: string): string {
  return join(dataDir, 'rules')
}

/** Folders of rules that were uploaded, one a set. */
export function uploadedFolders(uploads: string): readonly string[] {
  if (!existsSync(uploads)) return []
  return readdirSync(uploads, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => join(uploads, entry.name))
}
