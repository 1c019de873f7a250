import type { z } from 'zod'
import type { Clock } from '../base/clock.ts'
import type { Logger } from '../base/log.ts'
import type { Metrics } from '../base/metrics.ts'
import type { DecoderSpec } from '../model/decoder.ts'
import type { ListenAddress, SecretRef } from '../model/options.ts'
import type { SenderToken, Source } from '../model/source.ts'
import type { ListenerRoute } from './http/routes.ts'

/** What every source is given when it is made. */
export interface SourceDeps {
  /** Name of the instance in the configuration. */
  readonly name: string
  /** Relative paths of its options start here. */
  readonly baseDir: string
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** How its decoder wants streams and files cut; lines unless set. */
  readonly framing?: DecoderSpec['framing']
  /** Fetches what a reference names. Rejects with ProblemError CONFIG_SECRET. */
  secret(ref: SecretRef): Promise<string>
  /** How often changed certificates are looked for; more often only in tests. */
  readonly tlsLookMs?: number
  /** Looks an API token up that a sender showed; absent where there are no people and tokens. */
  readonly apiTokens?: (token: string) => Promise<SenderToken>
}

export interface OpenDoor {
  readonly address: ListenAddress
  readonly option: readonly string[]
}

/** One kind of source: its options with their documentation, and how it is made. */
export interface SourceSpec<Options extends z.ZodObject = z.ZodObject> {
  readonly name: string
  readonly summary: string
  readonly options: Options
  /** Of a source that listens over HTTP: every route that it answers to. */
  readonly routes?: readonly ListenerRoute[]
  /** Of a source that listens: where it does so without TLS, and what names that in its options. */
  inTheClear?(options: z.output<Options>): readonly OpenDoor[]
  create(options: z.output<Options>, deps: SourceDeps): Source
}

export function defineSource<Options extends z.ZodObject>(
  spec: SourceSpec<Options>,
): SourceSpec<Options> {
  return spec
}

/** Counters that every source keeps under the same names. `reason` is of the source's closed list. */
export interface SourceCounters {
  received(items: number, bytes: number): void
  failed(reason: string): void
}

export function sourceCounters(metrics: Metrics, source: string): SourceCounters {
  const items = metrics.counter('picket_source_items_total', 'Items that a source delivered.')
  const bytes = metrics.counter('picket_source_bytes_total', 'Bytes of the items delivered.')
  const errors = metrics.counter(
    'picket_source_errors_total',
    'Failures that a source met and retries, by reason.',
  )
  const labels = { source }
  return {
    received: (itemCount, byteCount) => {
      items.inc(labels, itemCount)
      bytes.inc(labels, byteCount)
    },
    failed: (reason) => errors.inc({ source, reason }),
  }
}
