import { setTimeout as sleep } from 'node:timers/promises'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { MetricsRegistry } from '../base/metrics.ts'
import { nearest } from '../base/nearest.ts'
import { ProblemError } from '../base/problems.ts'
import type { Config, SourceConfig } from '../config/schema.ts'
import { readSecret } from '../config/secret.ts'
import { text } from '../decode/text/text.ts'
import type { Enricher } from '../ingest/enrich/enricher.ts'
import type { FilterInForce } from '../ingest/filter/filter.ts'
import { decoderNamed, decoders } from '../decode/registry.ts'
import { Ingest } from '../ingest/ingest.ts'
import { joiningOf } from '../ingest/lines/joining.ts'
import { createRoutedPreparer, type Route } from '../ingest/routed.ts'
import { readOptionFiles } from '../library/option-files.ts'
import type { SecretRef } from '../model/options.ts'
import type { Journal } from '../model/journal.ts'
import type { SourceDesk } from '../model/desks.ts'
import type { Source } from '../model/source.ts'
import { createSource } from '../source/registry.ts'
import { senderToken } from '../people/sender-tokens.ts'
import type { State } from '../state/state.ts'
import { TENANT } from '../state/tables.ts'

export interface RunningSource {
  readonly name: string
  readonly ingest: Ingest
  readonly source: Source
}

export interface SourceContext {
  readonly config: Config
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: MetricsRegistry
  readonly env: Readonly<Record<string, string | undefined>>
  readonly filter: FilterInForce
  readonly enricher: Enricher
  readonly state: State
  /** How late events of a source may come, as the detector was told at its start. */
  readonly latenessOf: (source: string) => number
}

type Decoding = Pick<SourceConfig, 'decoder' | 'decoder_options' | 'multiline'>

/** Sources that cut their input at line ends, whatever stands there. */
const CUT_AT_LINES: ReadonlySet<SourceConfig['type']> = new Set(['file', 'pull', 'syslog'])

/** Makes the sources of a configuration without starting them. Throws ProblemError CONFIG_INVALID. */
export function makeSources(context: SourceContext): readonly RunningSource[] {
  const names = Object.entries(context.config.sources)
  return names.map(([name, options]) => makeSource(name, options, context))
}

function makeSource(name: string, options: SourceConfig, context: SourceContext): RunningSource {
  const { config, journal, clock, metrics } = context
  const log = context.log.child({ source: name })
  const decoding = (one: Decoding): Omit<Route, 'when'> => {
    const decoderSpec = decoderNamed(one.decoder)
    if (decoderSpec === undefined) throw unknownDecoder(name, one.decoder, config)
    const decoderOptions = readOptionFiles(decoderSpec, one.decoder_options, config.baseDir)
    const joining = joiningOf(decoderSpec, one.multiline, CUT_AT_LINES.has(options.type))
    return { decoderSpec, decoderOptions, joining }
  }
  const preparer = createRoutedPreparer({
    source: name,
    ...decoding(options),
    routes: options.decoders.map((one) => ({ when: one.when, ...decoding(one) })),
    plainSpec: text,
    unwrap: options.unwrap,
    tenant: TENANT,
    skewMs: config.detection.skew_max,
    filter: context.filter,
    enricher: context.enricher,
    metrics,
  })
  preparer.restore(journal.decoderState(name))
  const pause = async (ms: number): Promise<void> => {
    await sleep(ms)
  }
  const latenessMs = context.latenessOf(name)
  const to = { source: name, journal, preparer, clock, log, metrics, pause }
  const ingest = new Ingest({ ...to, latenessMs })
  const secret = async (ref: SecretRef): Promise<string> => {
    const read = await readSecret(ref, context.env, config.baseDir)
    if (read.ok) return read.value
    throw new ProblemError(read.problem)
  }
  const datasets = datasetsOf([options, ...options.decoders].map(({ decoder }) => decoder))
  const { framing } = decoding(options).decoderSpec
  const deps = {
    ...{ name, baseDir: config.baseDir, clock, log: context.log, metrics, secret },
    ...(framing !== undefined && { framing }),
    apiTokens: (token: string) => senderToken({ state: context.state, clock }, token, datasets),
  }
  const { type, decoder: _d, decoder_options: _o, decoders: _s, ...timed } = options
  const { lateness: _l, multiline: _m, unwrap: _u, ...own } = timed
  const source: Source = createSource(type, own, deps)
  ingest.watchBacklog(() => source.behind?.() ?? [])
  return { name, ingest, source }
}

/** The datasets that decoders make, by their own names, whatever they are called in the configuration. */
export function datasetsOf(decoderNames: readonly string[]): readonly string[] {
  return [...new Set(decoderNames.map((name) => `${decoderNamed(name)?.name ?? name}.log`))]
}

function unknownDecoder(source: string, decoder: string, config: Config): ProblemError {
  const known = Object.keys(decoders)
  const near = nearest(decoder, known)
  return new ProblemError({
    code: 'CONFIG_INVALID',
    message: `There is no decoder "${decoder}".`,
    at: { ...(config.file && { file: config.file }), field: `sources.${source}.decoder` },
    hint: near === undefined ? `there are: ${known.join(', ')}` : `did you mean "${near}"?`,
  })
}

/** How late events of each source may come, where it is not the default. */
export function latenessOf(config: Config): Readonly<Record<string, number>> {
  const given: Record<string, number> = {}
  for (const [name, { lateness }] of Object.entries(config.sources)) {
    if (lateness !== undefined) given[name] = lateness
  }
  return given
}

/** Looks the sources up at each question: a reload changes the list. */
export function sourceDesk(sources: readonly RunningSource[]): SourceDesk {
  return {
    names: () => sources.map(({ name }) => name),
    report: (asked) => sources.find(({ name }) => name === asked)?.ingest.report(),
  }
}
