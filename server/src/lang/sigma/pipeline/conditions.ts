import { RE2JS } from 're2js'
import { childOf, textOf, textsOf, type MapTree } from '../yaml/yaml-tree.ts'
import type { DetectionItem, SigmaValue } from '../value/value.ts'
import type { ConditionTree } from '../condition.ts'
import type { StepCondition, StepConditions } from './pipeline.ts'
import { itemsOf, type RuleState } from './state.ts'

/** What a condition is asked about; `item` is absent for conditions of whole rules. */
interface Asked {
  readonly state: RuleState
  readonly item: DetectionItem | undefined
}

type Check = (params: MapTree, asked: Asked) => boolean

function valueText(value: SigmaValue): string | undefined {
  if (value.kind === 'text') return value.original
  if (value.kind === 'number') return value.text
  return value.kind === 'boolean' ? String(value.value) : undefined
}

function found(pattern: string, text: string): boolean {
  try {
    return RE2JS.compile(pattern).matcher(text).find()
  } catch {
    return false
  }
}

function namesField(params: MapTree, field: string | undefined): boolean {
  if (field === undefined) return false
  const fields = textsOf(childOf(params, 'fields'))
  const byPattern = ['re', 'regex'].includes(
    textOf(childOf(params, 'mode')) ?? textOf(childOf(params, 'match_type')) ?? '',
  )
  return fields.some((each) => (byPattern ? found(`^(?:${each})`, field) : each === field))
}

function applied(params: MapTree, { state, item }: Asked): boolean {
  const id = textOf(childOf(params, 'processing_item_id')) ?? ''
  if (item === undefined) return state.applied.has(id)
  return state.appliedTo.get(item)?.has(id) === true
}

function logsource(params: MapTree, { state }: Asked): boolean {
  return (['category', 'product', 'service'] as const).every((key) => {
    const wanted = textOf(childOf(params, key))
    return wanted === undefined || wanted === state.logsource[key]
  })
}

/** Conditions of pySigma's pipelines that are known here, by the type they are written with. */
export const CONDITIONS: Readonly<Record<string, Check>> = {
  logsource,
  is_sigma_rule: () => true,
  is_sigma_correlation_rule: () => false,
  contains_detection_item: (params, { state }) => {
    const field = textOf(childOf(params, 'field'))
    const value = textOf(childOf(params, 'value'))
    const items = [...state.detections.values()].flatMap(itemsOf)
    return items.some(
      (item) => item.field === field && item.values.some((each) => valueText(each) === value),
    )
  },
  contains_field: (params, { state }) => {
    const field = textOf(childOf(params, 'field'))
    return [...state.detections.values()].flatMap(itemsOf).some((item) => item.field === field)
  },
  processing_item_applied: applied,
  rule_processing_item_applied: (params, asked) => applied(params, { ...asked, item: undefined }),
  field_name_processing_item_applied: applied,
  processing_state: (params, { state }) =>
    state.values.get(textOf(childOf(params, 'key')) ?? '') === textOf(childOf(params, 'val')),
  tag: (params, { state }) => state.rule.meta.tags.includes(textOf(childOf(params, 'tag')) ?? ''),
  rule_attribute: (params, { state }) => {
    const value = state.rule.attributes[textOf(childOf(params, 'attribute')) ?? '']
    const wanted = textOf(childOf(params, 'value'))
    const same =
      typeof value === 'string' || typeof value === 'number' ? String(value) === wanted : false
    return textOf(childOf(params, 'op')) === 'ne' ? !same : same
  },
  include_fields: (params, { item }) => namesField(params, item?.field),
  exclude_fields: (params, { item }) => !namesField(params, item?.field),
  match_string: (params, { item }) => {
    const pattern = textOf(childOf(params, 'pattern')) ?? ''
    const fits = (value: SigmaValue): boolean => found(`^(?:${pattern})`, valueText(value) ?? '')
    const values = item?.values ?? []
    const holds = textOf(childOf(params, 'cond')) === 'all' ? values.every(fits) : values.some(fits)
    return textOf(childOf(params, 'negate')) === 'true' ? !holds : holds
  },
  contains_wildcard: (_params, { item }) =>
    item?.values.some(
      (value) =>
        value.kind === 'text' &&
        value.parts.some((part) => typeof part === 'object' && 'any' in part),
    ) === true,
  is_null: (_params, { item }) => item?.values.some((value) => value.kind === 'null') === true,
}

/** Whether the conditions of a step hold; none at all hold. */
export function allow(conditions: StepConditions, asked: Asked): boolean {
  const holds = (condition: StepCondition): boolean =>
    CONDITIONS[condition.type]?.(condition.params, asked) === true
  const all = [...conditions.named.values()]
  if (all.length === 0) return true
  const { expression } = conditions
  if (expression !== undefined) {
    return decide(expression, (name) => {
      const condition = conditions.named.get(name)
      return condition !== undefined && holds(condition)
    })
  }
  const joined = conditions.join === 'or' ? all.some(holds) : all.every(holds)
  return joined !== conditions.negated
}

function decide(tree: ConditionTree, holds: (name: string) => boolean): boolean {
  if (tree.kind === 'name') return holds(tree.name)
  if (tree.kind === 'not') return !decide(tree.part, holds)
  if (tree.kind === 'and') return tree.parts.every((part) => decide(part, holds))
  return tree.kind === 'or' && tree.parts.some((part) => decide(part, holds))
}
