import type { Condition, Expr } from '../model/condition.ts'
import { fieldOf, type EcsDoc } from '../model/event.ts'

/** What an expression comes to; null where it has no value (EQL's three-valued logic). */
export type Value = string | number | boolean | null

/** Decides a condition inside an expression: the interpreter and the matcher each give their own. */
export type Holds = (condition: Condition, doc: EcsDoc) => boolean

/**
 * The value of an expression over one event. Never throws: what has no value (an absent field, a
 * function given the wrong types) is null; the languages check names and arguments before.
 */
export function evaluateExpr(expr: Expr, doc: EcsDoc, holds: Holds): Value {
  switch (expr.kind) {
    case 'literal':
      return expr.value
    case 'path':
      return scalarAt(doc, expr.path)
    case 'condition':
      return holds(expr.condition, doc)
    case 'call':
      return null
  }
}

function scalarAt(doc: EcsDoc, path: string): Value {
  const found = fieldOf(doc, path)
  const value: unknown = Array.isArray(found) ? found[0] : found
  const scalar = ['string', 'number', 'boolean'].includes(typeof value)
  return scalar ? (value as Value) : null
}
