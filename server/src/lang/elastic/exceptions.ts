import type { Condition } from '../../model/condition.ts'
import { allOf, anyOf, fieldTest, notOf, wildcardTest } from '../conditions.ts'
import { timeRange } from '../field-times.ts'
import { QueryError } from '../syntax.ts'
import type { ExceptionEntry, ExceptionItem } from './file.ts'
import { isValue, wildcardParts } from './filters.ts'

/**
 * What an exception item takes out: all of its entries hold (Kibana, “exception list item”), and the
 * event is older than the time at which the item expires, if it names one.
 */
export function exceptionCondition(item: ExceptionItem): Condition {
  const entries = item.entries.map(entryCondition)
  if (item.expire_time === undefined) return allOf(entries)
  const text = item.expire_time
  const before = timeRange('@timestamp', 'lt', { text, quoted: true, at: 0 }, {})
  if (before === undefined) throw new QueryError(`“${text}” is no time at which to expire`, 0)
  return allOf([...entries, before])
}

function entryCondition(entry: ExceptionEntry): Condition {
  const values = typeof entry.value === 'string' ? [entry.value] : (entry.value ?? [])
  const holds = positive(entry, values)
  return entry.operator === 'excluded' ? notOf(holds) : holds
}

function positive(entry: ExceptionEntry, values: readonly string[]): Condition {
  const isValued = entry.type.startsWith('match') || entry.type === 'wildcard'
  // Without one it is never true: the opposite of it would take out everything.
  if (isValued && values.length === 0) {
    throw new QueryError(`The exception for “${entry.field}” has no value`, 0)
  }
  switch (entry.type) {
    case 'match':
    case 'match_any':
      return anyOf(values.map((value) => isValue(entry.field, value, true, true)))
    case 'wildcard':
      return anyOf(
        values.map((value) => fieldTest(entry.field, wildcardTest(wildcardParts(value), true))),
      )
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
