/** The seeds' scale; a rule without a level is `medium`. */
export const SEVERITIES = ['informational', 'low', 'medium', 'high', 'critical'] as const
export type Severity = (typeof SEVERITIES)[number]

/**
 * provisional: fired before the watermark passed, may change · final: cannot change any more ·
 * amended: final, but differs from what was said first · retracted: withdrawn, kept and marked.
 */
export type AlertState = 'provisional' | 'final' | 'amended' | 'retracted'

/** An episode of hits of one rule on one group key, as every revision of it is journalled. */
export interface AlertRecord {
  /** Minted once: hash(rule id, key, position that opened the episode). */
  readonly id: string
  /** Counts from 1; a later revision replaces an earlier one of the same id. */
  readonly revision: number
  readonly rule: {
    readonly id: string
    readonly name: string
    readonly kind: string
    readonly version?: string
    readonly hash?: string
    /** `shadow` rules run, but nobody is notified of what they find. */
    readonly life?: 'draft' | 'shadow' | 'live'
    readonly tags?: readonly string[]
    readonly references?: readonly string[]
    readonly falsepositives?: readonly string[]
    /** How much it would matter, 0 to 100. */
    readonly risk?: number
    /** What to do next, from the rule. */
    readonly response?: readonly string[]
  }
  readonly severity: Severity
  /** DRL 1.1: messages based on a match keep the rule's author. Empty where the rule names none. */
  readonly author: string
  /** The key of the episode, field by field. */
  readonly group: Readonly<Record<string, string>>
  /** Event time of the first and last event, ISO 8601 UTC. */
  readonly first: string
  readonly last: string
  /**
   * What the rule found in this episode: matching events, completed sequences, silences; for rules
   * that count events or their values, all events that were counted.
   */
  readonly count: number
  /** Event ids, oldest first, at most EVENTS_MAX; `eventsTotal` counts all. */
  readonly events: readonly string[]
  readonly eventsTotal: number
  readonly state: AlertState
  /** A change's id where a planned change explains it. */
  readonly suppressed_by: string | null
  /** Why it fired: fields and values that matched, for a person. */
  readonly matched?: Readonly<Record<string, readonly string[]>>
  /** The episode before this one, where a long one was continued. */
  readonly continues?: string
  /** The alert that took over the hits of this retracted one: the two turned out to be one. */
  readonly merged?: string
  /** Hits whose event came later than the lateness; a hunt may find more. */
  readonly late?: number
  /** Collects what came on new keys while the rule had too many episodes open. */
  readonly overflow?: boolean
  /** Open episodes still collect hits. */
  readonly open: boolean
  /**
   * Where its events came from, for people who may see only a part of the fleet. An alert without
   * it, or with more values than fit (`complete: false`), is shown only to those who may see all.
   */
  readonly scope?: AlertScope
}

/** Distinct `iot.site`, `device.type` and `event.dataset` of an episode's events; bounded. */
export interface AlertScope {
  readonly sites: readonly string[]
  readonly deviceTypes: readonly string[]
  readonly datasets: readonly string[]
  readonly complete: boolean
}

/** Most values a scope lists of each kind. */
export const ALERT_SCOPE_MAX = 64

export const ALERT_EVENTS_MAX = 100
