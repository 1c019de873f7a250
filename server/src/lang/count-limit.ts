import type { CountCondition, CountCorrelation } from '../model/correlation.ts'

/** Events of one group that are kept to be judged together (`detection.md`, “Limits”). */
export const GROUP_EVENTS_MAX = 10_000
/** Counts of events that only have to be reached: of those twice as many are kept. */
export const COUNT_MAX = 100_000

/**
 * What a correlation counts to that no group can hold, in a sentence: it would never be reached, or
 * never be told from what was left out. Undefined where there is no such thing.
 */
export function countFault(
  correlation: Pick<CountCorrelation, 'type' | 'condition' | 'cardinality'>,
): string | undefined {
  const { type, condition, cardinality = [] } = correlation
  const judged = cardinality.map((one) => one.condition)
  const isCounted = type === 'event_count' && cardinality.length === 0
  if (isCounted && isLeast(condition)) {
    if (bound(condition) <= COUNT_MAX) return undefined
    return `A count of more than ${COUNT_MAX} events cannot be asked for.`
  }
  if (type === 'event_count' || type === 'value_count') judged.push(condition)
  if (judged.every((one) => bound(one) <= GROUP_EVENTS_MAX)) return undefined
  return `A group holds ${GROUP_EVENTS_MAX} events at most; this asks for more.`
}

function isLeast({ lt, lte, eq, neq }: CountCondition): boolean {
  return [lt, lte, eq, neq].every((one) => one === undefined)
}

function bound(condition: CountCondition): number {
  return Math.max(0, ...Object.values(condition))
}
