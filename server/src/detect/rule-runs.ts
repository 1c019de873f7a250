import { shortId } from '../base/hash.ts'
import { alertRecord } from '../correlate/alert-record.ts'
import type {
  Correlator,
  CorrelatorLimits,
  Hit,
  HitSink,
  Observation,
  ObservationPart,
} from '../correlate/correlator.ts'
import { SourceAbsence } from '../correlate/absence.ts'
import { createCorrelator } from '../correlate/create.ts'
import { Episodes, type Matched, type Occasion } from '../correlate/episodes.ts'
import { decodeKey } from '../correlate/group-key.ts'
import { type Pass, Passage } from '../correlate/passage.ts'
import { alertGroup, groupNames, hitDoc, namedGroup, projection } from '../correlate/project.ts'
import { describeCorrelation } from '../correlate/why.ts'
import type { AlertRecord } from '../model/alert.ts'
import type { EcsDoc } from '../model/event.ts'
import { formatPosition, type Position } from '../model/position.ts'
import type { CorrelationRule, MatchRule, RuleMeta, RuleSet } from '../model/rule.ts'
import type { RuleTimes } from './rule-times.ts'
import type { Silence } from './source-clock.ts'

/** An episode ends after this long without a hit where its rule has no timespan. */
export const EPISODE_GAP_MS = 300_000

/** What the rules in force share with the engine that runs them. */
export interface Surroundings {
  readonly limits: CorrelatorLimits
  /** Journal position of the record at hand, for the ids that are minted of it. */
  position: Position
  readonly alert: (record: AlertRecord) => void
  /** Every hit of a rule that alerts, in the order they become certain; for ad-hoc rules. */
  readonly certain?: (ruleId: string, hit: Hit) => void
}

/** How what one rule finds reaches a correlation that it feeds. */
interface Feed {
  readonly to: CorrelationRun
  readonly parts: (doc: EcsDoc) => readonly ObservationPart[]
}

export class MatchRun {
  /** As it stands in the rules in force, exceptions and life included. */
  rule: MatchRule
  /** Changes with anything that the state depends on. */
  readonly stateKey: string
  readonly episodes: Episodes | undefined
  readonly feeds: Feed[] = []
  matches = 0
  /** See rule-times.ts. */
  spentMs = 0

  constructor(rule: MatchRule, around: Surroundings) {
    this.rule = rule
    this.stateKey = shortId('match', rule.meta.id, rule.meta.hash, String(rule.alerts))
    this.episodes = rule.alerts
      ? episodesOf(() => this.rule.meta, {
          kind: 'match',
          gapMs: rule.gapMs ?? EPISODE_GAP_MS,
          groupOf: (key) => alertGroup(this.rule, key),
          around,
        })
      : undefined
  }
}

export class CorrelationRun implements HitSink {
  /** As it stands in the rules in force, its life included. */
  rule: CorrelationRule
  readonly stateKey: string
  readonly correlator: Correlator
  readonly episodes: Episodes | undefined
  readonly feeds: Feed[] = []
  /** Hits that wait for the watermark before they feed further correlations. */
  readonly passage: Passage
  /** The watermark up to which this correlation has been advanced. */
  watermarkMs = Number.NEGATIVE_INFINITY
  /** Fields of the event at hand, where a hit comes of one. */
  matched: (() => Matched) | undefined
  hits = 0
  /** See rule-times.ts; what its hits set off in further correlations is part of it. */
  spentMs = 0
  readonly #around: Surroundings
  /** Hits made now are those of an event at hand, not of time that has passed. */
  #observing = false

  constructor(
    rule: CorrelationRule,
    correlator: Correlator,
    options: { readonly inputKeys: readonly string[]; readonly around: Surroundings },
  ) {
    const { around, inputKeys } = options
    this.rule = rule
    this.correlator = correlator
    this.passage = new Passage(around.limits)
    this.#around = around
    const { id, hash } = rule.meta
    this.stateKey = shortId('correlation', id, hash, String(rule.alerts), ...inputKeys)
    const names = groupNames(rule.correlation)
    this.episodes = rule.alerts
      ? episodesOf(() => this.rule.meta, {
          kind: rule.correlation.type,
          gapMs: gapOf(rule),
          groupOf: (key) => namedGroup(names, key.startsWith('[') ? decodeKey(key) : []),
          around,
        })
      : undefined
  }

  observe(observation: Observation): void {
    this.#observing = true
    this.correlator.observe(observation, { watermarkMs: this.watermarkMs, sink: this })
    this.#observing = false
  }

  advance(watermarkMs: number): void {
    this.correlator.advance({ watermarkMs, sink: this })
    this.#passOn(watermarkMs)
    this.watermarkMs = watermarkMs
    this.episodes?.advance(watermarkMs)
  }

  /** A source has given nothing since `sinceMs`; only absence of sources listens. */
  silence(source: string, silence: Silence): void {
    if (!(this.correlator instanceof SourceAbsence)) return
    this.correlator.silence(source, silence, { watermarkMs: this.watermarkMs, sink: this })
  }

  finish(endMs: number): void {
    this.correlator.finish({ watermarkMs: endMs, sink: this })
    this.#passOn(Number.POSITIVE_INFINITY)
  }

  hit(hit: Hit, certainty: 'provisional' | 'final'): void {
    this.hits += 1
    this.episodes?.hit(hit, certainty, this.#occasion(hit))
    if (certainty === 'provisional') return
    this.#tellCertain(hit)
    if (this.feeds.length === 0) return
    if (this.#observing) this.passage.hold(hit, () => this.matched?.(), this.#pass)
    else this.#pass(hit, undefined)
  }

  final(hit: Hit): void {
    this.episodes?.final(hit)
    this.#tellCertain(hit)
    this.#pass(hit, undefined)
  }

  retract(hit: Hit): void {
    this.episodes?.retract(hit, this.#occasion(hit))
  }

  more(hit: Hit): void {
    this.episodes?.more(hit)
    if (this.feeds.length > 0) this.passage.more(hit)
  }

  #tellCertain(hit: Hit): void {
    if (this.rule.alerts) this.#around.certain?.(this.rule.meta.id, hit)
  }

  #passOn(watermarkMs: number): void {
    if (this.passage.table.size > 0) this.passage.advance(watermarkMs, this.#pass)
  }

  /** Only what can change no more, its events included, feeds further correlations. */
  readonly #pass: Pass = (hit, matched) => {
    if (this.feeds.length === 0) return
    const doc = hitDoc(this.rule.correlation, hit.key)
    const { time, order } = hit
    const { id } = this.rule.meta
    // What comes of no event at all (a silent source) still counts as one.
    const eventless = hit.events.length === 0 && hit.all === undefined
    const events = eventless ? [{ id: `${id}@${time}`, time, order }] : hit.events
    for (const { to, parts } of this.feeds) {
      const found = parts(doc)
      if (found.length === 0) continue
      to.matched = matched === undefined ? undefined : () => matched
      to.observe({ time, order, events, parts: found })
      to.matched = undefined
    }
  }

  #occasion(hit: Hit): Occasion {
    const { correlation } = this.rule
    const matched = (): Matched => ({
      correlation: [describeCorrelation(correlation)],
      ...Object.fromEntries(Object.entries(hit.facts ?? {}).map(([k, value]) => [k, [value]])),
      ...this.matched?.(),
    })
    const position = formatPosition(this.#around.position)
    return { position, watermarkMs: this.watermarkMs, matched }
  }
}

function gapOf(rule: CorrelationRule): number {
  const { correlation } = rule
  if ('timespanMs' in correlation) return correlation.timespanMs
  if (correlation.type === 'sequence') return correlation.maxspanMs ?? EPISODE_GAP_MS
  return EPISODE_GAP_MS
}

function episodesOf(
  meta: () => RuleMeta,
  options: {
    readonly kind: string
    readonly gapMs: number
    readonly groupOf: (key: string) => Readonly<Record<string, string>>
    readonly around: Surroundings
  },
): Episodes {
  const { kind, gapMs, groupOf, around } = options
  return new Episodes({
    ruleId: meta().id,
    gapMs,
    keysMax: around.limits.keysMax,
    sink: {
      said: (key, episode, say) => {
        const frame = { meta: meta(), kind, group: groupOf(key) }
        around.alert(alertRecord(frame, { key, episode, say }))
      },
    },
  })
}

export interface Runs {
  readonly matches: readonly MatchRun[]
  /** Upstream before downstream. */
  readonly correlations: readonly CorrelationRun[]
  /** Correlations that cannot run, with the reason. */
  readonly left: readonly { readonly ruleId: string; readonly reason: string }[]
}

/** Joins rules to what they feed. `known` gives running rules back whose state is still good. */
export function createRuns(
  ruleSet: RuleSet,
  around: Surroundings,
  known: ReadonlyMap<string, MatchRun | CorrelationRun>,
): Runs {
  const left: { ruleId: string; reason: string }[] = []
  const byId = new Map<string, MatchRun | CorrelationRun>()
  const matches = ruleSet.matches.map((rule) => {
    const run = reuse(new MatchRun(rule, around), known)
    byId.set(rule.meta.id, run)
    return run
  })
  const correlations: CorrelationRun[] = []
  let waiting = ruleSet.correlations
  while (waiting.length > 0) {
    const ready = waiting.filter(({ correlation }) =>
      correlation.inputs.every((id) => byId.has(id)),
    )
    if (ready.length === 0) break
    for (const rule of ready) {
      const correlator = createCorrelator(rule.correlation, around.limits)
      const inputKeys = rule.correlation.inputs.map((id) => byId.get(id)!.stateKey)
      const run = reuse(new CorrelationRun(rule, correlator, { inputKeys, around }), known)
      correlations.push(run)
      byId.set(rule.meta.id, run)
    }
    waiting = waiting.filter((rule) => !ready.includes(rule))
  }
  for (const { meta } of waiting) {
    left.push({ ruleId: meta.id, reason: 'an input is missing, or it feeds itself' })
  }
  for (const run of byId.values()) run.feeds.length = 0
  for (const to of correlations) {
    for (const input of new Set(to.rule.correlation.inputs)) {
      byId.get(input)?.feeds.push({ to, parts: projection(to.rule.correlation, input) })
    }
  }
  return { matches, correlations, left }
}

/** Whether it waits for what does not come. */
export const isAbsence = ({ correlation }: CorrelationRule): boolean =>
  correlation.type === 'absence'

/** Time has passed for all of them. */
export function advanceRuns(runs: Runs, watermarkMs: number, watch: RuleTimes | undefined): void {
  for (const run of runs.correlations) {
    const isMeasured = watch !== undefined && run.correlator.table.size > 0
    if (isMeasured) watch.start()
    if (watermarkMs > run.watermarkMs) run.advance(watermarkMs)
    // Our clock was set back.
    else run.watermarkMs = watermarkMs
    if (isMeasured) watch.lapOf(run)
  }
  for (const run of runs.matches) {
    if (run.episodes === undefined || run.episodes.table.size === 0) continue
    watch?.start()
    run.episodes.advance(watermarkMs)
    watch?.lapOf(run)
  }
}

/** A run whose state is still good goes on, for the rule as it now is. */
function reuse<R extends MatchRun | CorrelationRun>(
  run: R,
  known: ReadonlyMap<string, MatchRun | CorrelationRun>,
): R {
  const old = known.get(run.stateKey) as R | undefined
  if (old === undefined) return run
  old.rule = run.rule
  return old
}
