import { formatProblem } from '../../base/problems.ts'
import type { RuleReport } from '../../library/format.ts'
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
    ok: report.ok,
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

/** What a person reads: the problems, then what the rules cost and cover. */
export function checkText(loaded: LoadedRules): string {
  const { reports, problems, ruleSet } = loaded
  const lines: string[] = []
  for (const problem of problems) lines.push(`${problem.severity}: ${formatProblem(problem)}`)
  for (const report of reports) {
    for (const problem of report.problems) {
      lines.push(`${problem.severity}: ${formatProblem(withFile(problem, report.path))}`)
    }
  }
  const failed = reports.filter((report) => !report.ok).length
  lines.push(`${reports.length} documents: ${reports.length - failed} fine, ${failed} refused.`)
  lines.push(
    `${ruleSet.matches.length} match rules and ${ruleSet.correlations.length} correlations run.`,
  )
  lines.push(...costLines(loaded))
  const { enterprise, ics, tactics } = coverageOf(reports.map((report) => report.meta))
  lines.push(
    `ATT&CK: ${tactics.length} tactics; Enterprise: ${enterprise.length} techniques; ` +
      `ICS: ${ics.length} techniques${ics.length > 0 ? ` (${ics.join(', ')})` : ''}.`,
  )
  return `${lines.join('\n')}\n`
}

const NAMED_MAX = 10

function costLines({ ruleSet }: LoadedRules): string[] {
  const matcher = createMatcher(ruleSet.matches)
  const always = matcher.always()
  const named = always.slice(0, NAMED_MAX).map((index) => {
    const rule = ruleSet.matches[index]
    return `  ${rule?.meta.id ?? ''} ${rule?.meta.title ?? ''}`
  })
  const more = always.length > NAMED_MAX ? [`  … and ${always.length - NAMED_MAX} more`] : []
  const { predicates } = matcher.stats()
  const head =
    `Cost: ${predicates} different predicates; ` +
    `${always.length} rules are evaluated on every event${always.length > 0 ? ':' : '.'}`
  return [head, ...named, ...more]
}

function withFile(problem: RuleProblem, file: string): RuleProblem {
  return { ...problem, at: { file, ...problem.at } }
}
