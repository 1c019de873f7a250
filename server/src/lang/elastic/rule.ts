import type { Problem } from '../../base/problems.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { Condition } from '../../model/condition.ts'
import type { CorrelationRule, MatchRule, RuleMeta, RuleTest } from '../../model/rule.ts'
import { allOf, notOf } from '../conditions.ts'
import { nearest, QueryError } from '../syntax.ts'
import { elasticCases } from './cases.ts'
import { exceptionCondition } from './exceptions.ts'
import { readElasticFile, type ElasticRuleText, type ExceptionItem } from './file.ts'
import { filterCondition } from './filters.ts'
import { eqlRule, newTermsRule, queryRule, thresholdRule, type Lowered } from './kinds.ts'
import { elasticMeta } from './meta.ts'
import { lineOfPath, placed } from './places.ts'

/** A rule file of Elastic's repository, read: what runs, or why it does not. */
export interface ElasticRule {
  /** Undefined for a file of exceptions only. */
  readonly meta: RuleMeta | undefined
  readonly matches: readonly MatchRule[]
  readonly correlations: readonly CorrelationRule[]
  readonly problems: readonly Problem[]
  /** What is worth knowing about a rule that runs. */
  readonly warnings: readonly Problem[]
  readonly tests: readonly RuleTest[]
  /** Of the cases: they keep no rule from running. */
  readonly testProblems: readonly Problem[]
  /** Exceptions kept in a file of their own, for the rules of these ids. */
  readonly exceptions: readonly {
    readonly ruleIds: readonly string[]
    readonly except: Condition
  }[]
}

const NOT_HERE: ReadonlyMap<string, string> = new Map([
  ['esql', 'ES|QL needs Elasticsearch’s own engine'],
  ['machine_learning', 'it reads the results of a machine learning job of Elasticsearch'],
  ['threat_match', 'it joins events with an index of threat indicators'],
])

/**
 * Reads a rule file as Elastic publishes it: types `eql`, `query` (KQL, Lucene), `threshold` with
 * cardinality and `new_terms`; severity, risk, ATT&CK, exceptions, look-back. What cannot run comes
 * back with its reason as a problem (RULE_UNSUPPORTED); nothing is thrown.
 */
export function parseElasticRule(text: string, path: string): ElasticRule {
  const none = {
    ...{ matches: [], correlations: [], exceptions: [], tests: [] },
    ...{ testProblems: [], warnings: [] },
  }
  const read = readElasticFile(text, path)
  if (!read.ok) return { ...none, meta: undefined, problems: [read.problem] }
  const file = read.value
  const problems: Problem[] = []
  const exceptions = file.exceptions.flatMap(({ items }) =>
    items.flatMap((item) => {
      const except = attempt(() => exceptionCondition(item))
      if (except.ok) return [{ ruleIds: file.metadata.rule_ids, except: except.value }]
      problems.push({ ...except.problem, at: { file: path } })
      return []
    }),
  )
  const { rule } = file
  if (rule === undefined) {
    if (exceptions.length === 0 && problems.length === 0) {
      problems.push({
        code: 'RULE_INVALID',
        message: 'No rule is in the file.',
        at: { file: path },
      })
    }
    return { ...none, meta: undefined, problems, exceptions }
  }
  const meta = elasticMeta(rule, file, { text, path })
  const lowered = lowerRule(rule, meta)
  if (lowered.ok) {
    const cases = elasticCases(file.tests, lowered.value, { text, path })
    const warnings = warningsOf(rule, text, path)
    const { tests, problems: testProblems } = cases
    return { meta, ...lowered.value, problems, testProblems, warnings, exceptions, tests }
  }
  problems.push(placed(lowered.problem, text, path))
  return { ...none, meta, problems, exceptions }
}

function lowerRule(rule: ElasticRuleText, meta: RuleMeta): Result<Lowered> {
  const reason = NOT_HERE.get(rule.language === 'esql' ? 'esql' : rule.type)
  if (reason !== undefined) {
    const message = `Rules of type “${rule.type}” do not run here: ${reason}.`
    return fail({ code: 'RULE_UNSUPPORTED', message, at: { field: 'rule.type' } })
  }
  const missing = withoutQuery(rule)
  if (missing !== undefined) return fail(missing)
  const around = surroundings(rule)
  if (!around.ok) return around
  switch (rule.type) {
    case 'eql':
      return eqlRule(rule, meta, around.value)
    case 'query':
    case 'saved_query':
      return queryRule(rule, meta, around.value)
    case 'threshold':
      return thresholdRule(rule, meta, around.value)
    case 'new_terms':
      return newTermsRule(rule, meta, around.value)
    default:
      return fail(unknownType(rule.type))
  }
}

const TYPES = ['eql', 'query', 'saved_query', 'threshold', 'new_terms', ...NOT_HERE.keys()]

function unknownType(type: string): Problem {
  const guess = nearest(type, TYPES)
  return {
    code: 'RULE_UNSUPPORTED',
    message: `Rules of type “${type}” are not known.`,
    at: { field: 'rule.type' },
    ...(guess === undefined ? {} : { hint: `did you mean “${guess}”?` }),
  }
}

/** Without a query and filters a rule would match everything, which no file means. */
function withoutQuery(rule: ElasticRuleText): Problem | undefined {
  if (rule.query !== undefined && (rule.query.trim() !== '' || rule.type !== 'eql'))
    return undefined
  if (rule.query === undefined && rule.saved_id !== undefined) {
    const message = 'The query is stored in Kibana (saved_id); the file does not hold it.'
    return { code: 'RULE_UNSUPPORTED', message, at: { field: 'rule.saved_id' } }
  }
  if (rule.filters.length > 0 && rule.type !== 'eql') return undefined
  const message = `A rule of type “${rule.type}” has a query.`
  return { code: 'RULE_INVALID', message, at: { field: 'rule.query' } }
}

function attempt<T>(work: () => T): Result<T> {
  try {
    return ok(work())
  } catch (error) {
    if (!(error instanceof QueryError)) throw error
    return fail({ code: 'RULE_UNSUPPORTED', message: error.message })
  }
}

/** What holds besides the query: the filters, and none of the exceptions. */
function surroundings(rule: ElasticRuleText): Result<Condition> {
  const items: ExceptionItem[] = rule.exceptions_list.flatMap(({ items: list }) => list ?? [])
  const filters = attempt(() => allOf(rule.filters.map(filterCondition)))
  if (!filters.ok) return fail({ ...filters.problem, at: { field: 'rule.filters' } })
  const except = attempt(() => allOf(items.map((item) => notOf(exceptionCondition(item)))))
  if (!except.ok) return fail({ ...except.problem, at: { field: 'rule.exceptions_list' } })
  return ok(allOf([filters.value, except.value]))
}

/** Exceptions that a rule names, and that are kept in Kibana and not in the file. */
function warningsOf(rule: ElasticRuleText, text: string, path: string): Problem[] {
  const lists = rule.exceptions_list.filter(({ items }) => items === undefined)
  if (lists.length === 0) return []
  const names = lists.map(({ list_id: id }) => `“${id ?? ''}”`).join(', ')
  const line = lineOfPath(text, ['rule', 'exceptions_list'])
  return [
    {
      code: 'RULE_INVALID',
      message: `The exceptions of ${names} are not in the file, so nothing is excepted by them.`,
      at: { file: path, ...(line !== undefined && { line }) },
      hint: 'write them as items, or in a file with [[exceptions]]',
    },
  ]
}
