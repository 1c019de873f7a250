import { resolve } from 'node:path'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import { ProblemError } from '../base/problems.ts'
import type { Config } from '../config/schema.ts'
import { readSecret } from '../config/secret.ts'
import { type Lookups, type LookupSettings, startLookups } from '../ingest/lookup/lookups.ts'

interface LookupContext {
  readonly config: Config
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  readonly env: Readonly<Record<string, string | undefined>>
}

/** Starts the lookups of a configuration. */
export function openLookups(context: LookupContext): Lookups {
  const names = Object.entries(context.config.lookups)
  return startLookups(
    names.map(([name, section]) => settingsOf(name, section, context)),
    context,
  )
}

function settingsOf(
  name: string,
  section: Config['lookups'][string],
  { config, env }: LookupContext,
): LookupSettings {
  const { file, url = '', token, header, key } = section
  const value = async (): Promise<string> => {
    if (token === undefined) return ''
    const ref = 'file' in token ? { file: resolve(config.baseDir, token.file) } : token
    const read = await readSecret(ref, env)
    if (!read.ok) throw new ProblemError(read.problem)
    return header === undefined ? `Bearer ${read.value}` : read.value
  }
  return {
    name,
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
