import { join } from 'node:path'
import { createApi } from '../api/api.ts'
import { formatProblem, type Problem, ProblemError } from '../base/problems.ts'
import { rulePathsOf, uploadsOf } from '../config/rule-paths.ts'
import type { Result } from '../base/result.ts'
import type { Config } from '../config/schema.ts'
import type { ConfigDesk } from '../model/desks.ts'
import { filterSettings } from '../config/filter-section.ts'
import { effectiveConfig } from '../config/show.ts'
import { sourcesControl } from '../detect/sources-control.ts'
import { type DetectorThread, startDetectorThread } from '../detect/thread.ts'
import { Enricher } from '../ingest/enrich/enricher.ts'
import { Filter, type FilterInForce } from '../ingest/filter/filter.ts'
import { filterControl } from '../ingest/filter/control.ts'
import { startTicker } from '../ingest/ticker.ts'
import { ensureFirstUser, type FirstRun, forgetFirstRun } from '../people/first-run.ts'
import { createFileOutlet, toFindingLine, toJsonLine } from '../respond/json-lines.ts'
import type { Outlet } from '../respond/outlet.ts'
import { createResponder, type Responder } from '../respond/respond.ts'
import { createTerminalOutlet } from '../respond/terminal.ts'
import { createDeadLetters, type DeadLetters } from '../retain/dead-letters.ts'
import { controlSocket } from '../state/location.ts'
import { startStoreEngine } from '../store/engine/engine.ts'
import { createStoreReader } from '../store/reader/reader.ts'
import { createSearch } from '../store/search/search.ts'
import { oidcSettings } from './oidc-settings.ts'
import { openAssetDesk } from './asset-desk.ts'
import { huntsOf } from './hunt-desk.ts'
import { openIdentity } from './identity.ts'
import { openLookups, soon } from './lookups.ts'
import { type Base, openBase, type OpenOptions } from './open.ts'
import type { Volume } from './logger.ts'
import { watchLoopDelay } from './loop-delay.ts'
import { openConfigDesk, type OpenConfigDesk } from './config-desk.ts'
import { keepRefused } from './keep-refused.ts'
import { openRuleDesk } from './rule-desk.ts'
import { readinessOf, type Watched } from './readiness.ts'
import { latenessOf, makeSources, type RunningSource, sourceDesk } from './sources.ts'
import { apiTls } from './tls-files.ts'
import { watchTls } from '../vault/tls-watch.ts'
import { templateSearch } from './template-search.ts'
import { ESSENTIAL_READERS, startTrim } from './trim.ts'

export interface ServeOptions extends OpenOptions {
  readonly stdout: NodeJS.WriteStream
  readonly version: string
  /** How much is logged; a reload may change it. */
  readonly volume: Volume
  /** The configuration as it is now, for a reload. */
  readonly reloadConfig: () => Promise<Result<Config>>
}

export interface Running {
  readonly url: string
  readonly sources: readonly RunningSource[]
  readonly rules: { readonly count: number; readonly broken: number }
  readonly configDesk: ConfigDesk
  /** Resolves if something fails without which there is no going on. */
  readonly failed: Promise<Problem>
  /** Whom to log in as, where this run made the first user. */
  readonly firstRun?: FirstRun
}

const LOOP_SAMPLE_MS = 1_000

/** Starts everything, sinks first. What was started is in `options.stops`. Rejects with ProblemError. */
export async function serve(options: ServeOptions): Promise<Running> {
  const { config, clock, log, metrics, stops } = options
  const base = await openBase(options)
  const store = openStore(options, base)
  const sources: RunningSource[] = []
  const filter: FilterInForce = { current: new Filter(filterSettings(config.filter)) }
  const enricher = new Enricher(metrics)
  const assets = await openAssetDesk({ ...base, clock, index: enricher.assets })
  const identity = openIdentity({ assets, enricher, clock, log, metrics })
  stops.add('asset table', () => identity.stop())
  await identity.take(config)
  const lookups = openLookups({ ...options, journal: base.journal })
  enricher.addFacts = lookups.add
  stops.add('lookups', async () => lookups.stop())
  await soon(lookups.begun)
  const own = latenessOf(config)
  const lateness = (source: string): number => own[source] ?? config.detection.lateness
  const made = {
    ...{ ...options, journal: base.journal, state: base.state, filter, enricher },
    latenessOf: lateness,
  }
  let configDesk: OpenConfigDesk | undefined
  const deadLetters = makeDeadLetters(options, base, sources)
  const responder = await startResponder(options, base, deadLetters)
  store?.start((letters) => keepRefused(base.journal, clock.now(), letters))
  let prepare: DetectorThread['prepare'] = () => Promise.resolve(undefined)
  let totals: DetectorThread['ruleTotals'] = () => undefined
  const current = (): Config => configDesk?.current() ?? config
  const rules = await openRules(options, base, {
    current,
    prepare: (coming) => prepare(coming),
    totals: (ruleId) => totals(ruleId),
  })
  const detector = startDetection(options, base)
  prepare = (coming) => detector.prepare(coming)
  totals = (ruleId) => detector.ruleTotals(ruleId)
  const watched: Watched = {
    ...{ journal: base.journal, detector, responder, store, sources, identity, lookups },
  }
  let sourcesRun: () => void = () => undefined
  const begun = new Promise<void>((resolve) => {
    sourcesRun = resolve
  })
  configDesk = openConfigDesk({
    begun,
    ...{ config, load: options.reloadConfig, rules, sources, clock, log, journal: base.journal },
    make: (next) => makeSources({ ...made, config: next }),
    volume: options.volume,
    filter,
    takeIdentity: (next) => identity.take(next),
    takeLookups: (next) => lookups.take(next),
    start: (came) => startThese(options, came),
  })
  const tls = await apiTls(options)
  const oidc = await oidcSettings(options)
  const api = createApi({
    ...(tls && { tls: tls.material }),
    ...(oidc && { oidc }),
    trustedProxies: config.api.trusted_proxies,
    ...{ clock, log, metrics, journal: base.journal, state: base.state, deadLetters },
    sources: sourceDesk(sources),
    ...(store !== undefined && { search: templateSearch(createSearch(store.engine, { metrics })) }),
    ...(store !== undefined && { storePass: () => store.engine.readerPass() }),
    ...(store !== undefined && {
      hunts: huntsOf({ config, current, clock, ...base, ...store, rulesInForce: rules.packed }),
    }),
    rulesInForce: rules.packed,
    readiness: () => readinessOf(watched),
    config: () => effectiveConfig(configDesk?.current() ?? config),
    rules,
    assets,
    configDesk,
    version: options.version,
    onAlerts: (listener) => responder.onAlerts(listener),
    onPasswordChanged: () => forgetFirstRun(base.dataDir),
  })
  stops.add('api', () => api.close())
  await api.listenLocal(controlSocket(base.dataDir))
  const { plaintext } = config.api
  const url = await api.listen({ ...config.api.listen, plaintext })
  if (tls !== undefined) {
    stops.add(
      'certificates',
      watchTls({ ...tls, clock, log }, (next) => api.replaceTls(next)),
    )
  }
  const { dataDir, state } = base
  const firstRun = await ensureFirstUser({ state, clock, dataDir, url })
  const essential =
    store === undefined ? ESSENTIAL_READERS.filter((name) => name !== 'store') : undefined
  const trim = { journal: base.journal, clock, log, intervalMs: config.journal.trim_interval }
  stops.add('trim', startTrim({ ...trim, ...(essential && { essential }) }))
  sources.push(...makeSources(made))
  const names = sources.map(({ name }) => name)
  const controls = [
    sourcesControl(names, clock.now()),
    filterControl(filter.current.settings, clock.now()),
  ]
  await base.journal.append({ source: 'app', ingestedMs: clock.now(), controls })
  await startSources(options, base, sources)
  sourcesRun()
  const { lost: failed } = base.journal
  return { url, sources, failed, rules: rules.inForce(), configDesk, ...(firstRun && { firstRun }) }
}

function openStore(options: ServeOptions, base: Base) {
  const { config, clock, log, metrics, stops } = options
  const started = startStoreEngine({
    dataDir: join(base.dataDir, 'store'),
    limits: { memoryBytesMax: config.store.memory_max, threadsMax: config.store.threads_max },
    ...{ log, metrics },
  })
  if (!started.ok) {
    log.warn({ problem: formatProblem(started.problem) }, 'Searches will not work here.')
    return undefined
  }
  const engine = started.value
  stops.add('store engine', () => engine.stop())
  let refused: Parameters<typeof createStoreReader>[0]['onRefused'] = async () => undefined
  const reader = createStoreReader({
    ...{ journal: base.journal, engine, log, metrics, clock },
    keepDays: config.store.keep_days,
    onRefused: (letters) => refused(letters),
  })
  const start = (onRefused: typeof refused): void => {
    refused = onRefused
    reader.start()
    stops.add('store reader', () => reader.stop())
  }
  return { engine, reader, start }
}

function makeDeadLetters(
  options: ServeOptions,
  base: Base,
  sources: readonly RunningSource[],
): DeadLetters {
  return createDeadLetters({
    ...{ state: base.state, metrics: options.metrics, clock: options.clock },
    submit: async (letter) => {
      const target = sources.find(({ name }) => name === letter.source)
      if (target === undefined) {
        const message = `The source "${letter.source}" is not configured any more.`
        throw new ProblemError({ code: 'DEAD_LETTER_UNKNOWN', message })
      }
      const binary = letter.rawEncoding === 'base64'
      const bytes = binary ? Buffer.from(letter.raw, 'base64') : undefined
      const item = {
        ...{ text: bytes?.toString('utf8') ?? letter.raw, key: `replay:${letter.id}` },
        ...{ receivedMs: letter.receivedMs, ...(bytes && { bytes }) },
        ...(letter.facts && { facts: withoutProblem(letter.facts) }),
      }
      return target.ingest.deliver({ items: [item], whole: true }, 'refuse')
    },
  })
}

function withoutProblem(facts: Readonly<Record<string, string>>): Record<string, string> {
  const { problem: _problem, ...rest } = facts
  return rest
}

async function startResponder(
  options: ServeOptions,
  base: Base,
  deadLetters: DeadLetters,
): Promise<Responder> {
  const { config, clock, log, metrics, stops, stdout } = options
  const outlets: Outlet[] = []
  if (config.outputs.terminal) {
    outlets.push(createTerminalOutlet({ stream: stdout, color: stdout.isTTY === true }))
  }
  const lines = config.outputs.json_lines
  if (lines !== undefined) {
    const toLine = lines.format === 'ocsf' ? toFindingLine : toJsonLine
    outlets.push(createFileOutlet({ path: lines.path, toLine }))
  }
  const { journal, state } = base
  const also = [deadLetters.consumer]
  const responder = createResponder({ journal, state, outlets, log, metrics, clock, also })
  await responder.start()
  stops.add('responder', () => responder.stop())
  return responder
}

function openRules(
  { clock, log }: ServeOptions,
  base: Base,
  {
    current,
    prepare,
    totals,
  }: {
    readonly current: () => Config
    readonly prepare: DetectorThread['prepare']
    readonly totals: DetectorThread['ruleTotals']
  },
) {
  const paths = (): readonly string[] => rulePathsOf(current())
  const uploads = uploadsOf(base.dataDir)
  const { state, journal } = base
  return openRuleDesk({ state, journal, clock, log, paths, uploads, prepare, totals })
}

function startDetection(options: ServeOptions, base: Base): DetectorThread {
  const { config, log, metrics, stops } = options
  const detector = startDetectorThread({
    ...{ journal: base.journal, keyring: base.keyring, log, metrics },
    settings: {
      latenessMs: config.detection.lateness,
      latenessOf: latenessOf(config),
      limits: { keysMax: config.detection.keys_max },
      live: { saveEveryMs: config.detection.snapshot_interval },
    },
  })
  stops.add('detector', () => detector.stop())
  return detector
}

async function startThese(
  { stops }: Pick<ServeOptions, 'stops'>,
  sources: readonly RunningSource[],
): Promise<void> {
  for (const { name, ingest, source } of sources) {
    await source.start(ingest)
    stops.add(`source ${name}`, async () => {
      ingest.stop()
      await source.stop()
    })
  }
}

async function startSources(
  options: ServeOptions,
  base: Base,
  sources: readonly RunningSource[],
): Promise<void> {
  const { config, clock, log, metrics, stops } = options
  await startThese(options, sources)
  const every = (ms: number, run: () => void): (() => void) => {
    const timer = setInterval(run, ms)
    return () => clearInterval(timer)
  }
  const ingests = (): Iterable<RunningSource['ingest']> => sources.map(({ ingest }) => ingest)
  const intervalMs = config.detection.tick_interval
  const stopTicker = startTicker({ journal: base.journal, ingests, clock, log, intervalMs, every })
  const sample = watchLoopDelay(metrics, 'main')
  const stopSample = every(LOOP_SAMPLE_MS, sample)
  stops.add('ticker', async () => {
    stopTicker()
    stopSample()
  })
}

export type { Config }
