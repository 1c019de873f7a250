import type { Problem } from '../../../base/problems.ts'
import { fail, ok, type Result } from '../../../base/result.ts'
import { parseCondition, type ConditionTree } from '../condition.ts'
import { childOf, flagOf, textOf, type MapTree, type Tree } from '../yaml/yaml-tree.ts'
import { CONDITIONS, type ConditionKind } from './conditions.ts'
import { meant, parameterProblem, pipelineProblem } from './parameters.ts'
import type { StepCondition, StepConditions } from './pipeline.ts'

/** Where conditions of each kind stand in a step, and how what joins them begins. */
export const CONDITION_KEYS: readonly {
  readonly kind: ConditionKind
  readonly key: string
  readonly prefix: string
}[] = [
  { kind: 'rule', key: 'rule_conditions', prefix: 'rule_cond' },
  { kind: 'item', key: 'detection_item_conditions', prefix: 'detection_item_cond' },
  { kind: 'field', key: 'field_name_conditions', prefix: 'field_name_cond' },
]

const NONE: StepConditions = {
  named: new Map(),
  join: 'and',
  negated: false,
  expression: undefined,
}

/** The conditions of a step, by what they are asked about. */
export function parseStepConditions(tree: MapTree): Result<Record<ConditionKind, StepConditions>> {
  const found: Record<ConditionKind, StepConditions> = { rule: NONE, item: NONE, field: NONE }
  for (const { kind, key, prefix } of CONDITION_KEYS) {
    const conditions = parseConditions(tree, kind, { key, prefix })
    if (!conditions.ok) return conditions
    found[kind] = conditions.value
  }
  return ok(found)
}

function parseOne(item: Tree, kind: ConditionKind): Result<StepCondition> {
  const written = childOf(item, 'type')
  const type = textOf(written) ?? ''
  const known = Object.hasOwn(CONDITIONS, type) ? CONDITIONS[type] : undefined
  if (item.kind !== 'map' || known === undefined) {
    const message = `The condition "${type}" is not known here.`
    return fail(pipelineProblem(message, written ?? item, meant(type, Object.keys(CONDITIONS))))
  }
  if (!known.kinds.includes(kind)) {
    const keys = CONDITION_KEYS.filter((each) => known.kinds.includes(each.kind))
    const hint = `it belongs under ${keys.map((each) => each.key).join(' or ')}`
    return fail(pipelineProblem(`The condition "${type}" does not fit here.`, item, hint))
  }
  const wrong = parameterProblem(item, `condition "${type}"`, known, ['type'])
  return wrong === undefined ? ok({ type, params: item }) : fail(wrong)
}

function parseConditions(
  tree: MapTree,
  kind: ConditionKind,
  { key, prefix }: { readonly key: string; readonly prefix: string },
): Result<StepConditions> {
  const written = childOf(tree, key)
  const named = new Map<string, StepCondition>()
  const entries: readonly (readonly [string, Tree])[] =
    written?.kind === 'list'
      ? written.items.map((item, index) => [String(index), item] as const)
      : written?.kind === 'map'
        ? written.entries.map((entry) => [entry.key, entry.value] as const)
        : []
  for (const [name, item] of entries) {
    const condition = parseOne(item, kind)
    if (!condition.ok) return condition
    named.set(name, condition.value)
  }
  const join = childOf(tree, `${prefix}_op`) ?? childOf(tree, `${prefix}_linking`)
  const word = textOf(join) ?? 'and'
  if (join !== undefined && word !== 'and' && word !== 'or') {
    return fail(pipelineProblem(`Conditions are joined by and or or, not "${word}".`, join))
  }
  const negated = childOf(tree, `${prefix}_not`) ?? childOf(tree, `${prefix}_negation`)
  const expression = childOf(tree, `${prefix}_expr`) ?? childOf(tree, `${prefix}_expression`)
  const text = textOf(expression)
  const parsed =
    text === undefined ? undefined : parseCondition(text, expression?.place ?? tree.place)
  if (parsed !== undefined && !parsed.ok) return parsed
  const wrong = nameProblem(parsed?.value.tree, [...named.keys()], expression ?? tree)
  if (wrong !== undefined) return fail(wrong)
  return ok({
    named,
    join: word === 'or' ? 'or' : 'and',
    negated: flagOf(negated) === true,
    expression: parsed?.value.tree,
  })
}

/** An expression names all conditions, and no others. */
function nameProblem(
  tree: ConditionTree | undefined,
  known: readonly string[],
  at: Tree,
): Problem | undefined {
  if (tree === undefined) return undefined
  const used = namesOf(tree)
  const strange = used.find((name) => !known.includes(name))
  if (strange !== undefined) {
    const message = `The expression names "${strange}", but there is no such condition.`
    return pipelineProblem(message, at, meant(strange, known))
  }
  const unused = known.find((name) => !used.includes(name))
  return unused === undefined
    ? undefined
    : pipelineProblem(`The expression does not name the condition "${unused}".`, at)
}

function namesOf(tree: ConditionTree): string[] {
  if (tree.kind === 'name') return [tree.name]
  if (tree.kind === 'not') return namesOf(tree.part)
  return tree.kind === 'of' ? [tree.pattern] : tree.parts.flatMap(namesOf)
}
