import type { EcsDoc } from '../model/event.ts'
import type { MatchRule } from '../model/rule.ts'
import { ConditionIndex } from './index/condition-index.ts'
import { finish, type Steps } from './index/steps.ts'
import type { IndexTables } from './index/tables.ts'

/** What the matcher did, since it was made; all counts grow. */
export interface MatcherStats {
  readonly rules: number
  /** Rules that nothing rules out beforehand: they are evaluated on every event. */
  readonly rulesAlways: number
  /** Different predicates over all rules. */
  readonly predicates: number
  readonly events: number
  /** Rules looked at, over all events; divided by `events`, candidates per event. */
  readonly candidates: number
  readonly matches: number
}

/** Told when each rule has been decided, to measure what rules cost. */
export interface Stopwatch {
  start(): void
  /** What passed since the last call went to this rule, by its index. */
  lap(rule: number): void
}

export interface Matcher {
  /**
   * Which rules match the event: their indices, ascending, into `hits` (as long as there are
   * rules), and how many. Allocates nothing of its own.
   */
  match(doc: EcsDoc, hits: Int32Array | number[], watch?: Stopwatch): number
  stats(): MatcherStats
  /** Indices of the rules that nothing rules out beforehand. */
  always(): readonly number[]
}

/**
 * One index over all rules: predicates are shared, each is decided at most once an event, and a rule
 * is looked at only when a predicate that it needs was found to hold. Its answers are the
 * interpreter's (`interpret.ts`), with which tests compare it.
 */
export function createMatcher(matches: readonly MatchRule[]): Matcher {
  return finish(matcherSteps(matches))
}

/** The same in steps of a few milliseconds, so that thousands of rules hold up nobody. */
export function* matcherSteps(matches: readonly MatchRule[]): Steps<Matcher> {
  return matcherOf(yield* ConditionIndex.steps(matches.map((rule) => rule.condition)))
}

/**
 * What takes long of making a matcher, as data for another thread: `memoryOf` says what can be handed
 * over instead of copied.
 */
export function matcherTables(matches: readonly MatchRule[]): IndexTables {
  return finish(ConditionIndex.steps(matches.map((rule) => rule.condition))).tables()
}

/** The matcher of the rules whose tables these are; in short steps. */
export function* openMatcher(tables: IndexTables): Steps<Matcher> {
  return matcherOf(yield* ConditionIndex.fromTables(tables))
}

function matcherOf(index: ConditionIndex): Matcher {
  const rules = index.program.roots.length
  let hitsTotal = 0
  return {
    match(doc, hits, watch) {
      const count = index.match(doc, hits, watch)
      hitsTotal += count
      return count
    },
    always: () => index.witnesses.always,
    stats: () => ({
      rules,
      rulesAlways: index.witnesses.always.length,
      predicates: index.program.predicates.length,
      events: index.events,
      candidates: index.candidates,
      matches: hitsTotal,
    }),
  }
}
