import type { Condition, Expr } from '../../model/condition.ts'
import { FUNCTIONS, type Scalar } from '../functions.ts'
import { QueryError } from '../syntax.ts'
import type { EqlNode } from './ast.ts'
import { checkCall, returnsBoolean } from './signatures.ts'
import { comparesTimes, timeComparison } from './times.ts'

export interface LowerOptions {
  /** The field that holds the time of an event; ECS's own time fields are known besides. */
  readonly timestampField: string
  /** What is left of the steps that lowering may take. */
  readonly steps: { left: number }
}

/** Steps of lowering that one query may take; a list of values is one step, however long. */
const STEPS_MAX = 500_000

export function lowerOptions(timestampField: string): LowerOptions {
  return { timestampField, steps: { left: STEPS_MAX } }
}

/**
 * Counts a step. What a condition is where it is true and where it is false stands in the result
 * apart, so that truths used as values within one another grow by powers. Throws QueryError.
 */
export function takeStep(node: EqlNode, options: LowerOptions): void {
  if (options.steps.left-- > 0) return
  throw new QueryError(
    'Conditions are used as values within one another too often',
    node.at,
    'write them side by side, with “and”, “or” and “not”',
    'QUERY_TOO_LARGE',
  )
}

/** The two lowerings, given by the caller since they and this file need one another. */
export interface Lowerings {
  readonly isTrue: (node: EqlNode, options: LowerOptions) => Condition
  readonly isFalse: (node: EqlNode, options: LowerOptions) => Condition
}

const ARITHMETIC = {
  '+': 'add',
  '-': 'subtract',
  '*': 'multiply',
  '/': 'divide',
  '%': 'modulo',
} as const

const ORDER_CALL = { '==': 'eq', '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte' } as const

/** The value of a node without fields; undefined if it has any or is a condition. */
export function constantOf(node: EqlNode): Scalar | undefined {
  switch (node.kind) {
    case 'null':
      return null
    case 'boolean':
    case 'string':
    case 'number':
      return node.value
    case 'group':
      return constantOf(node.part)
    case 'negate':
      return apply('negate', [node.part])
    case 'arithmetic':
      return apply(divides(node) ? 'fdivide' : ARITHMETIC[node.op], [node.left, node.right])
    case 'call': {
      const call = checkCall(node)
      if (call.name === 'cidrMatch') return undefined
      return apply(isFloatDivision(call.name, node.args) ? 'fdivide' : call.name, node.args)
    }
    case 'field':
    case 'compare':
    case 'match':
    case 'in':
    case 'not':
    case 'and':
    case 'or':
      return undefined
  }
}

function apply(name: string, parts: readonly EqlNode[]): Scalar | undefined {
  const values: Scalar[] = []
  for (const part of parts) {
    const value = constantOf(part)
    if (value === undefined) return undefined
    values.push(TEXTS.has(name) ? asText(part, value) : value)
  }
  return FUNCTIONS[name]?.(...values)
}

const TEXTS: ReadonlySet<string> = new Set(['string', 'concat'])

/** A whole number that is written or computed as a float keeps its point: `string(5.0)` is “5.0”. */
function asText(node: EqlNode, value: Scalar): Scalar {
  const isWhole = typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 1e7
  return isWhole && isFloat(node) ? `${value}.0` : value
}

function divides(node: Extract<EqlNode, { readonly kind: 'arithmetic' }>): boolean {
  return node.op === '/' && (isFloat(node.left) || isFloat(node.right))
}

function isFloatDivision(name: string, args: readonly EqlNode[]): boolean {
  return name === 'divide' && args.some(isFloat)
}

/** Whether a number is written or computed as a float, so that division by it does not round. */
export function isFloat(node: EqlNode): boolean {
  switch (node.kind) {
    case 'number':
      return node.float
    case 'group':
    case 'negate':
      return isFloat(node.part)
    case 'arithmetic':
      return isFloat(node.left) || isFloat(node.right)
    case 'call':
      return node.name.toLowerCase() !== 'length' && node.args.some(isFloat)
    case 'null':
    case 'boolean':
    case 'string':
    case 'field':
    case 'compare':
    case 'match':
    case 'in':
    case 'not':
    case 'and':
    case 'or':
      return false
  }
}

/** Whether a node is true or false (or null) by what it is. */
export function isBoolean(node: EqlNode): boolean {
  switch (node.kind) {
    case 'boolean':
    case 'not':
    case 'and':
    case 'or':
    case 'in':
    case 'match':
    case 'compare':
      return true
    case 'group':
      return isBoolean(node.part)
    case 'call':
      return returnsBoolean(node)
    case 'null':
    case 'number':
    case 'string':
    case 'field':
    case 'negate':
    case 'arithmetic':
      return false
  }
}

/** The node as a computed value; conditions inside it keep their three values. */
export function toExpr(node: EqlNode, options: LowerOptions, lowerings: Lowerings): Expr {
  takeStep(node, options)
  const inner = (part: EqlNode) => toExpr(part, options, lowerings)
  const constant = constantOf(node)
  if (constant !== undefined) return { kind: 'literal', value: constant }
  switch (node.kind) {
    case 'field':
      if (node.indexed) throw new QueryError('Array indexes are not supported', node.at)
      return { kind: 'path', path: node.path }
    case 'group':
      return inner(node.part)
    case 'negate':
      return { kind: 'call', name: 'negate', args: [inner(node.part)] }
    case 'arithmetic': {
      const name = divides(node) ? 'fdivide' : ARITHMETIC[node.op]
      return { kind: 'call', name, args: [inner(node.left), inner(node.right)] }
    }
    case 'call': {
      const call = checkCall(node)
      if (call.name === 'cidrMatch') return truth(node, options, lowerings)
      const name = isFloatDivision(call.name, node.args) ? 'fdivide' : call.name
      return { kind: 'call', name, args: node.args.map(inner) }
    }
    case 'compare':
      return compareExpr(node, options, lowerings)
    case 'null':
    case 'boolean':
    case 'number':
    case 'string':
    case 'match':
    case 'in':
    case 'not':
    case 'and':
    case 'or':
      return truth(node, options, lowerings)
  }
}

function truth(node: EqlNode, options: LowerOptions, lowerings: Lowerings): Expr {
  const part = (condition: Condition): Expr => ({ kind: 'condition', condition })
  const args = [lowerings.isTrue(node, options), lowerings.isFalse(node, options)].map(part)
  return { kind: 'call', name: 'truth', args }
}

/** A comparison with a constant of something computed, or of times. */
function compareExpr(
  node: Extract<EqlNode, { readonly kind: 'compare' }>,
  options: LowerOptions,
  lowerings: Lowerings,
): Expr {
  const value = constantOf(node.right)
  const isPlain = node.op !== '!=' && value !== undefined && value !== null
  if (!isPlain) return truth(node, options, lowerings)
  const left = toExpr(node.left, options, lowerings)
  const field = ungroup(node.left)
  if (field.kind === 'field' && comparesTimes(field, value, options.timestampField)) {
    return timeComparison(node.op, left, value)
  }
  return { kind: 'call', name: ORDER_CALL[node.op], args: [left, { kind: 'literal', value }] }
}

export function ungroup(node: EqlNode): EqlNode {
  return node.kind === 'group' ? ungroup(node.part) : node
}
