import type { Condition } from '../../model/condition.ts'
import { nearest } from '../nearest.ts'
import type { ConditionTree } from './condition.ts'
import type { Logsource, SigmaFilter, SigmaRule } from './documents.ts'
import type { MappedSource } from './source-mapper.ts'

/** A filter document, ready to be joined to the rules that it names. */
export interface AppliedFilter {
  appliesTo(rule: SigmaRule): boolean
  /** What an event must also satisfy, over the paths of the rule's log source. */
  condition(source: MappedSource): Condition
}

/**
 * Filters narrow rules without touching them: a rule then matches where its own condition and the
 * filter's both hold, as pySigma joins them. A filter usually says `not selection`.
 */
export function filtersOf(
  filters: readonly SigmaFilter[],
  lower: (filter: SigmaFilter, source: MappedSource) => Condition,
): readonly AppliedFilter[] {
  return filters.map((filter) => {
    warnOfKeeping(filter)
    // Problems are reported once, however many rules the filter is joined to.
    let reported = false
    return {
      appliesTo: (rule) => covers(filter.logsource, rule.logsource) && names(filter, rule),
      condition: (source) => {
        const before = filter.problems.length
        const condition = lower(filter, source)
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

/** Rules that a filter names and does not reach: there is none, or it is of another log source. */
export function warnOfMissed(filters: readonly SigmaFilter[], rules: readonly SigmaRule[]): void {
  if (rules.length === 0) return
  const known = rules.flatMap(({ meta, name }) => [meta.id, ...(name === undefined ? [] : [name])])
  for (const filter of filters) {
    for (const wanted of filter.rules ?? []) {
      const found = rules.filter(({ meta, name }) => meta.id === wanted || name === wanted)
      if (found.some((rule) => covers(filter.logsource, rule.logsource))) continue
      const guess = found.length > 0 ? undefined : nearest(wanted, known)
      const hint = guess === undefined ? {} : { hint: `did you mean "${guess}"?` }
      const why = found.length > 0 ? 'which has another log source' : 'which is not there'
      const message = `The filter names the rule "${wanted}", ${why}: it changes nothing of it.`
      const at = { ...filter.place, field: 'filter.rules' }
      filter.problems.push({ code: 'RULE_REFERENCE', message, at, ...hint, severity: 'warning' })
    }
  }
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
