import type { Command } from 'commander'
import { SILENT } from '../../base/log.ts'
import { formatProblem, ProblemError } from '../../base/problems.ts'
import { parseConfig, loadConfig } from '../../config/config.ts'
import { filterSettings } from '../../config/filter-section.ts'
import { lookupSettings } from '../../config/lookup-settings.ts'
import type { Config } from '../../config/schema.ts'
import type { AssetIndex } from '../../fleet/asset-index.ts'
import { Enricher } from '../../ingest/enrich/enricher.ts'
import { Filter } from '../../ingest/filter/filter.ts'
import { type Lookups, startLookups } from '../../ingest/lookup/lookups.ts'
import type { PreparerOptions } from '../../ingest/prepare.ts'
import { readAssetFile } from '../../library/asset-files.ts'
import type { CliContext } from '../context.ts'

export interface ServedFlags {
  readonly config?: string
  readonly assets?: string
  readonly lookups?: string
  readonly filter?: string
}

/** Adds the options by which a command joins and folds events as the server does. */
export function servedOptions(command: Command): Command {
  return command
    .option('--assets <file>', 'join events to this table of assets: CSV, YAML or NDJSON')
    .option('--lookups <file>', 'join events by the section lookups of this configuration file')
    .option('--filter <file>', 'fold what is routine by the section filter of it, or `builtin`')
    .option('--config <file>', 'all three as the server does with this configuration file')
}

export interface Served {
  readonly options: Pick<PreparerOptions, 'enricher' | 'filter'>
  /** Ends what is still asked for. */
  close(): void
}

/** What a preparer needs to do as the server would. Rejects with ProblemError. */
export async function openServed(flags: ServedFlags, context: CliContext): Promise<Served> {
  const whole = flags.config === undefined ? undefined : await configOf(flags.config)
  const enricher = new Enricher()
  // When a file is read says nothing of the clocks that stamped it.
  enricher.cohorts.settings = { ...enricher.cohorts.settings, policy: 'off' }
  const assets = flags.assets ?? whole?.identity.assets
  if (assets !== undefined) takeAssets(assets, enricher.assets)
  if (whole !== undefined) enricher.precedence = whole.identity.precedence
  const lookups = flags.lookups === undefined ? whole : await configOf(flags.lookups)
  const names = Object.keys(lookups?.lookups ?? {})
  if (flags.lookups !== undefined && names.length === 0) throw without('lookups', flags.lookups)
  const isAsked = lookups !== undefined && names.length > 0
  const joined = isAsked ? await join(lookups, enricher, context) : undefined
  const filter = await filterOf(flags, whole)
  const isJoined = assets !== undefined || isAsked
  const options = { ...(isJoined && { enricher }), ...(filter !== undefined && { filter }) }
  return { options, close: () => joined?.stop() }
}

/** Reads a table into an index. Throws ProblemError. */
export function takeAssets(path: string, into: AssetIndex): void {
  const read = readAssetFile(path)
  if (!read.ok) {
    const [first, ...others] = read.problem
    if (first === undefined) throw new Error('a table that was refused without a problem')
    const more = { hint: `${others.length} more: picket asset import ${path} --dry-run` }
    throw new ProblemError({ ...first, ...(others.length > 0 && more) })
  }
  for (const asset of read.value) into.put(asset)
}

/** Tables are read whole, once, before the first line. */
async function join(config: Config, enricher: Enricher, context: CliContext): Promise<Lookups> {
  const { clock, metrics, env, stderr } = context
  const settings = lookupSettings(config, env)
  const lookups = startLookups(settings, { clock, metrics, log: SILENT })
  await lookups.begun
  const [failed] = lookups.failing()
  for (const { name, from } of settings) {
    if (!('url' in from) || !from.url.includes('{key}')) continue
    const text = 'answers behind an event: the first one of a key goes without it.'
    stderr.write(`picket: the lookup ${name} ${text}\n`)
  }
  enricher.addFacts = lookups.add
  if (failed !== undefined) {
    lookups.stop()
    const message = `The lookup ${failed.name} could not be read: ${failed.reason}.`
    throw new ProblemError({ code: 'INPUT_UNREADABLE', message })
  }
  return lookups
}

async function filterOf(
  { filter }: ServedFlags,
  whole: Config | undefined,
): Promise<PreparerOptions['filter']> {
  const section = filter === undefined ? whole : await filterConfig(filter)
  return section && { current: new Filter(filterSettings(section.filter)) }
}

function filterConfig(name: string): Promise<Config> {
  if (name !== 'builtin') return configOf(name)
  const parsed = parseConfig('', { baseDir: '.' })
  if (parsed.ok) return Promise.resolve(parsed.value)
  throw new Error(parsed.problem.map(formatProblem).join('; '))
}

async function configOf(path: string): Promise<Config> {
  const loaded = await loadConfig(path)
  if (!loaded.ok) throw new ProblemError(loaded.problem)
  return loaded.value
}

function without(section: string, file: string): ProblemError {
  const message = `The file has no section ${section}.`
  return new ProblemError({ code: 'USAGE', message, at: { file } })
}
