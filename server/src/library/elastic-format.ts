import { allOf, notOf } from '../lang/conditions.ts'
import { parseElasticRule, type ElasticRule } from '../lang/elastic/rule.ts'
import type { Problem } from '../base/problems.ts'
import type { MatchRule, RuleProblem, RuleTest } from '../model/rule.ts'
import type { RuleFormat, RuleReport } from './format.ts'

/** Rule files as Elastic publishes them, in TOML, and files of exceptions for them. */
export const elasticFormat: RuleFormat = {
  name: 'elastic',
  extensions: ['.toml'],
  read(files) {
    const rules = files.map(({ text, path }) => parseElasticRule(text, path))
    const reports: RuleReport[] = []
    const problems: RuleProblem[] = []
    for (const [index, rule] of rules.entries()) {
      const { meta, problems: found, testProblems, warnings, tests } = rule
      if (meta === undefined) {
        problems.push(...found.map(asError))
        continue
      }
      const ok = found.length === 0
      // The lists that it names may be in another file.
      const isExcepted = rules.some(({ exceptions }) =>
        exceptions.some(({ ruleIds }) => ruleIds.includes(meta.id)),
      )
      const path = files[index]?.path ?? ''
      reports.push({
        path,
        kind: 'rule',
        meta,
        ok,
        problems: [
          ...[...found, ...testProblems].map(asError),
          ...(isExcepted ? [] : warnings.map(asWarning)),
        ],
        tests: tests.map((test) => withOthers(test, rules)),
      })
    }
    return {
      matches: rules.flatMap(({ matches }) => matches.map((match) => narrowed(match, rules))),
      correlations: rules.flatMap(({ correlations }) => correlations),
      reports,
      problems,
    }
  },
}

/** What a case has of its own does not undo the exceptions in other files. */
function withOthers(test: RuleTest, files: readonly ElasticRule[]): RuleTest {
  if (test.rules === undefined) return test
  const matches = test.rules.matches.map((match) => narrowed(match, files))
  return { ...test, rules: { ...test.rules, matches } }
}

function asWarning(problem: Problem): RuleProblem {
  return { ...problem, severity: 'warning' }
}

function asError(problem: Problem): RuleProblem {
  return { ...problem, severity: 'error' }
}

/** A rule without what the exceptions in other files take out of it; its stages likewise. */
function narrowed(match: MatchRule, rules: readonly ElasticRule[]): MatchRule {
  const id = match.meta.id.replace(/#[^#]*$/, '')
  const excepted = rules
    .flatMap(({ exceptions }) => exceptions)
    .filter(({ ruleIds }) => ruleIds.includes(id))
    .map(({ except }) => notOf(except))
  if (excepted.length === 0) return match
  return { ...match, condition: allOf([match.condition, ...excepted]) }
}
