import { instantIso } from '../base/timestamp.ts'
import type { Condition, Expr, ValueTest } from '../model/condition.ts'
import type { EcsDoc } from '../model/event.ts'
import { leavesOf, valuesAt } from './values.ts'

const VALUES_SHOWN_MAX = 3
const VALUE_CHARS_MAX = 120

/** What the event has at the path. */
export function foundText(doc: EcsDoc, path: string): string {
  const values = valuesAt(doc, path)
  if (values.length === 0) return 'the event has none'
  const shown = values.slice(0, VALUES_SHOWN_MAX).map((value) => quoted(value))
  return `the event has ${shown.join(', ')}${values.length > shown.length ? ', …' : ''}`
}

function quoted(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined'
  return text.length <= VALUE_CHARS_MAX ? text : `${text.slice(0, VALUE_CHARS_MAX)}…`
}

/** What a test asks of a value, in words. */
export function testText(test: ValueTest): string {
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
      return `${RELATIONS[test.op]} the value of ${test.path}${cased(test.cased)}`
  }
}

const RELATIONS = {
  equals: 'is',
  prefix: 'starts with',
  suffix: 'ends with',
  substring: 'contains',
  lt: 'is <',
  lte: 'is <=',
  gt: 'is >',
  gte: 'is >=',
} as const
const SIGNS = { lt: '<', lte: '<=', gt: '>', gte: '>=' } as const

function cased(isCased: boolean): string {
  return isCased ? ' (in this letter case)' : ''
}

const PLACES_SHOWN_MAX = 3

/** The fields in which a test that looks at any of them found something. */
export function placesText(doc: EcsDoc, holds: (path: string, value: unknown) => boolean): string {
  const paths = leavesOf(doc).filter((leaf) => holds(leaf.path, leaf.value))
  const named = [...new Set(paths.map((leaf) => leaf.path))]
  if (named.length === 0) return ''
  const shown = named.slice(0, PLACES_SHOWN_MAX).join(', ')
  return `; found in ${shown}${named.length > PLACES_SHOWN_MAX ? ', …' : ''}`
}

const OPERATORS: Readonly<Record<string, string>> = {
  eq: '==',
  same: '==',
  lt: '<',
  lte: '<=',
  gt: '>',
  gte: '>=',
  add: '+',
  subtract: '-',
  multiply: '*',
  divide: '/',
  fdivide: '/',
  modulo: '%',
}

/** A computed value as EQL would write it. */
export function exprText(expr: Expr): string {
  switch (expr.kind) {
    case 'literal':
      return quoted(expr.value)
    case 'path':
      return expr.path
    case 'condition':
      return 'a condition'
    case 'test':
      return `${exprText(expr.arg)} ${testText(expr.test)}`
    case 'call': {
      const [first, second] = expr.args.map(exprText)
      const operator = OPERATORS[expr.name]
      const instants = instantsText(expr.args)
      if (operator !== undefined && instants !== undefined) return instants.join(` ${operator} `)
      if (expr.name === 'within' && instants !== undefined) {
        return `${instants[0]} from ${instants[1]} to ${timeText(expr.args[2])}`
      }
      if (operator !== undefined && second !== undefined) return `${first} ${operator} ${second}`
      if (expr.name === 'truth') return 'what is below'
      if (expr.name === 'isnull') return `${first} has no value`
      if (expr.name === 'notnull') return `${first} has a value`
      if (expr.name === 'negate') return `-${first}`
      return `${expr.name}(${expr.args.map(exprText).join(', ')})`
    }
  }
}

/** A time compared with a constant, which stands in milliseconds there, or as ordered text. */
function instantsText([left, right]: readonly Expr[]): [string, string] | undefined {
  if (left?.kind !== 'call' || (left.name !== 'time' && left.name !== 'instant')) return undefined
  const text = timeText(right)
  return text === undefined ? undefined : [left.args.map(exprText).join(), text]
}

function timeText(expr: Expr | undefined): string | undefined {
  if (expr?.kind !== 'literal') return undefined
  if (typeof expr.value === 'number') return new Date(expr.value).toISOString()
  return typeof expr.value === 'string' ? instantIso(expr.value) : undefined
}

/** The fields that an expression computes with, and what the event has there. */
export function exprFound(expr: Expr, doc: EcsDoc): string {
  const paths = [...new Set(pathsOf(expr))]
  return paths.map((path) => `; ${path}: ${foundText(doc, path)}`).join('')
}

function pathsOf(expr: Expr): string[] {
  if (expr.kind === 'path') return [expr.path]
  if (expr.kind === 'test') return pathsOf(expr.arg)
  return expr.kind === 'call' ? expr.args.flatMap(pathsOf) : []
}

/** The conditions inside an expression; of a truth and its opposite only the first. */
export function conditionsOf(expr: Expr): Condition[] {
  if (expr.kind === 'condition') return [expr.condition]
  if (expr.kind === 'test') return conditionsOf(expr.arg)
  if (expr.kind !== 'call') return []
  const args = expr.name === 'truth' ? expr.args.slice(0, 1) : expr.args
  return args.flatMap(conditionsOf)
}
