import type { Problem } from '../../../base/problems.ts'
import { fail, ok, type Result } from '../../../base/result.ts'
import { nearest } from '../../nearest.ts'
import { parseCondition, type ConditionTree } from '../condition.ts'
import { CONDITIONS } from './conditions.ts'
import { TRANSFORMATIONS } from './transformations.ts'
import {
  childOf,
  parseYamlDocuments,
  textOf,
  textsOf,
  type FilePlace,
  type MapTree,
  type Tree,
} from '../yaml/yaml-tree.ts'

/** One condition of a step: its type and parameters. */
export interface StepCondition {
  readonly type: string
  readonly params: MapTree
}

/** Conditions of one kind of a step, and how they are joined. */
export interface StepConditions {
  readonly named: ReadonlyMap<string, StepCondition>
  readonly join: 'and' | 'or'
  readonly negated: boolean
  readonly expression: ConditionTree | undefined
}

export interface Step {
  readonly id: string | undefined
  readonly type: string
  readonly params: MapTree
  readonly rule: StepConditions
  readonly item: StepConditions
  readonly field: StepConditions
  readonly place: FilePlace
}

/** A processing pipeline as pySigma's YAML describes it. */
export interface Pipeline {
  readonly name: string
  readonly priority: number
  readonly vars: ReadonlyMap<string, readonly string[]>
  readonly steps: readonly Step[]
}

/** Reads a pipeline. Problems: RULE_SYNTAX, RULE_LIMIT, RULE_PIPELINE, with a place. */
export function parsePipeline(text: string, path?: string): Result<Pipeline> {
  const { trees, problems } = parseYamlDocuments(text, path)
  const [problem] = problems
  if (problem !== undefined) return fail(problem)
  const [tree] = trees
  if (tree?.kind !== 'map') {
    const at = path === undefined ? {} : { file: path }
    return fail({ code: 'RULE_PIPELINE', message: 'The pipeline is no map of attributes.', at })
  }
  const written = childOf(tree, 'transformations')
  const steps: Step[] = []
  for (const item of written?.kind === 'list' ? written.items : []) {
    const step = parseStep(item)
    if (!step.ok) return step
    steps.push(step.value)
  }
  return ok({
    name: textOf(childOf(tree, 'name')) ?? path ?? 'pipeline',
    priority: Number(textOf(childOf(tree, 'priority')) ?? 0),
    vars: varsOf(childOf(tree, 'vars')),
    steps,
  })
}

function varsOf(tree: Tree | undefined): Map<string, readonly string[]> {
  const entries = tree?.kind === 'map' ? tree.entries : []
  return new Map(entries.map((entry) => [entry.key, textsOf(entry.value)]))
}

function parseStep(tree: Tree): Result<Step> {
  const refuse = (message: string, hint?: string): Result<Step> => {
    const problem: Problem = { code: 'RULE_PIPELINE', message, at: tree.place }
    return fail(hint === undefined ? problem : { ...problem, hint })
  }
  if (tree.kind !== 'map') return refuse('A transformation is a map of attributes.')
  const type = textOf(childOf(tree, 'type')) ?? ''
  if (!Object.hasOwn(TRANSFORMATIONS, type)) {
    const guess = nearest(type, Object.keys(TRANSFORMATIONS))
    const hint = guess === undefined ? undefined : `did you mean "${guess}"?`
    return refuse(`The transformation "${type}" is not known here.`, hint)
  }
  const parsed: StepConditions[] = []
  for (const [key, prefix] of CONDITION_KEYS) {
    const conditions = parseConditions(tree, key, prefix)
    if (!conditions.ok) return conditions
    parsed.push(conditions.value)
  }
  const [rule = NONE, item = NONE, field = NONE] = parsed
  const id = textOf(childOf(tree, 'id'))
  return ok({ id, type, params: tree, rule, item, field, place: tree.place })
}

const CONDITION_KEYS = [
  ['rule_conditions', 'rule_cond'],
  ['detection_item_conditions', 'detection_item_cond'],
  ['field_name_conditions', 'field_name_cond'],
] as const

const NONE: StepConditions = {
  named: new Map(),
  join: 'and',
  negated: false,
  expression: undefined,
}

function parseConditions(tree: MapTree, key: string, prefix: string): Result<StepConditions> {
  const written = childOf(tree, key)
  const named = new Map<string, StepCondition>()
  const add = (name: string, item: Tree): Problem | undefined => {
    const type = textOf(childOf(item, 'type')) ?? ''
    if (item.kind === 'map' && Object.hasOwn(CONDITIONS, type)) {
      named.set(name, { type, params: item })
      return undefined
    }
    const guess = nearest(type, Object.keys(CONDITIONS))
    const message = `The condition "${type}" is not known here.`
    const problem: Problem = { code: 'RULE_PIPELINE', message, at: item.place }
    return guess === undefined ? problem : { ...problem, hint: `did you mean "${guess}"?` }
  }
  if (written?.kind === 'list') {
    for (const [index, item] of written.items.entries()) {
      const problem = add(String(index), item)
      if (problem !== undefined) return fail(problem)
    }
  } else if (written?.kind === 'map') {
    for (const entry of written.entries) {
      const problem = add(entry.key, entry.value)
      if (problem !== undefined) return fail(problem)
    }
  }
  const join = textOf(childOf(tree, `${prefix}_op`) ?? childOf(tree, `${prefix}_linking`))
  const negated = childOf(tree, `${prefix}_not`) ?? childOf(tree, `${prefix}_negation`)
  const expression = childOf(tree, `${prefix}_expr`) ?? childOf(tree, `${prefix}_expression`)
  const text = textOf(expression)
  const parsed =
    text === undefined ? undefined : parseCondition(text, expression?.place ?? tree.place)
  if (parsed !== undefined && !parsed.ok) return parsed
  return ok({
    named,
    join: join === 'or' ? 'or' : 'and',
    negated: textOf(negated) === 'true',
    expression: parsed?.value.tree,
  })
}
