import {
  CORRELATOR_LIMITS,
  type CorrelatorLimits,
  type EventRef,
  type Hit,
  type ObservationPart,
} from '../correlate/correlator.ts'
import type { Matched } from '../correlate/episodes.ts'
import { alertKey } from '../correlate/project.ts'
import { whyMatched } from '../correlate/why.ts'
import type { Problem } from '../base/problems.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { StateChange } from '../model/decoder.ts'
import type { EcsDoc, SecurityEvent } from '../model/event.ts'
import type { ControlRecord, JournalEntry, Rollup, Tick } from '../model/journal.ts'
import { formatPosition, type Position } from '../model/position.ts'
import type { RuleSet } from '../model/rule.ts'
import type { Steps } from '../rule/index/steps.ts'
import { createMatcher, type Matcher } from '../rule/matcher.ts'
import { type CompiledRules, matcherFor, type OpenedRules, openRules } from './compiled-rules.ts'
import { addLosses, type EngineStats, lossesOf, NO_LOSSES, sumRuns } from './engine-stats.ts'
import { readState, stateChanges, stateNames, stateRows } from './engine-state.ts'
import { refOf } from './event-ref.ts'
import { rollupDoc } from './rollup-doc.ts'
import { type PackedRules, packRules, RULES_CONTROL, unpackRules } from './rules-control.ts'
import { type RuleCount, RuleCounts } from './rule-counts.ts'
import { RuleTimes } from './rule-times.ts'
import {
  advanceRuns,
  createRuns,
  isAbsence,
  type CorrelationRun,
  type MatchRun,
  type Runs,
  type Surroundings,
} from './rule-runs.ts'
import { sourcesOf } from './sources-control.ts'
import { SourceClock, type Lateness } from './source-clock.ts'

export interface EngineOptions extends Lateness {
  readonly limits?: Partial<CorrelatorLimits>
  /** Called with every certain hit of rules that alert, before episodes; for ad-hoc rules. */
  readonly onHit?: (ruleId: string, hit: Hit) => void
  /** Time in ms that only goes forward: measures what rules cost. Detects nothing. */
  readonly stopwatch?: () => number
}

interface Counts {
  events: number
  matches: number
  hits: number
  late: number
}

interface Touched {
  readonly run: CorrelationRun
  parts: readonly ObservationPart[]
}

/**
 * Detection as a pure function of journal records in their order: events, ticks and control records
 * in, alerts out. The same records give the same alerts, however they are cut into calls and
 * wherever the state is saved and restored in between.
 */
export class Engine {
  readonly #clock: SourceClock
  readonly #around: Surroundings
  readonly #onHit: ((ruleId: string, hit: Hit) => void) | undefined
  #ruleSet: RuleSet
  /** The same as they came, so that they need not be packed again to be saved. */
  #packed: PackedRules | undefined
  /** Rules to come, compiled. */
  #prepared: OpenedRules | undefined
  /** Why the last rules that came are not in force. */
  rulesProblem: Problem | undefined
  #runs: Runs
  #matcher: Matcher
  #hitIndexes: Int32Array
  /** Some rule waits for what does not come. */
  #absence: boolean
  #alerts: AlertRecord[] = []
  #gone: StateChange[] = []
  #rulesChanged = true
  /** Counts events: breaks ties of event time by arrival. */
  #order = 0
  readonly #ruleCounts = new RuleCounts()
  /** Of rules that are no more. */
  #losses = NO_LOSSES
  readonly #times: RuleTimes
  #counts: Counts = { events: 0, matches: 0, hits: 0, late: 0 }

  constructor(ruleSet: RuleSet, options: EngineOptions = {}) {
    this.#clock = new SourceClock(options)
    this.#onHit = options.onHit
    this.#times = new RuleTimes(options.stopwatch)
    this.#around = {
      limits: { ...CORRELATOR_LIMITS, ...options.limits },
      position: { partition: 0, offset: 0, index: 0 },
      alert: (record) => void this.#alerts.push(record),
      certain: (ruleId, hit) => {
        this.#counts.hits += 1
        options.onHit?.(ruleId, hit)
      },
    }
    this.#ruleSet = ruleSet
    this.#runs = createRuns(ruleSet, this.#around, new Map())
    this.#times.matches = this.#runs.matches
    this.#matcher = createMatcher(ruleSet.matches)
    this.#hitIndexes = new Int32Array(ruleSet.matches.length)
    this.#absence = ruleSet.correlations.some(isAbsence)
  }

  get ruleSet(): RuleSet {
    return this.#ruleSet
  }

  get watermarkMs(): number {
    return this.#clock.watermarkMs
  }

  /** One journal entry: its control records, its events, its rollups, then its ticks. */
  apply(entry: JournalEntry): void {
    const { batch, offset } = entry
    let index = 0
    for (const control of batch.controls ?? []) {
      this.control(control, { partition: 0, offset, index: index++ })
    }
    this.#clock.input(batch.source, batch.ingestedMs)
    for (const event of batch.events ?? []) {
      this.observe(event, { partition: 0, offset, index: index++ })
    }
    for (const rollup of batch.rollups ?? []) this.alive(rollup)
    for (const tick of batch.ticks ?? []) {
      this.tick(tick, { partition: 0, offset, index: index++ })
    }
  }

  observe(event: SecurityEvent, position: Position): void {
    this.#around.position = position
    this.#counts.events += 1
    const order = (this.#order += 1)
    const watch = this.#times.ofEvent(order)
    const found = this.#matcher.match(event.doc, this.#hitIndexes, watch)
    if (found === 0) return
    this.#counts.matches += found
    const late = event.time < this.#clock.watermarkMs
    if (late) this.#counts.late += 1
    const touched: Touched[] = []
    const ref = refOf(event, order)
    watch?.start()
    for (let at = 0; at < found; at += 1) {
      const run = this.#runs.matches[this.#hitIndexes[at]!]!
      run.matches += 1
      if (run.episodes !== undefined) {
        const key = alertKey(run.rule, event.doc)
        const hit: Hit = { key, name: String(order), time: event.time, order, events: [ref] }
        const opened = formatPosition(position)
        run.episodes.hit(hit, 'final', {
          position: opened,
          watermarkMs: this.watermarkMs,
          matched: () => whyMatched(run.rule, event.doc),
          late,
        })
        this.#counts.hits += 1
        this.#onHit?.(run.rule.meta.id, hit)
      }
      if (!late && run.feeds.length > 0) project(run, event.doc, touched)
      watch?.lapOf(run)
    }
    if (touched.length > 0) correlate(ref, touched, watch)
  }

  /**
   * Routine messages were folded: nothing to match by itself, but a device that sends them is not
   * absent. Only rules of absence see it, at the first and the last of the messages.
   */
  alive(rollup: Rollup): void {
    if (rollup.overflow === true || !this.#absence) return
    const doc = rollupDoc(rollup)
    const found = this.#matcher.match(doc, this.#hitIndexes)
    const order = (this.#order += 1)
    for (let at = 0; at < found; at += 1) {
      for (const { to, parts } of this.#runs.matches[this.#hitIndexes[at]!]!.feeds) {
        if (!isAbsence(to.rule)) continue
        const seen = parts(doc)
        const { firstSeenMs = rollup.lastSeenMs, lastSeenMs } = rollup
        for (const time of new Set([firstSeenMs, lastSeenMs])) {
          if (seen.length === 0 || time < this.#clock.watermarkMs) continue
          to.observe({ time, order, events: [], parts: seen })
        }
      }
    }
  }

  tick(tick: Tick, position: Position): void {
    this.#around.position = position
    this.#clock.tick(tick)
    const silence = this.#clock.silence(tick.source)
    for (const run of this.#runs.correlations) {
      if (silence !== undefined) run.silence(tick.source, silence)
    }
    this.#advance()
  }

  /** Takes over what a control record says; types that detection does not know are ignored. */
  control(record: ControlRecord, position: Position): void {
    const sources = sourcesOf(record)
    if (sources !== undefined) this.#clock.keep(sources)
    if (record.type !== RULES_CONTROL) return
    this.#around.position = position
    const body = record.body as PackedRules | RuleSet
    const known = this.#prepared?.ruleSet
    this.setRules(known?.hash === body.hash ? known : unpackRules(body))
    if (this.#ruleSet.hash === body.hash) this.#packed = 'deflated' in body ? body : undefined
  }

  /** Whether these rules are in force, or prepared to be. */
  hasRules(hash: string): boolean {
    return hash === this.#ruleSet.hash || hash === this.#prepared?.ruleSet.hash
  }

  /** Takes over rules that are about to come, in short steps; those in force judge what comes meanwhile. */
  *prepare(compiled: CompiledRules): Steps<void> {
    if (!this.hasRules(compiled.hash)) this.#prepared = yield* openRules(compiled)
  }

  /**
   * Swaps the rules. Rules that are the same, inputs included, keep their state and episodes. Nothing
   * changes where no index can be made of them; `rulesProblem` says so.
   */
  setRules(ruleSet: RuleSet): void {
    this.rulesProblem = undefined
    if (ruleSet.hash === this.#ruleSet.hash) return
    const matcher = matcherFor(ruleSet, this.#prepared)
    if (!matcher.ok) return void (this.rulesProblem = matcher.problem)
    const old = [...this.#runs.matches, ...this.#runs.correlations]
    const known = new Map(old.map((run) => [run.stateKey, run]))
    this.#prepared = undefined
    this.#ruleSet = ruleSet
    this.#packed = undefined
    this.#rulesChanged = true
    this.#runs = createRuns(ruleSet, this.#around, known)
    this.#times.matches = this.#runs.matches
    this.#matcher = matcher.value
    this.#hitIndexes = new Int32Array(ruleSet.matches.length)
    this.#absence = ruleSet.correlations.some(isAbsence)
    const kept = new Set<object>([...this.#runs.matches, ...this.#runs.correlations])
    for (const run of old) {
      if (kept.has(run)) continue
      run.episodes?.close()
      this.#ruleCounts.forget(run)
      this.#losses = addLosses(this.#losses, lossesOf(run))
      for (const key of stateNames([run])) this.#gone.push({ key, value: undefined })
    }
    for (const run of this.#runs.correlations) run.watermarkMs = this.watermarkMs
  }

  /** The events so far are all there are before this time; for input without ticks. */
  raiseWatermark(watermarkMs: number, position: Position): void {
    this.#around.position = position
    this.#clock.raise(watermarkMs)
    this.#advance()
  }

  /** The input is complete and ended at `endMs`: everything becomes final and closes. */
  finish(endMs: number, position: Position): void {
    this.raiseWatermark(endMs, position)
    for (const run of this.#runs.correlations) run.finish(endMs)
    for (const run of [...this.#runs.matches, ...this.#runs.correlations]) run.episodes?.close()
  }

  /** Alerts that were opened, changed or closed since the last call, one record a revision. */
  takeAlerts(): AlertRecord[] {
    const alerts = this.#alerts
    this.#alerts = []
    return alerts
  }

  /** State rows changed since the last call; all of them together restore the engine. */
  takeChanges(): StateChange[] {
    const gone = this.#gone
    this.#gone = []
    const changes = [
      ...gone,
      ...stateChanges(this.#runs),
      { key: 'clock', value: this.#clockRow() },
    ]
    if (this.#rulesChanged) {
      changes.push({ key: 'rules', value: this.#rulesRow() })
      this.#rulesChanged = false
    }
    return changes
  }

  /** State rows changed and not yet taken. */
  get changesPending(): number {
    let count = this.#gone.length
    for (const run of this.#runs.matches) count += run.episodes?.table.dirtyCount ?? 0
    for (const run of this.#runs.correlations) {
      count += run.correlator.table.dirtyCount + run.passage.table.dirtyCount
      count += run.episodes?.table.dirtyCount ?? 0
    }
    return count
  }

  *rows(): Iterable<readonly [string, string]> {
    yield ['rules', this.#rulesRow()]
    yield ['clock', this.#clockRow()]
    yield* stateRows(this.#runs)
  }

  snapshot(): Uint8Array {
    return new TextEncoder().encode(JSON.stringify([...this.rows()]))
  }

  /** The engine whose rows these are; one without rules where there are none. */
  static restore(
    rows: Iterable<readonly [string, string]> | Uint8Array,
    options: EngineOptions = {},
  ): Engine {
    const list =
      rows instanceof Uint8Array
        ? (JSON.parse(new TextDecoder().decode(rows)) as [string, string][])
        : [...rows]
    const byKey = new Map(list)
    const rules = byKey.get('rules')
    const empty: RuleSet = { hash: '', matches: [], correlations: [] }
    const engine = new Engine(rules === undefined ? empty : unpackRules(JSON.parse(rules)), options)
    engine.#rulesChanged = rules === undefined
    const clock = byKey.get('clock')
    if (clock !== undefined) engine.#restoreClock(clock)
    readState(engine.#runs, list)
    for (const run of engine.#runs.correlations) run.watermarkMs = engine.watermarkMs
    return engine
  }

  /** What came of each rule since the last call; rules without news are left out. */
  takeRuleCounts(): readonly RuleCount[] {
    return this.#ruleCounts.take(this.#runs)
  }

  stats(): EngineStats {
    const { left } = this.#runs
    const matcher = this.#matcher.stats()
    return { ...this.#counts, ...sumRuns(this.#runs, this.#losses), matcher, left }
  }

  #advance(): void {
    const watermarkMs = this.#clock.watermarkMs
    advanceRuns(this.#runs, watermarkMs, this.#times.ofTick())
  }

  #rulesRow(): string {
    return JSON.stringify((this.#packed ??= packRules(this.#ruleSet)))
  }

  #clockRow(): string {
    return JSON.stringify({ clock: this.#clock.row(), order: this.#order, counts: this.#counts })
  }

  #restoreClock(text: string): void {
    const row = JSON.parse(text) as { clock: unknown; order: number; counts: Counts }
    this.#clock.restore(row.clock)
    this.#order = row.order
    this.#counts = row.counts
  }
}

/** Notes what the event is to the correlations that a rule feeds. */
function project(run: MatchRun, doc: EcsDoc, touched: Touched[]): void {
  const matched = (): Matched => whyMatched(run.rule, doc)
  for (const { to, parts } of run.feeds) {
    const more = parts(doc)
    if (more.length === 0) continue
    to.matched = matched
    const known = touched.find((one) => one.run === to)
    if (known === undefined) touched.push({ run: to, parts: more })
    else known.parts = [...known.parts, ...more]
  }
}

function correlate(ref: EventRef, touched: readonly Touched[], watch?: RuleTimes): void {
  const { time, order } = ref
  const events = [ref]
  for (const { run, parts } of touched) {
    run.observe({ time, order, events, parts })
    run.matched = undefined
    watch?.lapOf(run)
  }
}

export function createEngine(ruleSet: RuleSet, options?: EngineOptions): Engine {
  return new Engine(ruleSet, options)
}
