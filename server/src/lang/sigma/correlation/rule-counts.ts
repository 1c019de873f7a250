import type { CountCondition, RefCondition } from '../../../model/correlation.ts'
import type { ConditionTree } from '../condition.ts'

/** More rules than this make too many combinations. */
export const COUNTED_RULES_MAX = 12

/** `gte: 2` of a temporal correlation: how many of its rules occur. Undefined: all must, as without. */
export function countOfRules(
  ids: readonly string[],
  { gt, gte, lt, lte, eq, neq }: CountCondition,
): RefCondition | undefined {
  const parts: RefCondition[] = []
  const least = (count: number | undefined, step: number): void => {
    if (count !== undefined) parts.push(atLeast(ids, count + step))
  }
  const most = (count: number | undefined, step: number): void => {
    if (count !== undefined && count + step <= ids.length) {
      parts.push({ kind: 'not', part: atLeast(ids, count + step) })
    }
  }
  least(gte, 0)
  least(gt, 1)
  most(lt, 0)
  most(lte, 1)
  least(eq, 0)
  most(eq, 1)
  if (neq !== undefined) {
    const exactly: RefCondition[] = [atLeast(ids, neq)]
    if (neq < ids.length) exactly.push({ kind: 'not', part: atLeast(ids, neq + 1) })
    parts.push({ kind: 'not', part: { kind: 'and', parts: exactly } })
  }
  const [only] = parts
  const condition: RefCondition =
    parts.length === 1 && only !== undefined ? only : { kind: 'and', parts }
  return isAllOf(condition, ids) ? undefined : condition
}

/** Whether it asks for each of the rules, and no more. */
export function isAllOf(condition: RefCondition | undefined, ids: readonly string[]): boolean {
  if (condition?.kind === 'ref') return ids.length === 1 && condition.rule === ids[0]
  if (condition?.kind !== 'and') return false
  const named = new Set(flat(condition).map((part) => (part.kind === 'ref' ? part.rule : '')))
  return ids.length === named.size && ids.every((id) => named.has(id))
}

function flat(condition: RefCondition): readonly RefCondition[] {
  return condition.kind === 'and' ? condition.parts.flatMap(flat) : [condition]
}

function atLeast(ids: readonly string[], least: number): RefCondition {
  const [first, ...rest] = ids
  if (least <= 0) return { kind: 'and', parts: [] }
  if (first === undefined) return { kind: 'or', parts: [] }
  const ref: RefCondition = { kind: 'ref', rule: first }
  const taken: RefCondition =
    least === 1 ? ref : { kind: 'and', parts: [ref, atLeast(rest, least - 1)] }
  return rest.length < least ? taken : { kind: 'or', parts: [taken, atLeast(rest, least)] }
}

/** The rules that a condition names, each once, in its order. */
export function namesOf(tree: ConditionTree): string[] {
  if (tree.kind === 'name') return [tree.name]
  if (tree.kind === 'not') return namesOf(tree.part)
  if (tree.kind === 'of') return []
  return [...new Set(tree.parts.flatMap(namesOf))]
}
