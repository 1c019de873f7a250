import { fromJsonParts, type JsonParts, toJsonParts } from '../base/json-parts.ts'
import type { Problem } from '../base/problems.ts'
import { fail, ok, type Result } from '../base/result.ts'
import type { CorrelationRule, MatchRule, RuleSet } from '../model/rule.ts'
import type { Steps } from '../rule/index/steps.ts'
import { type IndexTables, memoryOf } from '../rule/index/tables.ts'
import { createMatcher, type Matcher, matcherTables, openMatcher } from '../rule/matcher.ts'

/**
 * A rule set and the index over it as plain data: made in one thread, opened in another in a small
 * part of the time.
 */
export interface CompiledRules {
  readonly hash: string
  readonly matches: JsonParts
  readonly correlations: JsonParts
  readonly index: IndexTables
}

/** Rules with their index, ready to be put in force. */
export interface OpenedRules {
  readonly ruleSet: RuleSet
  readonly matcher: Matcher
}

/** Takes seconds for thousands of rules. */
export function compileRules(ruleSet: RuleSet): CompiledRules {
  return {
    hash: ruleSet.hash,
    matches: toJsonParts(ruleSet.matches),
    correlations: toJsonParts(ruleSet.correlations),
    index: matcherTables(ruleSet.matches),
  }
}

/** The memory of them, to be handed over instead of copied. */
export function memoryOfRules({ matches, correlations, index }: CompiledRules): ArrayBuffer[] {
  return [...memoryOf(index), ...[...matches, ...correlations].map(({ buffer }) => buffer)]
}

/** In steps of a few milliseconds. */
export function* openRules(compiled: CompiledRules): Steps<OpenedRules> {
  const { hash } = compiled
  const matches = yield* fromJsonParts<MatchRule>(compiled.matches)
  const correlations = yield* fromJsonParts<CorrelationRule>(compiled.correlations)
  const matcher = yield* openMatcher(compiled.index)
  return { ruleSet: { hash, matches, correlations }, matcher }
}

/** The matcher of rules as they came: the one that was prepared for them, else one that is made now. */
export function matcherFor(ruleSet: RuleSet, prepared: OpenedRules | undefined): Result<Matcher> {
  if (prepared?.ruleSet === ruleSet) return ok(prepared.matcher)
  try {
    return ok(createMatcher(ruleSet.matches))
  } catch (error) {
    return fail(uncompiled(error))
  }
}

/** The index over rules could not be made. */
export function uncompiled(error: unknown): Problem {
  const reason = error instanceof Error ? error.message : String(error)
  return {
    code: 'RULES_UNCOMPILED',
    message: `The index over the rules could not be made: ${reason}.`,
    hint: 'nothing was changed, the rules before are in force; try fewer rules, or fewer values',
  }
}
