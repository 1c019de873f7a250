import { runRuleTest, type RuleTestResult } from '../../detect/rule-tests.ts'
import { isFine } from '../../library/format.ts'
import type { LoadedRules } from '../../library/library.ts'

export interface TestOutcome extends RuleTestResult {
  readonly rule: string
  readonly title: string
  readonly path: string
}

/** Runs the cases of every rule; one whose rule does not run fails. */
export function runTests(loaded: LoadedRules): TestOutcome[] {
  return loaded.reports.flatMap((report) => {
    const { id, title } = report.meta
    const about = { rule: id, title, path: report.path }
    return report.tests.map((test): TestOutcome => {
      if (report.ok ? isFine(report) : test.rules !== undefined)
        return { ...about, ...runRuleTest(loaded.ruleSet, id, test) }
      const wrong = report.problems.find(({ severity }) => severity === 'error')
      const message = report.ok
        ? `The cases cannot be read: ${wrong?.message ?? ''}`
        : 'The rule does not compile.'
      const { name, line } = test
      return { ...about, test: name, passed: false, alerts: 0, line, message }
    })
  })
}

/** Rules that are refused but for what each of their cases stands in for run there, and only there. */
export function runsInItsCases({ tests }: LoadedRules['reports'][number]): boolean {
  return tests.length > 0 && tests.every((test) => test.rules !== undefined)
}

/** JUnit's XML, as build servers read it. */
export function junitOf(outcomes: readonly TestOutcome[]): string {
  const failed = outcomes.filter((outcome) => !outcome.passed).length
  const cases = outcomes.map((outcome) => {
    const open = `  <testcase classname=${attribute(outcome.path)} name=${attribute(
      `${outcome.title}: ${outcome.test}`,
    )} file=${attribute(outcome.path)} line="${outcome.line}"`
    if (outcome.passed) return `${open}/>`
    return `${open}><failure message=${attribute(outcome.message ?? 'failed')}/></testcase>`
  })
  const count = `tests="${outcomes.length}" failures="${failed}"`
  const suite = [`<testsuite name="picket rules" ${count}>`, ...cases, '</testsuite>']
  return `<?xml version="1.0" encoding="UTF-8"?>\n${suite.join('\n')}\n`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}

/** Quoted for XML; control characters, which XML 1.0 cannot hold, become question marks. */
function attribute(text: string): string {
  let quoted = ''
  for (const char of text) quoted += char < ' ' ? '?' : (ENTITIES[char] ?? char)
  return `"${quoted}"`
}
