/**
 * Correlations over the events that match rules select, on event time. Owned by `correlate/`;
 * languages lower to these shapes.
 */

/** A group key's field: the name shown, and per input rule the path it is read from (aliases). */
export interface GroupField {
  readonly name: string
  /** Path for inputs not named in `paths`. */
  readonly path: string
  readonly paths?: Readonly<Record<string, string>>
}

/** `count >= 10`, or a range by two of them (Sigma: gt, gte, lt, lte, eq, neq). */
export interface CountCondition {
  readonly gt?: number
  readonly gte?: number
  readonly lt?: number
  readonly lte?: number
  readonly eq?: number
  readonly neq?: number
}

export type Correlation =
  | CountCorrelation
  | TemporalCorrelation
  | SequenceCorrelation
  | SampleCorrelation
  | FirstSeenCorrelation
  | AbsenceCorrelation

interface Common {
  /** Ids of the match rules or correlations that feed this one. */
  readonly inputs: readonly string[]
  readonly groupBy: readonly GroupField[]
  /** Paths that are read instead of one (the key), in this order, where an event has nothing there. */
  readonly alternatives?: Alternatives
}

/** Other paths of what a path names: sources that write one thing into different fields. */
export type Alternatives = Readonly<Record<string, readonly string[]>>

export interface CountCorrelation extends Common {
  readonly type:
    | 'event_count'
    | 'value_count'
    | 'value_sum'
    | 'value_avg'
    | 'value_percentile'
    | 'value_median'
  readonly timespanMs: number
  readonly condition: CountCondition
  /** Field of value_*; several make a combined value. */
  readonly fields: readonly string[]
  /** The same for inputs that keep it elsewhere (aliases, other log sources). */
  readonly inputFields?: Readonly<Record<string, readonly string[]>>
  /** 0–100, for value_percentile. */
  readonly percentile?: number
  /** Further conditions that must hold in the same window (Elastic threshold with cardinality). */
  readonly cardinality?: readonly { readonly field: string; readonly condition: CountCondition }[]
}

export interface TemporalCorrelation extends Common {
  readonly type: 'temporal' | 'temporal_ordered'
  readonly timespanMs: number
  /** pySigma's boolean condition over the inputs; absent: all of them. */
  readonly condition?: RefCondition
}

export type RefCondition =
  | { readonly kind: 'ref'; readonly rule: string }
  | { readonly kind: 'and'; readonly parts: readonly RefCondition[] }
  | { readonly kind: 'or'; readonly parts: readonly RefCondition[] }
  | { readonly kind: 'not'; readonly part: RefCondition }

/** EQL's sequence. Key fields per stage have the same count; null joins only where optional. */
export interface SequenceStage {
  readonly input: string
  /** Paths of the join key at this stage, in the order of the common key. */
  readonly by: readonly { readonly path: string; readonly optional: boolean }[]
  readonly runs: number
  /** `![ ]`: this event must not occur. */
  readonly missing: boolean
}

export interface SequenceCorrelation extends Common {
  readonly type: 'sequence'
  readonly stages: readonly SequenceStage[]
  readonly until?: SequenceStage
  readonly maxspanMs?: number
}

export interface SampleCorrelation extends Common {
  readonly type: 'sample'
  readonly stages: readonly SequenceStage[]
}

/** A value (or combination) not seen for its key within the history. */
export interface FirstSeenCorrelation extends Common {
  readonly type: 'first_seen'
  readonly fields: readonly string[]
  /** The same for inputs that keep it elsewhere. */
  readonly inputFields?: Readonly<Record<string, readonly string[]>>
  readonly historyMs: number
  /** Nothing is reported for a key before it has been watched this long. */
  readonly learnMs: number
  /** Each new value is an alert of its own, whose group names it; else those of a key are one. */
  readonly perValue?: boolean
}

/** An expected event of a group did not come. `of: source` watches sources by their ticks. */
export interface AbsenceCorrelation extends Common {
  readonly type: 'absence'
  readonly of: 'events' | 'source'
  /** How long the silence must last. */
  readonly timespanMs: number
}
