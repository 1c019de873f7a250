import type { Problem } from '../base/problems.ts'
import type { Severity } from './alert.ts'
import type { Asset } from './asset.ts'
import type { Condition } from './condition.ts'
import type { Alternatives, Correlation } from './correlation.ts'
import type { EcsDoc } from './event.ts'

export interface RuleMeta {
  /** As the rule file gives it, else a hash of the file's text. */
  readonly id: string
  readonly title: string
  readonly language: 'sigma' | 'eql' | 'kql' | 'elastic' | 'lucene'
  readonly author: string
  readonly severity: Severity
  readonly status?: string
  readonly life: 'draft' | 'shadow' | 'live'
  readonly description?: string
  readonly version?: string
  /** How much it would matter, 0 to 100 (Elastic's risk score). */
  readonly risk?: number
  /** What its alerts take from their event instead, where it is there. */
  readonly mapping?: AlertMapping
  /** SHA-256 of the rule's normalised text. */
  readonly hash: string
  readonly tags: readonly string[]
  readonly references: readonly string[]
  readonly falsepositives: readonly string[]
  /** What to do when it fires (our `response:` list in the rule file). */
  readonly response: readonly string[]
  readonly path?: string
  readonly line?: number
}

/** Fields of the event that decide an alert's severity, risk and name (Elastic's mappings). */
export interface AlertMapping {
  readonly severity: readonly {
    readonly field: string
    readonly value: string
    readonly severity: Severity
  }[]
  /** An empty value stands for any; without a risk the field itself is it. */
  readonly risk: readonly {
    readonly field: string
    readonly value: string
    readonly risk?: number
  }[]
  readonly name?: string
}

/**
 * Stage one, stateless: an event matches or not. `alerts: false` where the rule only feeds a
 * correlation (Sigma's `generate`, a stage of a sequence).
 */
export interface MatchRule {
  readonly kind: 'match'
  readonly meta: RuleMeta
  readonly condition: Condition
  readonly alerts: boolean
  /** Group key of its alerts; empty: the default of design.md. */
  readonly groupBy: readonly string[]
  /** Other paths of those of the group key. */
  readonly alternatives?: Alternatives
  /** Notable fields of the rule (Sigma `fields`), shown in the alert. */
  readonly fields: readonly string[]
  /** How long an alert stays open without a hit; default five minutes. */
  readonly gapMs?: number
}

/** Stage two, keyed and stateful: what came of the matched events of one or several rules. */
export interface CorrelationRule {
  readonly kind: 'correlation'
  readonly meta: RuleMeta
  readonly correlation: Correlation
  readonly alerts: boolean
}

export type Rule = MatchRule | CorrelationRule

/**
 * What a set of rule files compiles to: plain data that can be sent to another thread and stored.
 * Correlations name their inputs by rule id; `matches` holds the hidden rules of sequence stages
 * too (`<rule id>#<n>`).
 */
export interface RuleSet {
  readonly hash: string
  readonly matches: readonly MatchRule[]
  readonly correlations: readonly CorrelationRule[]
}

/** What is wrong (`error`: the rule does not run) or worth knowing (`warning`) about a rule. */
export interface RuleProblem extends Problem {
  readonly severity: 'error' | 'warning'
}

/** An event of a rule's own test, at a time of the test's virtual clock. */
export interface RuleTestEvent {
  readonly timeMs: number
  readonly doc: EcsDoc
}

/** A source of a rule's own test: connected from the start, it gives something until then. */
export interface RuleTestSource {
  readonly name: string
  readonly lastMs: number
}

/** A lookup that a rule's own test stands in for: what the table would add to the events. */
export interface RuleTestLookup {
  readonly name: string
  /** Fields of the event; the first that has a value is the key. */
  readonly key: readonly string[]
  /** Column of the table to field of the event. */
  readonly fields: Readonly<Record<string, string>>
  readonly rows: ReadonlyMap<string, Readonly<Record<string, unknown>>>
  /** How old what the table says is when an event comes. */
  readonly ageMs: number
}

/**
 * A case that a rule carries: events and how many alerts (episodes) of the rule they must raise.
 * `alerts: 0` is a case that must not fire.
 */
export interface RuleTest {
  readonly name: string
  readonly alerts: number
  /** Without a number, one or more are enough. */
  readonly exact: boolean
  /** Ordered by time. */
  readonly events: readonly RuleTestEvent[]
  /** Where the virtual clock stands at the end, so that absence can be seen. */
  readonly endMs: number
  readonly startMs: number
  /** Whose silence is tested; they tick until the end. */
  readonly sources: readonly RuleTestSource[]
  /** The table of assets that its events are joined to, as they would be when they come. */
  readonly assets: readonly Asset[]
  /** What its events are joined to after that. */
  readonly lookups: readonly RuleTestLookup[]
  /** The rules as they are with the lists and exceptions of the case; else those of the files. */
  readonly rules?: Pick<RuleSet, 'matches' | 'correlations'>
  readonly line: number
}
