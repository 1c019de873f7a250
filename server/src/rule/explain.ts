import type { Condition, ValueTest } from '../model/condition.ts'
import type { EcsDoc } from '../model/event.ts'
import { interpret } from './interpret.ts'
import { valuesAt } from './values.ts'

/** One clause of a condition, whether it holds for an event, and the clauses it is made of. */
export interface Explanation {
  readonly text: string
  readonly holds: boolean
  readonly parts: readonly Explanation[]
}

/** Why a condition holds for an event or does not, clause by clause. */
export function explain(condition: Condition, doc: EcsDoc): Explanation {
  const holds = interpret(condition, doc)
  const leaf = (text: string): Explanation => ({ text, holds, parts: [] })
  switch (condition.kind) {
    case 'always':
      return leaf('every event')
    case 'never':
      return leaf('no event')
    case 'field':
      return leaf(
        `${condition.path} ${testText(condition.test)}; ${foundText(doc, condition.path)}`,
      )
    case 'anywhere':
      return leaf(`any value ${testText(condition.test)}`)
    case 'fields':
      return leaf(`a field named ${condition.pattern} ${testText(condition.test)}`)
    case 'nested':
      return leaf(`one object at ${condition.path} satisfies all of a group`)
    case 'expr':
      return leaf('an expression is true')
    case 'and':
    case 'or': {
      const parts = condition.parts.map((part) => explain(part, doc))
      const [only] = parts
      const joint = condition.kind === 'and' ? 'all of' : 'any of'
      if (parts.length === 1 && only !== undefined && condition.label !== undefined) {
        return { text: condition.label, holds, parts }
      }
      return {
        text: condition.label === undefined ? joint : `${condition.label}: ${joint}`,
        holds,
        parts,
      }
    }
    case 'not':
      return { text: 'not', holds, parts: [explain(condition.part, doc)] }
  }
}

const VALUES_SHOWN_MAX = 3
const VALUE_CHARS_MAX = 120

function foundText(doc: EcsDoc, path: string): string {
  const values = valuesAt(doc, path)
  if (values.length === 0) return 'the event has none'
  const shown = values.slice(0, VALUES_SHOWN_MAX).map((value) => quoted(value))
  return `the event has ${shown.join(', ')}${values.length > shown.length ? ', …' : ''}`
}

function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined'
  return text.length <= VALUE_CHARS_MAX ? text : `${text.slice(0, VALUE_CHARS_MAX)}…`
}

function testText(test: ValueTest): string {
  switch (test.kind) {
    case 'equals':
      return `is ${quoted(test.value)}${cased(test.cased)}`
    case 'prefix':
      return `starts with ${quoted(test.value)}${cased(test.cased)}`
    case 'suffix':
      return `ends with ${quoted(test.value)}${cased(test.cased)}`
    case 'substring':
      return `contains ${quoted(test.value)}${cased(test.cased)}`
    case 'wildcard': {
      const parts = test.parts.map((part) =>
        typeof part === 'string' ? part : part.any === 'one' ? '?' : '*',
      )
      return `fits ${quoted(parts.join(''))}${cased(test.cased)}`
    }
    case 'regex':
      return `fits /${test.pattern}/${test.flags}`
    case 'cidr':
      return `is in ${test.network}`
    case 'compare':
      return `is ${SIGNS[test.op]} ${quoted(test.value)}`
    case 'exists':
      return 'has a value'
    case 'present':
      return 'is there'
    case 'timepart':
      return `has the ${test.part} ${test.value}`
    case 'fieldref':
      return `is in relation "${test.op}" to ${test.path}`
  }
}

const SIGNS = { lt: '<', lte: '<=', gt: '>', gte: '>=' } as const

function cased(isCased: boolean): string {
  return isCased ? ' (in this letter case)' : ''
}
