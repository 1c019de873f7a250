import type { Filter } from '../../ingest/filter/filter.ts'
import type { LoadedRules } from '../../library/library.ts'
import type { PolicyTest } from '../../model/filter.ts'

export interface PolicyOutcome {
  readonly name: string
  readonly passed: boolean
  readonly message: string
}

/** What a case says is compared with what the policy does. */
export function testPolicy(filter: Filter, cases: readonly PolicyTest[]): PolicyOutcome[] {
  return cases.map(({ name, event, keep, entry }) => {
    const decision = filter.decide(event)
    const passed = decision.keep === keep && (entry === undefined || decision.name === entry)
    const wanted = entry === undefined ? keep : `${keep} by ${entry}`
    const message = passed ? '' : `expected ${wanted}, got ${decision.keep} by ${decision.name}`
    return { name, passed, message }
  })
}

/**
 * A rule cannot fire on what is folded away: the events of its own cases that must fire have to be
 * kept. Rules of absence see rollups too.
 */
export function unseenByRules(filter: Filter, loaded: LoadedRules): PolicyOutcome[] {
  const absences = new Set(
    loaded.ruleSet.correlations
      .filter(({ correlation }) => correlation.type === 'absence')
      .flatMap(({ meta, correlation }) => [meta.id, ...correlation.inputs]),
  )
  const outcomes: PolicyOutcome[] = []
  for (const { meta, tests } of loaded.reports) {
    const firing = tests.filter(({ alerts }) => alerts > 0)
    if (firing.length === 0 || absences.has(meta.id)) continue
    const folded = firing
      .flatMap(({ events }) => events)
      .map(({ doc }) => filter.decide(doc))
      .find(({ keep }) => keep === 'routine')
    outcomes.push({
      name: `the rule ${meta.title} sees the events of its cases`,
      passed: folded === undefined,
      message: folded === undefined ? '' : `the entry ${folded.name} folds one of them away`,
    })
  }
  return outcomes
}
