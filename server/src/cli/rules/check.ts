import { formatProblem } from '../../base/problems.ts'
import { eventsOfTest } from '../../detect/rule-tests.ts'
import { isFine, type RuleReport } from '../../library/format.ts'
import type { LoadedRules } from '../../library/library.ts'
import type { RuleProblem } from '../../model/rule.ts'
import { createMatcher } from '../../rule/matcher.ts'
import { coverageOf } from './coverage.ts'

/** The line of `rules check --json` for one rule. */
export function checkLine(report: RuleReport): string {
  return JSON.stringify({
    path: report.path,
    id: report.meta.id,
    title: report.meta.title,
    language: report.meta.language,
    kind: report.kind,
    ok: isFine(report),
    problems: report.problems.map(problemOf),
  })
}

/** The line for a file of which no rule could be read. */
export function fileLine(problem: RuleProblem): string {
  return JSON.stringify({
    path: problem.at?.file ?? null,
    id: null,
    title: null,
    language: null,
    kind: 'file',
    ok: problem.severity !== 'error',
    problems: [problemOf(problem)],
  })
}

function problemOf(problem: RuleProblem) {
  return {
    code: problem.code,
    message: problem.message,
    line: problem.at?.line ?? null,
    column: problem.at?.column ?? null,
    severity: problem.severity,
    hint: problem.hint ?? null,
  }
}

/** The problems of files and of rules, a line each. */
export function problemLines({ reports, problems }: LoadedRules): string[] {
  const lines: string[] = []
  for (const problem of problems) lines.push(`${problem.severity}: ${formatProblem(problem)}`)
  for (const report of reports) {
    for (const problem of report.problems) {
      lines.push(`${problem.severity}: ${formatProblem(withFile(problem, report.path))}`)
    }
  }
  return lines
}

/** What a person reads: the problems, then what the rules cost and cover. */
export function checkText(loaded: LoadedRules): string {
  const { reports, ruleSet } = loaded
  const lines = problemLines(loaded)
  const failed = reports.filter((report) => !isFine(report)).length
  lines.push(`${reports.length} documents: ${reports.length - failed} fine, ${failed} refused.`)
  lines.push(
    `${ruleSet.matches.length} match rules and ${ruleSet.correlations.length} correlations run.`,
  )
  lines.push(...costLines(loaded))
  lines.push(...coverageLines(reports))
  return `${lines.join('\n')}\n`
}

const TECHNIQUES_MAX = 60

/** ATT&CK by its two matrices, and how many rules name nothing of it. */
function coverageLines(reports: readonly RuleReport[]): string[] {
  const rules = reports.filter(({ kind, ok }) => ok && (kind === 'rule' || kind === 'correlation'))
  const { enterprise, ics, tactics } = coverageOf(rules.map((rule) => rule.meta))
  const named = (names: readonly string[]): string => {
    const shown = names.slice(0, TECHNIQUES_MAX)
    const more = names.length > shown.length ? ', …' : ''
    return names.length === 0 ? '' : ` (${shown.join(', ')}${more})`
  }
  const without = rules.filter(({ meta }) => {
    const own = coverageOf([meta])
    return own.enterprise.length + own.ics.length === 0
  })
  return [
    `ATT&CK: ${tactics.length} tactics${named(tactics)}.`,
    `  Enterprise: ${enterprise.length} techniques${named(enterprise)}.`,
    `  ICS: ${ics.length} techniques${named(ics)}.`,
    `  ${without.length} of ${rules.length} rules name no technique.`,
  ]
}

/** What a set of rules costs: the figures that `/metrics` shows of a running server. */
export interface RuleCost {
  readonly predicates: number
  /** Ids of the rules that are evaluated on every event: nothing rules them out beforehand. */
  readonly always: readonly string[]
  /** Of the rules' own cases, over which the candidates are counted. */
  readonly events: number
  /** Rules looked at for an event, on average, those of `always` among them; null without events. */
  readonly candidatesPerEvent: number | null
}

/** Events of all cases that are counted over, at most. */
const EVENTS_MAX = 10_000

export function costOf({ ruleSet, reports }: LoadedRules): RuleCost {
  const matcher = createMatcher(ruleSet.matches)
  const hits = new Int32Array(ruleSet.matches.length)
  let left = EVENTS_MAX
  for (const test of reports.flatMap((report) => report.tests)) {
    for (const { doc } of eventsOfTest(test)) {
      if (left-- <= 0) break
      matcher.match(doc, hits)
    }
  }
  const { predicates, events, candidates } = matcher.stats()
  const always = matcher.always().map((index) => ruleSet.matches[index]?.meta.id ?? '')
  const candidatesPerEvent = events === 0 ? null : Math.round((candidates / events) * 100) / 100
  return { predicates, always, events, candidatesPerEvent }
}

/** The line after those of the rules, for `--json`. */
export function summaryLine(loaded: LoadedRules): string {
  const { reports, problems, ruleSet } = loaded
  const refused = reports.filter((report) => !isFine(report)).length
  const files = problems.filter(({ severity }) => severity === 'error').length
  const running = reports.filter((report) => report.ok)
  const { enterprise, ics, tactics } = coverageOf(running.map((report) => report.meta))
  const summary = {
    ...{ documents: reports.length, refused, unreadable: files },
    ...{ matches: ruleSet.matches.length, correlations: ruleSet.correlations.length },
    cost: costOf(loaded),
    attack: { tactics, enterprise, ics },
  }
  return JSON.stringify({ summary })
}

const NAMED_MAX = 10

function costLines(loaded: LoadedRules): string[] {
  const { predicates, always, events, candidatesPerEvent } = costOf(loaded)
  const titles = new Map(loaded.ruleSet.matches.map(({ meta }) => [meta.id, meta.title]))
  const named = always.slice(0, NAMED_MAX).map((id) => `  ${id} ${titles.get(id) ?? ''}`)
  const more = always.length > NAMED_MAX ? [`  … and ${always.length - NAMED_MAX} more`] : []
  const head =
    `Cost: ${predicates} different predicates; ` +
    `${always.length} rules are evaluated on every event${always.length > 0 ? ':' : '.'}`
  const looked =
    candidatesPerEvent === null
      ? []
      : [`${candidatesPerEvent} rules are looked at per event, over the ${events} of their cases.`]
  return [head, ...named, ...more, ...looked]
}

function withFile(problem: RuleProblem, file: string): RuleProblem {
  return { ...problem, at: { file, ...problem.at } }
}
