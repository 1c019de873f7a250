import type { Problem } from '../../../base/problems.ts'
import { fail, ok, type Result } from '../../../base/result.ts'
import type { ConditionTree } from '../condition.ts'
import {
  childOf,
  parseYamlDocuments,
  textOf,
  textsOf,
  type FilePlace,
  type MapTree,
  type Tree,
} from '../yaml/yaml-tree.ts'
import { parseStepConditions, CONDITION_KEYS } from './step-conditions.ts'
import { meant, parameterProblem, pipelineProblem } from './parameters.ts'
import { REFUSED, TRANSFORMATIONS } from './transformations.ts'

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
  /** The steps of `nest`. */
  readonly steps: readonly Step[]
  readonly place: FilePlace
}

/** A processing pipeline as pySigma's YAML describes it. */
export interface Pipeline {
  readonly name: string
  readonly priority: number
  readonly vars: ReadonlyMap<string, readonly string[]>
  readonly steps: readonly Step[]
}

const KEYS = ['name', 'priority', 'vars', 'transformations', 'allowed_backends']
/** Parts that work on the text of queries, which rules here do not become. */
const QUERY_KEYS = ['postprocessing', 'finalizers']

/**
 * Reads a pipeline; several documents run one after the other, those of least priority first.
 * Problems: RULE_SYNTAX, RULE_LIMIT, RULE_PIPELINE, with a place.
 */
export function parsePipeline(text: string, path?: string): Result<Pipeline> {
  const { trees, problems } = parseYamlDocuments(text, path)
  const [problem] = problems
  if (problem !== undefined) return fail(problem)
  const parts: Pipeline[] = []
  for (const tree of trees) {
    const part = parseDocument(tree, path)
    if (!part.ok) return part
    parts.push(part.value)
  }
  const [only] = parts
  if (only === undefined) return notAMap(path)
  if (parts.length === 1) return ok(only)
  const ordered = parts.toSorted((a, b) => a.priority - b.priority)
  return ok({
    name: ordered.map((part) => part.name).join(', '),
    priority: 0,
    vars: new Map(ordered.flatMap((part) => [...part.vars])),
    steps: ordered.flatMap((part) => part.steps),
  })
}

function notAMap(path: string | undefined): Result<Pipeline> {
  const at = path === undefined ? {} : { file: path }
  return fail({ code: 'RULE_PIPELINE', message: 'The pipeline is no map of attributes.', at })
}

function parseDocument(tree: Tree, path: string | undefined): Result<Pipeline> {
  if (tree.kind !== 'map') return notAMap(path)
  const wrong = keyProblem(tree)
  if (wrong !== undefined) return fail(wrong)
  const steps = parseSteps(childOf(tree, 'transformations'), 0)
  if (!steps.ok) return steps
  return ok({
    name: textOf(childOf(tree, 'name')) ?? path ?? 'pipeline',
    priority: Number(textOf(childOf(tree, 'priority')) ?? 0),
    vars: varsOf(childOf(tree, 'vars')),
    steps: steps.value,
  })
}

function keyProblem(tree: MapTree): Problem | undefined {
  for (const { key, value, place } of tree.entries) {
    if (QUERY_KEYS.includes(key)) {
      if (value.kind === 'list' && value.items.length === 0) continue
      const message = `"${key}" changes the text of queries, and rules here become none.`
      return pipelineProblem(message, { ...value, place }, 'leave it out')
    }
    if (KEYS.includes(key)) continue
    const message = `A pipeline has no "${key}".`
    return pipelineProblem(message, { ...value, place }, meant(key, KEYS))
  }
  return undefined
}

function varsOf(tree: Tree | undefined): Map<string, readonly string[]> {
  const entries = tree?.kind === 'map' ? tree.entries : []
  return new Map(entries.map((entry) => [entry.key, textsOf(entry.value)]))
}

const NESTING_MAX = 10

function parseSteps(tree: Tree | undefined, depth: number): Result<Step[]> {
  const steps: Step[] = []
  if (
    tree !== undefined &&
    tree.kind !== 'list' &&
    !(tree.kind === 'scalar' && tree.value === null)
  ) {
    return fail(pipelineProblem('The transformations are no list.', tree))
  }
  for (const item of tree?.kind === 'list' ? tree.items : []) {
    const step = parseStep(item, depth)
    if (!step.ok) return step
    steps.push(step.value)
  }
  return ok(steps)
}

const SHARED = [
  'id',
  'type',
  ...CONDITION_KEYS.flatMap(({ key, prefix }) => [
    key,
    ...['op', 'linking', 'not', 'negation', 'expr', 'expression'].map((end) => `${prefix}_${end}`),
  ]),
]

function parseStep(tree: Tree, depth: number): Result<Step> {
  if (tree.kind !== 'map') {
    return fail(pipelineProblem('A transformation is a map of attributes.', tree))
  }
  const written = childOf(tree, 'type')
  const type = textOf(written) ?? ''
  const at = written ?? tree
  const refused = Object.hasOwn(REFUSED, type) ? REFUSED[type] : undefined
  if (refused !== undefined) {
    return fail(pipelineProblem(`The transformation "${type}" is not done here.`, at, refused))
  }
  const known = Object.hasOwn(TRANSFORMATIONS, type) ? TRANSFORMATIONS[type] : undefined
  if (known === undefined) {
    const message =
      written === undefined
        ? 'The transformation needs "type".'
        : `The transformation "${type}" is not known here.`
    return fail(pipelineProblem(message, at, meant(type, Object.keys(TRANSFORMATIONS))))
  }
  const wrong = parameterProblem(tree, `transformation "${type}"`, known, SHARED)
  if (wrong !== undefined) return fail(wrong)
  if (depth > NESTING_MAX) return fail(pipelineProblem('The steps are nested too deep.', tree))
  const steps = parseSteps(childOf(tree, type === 'nest' ? 'items' : ''), depth + 1)
  if (!steps.ok) return steps
  const conditions = parseStepConditions(tree)
  if (!conditions.ok) return conditions
  const id = textOf(childOf(tree, 'id'))
  const { place } = tree
  return ok({ id, type, params: tree, ...conditions.value, steps: steps.value, place })
}
