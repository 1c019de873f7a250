import type { EcsDoc } from '../model/event.ts'
import type { MatchRule } from '../model/rule.ts'
import { interpret } from './interpret.ts'

/** What the matcher did, since it was made; all counts grow. */
export interface MatcherStats {
  readonly rules: number
  /** Rules that nothing rules out beforehand: they are evaluated on every event. */
  readonly rulesAlways: number
  readonly predicates: number
  readonly events: number
  /** Rules looked at, over all events; divided by `events`, candidates per event. */
  readonly candidates: number
  readonly matches: number
}

export interface Matcher {
  /**
   * Which rules match the event: their indices, ascending, into `hits` (as long as there are
   * rules), and how many. Allocates nothing of its own.
   */
  match(doc: EcsDoc, hits: Int32Array | number[]): number
  stats(): MatcherStats
  /** Indices of the rules that nothing rules out beforehand. */
  always(): readonly number[]
}

/** Builds the index over all rules. */
export function createMatcher(matches: readonly MatchRule[]): Matcher {
  let events = 0
  let hitsTotal = 0
  return {
    match(doc, hits) {
      events++
      let count = 0
      for (let index = 0; index < matches.length; index++) {
        const rule = matches[index]
        if (rule !== undefined && interpret(rule.condition, doc)) hits[count++] = index
      }
      hitsTotal += count
      return count
    },
    always: () => matches.map((_, index) => index),
    stats: () => ({
      rules: matches.length,
      rulesAlways: matches.length,
      predicates: 0,
      events,
      candidates: events * matches.length,
      matches: hitsTotal,
    }),
  }
}
