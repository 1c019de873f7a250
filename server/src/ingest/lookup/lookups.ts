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
  type TableRows,
} from './fetch-table.ts'
import { type LookupPlan, LookupTable } from '../../fleet/lookup-table.ts'
import { ChangeWatch } from '../../library/file-stamp.ts'
import { Wanted } from './wanted.ts'

export interface LookupSettings extends LookupPlan, Omit<LookupPlace, 'headers'> {
  readonly from: { readonly file: string } | { readonly url: string }
  /** Differs where any of its settings does, so that a reload begins it anew. */
  readonly version: string
  /** The value of a header, and its name; asked at every request. */
  readonly secret?: { readonly header: string; readonly value: () => Promise<string> }
}

export interface LookupDeps {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Notes in the journal from where on another table is in use; rejects while that cannot be. */
  readonly note?: (table: TableInUse) => Promise<void>
  /** How often files are looked at. */
  readonly lookEveryMs?: number
}

/** Which table is in use: its text's hash, and the keys in it. */
export interface TableInUse {
  readonly name: string
  readonly hash: string
  readonly entries: number
}

export interface Lookups {
  /** Joins an event to every lookup. Synchronous: what is not known yet is asked for behind it. */
  readonly add: AddFacts
  /** Resolves when each table was read once, or could not be. */
  readonly begun: Promise<void>
  /** Takes other settings over: what is as it was goes on. Resolves as `begun` does. */
  take(settings: readonly LookupSettings[]): Promise<void>
  /** Those that failed when they were last read, with the reason. */
  failing(): readonly { readonly name: string; readonly reason: string }[]
  stop(): void
}

const LOOK_EVERY_MS = 2_000
const KEYS_AT_ONCE = 4
const KEYS_WAITING_MAX = 1_000
/** A key that could not be asked is not asked again at once. */
const KEY_PAUSE_MS = 30_000

/** Begins to read the lookups and keeps them fresh. What was read stays in use while reading fails. */
export function startLookups(settings: readonly LookupSettings[], deps: LookupDeps): Lookups {
  let runs: readonly Run[] = []
  const take = async (wanted: readonly LookupSettings[]): Promise<void> => {
    const before = runs
    const kept = (one: LookupSettings): Run | undefined =>
      before.find(({ name, version }) => name === one.name && version === one.version)
    runs = wanted.map((one) => kept(one) ?? new Run(one, deps))
    for (const run of before) if (!runs.includes(run)) run.stop()
    await Promise.all(runs.filter((run) => !before.includes(run)).map((run) => run.begin()))
  }
  return {
    add: (doc) => {
      const nowMs = deps.clock.now()
      for (const { table } of runs) table.join(doc, nowMs)
    },
    begun: take(settings),
    take,
    failing: () =>
      runs.flatMap(({ name, reason }) => (reason === undefined ? [] : [{ name, reason }])),
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
  readonly #watch: ChangeWatch | undefined
  readonly #timers: NodeJS.Timeout[] = []
  #reading = false
  #hash: string | undefined
  /** Why it could not be read when that was last tried. */
  reason: string | undefined
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
    this.#watch = 'file' in from ? new ChangeWatch(from.file) : undefined
    this.table = byKey ? new LookupTable(settings, want) : new LookupTable(settings)
  }

  get name(): string {
    return this.#settings.name
  }

  get version(): string {
    return this.#settings.version
  }

  async begin(): Promise<void> {
    // Before it is read: a change meanwhile is one.
    await this.#watch?.know()
    if (this.#wanted === undefined) await this.#read()
    if (this.#gone.signal.aborted) return
    this.#every(this.#settings.refreshMs, async () => {
      this.#tellAge()
      if (this.#wanted === undefined) await this.#read()
    })
    const watch = this.#watch
    if (watch === undefined) return
    this.#every(this.#deps.lookEveryMs ?? LOOK_EVERY_MS, async () => {
      if (await watch.hasChanged()) await this.#read()
    })
  }

  stop(): void {
    this.#gone.abort()
    this.#wanted?.stop()
    for (const timer of this.#timers) clearInterval(timer)
  }

  #every(ms: number, run: () => Promise<void>): void {
    const timer = setInterval(() => void run(), ms)
    timer.unref()
    this.#timers.push(timer)
  }

  async #read(): Promise<void> {
    if (this.#reading) return
    this.#reading = true
    const { from } = this.#settings
    const { clock } = this.#deps
    try {
      const read =
        'file' in from
          ? await readFileTable(from.file, this.#place)
          : await fetchTable(from.url, this.#place, this.#gone.signal)
      if (read.hash === this.#hash) this.table.confirm(clock.now())
      else await this.#takeOver(read)
      if (!this.#gone.signal.aborted) this.#tell('ok')
    } catch (error) {
      if (!this.#gone.signal.aborted) this.#tell('failed', reasonOf(error))
    } finally {
      this.#reading = false
      this.#tellAge()
    }
  }

  /** Noted first, then in force: what stands behind the note is joined by it. */
  async #takeOver({ rows, hash }: TableRows): Promise<void> {
    const { name, entriesMax } = this.#settings
    const { note, log, clock } = this.#deps
    const entries = Math.min(rows.size, entriesMax)
    if (note !== undefined) {
      await note({ name, hash, entries }).catch(() => {
        throw new LookupFailure('it could not be noted in the journal')
      })
    }
    if (this.#gone.signal.aborted) return
    const left = this.table.replace(rows, clock.now())
    if (left > 0) this.#counters.dropped.inc({ lookup: name }, left)
    if (this.#hash !== undefined) log.info({ lookup: name, entries }, 'A changed lookup is in use.')
    this.#counters.changes.inc({ lookup: name })
    this.#hash = hash
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
    this.reason = reason
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
    changes: metrics.counter(
      'picket_lookup_changes_total',
      'Times that a table came into use whose text differs from the one before.',
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
