import type { CorrelationRule, MatchRule } from './rule.ts'

/** What is done to the results of an ad-hoc query, in order: the first, or the last, so many. */
export interface QueryPipe {
  readonly kind: 'head' | 'tail'
  readonly count: number
}

/**
 * A query as plain data. An event query has one match rule and no correlation; a sequence or sample
 * has a hidden match rule for each stage (`<id>#<n>`, `<id>#until`) and the correlation over them.
 */
export interface CompiledQuery {
  readonly kind: 'event' | 'sequence' | 'sample'
  readonly matches: readonly MatchRule[]
  readonly correlation?: CorrelationRule
  readonly pipes: readonly QueryPipe[]
}
