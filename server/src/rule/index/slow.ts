import { foldCase } from '../../base/fold.ts'
import { isoToMs } from '../../base/timestamp.ts'
import {
  VALUE_DEPTH_MAX,
  type Condition,
  type Expr,
  type ValueTest,
} from '../../model/condition.ts'
import type { EcsDoc } from '../../model/event.ts'
import { evaluateExpr } from '../expr.ts'

/** Decides one condition of an event, made for the few kinds that no index decides. */
export type Run = (doc: EcsDoc) => boolean

/** Makes the decider of any condition; the matcher gives it, an index over that one condition. */
export type Compile = (condition: Condition) => Run

/** Conditions that are run: references between fields, patterns of names, nested, expressions. */
export function compileRun(condition: Condition, compile: Compile): Run {
  switch (condition.kind) {
    case 'nested': {
      const path = condition.path.split('.')
      const part = compile(condition.part)
      return (doc) => gather(doc, path).some((value) => isObject(value) && part(value))
    }
    case 'expr': {
      const inner = new Map<unknown, Run>()
      collectConditions(condition.expr, (key, each) => inner.set(key, compile(each)))
      const holds = (each: Condition, doc: EcsDoc): boolean => {
        const run = inner.get(each) ?? (each.kind === 'field' ? inner.get(each.test) : undefined)
        return run?.(doc) ?? false
      }
      return (doc) => evaluateExpr(condition.expr, doc, holds) === true
    }
    case 'fields':
      return compileFields(condition, compile)
    case 'field':
      return compileReference(condition, compile)
    case 'always':
    case 'never':
    case 'anywhere':
    case 'and':
    case 'or':
    case 'not':
      return compile(condition)
  }
}

function isObject(value: unknown): value is EcsDoc {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/**
 * Conditions that `evaluateExpr` may ask for: those that stand in the expression, and, for tests of
 * computed values, conditions made around the same test.
 */
function collectConditions(expr: Expr, found: (key: object, condition: Condition) => void): void {
  if (expr.kind === 'condition') found(expr.condition, expr.condition)
  else if (expr.kind === 'test') {
    found(expr.test, { kind: 'field', path: COMPUTED, test: expr.test })
    collectConditions(expr.arg, found)
  } else if (expr.kind === 'call') {
    for (const each of expr.args) collectConditions(each, found)
  }
}

/** The path under which `evaluateExpr` hands on a computed value to be tested. */
const COMPUTED = 'value'

const NAMES_KEPT_MAX = 1_000

/** One decider for each name that fits, made when the name is first met. */
function compileFields(
  condition: Extract<Condition, { readonly kind: 'fields' }>,
  compile: Compile,
): Run {
  const { pattern, test } = condition
  const pieces = pattern.split('*')
  const known = new Map<string, Run>()
  return (doc) => {
    const names = new Set<string>()
    collectNames(doc, '', 0, names)
    for (const path of names) {
      if (!fitsName(path, pieces)) continue
      let run = known.get(path)
      if (run === undefined) {
        const field: Condition = { kind: 'field', path, test }
        run = test.kind === 'fieldref' ? compileReference(field, compile) : compile(field)
        if (known.size >= NAMES_KEPT_MAX) known.clear()
        known.set(path, run)
      }
      if (run(doc)) return true
    }
    return false
  }
}

function fitsName(name: string, pieces: readonly string[]): boolean {
  const last = pieces.length - 1
  if (last === 0) return name === pieces[0]
  let at = 0
  for (const [index, piece] of pieces.entries()) {
    if (index === last) return name.length - at >= piece.length && name.endsWith(piece)
    const found = index === 0 ? (name.startsWith(piece) ? 0 : -1) : name.indexOf(piece, at)
    if (found < 0) return false
    at = found + piece.length
  }
  return true
}

function collectNames(node: unknown, path: string, depth: number, names: Set<string>): void {
  if (depth > VALUE_DEPTH_MAX) return
  if (Array.isArray(node)) {
    for (const item of node) collectNames(item, path, depth + 1, names)
  } else if (isObject(node)) {
    for (const key of Object.keys(node)) {
      collectNames(node[key], path === '' ? key : `${path}.${key}`, depth + 1, names)
    }
  } else names.add(path)
}

function compileReference(condition: Condition, compile: Compile): Run {
  if (condition.kind !== 'field' || condition.test.kind !== 'fieldref') return compile(condition)
  const { path, test } = condition
  const mine = path.split('.')
  const other = test.path.split('.')
  return (doc) => {
    const values = gather(doc, mine).filter(isScalar)
    if (values.length === 0) return false
    const others = gather(doc, other).filter(isScalar)
    return others.some((each) => values.some((value) => relates(test, value, each)))
  }
}

type Scalar = string | number | boolean

function isScalar(value: unknown): value is Scalar {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

type ReferenceTest = Extract<ValueTest, { readonly kind: 'fieldref' }>

function relates({ op, cased }: ReferenceTest, value: Scalar, other: Scalar): boolean {
  if (op === 'lt' || op === 'lte' || op === 'gt' || op === 'gte') {
    const order = orderOf(value, other)
    if (order === undefined) return false
    if (order === 0) return op === 'lte' || op === 'gte'
    return order < 0 === op.startsWith('l')
  }
  if (op === 'equals' && typeof other === 'number') return decimalOf(value) === other
  const [mine, theirs] = [value, other].map((each) =>
    cased ? String(each) : foldCase(String(each)),
  ) as [string, string]
  if (op === 'equals') return mine === theirs
  if (op === 'prefix') return mine.startsWith(theirs)
  return op === 'suffix' ? mine.endsWith(theirs) : mine.includes(theirs)
}

function decimalOf(value: Scalar): number | undefined {
  if (typeof value === 'number') return value
  if (typeof value === 'boolean' || !/^[+-]?(\d|\.\d)[\d.]*(e[+-]?\d+)?$/i.test(value))
    return undefined
  const number = Number(value)
  return Number.isNaN(number) ? undefined : number
}

/** Below zero, zero or above it, as `value` stands to `other`; undefined where they have no order. */
function orderOf(value: Scalar, other: Scalar): number | undefined {
  if (typeof value === 'boolean') return undefined
  if (typeof value === 'number' || typeof other === 'number') {
    const [a, b] = [decimalOf(value), decimalOf(typeof other === 'boolean' ? 'x' : other)]
    return a === undefined || b === undefined ? undefined : Math.sign(a - b)
  }
  const text = String(other)
  const [valueMs, otherMs] = [isoToMs(value), isoToMs(text)]
  if (valueMs !== undefined && otherMs !== undefined) return Math.sign(valueMs - otherMs)
  return value < text ? -1 : value > text ? 1 : 0
}

/** Everything at a path, whatever way it is spelled; arrays are opened. */
function gather(doc: EcsDoc, path: readonly string[]): unknown[] {
  const found: unknown[] = []
  const visit = (node: unknown, at: number, depth: number): void => {
    if (depth > VALUE_DEPTH_MAX) return
    if (Array.isArray(node)) for (const item of node) visit(item, at, depth + 1)
    else if (at === path.length) found.push(node)
    else if (isObject(node)) {
      let key = ''
      for (let end = at; end < path.length; end++) {
        key = end === at ? (path[at] ?? '') : `${key}.${path[end]}`
        if (Object.hasOwn(node, key)) visit(node[key], end + 1, depth + 1)
      }
    }
  }
  visit(doc, 0, 0)
  return found
}
