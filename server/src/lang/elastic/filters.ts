import type { Condition, WildcardPart } from '../../model/condition.ts'
import { addressRange } from '../address-range.ts'
import { allOf, ALWAYS, anyOf, fieldTest, NEVER, notOf, wildcardTest } from '../conditions.ts'
import { timeEquals, timeRange } from '../field-times.ts'
import { wordsAt } from '../free-text.ts'
import { keywordCondition } from '../keyword.ts'
import { compileLucene } from '../lucene/compile.ts'
import { compileRegexp, regexpCondition } from '../regexp/regexp.ts'
import { QueryError } from '../syntax.ts'
import { isTextField } from '../text-fields.ts'

type Dsl = Readonly<Record<string, unknown>>

/** Filters of Kibana beside a rule's query: queries of Elasticsearch's Query DSL, maybe negated. */
export function filterCondition(filter: Dsl): Condition {
  const meta = asObject(filter['meta'])
  if (meta['disabled'] === true) return ALWAYS
  const condition = meta['type'] === 'combined' ? combined(meta) : dslCondition(queryOf(filter))
  return meta['negate'] === true ? notOf(condition) : condition
}

/** Filters of Kibana joined by one relation. */
function combined(meta: Dsl): Condition {
  const parts = listOf(meta['params']).map((one) => filterCondition(asObject(one)))
  return meta['relation'] === 'OR' ? anyOf(parts) : allOf(parts)
}

function queryOf(filter: Dsl): Dsl {
  if (filter['query'] !== undefined) return asObject(filter['query'])
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
    case 'match_none':
      return NEVER
    case 'exists':
      return existsFilter(String(body['field']))
    case 'bool':
      return boolCondition(body)
    case 'constant_score':
      return dslCondition(asObject(body['filter']))
    case 'query_string':
      return queryString(body)
    case 'term':
    case 'match_phrase':
      return onField(body, (path, value, cased) => isValue(path, value, cased, true))
    case 'match':
      return onField(body, (path, value, cased, options) => {
        if (String(options['operator']).toLowerCase() === 'and') throw unsupported('match, and')
        return isValue(path, value, cased, false)
      })
    case 'terms': {
      const [path] = Object.keys(body).filter((key) => key !== 'boost')
      const values = path === undefined ? undefined : body[path]
      if (path === undefined || !Array.isArray(values)) throw unsupported('terms')
      return anyOf(values.map((value) => isValue(path, value, true, true)))
    }
    case 'prefix':
      return onField(body, (path, value, cased) =>
        fieldTest(path, { kind: 'prefix', value: String(value), cased }),
      )
    case 'wildcard':
      return onField(body, (path, value, cased) =>
        fieldTest(path, wildcardTest(wildcardParts(String(value)), cased)),
      )
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

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : value === undefined ? [] : [value]
}

function existsFilter(field: string): Condition {
  const test = { kind: 'exists' } as const
  return field.includes('*') ? { kind: 'fields', pattern: field, test } : fieldTest(field, test)
}

/** Without a `minimum_should_match`, one of `should` is needed only where nothing else is asked for. */
function boolCondition(body: Dsl): Condition {
  const parts = (key: string) => listOf(body[key]).map((one) => dslCondition(asObject(one)))
  const should = parts('should')
  const must = [...parts('must'), ...parts('filter')]
  const least = body['minimum_should_match'] ?? (must.length === 0 && should.length > 0 ? 1 : 0)
  const count = Number(least)
  if (!Number.isInteger(count) || count < 0 || (count > 1 && count < should.length)) {
    throw unsupported(`bool, minimum_should_match ${String(least)}`)
  }
  const offered = count === 0 ? ALWAYS : count === 1 ? anyOf(should) : allOf(should)
  const any = count > should.length ? NEVER : offered
  return allOf([...must, any, ...parts('must_not').map(notOf)])
}

function queryString(body: Dsl): Condition {
  const others = Object.keys(body).filter((key) => !['query', 'analyze_wildcard'].includes(key))
  if (others.length > 0) throw unsupported(`query_string, ${others.join(', ')}`)
  const compiled = compileLucene(String(body['query']))
  if (!compiled.ok) throw new QueryError(compiled.problem.message, 0)
  return compiled.value
}

function onField(
  body: Dsl,
  condition: (path: string, value: unknown, cased: boolean, options: Dsl) => Condition,
): Condition {
  const [path] = Object.keys(body)
  if (path === undefined) throw unsupported('empty')
  const options = asObject(body[path])
  const value = options['value'] ?? options['query'] ?? options['wildcard'] ?? body[path]
  return condition(path, value, options['case_insensitive'] !== true, options)
}

/** A value as a whole, or as words where the field is text: a phrase, or any of them. */
export function isValue(path: string, value: unknown, cased: boolean, phrase: boolean): Condition {
  if (typeof value === 'number' || typeof value === 'boolean') {
    return fieldTest(path, { kind: 'equals', value, cased })
  }
  if (typeof value !== 'string') throw unsupported(`value of ${path}`)
  if (isTextField(path)) return wordsAt(path, [value], phrase)
  if (!cased) return fieldTest(path, { kind: 'equals', value, cased })
  return timeEquals(path, { text: value, quoted: true, at: 0 }, {}) ?? keywordCondition(path, value)
}

/** `*` and `?`, which a backslash takes as they are (Elasticsearch, “Wildcard query”). */
export function wildcardParts(text: string): WildcardPart[] {
  const parts: WildcardPart[] = []
  let plain = ''
  for (let at = 0; at < text.length; at++) {
    const char = text[at] ?? ''
    if (char === '\\' && at + 1 < text.length) plain += text[++at] ?? ''
    else if (char === '*' || char === '?') {
      parts.push(plain, { any: char === '*' ? 'many' : 'one' })
      plain = ''
    } else plain += char
  }
  return [...parts, plain]
}

function regexpFilter(body: Dsl): Condition {
  const [path = ''] = Object.keys(body)
  const options = asObject(body[path])
  const pattern = String(options['value'] ?? body[path])
  const compiled = compileRegexp(pattern, options['case_insensitive'] !== true)
  if (!compiled.ok) throw new QueryError(compiled.problem.message, 0)
  return regexpCondition(compiled.value, (test) => fieldTest(path, test))
}

const RANGE_KEYS = ['gt', 'gte', 'lt', 'lte', 'boost', 'format']

function rangeFilter(body: Dsl): Condition {
  const [path = ''] = Object.keys(body)
  const bounds = asObject(body[path])
  // A time zone, or a bound of another name, would change what is found.
  const others = Object.keys(bounds).filter((key) => !RANGE_KEYS.includes(key))
  if (others.length > 0) throw unsupported(`range, ${others.join(', ')}`)
  const parts: Condition[] = []
  for (const op of ['gt', 'gte', 'lt', 'lte'] as const) {
    const value = bounds[op]
    if (typeof value === 'number') parts.push(fieldTest(path, { kind: 'compare', op, value }))
    if (typeof value === 'string') {
      parts.push(
        timeRange(path, op, { text: value, quoted: true, at: 0 }, {}) ??
          addressRange(path, op, value) ??
          fieldTest(path, { kind: 'compare', op, value }),
      )
    }
  }
  if (parts.length === 0) throw unsupported('range without a bound')
  return allOf(parts)
}
