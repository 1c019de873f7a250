import type { Condition } from '../model/condition.ts'
import type { EcsDoc } from '../model/event.ts'
import {
  conditionsOf,
  exprFound,
  exprText,
  foundText,
  placesText,
  testText,
} from './explain-text.ts'
import { interpret } from './interpret.ts'
import { objectsAt } from './values.ts'

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
    case 'field': {
      const { path, test } = condition
      const other = test.kind === 'fieldref' ? `; ${test.path}: ${foundText(doc, test.path)}` : ''
      return leaf(`${path} ${testText(test)}; ${foundText(doc, path)}${other}`)
    }
    case 'anywhere': {
      const { test } = condition
      const places = placesText(doc, (_, value) =>
        interpret({ kind: 'field', path: 'value', test }, { value }),
      )
      return leaf(`any value ${testText(test)}${places}`)
    }
    case 'fields': {
      const { pattern, test } = condition
      const places = placesText(
        doc,
        (path, value) =>
          isLike(path, pattern) && interpret({ kind: 'field', path: 'value', test }, { value }),
      )
      return leaf(`a field named ${pattern} ${testText(test)}${places}`)
    }
    case 'nested':
      return explainNested(condition, holds, doc)
    case 'expr': {
      const { expr } = condition
      const parts = conditionsOf(expr).map((part) => explain(part, doc))
      return { text: `${exprText(expr)}${exprFound(expr, doc)}`, holds, parts }
    }
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

function isLike(path: string, pattern: string): boolean {
  const test = { kind: 'wildcard', parts: wildcards(pattern), cased: true } as const
  return interpret({ kind: 'field', path: 'path', test }, { path })
}

function wildcards(pattern: string) {
  return pattern
    .split('*')
    .flatMap((text, index) => (index === 0 ? [text] : [{ any: 'many' } as const, text]))
    .filter((part) => part !== '')
}

const OBJECTS_SHOWN_MAX = 5

/** Each object for itself, up to the first for which all holds. */
function explainNested(
  { path, part }: Extract<Condition, { readonly kind: 'nested' }>,
  holds: boolean,
  doc: EcsDoc,
): Explanation {
  const objects = objectsAt(doc, path)
  const text = `one object at ${path} satisfies the group; the event has ${objects.length}`
  const parts: Explanation[] = []
  for (const object of objects.slice(0, OBJECTS_SHOWN_MAX)) {
    const one = explain(part, object)
    if (one.holds) return { text, holds, parts: [one] }
    parts.push(one)
  }
  return { text, holds, parts }
}
