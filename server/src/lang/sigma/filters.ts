import type { Condition } from '../../model/condition.ts'
import type { ConditionTree } from './condition.ts'
import type { Logsource, SigmaFilter, SigmaRule } from './documents.ts'
import type { FieldPaths } from './lower.ts'

/** A filter document, ready to be joined to the rules that it names. */
export interface AppliedFilter {
  appliesTo(rule: SigmaRule): boolean
  /** What an event must also satisfy, over the paths of the rule's log source. */
  condition(paths: FieldPaths): Condition
}

/**
 * Filters narrow rules without touching them: a rule then matches where its own condition and the
 * filter's both hold, as pySigma joins them. A filter usually says `not selection`.
 */
export function filtersOf(
  filters: readonly SigmaFilter[],
  lower: (filter: SigmaFilter, paths: FieldPaths) => Condition,
): readonly AppliedFilter[] {
  return filters.map((filter) => {
    warnOfKeeping(filter)
    // Problems are reported once, however many rules the filter is joined to.
    let reported = false
    return {
      appliesTo: (rule) => covers(filter.logsource, rule.logsource) && names(filter, rule),
      condition: (paths) => {
        const before = filter.problems.length
        const condition = lower(filter, paths)
        if (reported) filter.problems.length = before
        reported = true
        return condition
      },
    }
  })
}

function covers(wide: Logsource, narrow: Logsource): boolean {
  return (['category', 'product', 'service'] as const).every(
    (key) => wide[key] === undefined || wide[key] === narrow[key],
  )
}

function names(filter: SigmaFilter, rule: SigmaRule): boolean {
  const { rules } = filter
  if (rules === undefined) return true
  return rules.includes(rule.meta.id) || (rule.name !== undefined && rules.includes(rule.name))
}

function warnOfKeeping(filter: SigmaFilter): void {
  const [written] = filter.conditions
  if (written === undefined || hasNot(written.parsed.tree)) return
  filter.problems.push({
    code: 'RULE_CONDITION',
    message: 'The filter keeps only events that match its selection; it excludes nothing.',
    at: written.place,
    hint: 'write "not selection" to leave matching events out',
    severity: 'warning',
  })
}

function hasNot(tree: ConditionTree): boolean {
  if (tree.kind === 'not') return true
  if (tree.kind === 'and' || tree.kind === 'or') return tree.parts.some(hasNot)
  return false
}
