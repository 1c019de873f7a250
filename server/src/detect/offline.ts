import { shortId } from '../base/hash.ts'
import { alertRecord, isoTime } from '../correlate/alert-record.ts'
import type { Hit } from '../correlate/correlator.ts'
import { blockOf, type Episode } from '../correlate/episode.ts'
import { decodeKey } from '../correlate/group-key.ts'
import { alertGroup, groupNames, namedGroup } from '../correlate/project.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { SecurityEvent } from '../model/event.ts'
import type { Rollup } from '../model/journal.ts'
import type { CorrelationRule, MatchRule, RuleSet } from '../model/rule.ts'
import { Engine } from './engine.ts'
import type { EngineStats } from './engine-stats.ts'
import { packRules } from './rules-control.ts'

export interface OfflineOptions {
  /** `alerts`: episodes, as of deployed rules. `matches`: every event, every sequence by itself. */
  readonly tell: 'alerts' | 'matches'
  /** Events come in any order within this; zero for input that was sorted before. */
  readonly latenessMs: number
  /** Tell of alerts while they still may change; otherwise each once, when it is closed. */
  readonly early: boolean
  /**
   * Of input that is read as it comes: the clock, in milliseconds since the epoch. An event whose time
   * is ahead of it by more than AHEAD_MAX_MS is seen, but does not make those after it late.
   */
  readonly nowMs?: () => number
}

/** All that is held between two events, as plain data; see `OfflineDetector.save`. */
export interface OfflineState {
  /** Rows of the engine, without that of the rules. */
  readonly rows: readonly (readonly [string, string])[]
  readonly offset: number
  /** Null: no event yet. */
  readonly latestMs: number | null
  readonly newestMs: number | null
  readonly unsettled: number
  /** Matches that wait to be told. */
  readonly hits: readonly { readonly ruleId: string; readonly hit: Hit }[]
}

/** As `detection.skew_max` is unless set. */
const AHEAD_MAX_MS = 300_000

/** Event time may run this many events ahead of what is settled. */
const SETTLE_EVERY = 500

/**
 * Rules over input that is read once, from beginning to end: the same engine as live, without a
 * journal. Everything is final at the end of the input.
 */
export class OfflineDetector {
  readonly #engine: Engine
  readonly #options: OfflineOptions
  readonly #rules = new Map<string, MatchRule | CorrelationRule>()
  #offset = 0
  /** Of all events, and of those whose time moves the watermark. */
  #latestMs = Number.NEGATIVE_INFINITY
  #newestMs = Number.NEGATIVE_INFINITY
  #unsettled = 0
  /** Matches that are certain; sorted before they are told. */
  #hits: RuleHit[] = []
  #finished = false
  readonly #told = new Map<string, { state: string; open: boolean }>()

  /** With what another one saved it goes on exactly, given the same rules and options. */
  constructor(ruleSet: RuleSet, options: OfflineOptions, saved?: OfflineState) {
    this.#options = options
    for (const rule of [...ruleSet.matches, ...ruleSet.correlations]) {
      this.#rules.set(rule.meta.id, rule)
    }
    const onHit = (ruleId: string, hit: Hit): void => this.#onHit(ruleId, hit)
    if (saved === undefined) {
      this.#engine = new Engine(ruleSet, { onHit })
      return
    }
    const rules = ['rules', JSON.stringify(packRules(ruleSet))] as const
    this.#engine = Engine.restore([rules, ...saved.rows], { onHit })
    this.#offset = saved.offset
    this.#latestMs = saved.latestMs ?? Number.NEGATIVE_INFINITY
    this.#newestMs = saved.newestMs ?? Number.NEGATIVE_INFINITY
    this.#unsettled = saved.unsettled
    this.#hits = saved.hits.map(({ ruleId, hit }) => ({ rule: this.#rules.get(ruleId)!, hit }))
  }

  /** For when everything that there was to tell has been taken, and nothing is told early. */
  save(): OfflineState {
    const rows = [...this.#engine.rows()].filter(([key]) => key !== 'rules')
    const finite = (ms: number): number | null => (Number.isFinite(ms) ? ms : null)
    return {
      ...{ rows, offset: this.#offset, unsettled: this.#unsettled },
      ...{ latestMs: finite(this.#latestMs), newestMs: finite(this.#newestMs) },
      hits: this.#hits.map(({ rule, hit }) => ({ ruleId: rule.meta.id, hit })),
    }
  }

  observe(event: SecurityEvent): void {
    this.#offset += 1
    this.#engine.observe(event, this.#position())
    if (event.time > this.#latestMs) this.#latestMs = event.time
    if (event.time > this.#newestMs && !this.#isAhead(event.time)) this.#newestMs = event.time
    this.#unsettled += 1
    if (this.#unsettled >= SETTLE_EVERY) this.settle()
  }

  /** Routine messages of a device that were folded: it is not absent. */
  alive(rollup: Rollup): void {
    this.#engine.alive(rollup)
    const { lastSeenMs } = rollup
    if (lastSeenMs > this.#newestMs && !this.#isAhead(lastSeenMs)) this.#newestMs = lastSeenMs
    this.#unsettled += 1
    if (this.#unsettled >= SETTLE_EVERY) this.settle()
  }

  #isAhead(timeMs: number): boolean {
    const { nowMs } = this.#options
    return nowMs !== undefined && timeMs > nowMs() + AHEAD_MAX_MS
  }

  /** Settles what the lateness has left behind. */
  settle(): void {
    this.#unsettled = 0
    if (!Number.isFinite(this.#newestMs)) return
    this.#engine.raiseWatermark(this.#newestMs - this.#options.latenessMs, this.#position())
  }

  /** `untilMs`: nothing more came until then, so that absence up to there counts. */
  finish(untilMs = Number.NEGATIVE_INFINITY): void {
    const lastMs = Math.max(this.#latestMs, untilMs)
    const endMs = Number.isFinite(lastMs) ? lastMs : 0
    this.#engine.finish(endMs, this.#position())
    this.#finished = true
  }

  stats(): EngineStats {
    return this.#engine.stats()
  }

  /**
   * What there is to tell since the last call: an alert when it closes (with `early` also when it is
   * first seen and when its state has changed); each match once.
   */
  take(): AlertRecord[] {
    const records = this.#takeAlerts()
    // Samples have no order in time: they are told at the end, by their keys.
    const ready = this.#finished ? this.#hits : this.#hits.filter((one) => !isSample(one.rule))
    this.#hits = this.#finished ? [] : this.#hits.filter((one) => isSample(one.rule))
    ready.sort(compareHits)
    for (const { rule, hit } of ready) records.push(matchRecord(rule, hit))
    return records
  }

  #takeAlerts(): AlertRecord[] {
    const latest = new Map<string, AlertRecord>()
    for (const alert of this.#engine.takeAlerts()) latest.set(alert.id, alert)
    const news: AlertRecord[] = []
    for (const alert of latest.values()) {
      if (this.#options.tell === 'matches' && this.#byMatch(alert.rule.id)) continue
      if (alert.open && !this.#options.early) continue
      const told = this.#told.get(alert.id)
      if (told === undefined && alert.state === 'retracted') continue
      if (told !== undefined && told.state === alert.state && told.open === alert.open) continue
      if (alert.open) this.#told.set(alert.id, { state: alert.state, open: alert.open })
      else this.#told.delete(alert.id)
      news.push(alert)
    }
    return news.sort(compareAlerts)
  }

  #onHit(ruleId: string, hit: Hit): void {
    if (this.#options.tell === 'alerts' || !this.#byMatch(ruleId)) return
    this.#hits.push({ rule: this.#rules.get(ruleId)!, hit })
  }

  /** Counts have no single matches to tell: a run of hits of theirs is one. */
  #byMatch(ruleId: string): boolean {
    const rule = this.#rules.get(ruleId)
    if (rule === undefined || rule.kind === 'match') return true
    return rule.correlation.type === 'sequence' || rule.correlation.type === 'sample'
  }

  #position(): { partition: number; offset: number; index: number } {
    return { partition: 0, offset: this.#offset, index: 0 }
  }
}

/** What ended first comes first; of several, what began first. */
function compareAlerts(a: AlertRecord, b: AlertRecord): number {
  if (a.last !== b.last) return a.last < b.last ? -1 : 1
  if (a.first !== b.first) return a.first < b.first ? -1 : 1
  return 0
}

interface RuleHit {
  readonly rule: MatchRule | CorrelationRule
  readonly hit: Hit
}

function isSample(rule: MatchRule | CorrelationRule): boolean {
  return rule.kind === 'correlation' && rule.correlation.type === 'sample'
}

/** In the order of the last event that had to occur; samples by their keys. */
function compareHits(a: RuleHit, b: RuleHit): number {
  if (isSample(a.rule) && isSample(b.rule)) return compareKeys(a.hit.key, b.hit.key)
  return a.hit.order - b.hit.order
}

function compareKeys(a: string, b: string): number {
  const [left, right] = [decodeKey(a), decodeKey(b)]
  for (const [index, value] of left.entries()) {
    const order = compareValues(value, right[index] ?? null)
    if (order !== 0) return order
  }
  return 0
}

/** Null first, then numbers as numbers, then text. */
function compareValues(a: string | null, b: string | null): number {
  if (a === b) return 0
  if (a === null || b === null) return a === null ? -1 : 1
  const [left, right] = [numberOf(a), numberOf(b)]
  if (left !== undefined && right !== undefined) return left - right
  if (left !== undefined || right !== undefined) return left !== undefined ? -1 : 1
  return a < b ? -1 : 1
}

function numberOf(text: string): number | undefined {
  return String(Number(text)) === text && Number.isFinite(Number(text)) ? Number(text) : undefined
}

function matchRecord(rule: MatchRule | CorrelationRule, hit: Hit): AlertRecord {
  const events = hit.all ?? hit.events
  const settled = { ...blockOf({ ...hit, events }), events: [...events] }
  const ids = events.map(({ id }) => id)
  const episode: Episode = {
    id: shortId(rule.meta.id, hit.key, isoTime(hit.time), ...ids),
    minted: 1,
    revision: 1,
    settled,
    pending: [],
    changed: false,
    late: 0,
    openUntilMs: 0,
    saidCount: 1,
    saidTimeMs: 0,
    saidState: 'final',
    continues: undefined,
    matched: undefined,
  }
  const kind = rule.kind === 'match' ? 'match' : rule.correlation.type
  const frame = { meta: rule.meta, kind, group: groupOf(rule, hit.key) }
  const say = { state: 'final', open: false } as const
  return { ...alertRecord(frame, { key: hit.key, episode, say }), events: ids }
}

function groupOf(rule: MatchRule | CorrelationRule, key: string): Readonly<Record<string, string>> {
  if (rule.kind === 'match') return alertGroup(rule, key)
  return namedGroup(groupNames(rule.correlation), decodeKey(key))
}
