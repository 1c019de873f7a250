import type { Problem } from '../../../base/problems.ts'
import { nearest } from '../../nearest.ts'
import { childOf, textOf, textsOf, type MapTree, type Tree } from '../yaml/yaml-tree.ts'
import { patternOf } from './text.ts'

/** The parameters that a step or condition takes. */
export interface ParameterRules {
  readonly required: readonly string[]
  readonly optional?: readonly string[]
  readonly patterns?: readonly string[]
  readonly choices?: Readonly<Record<string, readonly string[]>>
}

export function pipelineProblem(message: string, tree: Tree, hint?: string): Problem {
  const problem: Problem = { code: 'RULE_PIPELINE', message, at: tree.place }
  return hint === undefined ? problem : { ...problem, hint }
}

export function meant(name: string, known: readonly string[]): string | undefined {
  const guess = nearest(name, known)
  return guess === undefined ? undefined : `did you mean "${guess}"?`
}

/** What is wrong with the parameters of a map, besides those of `shared`. */
export function parameterProblem(
  tree: MapTree,
  what: string,
  rules: ParameterRules,
  shared: readonly string[],
): Problem | undefined {
  const known = [...rules.required, ...(rules.optional ?? [])]
  for (const entry of tree.entries) {
    if (shared.includes(entry.key) || known.includes(entry.key)) continue
    const hint = meant(entry.key, known)
    const message = `The ${what} takes no "${entry.key}".`
    return pipelineProblem(message, { ...entry.value, place: entry.place }, hint)
  }
  const missing = rules.required.find((name) => childOf(tree, name) === undefined)
  if (missing !== undefined) return pipelineProblem(`The ${what} needs "${missing}".`, tree)
  return choiceProblem(tree, rules) ?? patternProblem(tree, rules)
}

function choiceProblem(tree: MapTree, { choices = {} }: ParameterRules): Problem | undefined {
  for (const [name, words] of Object.entries(choices)) {
    const value = childOf(tree, name)
    const text = textOf(value)
    if (value === undefined || (text !== undefined && words.includes(text))) continue
    const message = `"${name}" is one of ${words.join(', ')}, not "${text ?? value.kind}".`
    return pipelineProblem(message, value, meant(text ?? '', words))
  }
  return undefined
}

function patternProblem(tree: MapTree, { patterns = [] }: ParameterRules): Problem | undefined {
  const byMode = ['re', 'regex'].includes(
    textOf(childOf(tree, 'mode')) ?? textOf(childOf(tree, 'match_type')) ?? '',
  )
  for (const name of byMode ? [...patterns, 'fields'] : patterns) {
    const value = childOf(tree, name)
    const wrong = textsOf(value).find((text) => patternOf(text) === undefined)
    if (value === undefined || wrong === undefined) continue
    const hint = 'RE2 syntax: no look-around, no back-references'
    return pipelineProblem(`The regular expression "${wrong}" cannot run.`, value, hint)
  }
  return undefined
}
