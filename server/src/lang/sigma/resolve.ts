import type { Condition } from '../../model/condition.ts'
import type { RuleProblem } from '../../model/rule.ts'
import { allOf, anyOf, NEVER, notOf } from '../conditions.ts'
import { nearest } from '../nearest.ts'
import { placeIn, type ConditionTree } from './condition.ts'
import type { WrittenCondition } from './documents.ts'
import { labelled } from './lower.ts'

/** The selections that a condition may name. */
export interface SelectionScope {
  readonly names: readonly string[]
  /**
   * A selection by name, macros included; undefined if there is none, `nothing` where a pipeline has
   * left nothing of it.
   */
  lower(name: string): Condition | 'nothing' | undefined
  readonly report: (problem: RuleProblem) => void
}

/** A condition with its names looked up. */
export function resolveCondition(
  written: WrittenCondition,
  tree: ConditionTree,
  scope: SelectionScope,
): Condition {
  const found = resolve(written, tree, scope, false)
  if (found !== undefined) return found
  const message = 'The pipeline leaves nothing of the condition.'
  scope.report({ code: 'RULE_PIPELINE', message, at: written.place, severity: 'error' })
  return NEVER
}

/**
 * Undefined where nothing is left of the selections named: `a and b` is `a` then, `not b` says
 * nothing either. `excluded`: an odd number of `not` stands before it.
 */
function resolve(
  written: WrittenCondition,
  tree: ConditionTree,
  scope: SelectionScope,
  excluded: boolean,
): Condition | undefined {
  switch (tree.kind) {
    case 'name': {
      const found = scope.lower(tree.name)
      if (found === 'nothing') return undefined
      if (found !== undefined) return labelled(found, tree.name)
      const guess = nearest(tree.name, scope.names)
      scope.report({
        code: 'RULE_REFERENCE',
        message: `The condition names "${tree.name}", but there is no such selection.`,
        at: placeIn(written.place, written.text, tree.at),
        ...(guess === undefined ? {} : { hint: `did you mean "${guess}"?` }),
        severity: 'error',
      })
      return NEVER
    }
    case 'of':
      return quantify(written, tree, { ...scope, excluded })
    case 'and':
    case 'or': {
      const parts = tree.parts
        .map((part) => resolve(written, part, scope, excluded))
        .filter((part) => part !== undefined)
      if (parts.length === 0) return undefined
      return tree.kind === 'and' ? allOf(parts) : anyOf(parts)
    }
    case 'not': {
      const part = resolve(written, tree.part, scope, !excluded)
      return part === undefined ? undefined : notOf(part)
    }
  }
}

const COMBINATIONS_MAX = 5_000

function quantify(
  written: WrittenCondition,
  tree: Extract<ConditionTree, { readonly kind: 'of' }>,
  scope: SelectionScope & { readonly excluded: boolean },
): Condition | undefined {
  const report = (
    code: 'RULE_REFERENCE' | 'RULE_LIMIT',
    message: string,
    severity: RuleProblem['severity'] = 'error',
  ): Condition => {
    scope.report({ code, message, at: placeIn(written.place, written.text, tree.at), severity })
    return NEVER
  }
  const refuse = (code: 'RULE_REFERENCE' | 'RULE_LIMIT', message: string): Condition =>
    report(code, message)
  const names = namesLike(tree.pattern, scope.names)
  if (names.length === 0) {
    // `not 1 of filter_*` without a filter excludes nothing: rules leave room for them that way.
    const isRoom = scope.excluded && tree.quantity !== 'all'
    const message = `No selection fits "${tree.pattern}".`
    return report('RULE_REFERENCE', message, isRoom ? 'warning' : 'error')
  }
  const parts = names.flatMap((name) => {
    const found = scope.lower(name) ?? NEVER
    return found === 'nothing' ? [] : [labelled(found, name)]
  })
  if (parts.length === 0) return undefined
  if (tree.quantity === 'all') return allOf(parts)
  if (tree.quantity <= 1) return tree.quantity === 1 ? anyOf(parts) : allOf([])
  if (tree.quantity > parts.length) {
    return refuse(
      'RULE_REFERENCE',
      `"${tree.pattern}" names fewer than ${tree.quantity} selections.`,
    )
  }
  const chosen = combinations(parts, tree.quantity)
  if (chosen === undefined) return refuse('RULE_LIMIT', 'The condition has too many combinations.')
  return anyOf(chosen.map(allOf))
}

/**
 * `them`: all selections, else those that fit. Neither names those that begin with an underscore,
 * unless the pattern begins with one.
 */
function namesLike(pattern: string, names: readonly string[]): string[] {
  const them = pattern.toLowerCase() === 'them'
  return names.filter(
    (name) => (pattern.startsWith('_') || !name.startsWith('_')) && (them || fits(name, pattern)),
  )
}

/** Selections that no condition uses: often a filter that was forgotten. */
export function unusedNames(
  trees: readonly ConditionTree[],
  names: readonly string[],
): readonly string[] {
  const used = new Set(trees.flatMap((tree) => usedBy(tree, names)))
  return names.filter((name) => !used.has(name) && !name.startsWith('_'))
}

function usedBy(tree: ConditionTree, names: readonly string[]): readonly string[] {
  if (tree.kind === 'name') return [tree.name]
  if (tree.kind === 'of') return namesLike(tree.pattern, names)
  if (tree.kind === 'not') return usedBy(tree.part, names)
  return tree.parts.flatMap((part) => usedBy(part, names))
}

function fits(name: string, pattern: string): boolean {
  // Both are short; this is the textbook table of prefixes, one row at a time.
  let row = [true, ...Array.from(name, () => false)]
  for (const char of pattern) {
    const next = [char === '*' && row[0] === true]
    for (let at = 1; at <= name.length; at++) {
      const same = char === '?' || char === name[at - 1]
      next.push(
        char === '*' ? next[at - 1] === true || row[at] === true : same && row[at - 1] === true,
      )
    }
    row = next
  }
  return row[name.length] === true
}

function combinations<T>(items: readonly T[], size: number): T[][] | undefined {
  let found: T[][] = [[]]
  for (const [index, item] of items.entries()) {
    const left = items.length - index - 1
    found = found
      .flatMap((chosen) => (chosen.length < size ? [chosen, [...chosen, item]] : [chosen]))
      .filter((chosen) => chosen.length + left >= size)
    if (found.length > COMBINATIONS_MAX) return undefined
  }
  return found
}
