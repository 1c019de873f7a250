import type { CountCondition } from '../model/correlation.ts'

/**
 * The smallest whole count that satisfies a condition which more events can never undo (`gte`, `gt`
 * alone); undefined for every other condition.
 */
export function leastCount(condition: CountCondition): number | undefined {
  const { gt, gte, lt, lte, eq, neq } = condition
  if (lt !== undefined || lte !== undefined || eq !== undefined || neq !== undefined) {
    return undefined
  }
  if (gt === undefined && gte === undefined) return undefined
  const least = Math.max(
    gt === undefined ? Number.NEGATIVE_INFINITY : Math.floor(gt) + 1,
    gte === undefined ? Number.NEGATIVE_INFINITY : Math.ceil(gte),
  )
  return Math.max(1, least)
}

export function satisfies(value: number, condition: CountCondition): boolean {
  const { gt, gte, lt, lte, eq, neq } = condition
  return (
    (gt === undefined || value > gt) &&
    (gte === undefined || value >= gte) &&
    (lt === undefined || value < lt) &&
    (lte === undefined || value <= lte) &&
    (eq === undefined || value === eq) &&
    (neq === undefined || value !== neq)
  )
}
