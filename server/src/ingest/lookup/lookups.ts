import type { Clock } from '../../base/clock.ts'
import type { Logger } from '../../base/log.ts'
import type { Metrics } from '../../base/metrics.ts'
import type { AddFacts } from '../enrich/enricher.ts'
import {
  fetchKey,
  fetchTable,
  LookupFailure,
  type LookupPlace,
  readFileTable,
} from './fetch-table.ts'
import { type LookupPlan, LookupTable } from './table.ts'
import { Wanted } from './wanted.ts'

export interface LookupSettings extends LookupPlan, Omit<LookupPlace, 'headers'> {
  readonly from: { readonly file: string } | { readonly url: string }
  /** How often a table is read anew. */
  readonly refreshMs: number
  /** The value of a header, and its name; asked at every request. */
  readonly secret?: { readonly header: string; readonly value: () => Promise<string> }
}

export interface LookupDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
}

export interface Lookups {
  /** Joins an event to every lookup. Synchronous: what is not known yet is asked for behind it. */
  readonly add: AddFacts
  /** Resolves when each table was read once, or could not be. */
  readonly begun: Promise<void>
  stop(): void
}

const KEYS_AT_ONCE = 4
const KEYS_WAITING_MAX = 1_000
/** A key that could not be asked is not asked again at once. */
const KEY_PAUSE_MS = 30_000

/** Begins to read the lookups and keeps them fresh. What was read stays in use while reading fails. */
export function startLookups(settings: readonly LookupSettings[], deps: LookupDeps): Lookups {
  const runs = settings.map((one) => new Run(one, deps))
  return {
    add: (doc) => {
      const nowMs = deps.clock.now()
      for (const { table } of runs) table.join(doc, nowMs)
    },
    begun: Promise.all(runs.map((run) => run.begin())).then(() => undefined),
    stop: () => {
      for (const run of runs) run.stop()
    },
  }
}

class Run {
  readonly table: LookupTable
  readonly #settings: LookupSettings
  readonly #deps: LookupDeps
  readonly #place: LookupPlace
  readonly #gone = new AbortController()
  readonly #wanted: Wanted | undefined
  readonly #failures
  readonly #counters
  #timer: NodeJS.Timeout | undefined
  #reading = false
  readonly #failed = new Map<string, number>()

  constructor(settings: LookupSettings, deps: LookupDeps) {
    const { from, secret } = settings
    this.#settings = settings
    this.#deps = deps
    this.#counters = makeCounters(deps.metrics)
    this.#failures = new Set<string>()
    const headers = async (): Promise<Readonly<Record<string, string>>> =>
      secret === undefined ? {} : { [secret.header]: await secret.value() }
    this.#place = { ...settings, headers }
    const byKey = 'url' in from && from.url.includes('{key}')
    const ask = (key: string): Promise<void> => this.#ask(key)
    this.#wanted = byKey
      ? new Wanted({ ask, waitingMax: KEYS_WAITING_MAX, atOnce: KEYS_AT_ONCE })
      : undefined
    const want = (key: string): void => this.#want(key)
    this.table = byKey ? new LookupTable(settings, want) : new LookupTable(settings)
  }

  async begin(): Promise<void> {
    if (this.#wanted === undefined) await this.#read()
    if (this.#gone.signal.aborted) return
    const tick = (): void => {
      this.#tellAge()
      if (this.#wanted === undefined) void this.#read()
    }
    this.#timer = setInterval(tick, this.#settings.refreshMs)
    this.#timer.unref()
  }

  stop(): void {
    this.#gone.abort()
    this.#wanted?.stop()
    clearInterval(this.#timer)
  }

  async #read(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    const { from, name } = this.#settings
    const { clock } = this.#deps
    try {
      const rows =
        'file' in from
          ? await readFileTable(from.file, this.#place)
          : await fetchTable(from.url, this.#place, this.#gone.signal)
      const left = this.table.replace(rows, clock.now())
      if (left > 0) this.#counters.dropped.inc({ lookup: name }, left)
      this.#tell('ok')
    } catch (error) {
      if (!this.#gone.signal.aborted) this.#tell('failed', reasonOf(error))
    } finally {
      this.#reading = false
      this.#tellAge()
    }
  }

  #want(key: string): void {
    const nowMs = this.#deps.clock.now()
    const failedMs = this.#failed.get(key)
    if (failedMs !== undefined && nowMs - failedMs < KEY_PAUSE_MS && nowMs >= failedMs) return
    this.#wanted?.want(key)
  }

  async #ask(key: string): Promise<void> {
    const { from, name } = this.#settings
    if (!('url' in from)) return
    try {
      const values = await fetchKey(from.url, key, this.#place, this.#gone.signal)
      this.table.put(key, values, this.#deps.clock.now())
      this.#failed.delete(key)
      this.#tell('ok')
    } catch (error) {
      if (this.#gone.signal.aborted) return
      if (this.#failed.size >= KEYS_WAITING_MAX) this.#failed.clear()
      this.#failed.set(key, this.#deps.clock.now())
      this.#tell('failed', reasonOf(error))
    }
    const dropped = this.#wanted?.dropped ?? 0
    if (dropped > 0 && this.#wanted !== undefined) {
      this.#counters.dropped.inc({ lookup: name }, dropped)
      this.#wanted.dropped = 0
    }
  }

  /** Each reason is logged when it begins, not at every attempt. */
  #tell(outcome: 'ok' | 'failed', reason?: string): void {
    const { name } = this.#settings
    this.#counters.requests.inc({ lookup: name, outcome })
    if (reason === undefined) {
      if (this.#failures.size > 0) this.#deps.log.info({ lookup: name }, 'A lookup is read again.')
      this.#failures.clear()
    } else if (!this.#failures.has(reason)) {
      this.#failures.add(reason)
      const text = 'A lookup could not be read; what was known before stays in use.'
      this.#deps.log.warn({ lookup: name, reason }, text)
    }
  }

  #tellAge(): void {
    const { name } = this.#settings
    const ageMs = this.table.ageMs(this.#deps.clock.now())
    if (ageMs !== undefined) this.#counters.age.set(ageMs / 1_000, { lookup: name })
    this.#counters.entries.set(this.table.size, { lookup: name })
  }
}

function makeCounters(metrics: Metrics) {
  return {
    requests: metrics.counter(
      'picket_lookup_requests_total',
      'Times that a lookup was read or asked for a key, by outcome.',
    ),
    dropped: metrics.counter(
      'picket_lookup_dropped_total',
      'Keys of a lookup that found no room: to wait in, or in the table.',
    ),
    age: metrics.gauge('picket_lookup_age_seconds', 'Age of what a lookup gives out.'),
    entries: metrics.gauge('picket_lookup_entries', 'Keys that a lookup knows.'),
  }
}

const reasonOf = (error: unknown): string =>
  error instanceof LookupFailure ? error.message : 'unknown'
