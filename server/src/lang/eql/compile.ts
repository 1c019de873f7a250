import { fail, ok, type Result } from '../../base/result.ts'
import type { Condition } from '../../model/condition.ts'
import type { CompiledQuery, QueryPipe } from '../../model/query.ts'
import type { MatchRule, RuleMeta } from '../../model/rule.ts'
import { allOf, fieldTest } from '../conditions.ts'
import { queryMeta, type QueryOptions } from '../query.ts'
import { nearest, problemOf, QueryError } from '../syntax.ts'
import type { EqlFilter, EqlPipe, EqlQuery } from './ast.ts'
import { isTrue } from './lower.ts'
import { parseEql } from './parse.ts'
import { compileSample, compileSequence } from './sequence.ts'
import { checkTypes } from './types.ts'
import { constantOf, isFloat, lowerOptions } from './values.ts'

/**
 * EQL as Elasticsearch defines it, as plain data: an event query as one match rule, a sequence or
 * sample as a hidden match rule for each stage and the correlation over them, and the pipes.
 * Fields that no event has are null, optional or not (Elasticsearch refuses unknown fields, but a
 * stream has no list of them). Problems: QUERY_SYNTAX, QUERY_INVALID, QUERY_UNSUPPORTED and
 * QUERY_TOO_LARGE, with line and column.
 */
export function compileEql(text: string, options: QueryOptions = {}): Result<CompiledQuery> {
  const parsed = parseEql(text)
  if (!parsed.ok) return parsed
  try {
    return ok(compile(parsed.value, queryMeta('eql', text, options), options))
  } catch (error) {
    const problem = problemOf(error, text, () => undefined)
    if (problem === undefined) throw error
    return fail(problem)
  }
}

function compile(query: EqlQuery, meta: RuleMeta, options: QueryOptions): CompiledQuery {
  const pipes = query.pipes.map(toPipe)
  const alerts = options.alerts ?? true
  const stageRule = (filter: EqlFilter, suffix: string): MatchRule => ({
    kind: 'match',
    meta: { ...meta, id: `${meta.id}#${suffix}` },
    condition: filterCondition(filter, options),
    alerts: false,
    groupBy: [],
    fields: [],
  })
  switch (query.kind) {
    case 'event': {
      const condition = filterCondition(query.filter, options)
      const rule: MatchRule = { kind: 'match', meta, condition, alerts, groupBy: [], fields: [] }
      return { kind: 'event', matches: [rule], pipes }
    }
    case 'sequence': {
      const { matches, correlation } = compileSequence(query, meta.id, stageRule)
      const rule = { kind: 'correlation', meta, correlation, alerts } as const
      return { kind: 'sequence', matches, correlation: rule, pipes }
    }
    case 'sample': {
      const { matches, correlation } = compileSample(query, meta.id, stageRule)
      const rule = { kind: 'correlation', meta, correlation, alerts } as const
      return { kind: 'sample', matches, correlation: rule, pipes }
    }
  }
}

function filterCondition(filter: EqlFilter, options: QueryOptions): Condition {
  const timestampField = options.timestampField ?? '@timestamp'
  checkTypes(filter.condition)
  const condition = isTrue(filter.condition, lowerOptions(timestampField))
  if (filter.category === null) return condition
  const path = options.eventCategoryField ?? 'event.category'
  return allOf([
    fieldTest(path, { kind: 'equals', value: filter.category, cased: true }),
    condition,
  ])
}

const PIPES = ['head', 'tail'] as const
const PIPES_ELSEWHERE = ['count', 'filter', 'sort', 'unique', 'unique_count']

function toPipe(pipe: EqlPipe): QueryPipe {
  const kind = PIPES.find((name) => name === pipe.name)
  if (kind === undefined) {
    const known = PIPES_ELSEWHERE.includes(pipe.name)
    const guess = nearest(pipe.name, PIPES)
    throw new QueryError(
      known ? `The pipe “${pipe.name}” is not supported` : `There is no pipe “${pipe.name}”`,
      pipe.at,
      guess === undefined || known ? 'there are head and tail' : `did you mean “${guess}”?`,
      known ? 'QUERY_UNSUPPORTED' : 'QUERY_INVALID',
    )
  }
  const [arg, ...more] = pipe.args
  if (arg === undefined || more.length > 0) {
    const message = `${kind} takes one number, found ${pipe.args.length}`
    throw new QueryError(message, pipe.at, `write “| ${kind} 10”`)
  }
  const count = constantOf(arg)
  if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || isFloat(arg)) {
    throw new QueryError(`${kind} takes a whole number, zero or more`, arg.at)
  }
  return { kind, count }
}
