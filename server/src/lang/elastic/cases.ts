import type { Problem } from '../../base/problems.ts'
import type { CorrelationRule, MatchRule, RuleTest } from '../../model/rule.ts'
import { allOf, notOf } from '../conditions.ts'
import { parseTests } from '../sigma/tests.ts'
import { plainOf, type Tree } from '../sigma/yaml/yaml-tree.ts'
import { QueryError } from '../syntax.ts'
import { exceptionCondition } from './exceptions.ts'
import { itemSchema } from './file.ts'

export interface ElasticCases {
  readonly tests: readonly RuleTest[]
  readonly problems: readonly Problem[]
}

interface Rules {
  readonly matches: readonly MatchRule[]
  readonly correlations: readonly CorrelationRule[]
}

/** `[[tests]]` of a rule file in TOML: the cases of Sigma files; exceptions are items of Elastic's. */
export function elasticCases(
  tests: unknown,
  rules: Rules,
  { text, path }: { readonly text: string; readonly path: string },
): ElasticCases {
  if (tests === undefined) return { tests: [], problems: [] }
  const problems: Problem[] = []
  const tree = treeOf(tests, { file: path, line: 1, column: 1 }, headersOf(text))
  const cases = parseTests(tree, (problem) => void problems.push(problem))
  const found = cases.map(({ test, mocks }): RuleTest => {
    if (mocks === undefined) return test
    const refuse = (message: string, { place }: Tree): RuleTest => {
      problems.push({ code: 'RULE_INVALID', message, at: place })
      return test
    }
    if (mocks.lists !== undefined) return refuse('Rules of Elastic name no lists.', mocks.lists)
    if (mocks.exceptions === undefined) return test
    const parsed = itemSchema.array().safeParse(plainOf(mocks.exceptions))
    if (!parsed.success) {
      return refuse('An exception of a test has entries, as Elastic writes them.', mocks.exceptions)
    }
    try {
      const except = parsed.data.map((item) => notOf(exceptionCondition(item)))
      const matches = rules.matches.map((match) => ({
        ...match,
        condition: allOf([match.condition, ...except]),
      }))
      return { ...test, rules: { matches, correlations: rules.correlations } }
    } catch (error) {
      if (!(error instanceof QueryError)) throw error
      return refuse(error.message, mocks.exceptions)
    }
  })
  return { tests: found, problems }
}

/** Lines, from 1, of the headers of the cases: TOML's values come without places. */
function headersOf(text: string): readonly number[] {
  return text
    .split('\n')
    .flatMap((line, index) => (/^\s*\[\[\s*tests\s*\]\]/.test(line) ? [index + 1] : []))
}

const DEPTH_MAX = 40

/** Plain values as a tree; every case, and all in it, stands where its header does. */
function treeOf(value: unknown, place: Tree['place'], lines: readonly number[], depth = 0): Tree {
  if (depth > DEPTH_MAX) return { kind: 'scalar', value: null, source: '', place }
  if (Array.isArray(value)) {
    const items = value.map((item, index) =>
      treeOf(item, { ...place, line: lines[index] ?? place.line }, [], depth + 1),
    )
    return { kind: 'list', items, place }
  }
  if (value instanceof Date) {
    const iso = value.toISOString()
    return { kind: 'scalar', value: iso, source: iso, place }
  }
  if (value !== null && typeof value === 'object') {
    const entries = Object.entries(value).map(([key, inner]) => ({
      ...{ key, place },
      value: treeOf(inner, place, [], depth + 1),
    }))
    return { kind: 'map', entries, place }
  }
  const isPlain =
    typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  return { kind: 'scalar', value: isPlain ? value : String(value), source: String(value), place }
}
