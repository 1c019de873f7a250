import { resolve } from 'node:path'
import { ProblemError } from '../base/problems.ts'
import type { LookupSettings } from '../ingest/lookup/lookups.ts'
import type { Config } from './schema.ts'
import { readSecret } from './secret.ts'

type Env = Readonly<Record<string, string | undefined>>

/** What the section `lookups` says, with its paths made whole. */
export function lookupSettings(config: Config, env: Env): LookupSettings[] {
  return Object.entries(config.lookups).map(([name, section]) =>
    settingsOf(name, section, { config, env }),
  )
}

function settingsOf(
  name: string,
  section: Config['lookups'][string],
  { config, env }: { readonly config: Config; readonly env: Env },
): LookupSettings {
  const { file, url = '', token, header, key } = section
  const value = async (): Promise<string> => {
    if (token === undefined) return ''
    const read = await readSecret(token, env, config.baseDir)
    if (!read.ok) throw new ProblemError(read.problem)
    return header === undefined ? `Bearer ${read.value}` : read.value
  }
  return {
    name,
    version: JSON.stringify([section, config.baseDir]),
    from: file === undefined ? { url } : { file: resolve(config.baseDir, file) },
    key: typeof key === 'string' ? [key] : key,
    fields: section.fields,
    match: section.match,
    items: section.items,
    refreshMs: section.refresh,
    staleMs: section.stale,
    timeoutMs: section.timeout,
    bytesMax: section.bytes_max,
    entriesMax: section.entries_max,
    ...(token !== undefined && { secret: { header: header ?? 'authorization', value } }),
  }
}
