import type { Problem } from '../../base/problems.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { parse } from './generated/condition.ts'
import type { FilePlace } from './yaml/yaml-tree.ts'

/** A Sigma condition as written, before its names are looked up. */
export type ConditionTree =
  | { readonly kind: 'name'; readonly name: string; readonly at: number }
  | {
      readonly kind: 'of'
      readonly quantity: 'all' | number
      /** A pattern of selection names, or `them`. */
      readonly pattern: string
      readonly at: number
    }
  | { readonly kind: 'and'; readonly parts: readonly ConditionTree[] }
  | { readonly kind: 'or'; readonly parts: readonly ConditionTree[] }
  | { readonly kind: 'not'; readonly part: ConditionTree }

/** The legacy part after `|`. */
export type Aggregation =
  | { readonly kind: 'near'; readonly tree: ConditionTree }
  | {
      readonly kind: 'aggregate'
      readonly name: string
      readonly field: string | null
      readonly by: readonly string[]
      readonly op: 'lt' | 'lte' | 'gt' | 'gte' | 'eq'
      readonly bound: number
      readonly at: number
    }

export interface ParsedCondition {
  readonly tree: ConditionTree
  readonly aggregation: Aggregation | null
}

const LENGTH_MAX = 100_000
const NESTING_MAX = 100

/** Reads a condition. Problems: RULE_CONDITION with a place, RULE_LIMIT. */
export function parseCondition(text: string, at: FilePlace): Result<ParsedCondition> {
  if (text.length > LENGTH_MAX || nestingOf(text) > NESTING_MAX) {
    return fail({
      code: 'RULE_LIMIT',
      message: 'The condition is too long or nested too deep.',
      at,
    })
  }
  try {
    return ok(parse(text, {}) as ParsedCondition)
  } catch (error) {
    if (!(error instanceof Error) || !('location' in error)) throw error
    return fail(syntaxProblem(error, text, at))
  }
}

const HINT = 'selections joined by and, or, not, brackets: "selection and not 1 of filter_*"'

const SIGNS_HINT = 'Sigma writes and, or, not'

function syntaxProblem(error: Error, text: string, at: FilePlace): Problem {
  const { location } = error as unknown as { location: { start: { offset: number } } }
  const { offset } = location.start
  const rest = text.slice(offset).trim()
  const where = rest === '' ? 'at its end' : `at "${rest.slice(0, 30)}"`
  const message = `The condition "${text.slice(0, 120)}" cannot be read ${where}.`
  const hint = /^(?:&|!|\|\||~)/.test(rest) ? SIGNS_HINT : HINT
  return { code: 'RULE_CONDITION', message, at: placeIn(at, text, offset), hint }
}

/** The place of an offset of a condition that stands on one line, as nearly all do. */
export function placeIn(at: FilePlace, text: string, offset: number): FilePlace {
  return text.includes('\n') ? at : { ...at, column: at.column + offset }
}

/** Brackets and words `not` that stand in one another, at most. */
function nestingOf(text: string): number {
  let open = 0
  let deepest = 0
  let nots = 0
  for (const token of text.toLowerCase().split(/([()]|\s+)/)) {
    if (token === '(') open++
    else if (token === ')') open--
    else if (token === 'not') nots++
    else if (token.trim() !== '') nots = 0
    if (open + nots > deepest) deepest = open + nots
  }
  return deepest
}
