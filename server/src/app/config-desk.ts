import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import { ProblemError } from '../base/problems.ts'
import type { Result } from '../base/result.ts'
import { filterSettings } from '../config/filter-section.ts'
import type { Config } from '../config/schema.ts'
import { sourcesControl } from '../detect/sources-control.ts'
import { filterControl } from '../ingest/filter/control.ts'
import { Filter, type FilterInForce } from '../ingest/filter/filter.ts'
import type { ConfigDesk, ConfigReload, RuleDesk } from '../model/desks.ts'
import type { Journal } from '../model/journal.ts'
import type { Volume } from './logger.ts'
import type { RunningSource } from './sources.ts'

export interface ConfigDeskOptions {
  /** In force; replaced by each reload. */
  readonly config: Config
  readonly load: () => Promise<Result<Config>>
  readonly rules: RuleDesk
  /** Shared with what watches and ticks them. */
  readonly sources: RunningSource[]
  readonly make: (config: Config) => readonly RunningSource[]
  /** What sources look up; its filter is replaced where the section changed. */
  readonly filter: FilterInForce
  /** Takes the section `identity` over: rejects, changing nothing, where its table is not good. */
  readonly takeIdentity: (config: Config) => Promise<void>
  /** Takes the section `lookups` over. */
  readonly takeLookups: (config: Config) => Promise<void>
  readonly volume: Volume
  readonly start: (sources: readonly RunningSource[]) => Promise<void>
  /** Settles when the sources of the first configuration run; a reload waits for it. */
  readonly begun: Promise<unknown>
  readonly journal: Pick<Journal, 'append'>
  readonly clock: Clock
  readonly log: Logger
}

export interface OpenConfigDesk extends ConfigDesk {
  current(): Config
}

/**
 * Takes a changed configuration up while running: sources that came, went or changed, and rules.
 * Everything is made before anything is stopped, so that a bad file changes nothing.
 */
export function openConfigDesk(options: ConfigDeskOptions): OpenConfigDesk {
  let config = options.config
  let last: Promise<unknown> = options.begun
  const reload = async (): Promise<ConfigReload> => {
    const loaded = await options.load()
    if (!loaded.ok) throw new ProblemError(loaded.problem)
    const next = loaded.value
    const names = changedSources(config, next)
    const came = names.filter((name) => next.sources[name] !== undefined)
    const wanted = sourcesOf(came.map((name) => [name, next.sources[name]] as const))
    const gone = options.sources.filter(({ name }) => names.includes(name))
    // A source whose options do not fit throws here, before anything changed.
    if (came.length > 0) options.make({ ...next, sources: wanted })
    const rulesBefore = config.detection.rules
    const before = config
    config = { ...before, detection: { ...before.detection, rules: next.detection.rules } }
    try {
      await options.rules.reload()
    } catch (error) {
      config = before
      throw error
    }
    try {
      await options.takeIdentity(next)
    } catch (error) {
      config = before
      await options.rules.reload()
      throw error
    }
    for (const source of gone) await stopSource(options.sources, source)
    // Made again now: what the stopped ones have saved is where the new ones begin.
    const made = came.length === 0 ? [] : options.make({ ...next, sources: wanted })
    options.sources.push(...made)
    try {
      await options.start(made)
    } catch (error) {
      // An address that is taken, for one: what ran before runs again.
      await options.takeIdentity(before).catch(() => undefined)
      config = before
      await options.rules.reload().catch(() => undefined)
      for (const source of made) await stopSource(options.sources, source)
      const old = gone.map(({ name }) => [name, before.sources[name]] as const)
      const again = options.make({ ...before, sources: sourcesOf(old) })
      options.sources.push(...again)
      await options.start(again)
      throw error
    }
    const applied = names.map((name) => `sources.${name}`)
    if (differs(config.filter, next.filter)) {
      options.filter.current = new Filter(filterSettings(next.filter))
      applied.push('filter')
    }
    if (differs(config.identity, next.identity)) applied.push('identity')
    if (differs(config.lookups, next.lookups)) {
      await options.takeLookups(next)
      applied.push('lookups')
    }
    if (config.log.level !== next.log.level) {
      options.volume.level = next.log.level
      applied.push('log.level')
    }
    const log = { ...config.log, level: next.log.level }
    if (differs(config.time, next.time)) applied.push('time')
    const { sources, filter, identity, lookups, time } = next
    config = { ...config, sources, filter, identity, lookups, time, log }
    if (JSON.stringify(rulesBefore) !== JSON.stringify(next.detection.rules)) {
      applied.push('detection.rules')
    }
    const needsRestart = [
      ...restartKeys(config, next),
      ...otherLateness(options.config, next),
    ].sort()
    const result = { applied, needsRestart }
    const atMs = options.clock.now()
    const there = options.sources.map(({ name }) => name)
    const controls = [{ type: 'config', atMs, body: result }, sourcesControl(there, atMs)]
    if (applied.includes('filter')) {
      controls.push(filterControl(options.filter.current.settings, atMs))
    }
    await options.journal.append({ source: 'app', ingestedMs: atMs, controls })
    options.log.info({ ...result }, 'The configuration was read anew.')
    return result
  }
  return {
    current: () => config,
    reload: () => {
      const run = last.then(reload, reload)
      last = run.catch(() => undefined)
      return run
    },
  }
}

async function stopSource(sources: RunningSource[], gone: RunningSource): Promise<void> {
  gone.ingest.stop()
  await gone.source.stop()
  sources.splice(sources.indexOf(gone), 1)
}

function sourcesOf(
  entries: readonly (readonly [string, Config['sources'][string] | undefined])[],
): Config['sources'] {
  const sources: Config['sources'] = {}
  for (const [name, source] of entries) if (source !== undefined) sources[name] = source
  return sources
}

function changedSources(before: Config, next: Config): string[] {
  const names = new Set([...Object.keys(before.sources), ...Object.keys(next.sources)])
  return [...names].filter(
    (name) => JSON.stringify(before.sources[name]) !== JSON.stringify(next.sources[name]),
  )
}

const differs = (a: unknown, b: unknown): boolean => JSON.stringify(a) !== JSON.stringify(b)

/** Keys of sections that differ still. */
function restartKeys(inForce: Config, next: Config): string[] {
  const names = new Set([...Object.keys(inForce), ...Object.keys(next)]) as Set<keyof Config>
  const left: string[] = []
  for (const name of names) {
    if (name === 'sources' || name === 'file' || name === 'baseDir') continue
    if (!differs(inForce[name], next[name])) continue
    const [now, then] = [inForce[name], next[name]].map(keysOf)
    if (now === undefined || then === undefined) left.push(name)
    else {
      const keys = new Set([...Object.keys(now), ...Object.keys(then)])
      for (const key of keys) if (differs(now[key], then[key])) left.push(`${name}.${key}`)
    }
  }
  return left
}

function keysOf(section: unknown): Readonly<Record<string, unknown>> | undefined {
  const isSection = typeof section === 'object' && section !== null && !Array.isArray(section)
  return isSection ? (section as Readonly<Record<string, unknown>>) : undefined
}

/** The detector has its own word on how late a source may be, given to it at its start. */
function otherLateness(started: Config, next: Config): string[] {
  return Object.keys(next.sources)
    .filter((name) => differs(started.sources[name]?.lateness, next.sources[name]?.lateness))
    .map((name) => `sources.${name}.lateness`)
}
