import type { Condition, Expr, ValueTest } from '../../model/condition.ts'
import { addressRange, isAddressName } from '../address-range.ts'
import {
  allOf,
  ALWAYS,
  anyOf,
  fieldTest,
  NEVER,
  notOf,
  starParts,
  wildcardTest,
} from '../conditions.ts'
import { networkTests } from '../keyword.ts'
import { compileRegexp, regexpCondition, type RegexpTest } from '../regexp/regexp.ts'
import { QueryError } from '../syntax.ts'
import type { CompareOp, EqlField, EqlMatch, EqlNode } from './ast.ts'
import { callCondition } from './calls.ts'
import { comparesTimes } from './times.ts'
import { fieldsOf } from './types.ts'
import { constantOf, isBoolean, takeStep, toExpr, ungroup, type LowerOptions } from './values.ts'

/**
 * EQL's logic has three values. A node is lowered to what holds where it is true and to what holds
 * where it is false; where neither does it is null, and a query finds only what is true.
 */
export function isTrue(node: EqlNode, options: LowerOptions): Condition {
  takeStep(node, options)
  switch (node.kind) {
    case 'boolean':
      return node.value ? ALWAYS : NEVER
    case 'null':
      return NEVER
    case 'group':
      return isTrue(node.part, options)
    case 'not':
      return isFalse(node.part, options)
    case 'and':
      return allOf(node.parts.map((part) => isTrue(part, options)))
    case 'or':
      return anyOf(node.parts.map((part) => isTrue(part, options)))
    case 'in':
      return node.negated
        ? isFalse({ ...node, negated: false }, options)
        : inCondition(node, options)
    case 'compare':
      return compareCondition(node, options)
    case 'number':
    case 'string':
    case 'field':
    case 'call':
    case 'negate':
    case 'arithmetic':
    case 'match':
      return atom(node, options)
  }
}

export function isFalse(node: EqlNode, options: LowerOptions): Condition {
  takeStep(node, options)
  switch (node.kind) {
    case 'boolean':
      return node.value ? NEVER : ALWAYS
    case 'null':
      return NEVER
    case 'group':
      return isFalse(node.part, options)
    case 'not':
      return isTrue(node.part, options)
    case 'and':
      return anyOf(node.parts.map((part) => isFalse(part, options)))
    case 'or':
      return allOf(node.parts.map((part) => isFalse(part, options)))
    case 'in':
      if (node.negated) return isTrue({ ...node, negated: false }, options)
      return allOf([known(node.left, options), notOf(inCondition(node, options))])
    case 'compare':
      return compareIsFalse(node, options)
    case 'number':
    case 'string':
    case 'field':
    case 'call':
    case 'negate':
    case 'arithmetic':
    case 'match':
      return atomIsFalse(node, options)
  }
}

/** The value is there: it is not null. */
function known(node: EqlNode, options: LowerOptions): Condition {
  if (node.kind === 'group') return known(node.part, options)
  if (node.kind === 'field') return fieldTest(fieldPath(node), { kind: 'exists' })
  const constant = constantOf(node)
  if (constant !== undefined) return constant === null ? NEVER : ALWAYS
  if (node.kind === 'compare' && isNullCheck(node)) return ALWAYS
  if (isBoolean(node)) return anyOf([isTrue(node, options), isFalse(node, options)])
  return onExpr({
    kind: 'call',
    name: 'notnull',
    args: [toExpr(node, options, { isTrue, isFalse })],
  })
}

/** Whether something is null is never null itself. */
function isNullCheck({ op, left, right }: Compare): boolean {
  if (op !== '==' && op !== '!=') return false
  return constantOf(left) === null || constantOf(right) === null
}

function fieldPath(field: EqlField): string {
  if (field.indexed) {
    throw new QueryError(
      'Array indexes are not supported',
      field.at,
      'a field with several values passes a test when any of them does',
      'QUERY_UNSUPPORTED',
    )
  }
  return field.path
}

function onExpr(expr: Expr): Condition {
  return { kind: 'expr', expr }
}

function atom(node: EqlNode, options: LowerOptions): Condition {
  if (node.kind === 'field') {
    return fieldTest(fieldPath(node), { kind: 'equals', value: true, cased: true })
  }
  if (node.kind === 'match') return matchCondition(node, options)
  if (node.kind === 'call') {
    const direct = callCondition(node)
    if (direct !== undefined) return direct
  }
  if (!isBoolean(node)) {
    const message = 'A condition is expected here, something that is true or false'
    throw new QueryError(
      message,
      node.at,
      'compare it with a value, as in “… == 1” or “… : "text"”',
    )
  }
  return onExpr(toExpr(node, options, { isTrue, isFalse }))
}

function atomIsFalse(node: EqlNode, options: LowerOptions): Condition {
  if (node.kind === 'field') {
    return fieldTest(fieldPath(node), { kind: 'equals', value: false, cased: true })
  }
  const holds = atom(node, options)
  if (node.kind === 'match') return allOf([known(node.left, options), notOf(holds)])
  const [first] = node.kind === 'call' ? node.args : []
  if (first?.kind === 'field' && holds.kind !== 'expr') {
    return holds.kind === 'never' && callIsNull(node)
      ? NEVER
      : allOf([known(first, options), notOf(holds)])
  }
  if (holds.kind !== 'expr') return callIsNull(node) ? NEVER : notOf(holds)
  return allOf([onExpr({ kind: 'call', name: 'notnull', args: [holds.expr] }), notOf(holds)])
}

/** A call with a constant null among its arguments has no value. */
function callIsNull(node: EqlNode): boolean {
  return node.kind === 'call' && node.args.some((arg) => constantOf(arg) === null)
}

type Compare = Extract<EqlNode, { readonly kind: 'compare' }>

const FLIPPED: Readonly<Record<CompareOp, CompareOp>> = {
  '==': '==',
  '!=': '!=',
  '<': '>',
  '<=': '>=',
  '>': '<',
  '>=': '<=',
}
const ORDER = { '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte' } as const

function compareCondition(node: Compare, options: LowerOptions): Condition {
  if (node.op === '!=') return isFalse({ ...node, op: '==' }, options)
  const left = constantOf(node.left)
  const right = constantOf(node.right)
  if (left !== undefined && right === undefined) {
    const flipped = FLIPPED[node.op]
    return compareCondition({ ...node, op: flipped, left: node.right, right: node.left }, options)
  }
  if (right === null) {
    if (node.op !== '==') return NEVER
    if (left !== undefined) return left === null ? ALWAYS : NEVER
    return notOf(known(node.left, options))
  }
  if (left === null) return NEVER
  if (right === undefined) return compareFields(node, options)
  if (typeof right === 'boolean' && node.op === '==' && isBoolean(node.left)) {
    return right ? isTrue(node.left, options) : isFalse(node.left, options)
  }
  const field = ungroup(node.left)
  if (field.kind !== 'field' || comparesTimes(field, right, options.timestampField)) {
    return compareExpr(node, options)
  }
  const path = fieldPath(field)
  if (node.op === '==') return equalsConstant(path, right, true)
  if (typeof right === 'boolean') {
    throw new QueryError('true and false have no order', node.at)
  }
  const op = ORDER[node.op as keyof typeof ORDER]
  const networks = typeof right === 'string' ? addressRange(path, op, right) : undefined
  return networks ?? fieldTest(path, { kind: 'compare', op, value: right })
}

function compareExpr(node: Compare, options: LowerOptions): Condition {
  return onExpr(toExpr(node, options, { isTrue, isFalse }))
}

/**
 * Elasticsearch compares a field only with a constant. Optional fields may be absent from all
 * events, and are then constants: null, which equals what is absent.
 */
function compareFields(node: Compare, options: LowerOptions): Condition {
  const sides = [ungroup(node.left), ungroup(node.right)]
  if (sides.some((side) => fieldsOf(side).every((field) => field.optional))) {
    const name = node.op === '==' ? 'same' : ORDER[node.op as keyof typeof ORDER]
    const args = sides.map((side) => toExpr(side, options, { isTrue, isFalse }))
    return onExpr({ kind: 'call', name, args })
  }
  const word = sides.find((side) => side.kind === 'field' && /^(true|false|null)$/i.test(side.path))
  throw new QueryError(
    `Two fields cannot be compared: one side of “${node.op}” has to be constant`,
    node.at,
    word?.kind === 'field'
      ? `keywords are in lower case: did you mean “${word.path.toLowerCase()}”?`
      : 'compare each with a constant',
    'QUERY_UNSUPPORTED',
  )
}

function compareIsFalse(node: Compare, options: LowerOptions): Condition {
  if (node.op === '!=') return isTrue({ ...node, op: '==' }, options)
  const holds = compareCondition(node, options)
  const [left, right] = [constantOf(node.left), constantOf(node.right)]
  if (left === null || right === null) return node.op === '==' ? notOf(holds) : NEVER
  if (left !== undefined && right !== undefined) return notOf(holds)
  const other = left === undefined ? node.left : node.right
  const constant = left === undefined ? right : left
  if (typeof constant === 'boolean' && node.op === '==' && isBoolean(other)) {
    return constant ? isFalse(other, options) : isTrue(other, options)
  }
  if (left === undefined && right === undefined && holds.kind === 'expr') {
    if (node.op === '==') return notOf(holds)
    return allOf([onExpr({ kind: 'call', name: 'notnull', args: [holds.expr] }), notOf(holds)])
  }
  return allOf([known(other, options), notOf(holds)])
}

function inCondition(
  node: Extract<EqlNode, { readonly kind: 'in' }>,
  options: LowerOptions,
): Condition {
  const left = ungroup(node.left)
  const cased = !node.insensitive
  const parts = node.list.map((item): Condition => {
    const value = constantOf(item)
    if (value === undefined) {
      throw new QueryError(
        'A list can only hold constants',
        item.at,
        undefined,
        'QUERY_UNSUPPORTED',
      )
    }
    if (value === null) return NEVER
    if (left.kind === 'field' && comparesTimes(left, value, options.timestampField)) {
      return compareExpr({ kind: 'compare', op: '==', left, right: item, at: node.at }, options)
    }
    if (left.kind === 'field') return equalsConstant(fieldPath(left), value, cased)
    return passes(left, { kind: 'equals', value, cased }, options)
  })
  return anyOf(parts)
}

/** Fields of addresses hold networks that are written too, and addresses however they are written. */
function equalsConstant(path: string, value: string | number | boolean, cased: boolean): Condition {
  const same = fieldTest(path, { kind: 'equals', value, cased })
  if (typeof value !== 'string' || !isAddressName(path)) return same
  return anyOf([same, ...networkTests(value).map((test) => fieldTest(path, test))])
}

/** The value of the node passes the test. */
function passes(node: EqlNode, test: ValueTest, options: LowerOptions): Condition {
  const plain = ungroup(node)
  if (plain.kind === 'field') return fieldTest(fieldPath(plain), test)
  return onExpr({ kind: 'test', test, arg: toExpr(plain, options, { isTrue, isFalse }) })
}

function matchCondition(node: EqlMatch, options: LowerOptions): Condition {
  return anyOf(
    node.list.map((item) => {
      const value = constantOf(item)
      const regexp = node.how.startsWith('regex')
      if (value === null || value === undefined || (regexp && typeof value !== 'string')) {
        throw new QueryError(
          `“${node.how}” compares with text`,
          item.at,
          'write it in double quotes',
        )
      }
      const text = item.kind === 'number' ? item.text : String(value)
      if (regexp) {
        const compiled = regexpOf(text, node.how === 'regex', item.at)
        return regexpCondition(compiled, (test) => passes(node.left, test, options))
      }
      const cased = node.how === 'like'
      return passes(node.left, wildcardTest(starParts(text), cased), options)
    }),
  )
}

function regexpOf(text: string, cased: boolean, at: number): RegexpTest {
  const compiled = compileRegexp(text, cased)
  if (compiled.ok) return compiled.value
  throw new QueryError(`In this regular expression: ${compiled.problem.message}`, at)
}
