import type { RuleProblem } from '../../../model/rule.ts'
import { nearest } from '../../nearest.ts'
import type { SigmaCorrelation } from '../documents.ts'
import { childOf, flagOf, type Tree } from '../yaml/yaml-tree.ts'

const KEYS = ['type', 'rules', 'group-by', 'timespan', 'condition', 'aliases', 'generate']
/** Ours, an old name of `timespan`, and what one of the types takes beside its condition. */
const MORE = ['timeframe', 'field', 'cardinality', 'history', 'learn', 'of']

/** What is wrong with the form of a correlation, whatever its type. */
export function attributeProblems(document: SigmaCorrelation): readonly RuleProblem[] {
  const { body } = document
  if (body.kind !== 'map') return [wrong('The correlation is no map of attributes.', body, '')]
  const problems: RuleProblem[] = []
  for (const { key, place, value } of body.entries) {
    if ([...KEYS, ...MORE].includes(key)) continue
    const guess = nearest(key, KEYS)
    const hint = guess === undefined ? {} : { hint: `did you mean "${guess}"?` }
    const message = `A correlation has no "${key}"; it is not looked at.`
    problems.push({ ...wrong(message, { ...value, place }, key), ...hint, severity: 'warning' })
  }
  for (const key of ['rules', 'group-by']) {
    const tree = childOf(body, key)
    const items = tree?.kind === 'list' ? tree.items : tree === undefined ? [] : [tree]
    const strange = items.find((item) => item.kind !== 'scalar')
    if (strange !== undefined) {
      problems.push(wrong(`"${key}" takes a name or a list of names.`, strange, key))
    }
  }
  const generate = childOf(body, 'generate')
  if (generate !== undefined && flagOf(generate) === undefined) {
    problems.push(wrong('"generate" is true or false.', generate, 'generate'))
  }
  return [...problems, ...aliasProblems(childOf(body, 'aliases'))]
}

function aliasProblems(tree: Tree | undefined): readonly RuleProblem[] {
  if (tree === undefined || (tree.kind === 'scalar' && tree.value === null)) return []
  const message = 'An alias is a map of rules and the field that each has for it.'
  if (tree.kind !== 'map') return [wrong(message, tree, 'aliases')]
  const strange = tree.entries.find(
    ({ value }) =>
      value.kind !== 'map' || value.entries.some((entry) => entry.value.kind !== 'scalar'),
  )
  return strange === undefined ? [] : [wrong(message, strange.value, 'aliases')]
}

function wrong(message: string, tree: Tree, key: string): RuleProblem {
  const field = key === '' ? 'correlation' : `correlation.${key}`
  return { code: 'RULE_INVALID', message, at: { ...tree.place, field }, severity: 'error' }
}
