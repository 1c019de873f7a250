import type { RuleProblem } from '../../../model/rule.ts'
import { parseDetection } from '../detection.ts'
import {
  childOf,
  flagOf,
  plainOf,
  textOf,
  textsOf,
  type MapTree,
  type Tree,
} from '../yaml/yaml-tree.ts'
import { itemsOf, type RuleState } from './state.ts'
import type { TransformationType } from './transformations.ts'

/** `$category` and so on in the values of added conditions. */
function filled(tree: Tree, state: RuleState): Tree {
  if (tree.kind === 'list') {
    return { ...tree, items: tree.items.map((item) => filled(item, state)) }
  }
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string') return tree
  const value = tree.value.replaceAll(
    /\$(?:(category|product|service)\b|\{(category|product|service)\})/g,
    (_all, bare?: string, braced?: string) => {
      const key = (bare ?? braced) as 'category' | 'product' | 'service'
      return state.logsource[key] ?? ''
    },
  )
  return { ...tree, value }
}

function addCondition(params: MapTree, state: RuleState): void {
  const conditions = childOf(params, 'conditions')
  if (conditions?.kind !== 'map') return
  const isTemplate = flagOf(childOf(params, 'template')) === true
  const entries = conditions.entries.map((entry) => ({
    ...entry,
    value: isTemplate ? filled(entry.value, state) : entry.value,
  }))
  const report = (found: RuleProblem): void => {
    if (found.severity === 'error') state.failure ??= found.message
  }
  const detection = parseDetection({ ...conditions, entries }, report)
  const negated = flagOf(childOf(params, 'negated')) === true
  state.added.push({ detection, negated })
}

const failure = (params: MapTree): string =>
  textOf(childOf(params, 'message')) ?? 'It gives no reason.'

function refuseUnmapped(state: RuleState): void {
  const fields = [...state.detections.values()]
    .flatMap(itemsOf)
    .map((item) => item.field)
    .filter((field) => field !== undefined && !state.mapped.has(field))
  if (fields.length === 0) return
  state.failure ??= `It maps no field ${[...new Set(fields)].join(', ')}.`
}

/** Steps on rules as a whole. */
export const RULE_STEPS: Readonly<Record<string, TransformationType>> = {
  add_condition: {
    required: ['conditions'],
    optional: ['name', 'template', 'negated'],
    rule: (params, { state }) => addCondition(params, state),
  },
  change_logsource: {
    required: [],
    optional: ['category', 'product', 'service'],
    rule: (params, { state }) => {
      const parts = ['category', 'product', 'service'].map((key) => [
        key,
        textOf(childOf(params, key)),
      ])
      state.logsource = Object.fromEntries(parts.filter(([, value]) => value !== undefined))
    },
  },
  set_state: {
    required: ['key', 'val'],
    rule: (params, { state }) => {
      const value = childOf(params, 'val')
      if (value?.kind !== 'scalar' || value.value === null) return
      state.values.set(textOf(childOf(params, 'key')) ?? '', value.value)
    },
  },
  set_custom_attribute: {
    required: ['attribute', 'value'],
    rule: (params, { state }) => {
      const value = childOf(params, 'value')
      const name = textOf(childOf(params, 'attribute')) ?? ''
      state.attributes.set(name, value === undefined ? undefined : plainOf(value))
    },
  },
  add_field: {
    required: ['field'],
    rule: (params, { state }) => {
      state.fields = [...state.fields, ...textsOf(childOf(params, 'field'))]
    },
  },
  remove_field: {
    required: ['field'],
    rule: (params, { state }) => {
      const gone = textsOf(childOf(params, 'field'))
      state.fields = state.fields.filter((field) => !gone.includes(field))
    },
  },
  set_field: {
    required: ['fields'],
    rule: (params, { state }) => {
      state.fields = textsOf(childOf(params, 'fields'))
    },
  },
  rule_failure: {
    required: ['message'],
    rule: (params, { state }) => {
      state.failure ??= failure(params)
    },
  },
  detection_item_failure: {
    required: ['message'],
    item: (item, params, { state }) => {
      state.failure ??= failure(params)
      return item
    },
  },
  strict_field_mapping_failure: {
    required: [],
    rule: (_params, { state }) => refuseUnmapped(state),
  },
  drop_detection_item: { required: [], item: () => undefined },
  /** Its steps stand under `items`; they are read with it, and run in its place. */
  nest: { required: ['items'] },
}
