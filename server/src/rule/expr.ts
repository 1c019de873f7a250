import { FUNCTIONS, type Scalar } from '../lang/functions.ts'
import type { Condition, Expr } from '../model/condition.ts'
import type { EcsDoc } from '../model/event.ts'
import { valuesAt } from './values.ts'

/** What an expression comes to; null where it has no value (EQL's three-valued logic). */
export type Value = Scalar

/** Decides a condition inside an expression: the interpreter and the matcher each give their own. */
export type Holds = (condition: Condition, doc: EcsDoc) => boolean

/** Choices of one value per field that are tried, where fields have several. */
const CHOICES_MAX = 1_000

/**
 * The value of an expression over one event. Never throws: what has no value (an absent field, a
 * function given the wrong types) is null; the languages check names and arguments before. Where
 * fields have several values, the choice that makes it true is taken, else one with a value.
 */
export function evaluateExpr(expr: Expr, doc: EcsDoc, holds: Holds): Value {
  const paths = pathsOf(expr, [])
  const chosen = new Map<string, Scalar>()
  const severals: { readonly path: string; readonly values: readonly Scalar[] }[] = []
  for (const path of paths) {
    const values = valuesAt(doc, path).filter(isScalar)
    if (values.length > 1) severals.push({ path, values })
    else chosen.set(path, values[0] ?? null)
  }
  let first: Value = null
  const choices = severals.reduce((total, { values }) => total * values.length, 1)
  for (let choice = 0; choice < Math.min(choices, CHOICES_MAX); choice++) {
    let rest = choice
    for (const { path, values } of severals) {
      chosen.set(path, values[rest % values.length] ?? null)
      rest = Math.floor(rest / values.length)
    }
    const value = evaluate(expr, chosen, doc, holds)
    if (value === true) return true
    first ??= value
  }
  return first
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function pathsOf(expr: Expr, found: string[]): string[] {
  if (expr.kind === 'path' && !found.includes(expr.path)) found.push(expr.path)
  if (expr.kind === 'call') for (const arg of expr.args) pathsOf(arg, found)
  if (expr.kind === 'test') pathsOf(expr.arg, found)
  return found
}

function evaluate(
  expr: Expr,
  values: ReadonlyMap<string, Scalar>,
  doc: EcsDoc,
  holds: Holds,
): Value {
  switch (expr.kind) {
    case 'literal':
      return expr.value
    case 'path':
      return values.get(expr.path) ?? null
    case 'condition':
      return holds(expr.condition, doc)
    case 'call': {
      const body = Object.hasOwn(FUNCTIONS, expr.name) ? FUNCTIONS[expr.name] : undefined
      if (body === undefined) return null
      return body(...expr.args.map((arg) => evaluate(arg, values, doc, holds)))
    }
    case 'test': {
      const value = evaluate(expr.arg, values, doc, holds)
      if (value === null) return null
      return holds({ kind: 'field', path: 'value', test: expr.test }, { value })
    }
  }
}
