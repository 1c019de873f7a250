import type { Condition, ValueTest } from '../../model/condition.ts'
import { allOf, ALWAYS, anyOf, fieldTest, notOf, starParts, wildcardTest } from '../conditions.ts'
import { compileRegexp, regexpCondition } from '../regexp/regexp.ts'
import { isTextField, wordsTest } from '../text-fields.ts'
import { QueryError } from '../syntax.ts'
import type { ExceptionEntry, ExceptionItem } from './file.ts'

type Dsl = Readonly<Record<string, unknown>>

/** Filters of Kibana beside a rule's query: queries of Elasticsearch's Query DSL, maybe negated. */
export function filterCondition(filter: Dsl): Condition {
  const meta = asObject(filter['meta'])
  if (meta['disabled'] === true) return ALWAYS
  const query = filter['query'] === undefined ? withoutMeta(filter) : asObject(filter['query'])
  const condition = dslCondition(query)
  return meta['negate'] === true ? notOf(condition) : condition
}

function withoutMeta(filter: Dsl): Dsl {
  const { meta: _meta, $state: _state, ...query } = filter
  return query
}

function dslCondition(query: Dsl): Condition {
  const kinds = Object.keys(query)
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) throw unsupported(kinds.join(', ') || 'empty')
  const body = asObject(query[kind])
  switch (kind) {
    case 'match_all':
      return ALWAYS
    case 'exists':
      return fieldTest(String(body['field']), { kind: 'exists' })
    case 'bool':
      return boolCondition(body)
    case 'term':
    case 'match':
    case 'match_phrase':
      return onField(body, (path, value, cased) => valueTest(path, value, cased))
    case 'terms': {
      const [path] = Object.keys(body).filter((key) => key !== 'boost')
      const values = path === undefined ? undefined : body[path]
      if (path === undefined || !Array.isArray(values)) throw unsupported('terms')
      return anyOf(values.map((value) => fieldTest(path, valueTest(path, value, true))))
    }
    case 'prefix':
      return onField(body, (_, value, cased) => ({ kind: 'prefix', value: String(value), cased }))
    case 'wildcard':
      return onField(body, (_, value, cased) => wildcardTest(starParts(String(value)), cased))
    case 'regexp':
      return regexpFilter(body)
    case 'range':
      return rangeFilter(body)
    default:
      throw unsupported(kind)
  }
}

function unsupported(what: string): QueryError {
  return new QueryError(`The filter “${what}” is not supported`, 0, undefined, 'QUERY_UNSUPPORTED')
}

function asObject(value: unknown): Dsl {
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Dsl) : {}
}

function boolCondition(body: Dsl): Condition {
  const parts = (key: string) => {
    const value = body[key] ?? []
    return (Array.isArray(value) ? value : [value]).map((one) => dslCondition(asObject(one)))
  }
  const should = parts('should')
  const must = [...parts('must'), ...parts('filter')]
  const any = should.length === 0 ? ALWAYS : anyOf(should)
  return allOf([...must, any, ...parts('must_not').map(notOf)])
}

function onField(
  body: Dsl,
  test: (path: string, value: unknown, cased: boolean) => ValueTest,
): Condition {
  const [path] = Object.keys(body)
  if (path === undefined) throw unsupported('empty')
  const options = asObject(body[path])
  const value = options['value'] ?? options['query'] ?? options['wildcard'] ?? body[path]
  return fieldTest(path, test(path, value, options['case_insensitive'] !== true))
}

function valueTest(path: string, value: unknown, cased: boolean): ValueTest {
  if (typeof value === 'string' && isTextField(path)) return wordsTest([value], true)
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string') {
    return { kind: 'equals', value, cased }
  }
  throw unsupported(`value of ${path}`)
}

function regexpFilter(body: Dsl): Condition {
  const [path = ''] = Object.keys(body)
  const options = asObject(body[path])
  const pattern = String(options['value'] ?? body[path])
  const compiled = compileRegexp(pattern, options['case_insensitive'] !== true)
  if (!compiled.ok) throw new QueryError(compiled.problem.message, 0)
  return regexpCondition(compiled.value, (test) => fieldTest(path, test))
}

function rangeFilter(body: Dsl): Condition {
  const [path = ''] = Object.keys(body)
  const bounds = asObject(body[path])
  const parts: Condition[] = []
  for (const op of ['gt', 'gte', 'lt', 'lte'] as const) {
    const value = bounds[op]
    if (typeof value === 'number' || typeof value === 'string') {
      parts.push(fieldTest(path, { kind: 'compare', op, value }))
    }
  }
  return allOf(parts)
}

/** What an exception item takes out: all of its entries hold (Kibana, “exception list item”). */
export function exceptionCondition(item: ExceptionItem): Condition {
  return allOf(item.entries.map(entryCondition))
}

function entryCondition(entry: ExceptionEntry): Condition {
  const values = typeof entry.value === 'string' ? [entry.value] : (entry.value ?? [])
  const holds = positive(entry, values)
  return entry.operator === 'excluded' ? notOf(holds) : holds
}

function positive(entry: ExceptionEntry, values: readonly string[]): Condition {
  const any = (test: (value: string) => ValueTest) =>
    anyOf(values.map((value) => fieldTest(entry.field, test(value))))
  switch (entry.type) {
    case 'match':
    case 'match_any':
      return any((value) => ({ kind: 'equals', value, cased: true }))
    case 'wildcard':
      return any((value) => wildcardTest(starParts(value), true))
    case 'exists':
      return fieldTest(entry.field, { kind: 'exists' })
    case 'nested': {
      const part = allOf((entry.entries ?? []).map(entryCondition))
      return { kind: 'nested', path: entry.field, part }
    }
    default:
      throw new QueryError(
        `Exceptions of type “${entry.type}” are not supported`,
        0,
        undefined,
        'QUERY_UNSUPPORTED',
      )
  }
}
