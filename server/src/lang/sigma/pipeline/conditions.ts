import { childOf, flagOf, textOf, textsOf, type MapTree, type Tree } from '../yaml/yaml-tree.ts'
import type { DetectionItem, SigmaValue } from '../value/value.ts'
import type { ConditionTree } from '../condition.ts'
import type { StepCondition, StepConditions } from './pipeline.ts'
import { holdsAttribute, inRelation } from './rule-attribute.ts'
import { itemsOf, type RuleState } from './state.ts'
import { flatValues, matchesStart, printText } from './text.ts'

/** What a condition is asked about; `item` is absent for conditions of whole rules. */
interface Asked {
  readonly state: RuleState
  readonly item: DetectionItem | undefined
}

type Check = (params: MapTree, asked: Asked) => boolean

/** Where a condition may stand. */
export type ConditionKind = 'rule' | 'item' | 'field'

export interface ConditionType {
  readonly kinds: readonly ConditionKind[]
  readonly required: readonly string[]
  readonly optional?: readonly string[]
  /** Parameters that are regular expressions. */
  readonly patterns?: readonly string[]
  /** Parameters that take one of a few words. */
  readonly choices?: Readonly<Record<string, readonly string[]>>
  readonly check: Check
}

/** A value and a scalar of a pipeline are the same, in type too. */
function sameValue(value: SigmaValue, wanted: Tree | undefined): boolean {
  if (wanted?.kind !== 'scalar') return false
  if (value.kind === 'text') return printText(value) === wanted.value
  if (value.kind === 'number' || value.kind === 'boolean') return value.value === wanted.value
  return value.kind === 'null' && wanted.value === null
}

function namesField(params: MapTree, field: string | undefined): boolean {
  if (field === undefined) return false
  const fields = textsOf(childOf(params, 'fields'))
  const mode = textOf(childOf(params, 'mode')) ?? textOf(childOf(params, 'match_type'))
  const byPattern = mode === 're' || mode === 'regex'
  return fields.some((each) => (byPattern ? matchesStart(each, field) : each === field))
}

function applied(params: MapTree, { state, item }: Asked): boolean {
  const id = textOf(childOf(params, 'processing_item_id')) ?? ''
  if (item === undefined) return state.applied.has(id)
  return state.appliedTo.get(item)?.has(id) === true
}

function ofState(params: MapTree, { state }: Asked): boolean {
  const value = state.values.get(textOf(childOf(params, 'key')) ?? '')
  const wanted = childOf(params, 'val')
  if (value === undefined || wanted?.kind !== 'scalar' || wanted.value === null) return false
  return inRelation(textOf(childOf(params, 'op')) ?? 'eq', value, wanted.value)
}

function onValues(fits: (value: SigmaValue, params: MapTree) => boolean): Check {
  return (params, { item }) => {
    const values = flatValues(item?.values ?? [])
    const one = (value: SigmaValue): boolean => fits(value, params)
    return textOf(childOf(params, 'cond')) === 'all' ? values.every(one) : values.some(one)
  }
}

const ANY_OR_ALL = { cond: ['any', 'all'] }
const RELATIONS = ['eq', 'ne', 'gte', 'gt', 'lte', 'lt']
const OF_FIELDS = {
  kinds: ['field'],
  required: ['fields'],
  optional: ['mode', 'match_type'],
  choices: { mode: ['plain', 're'], match_type: ['plain', 're', 'regex'] },
} as const
const APPLIED = { required: ['processing_item_id'], check: applied } as const

/** Conditions of pySigma's pipelines that are known here, by the type they are written with. */
export const CONDITIONS: Readonly<Record<string, ConditionType>> = {
  logsource: {
    kinds: ['rule'],
    required: [],
    optional: ['category', 'product', 'service'],
    check: (params, { state }) =>
      (['category', 'product', 'service'] as const).every((key) => {
        const wanted = textOf(childOf(params, key))
        return wanted === undefined || wanted === state.logsource[key]
      }),
  },
  is_sigma_rule: { kinds: ['rule'], required: [], check: () => true },
  is_sigma_correlation_rule: { kinds: ['rule'], required: [], check: () => false },
  contains_detection_item: {
    kinds: ['rule'],
    required: ['field', 'value'],
    check: (params, { state }) => {
      const field = textOf(childOf(params, 'field'))
      const wanted = childOf(params, 'value')
      return [...state.detections.values()]
        .flatMap(itemsOf)
        .some(
          (item) =>
            item.field === field && flatValues(item.values).some((each) => sameValue(each, wanted)),
        )
    },
  },
  contains_field: {
    kinds: ['rule'],
    required: ['field'],
    check: (params, { state }) => {
      const field = textOf(childOf(params, 'field'))
      return [...state.detections.values()].flatMap(itemsOf).some((item) => item.field === field)
    },
  },
  processing_item_applied: { kinds: ['rule', 'item', 'field'], ...APPLIED },
  rule_processing_item_applied: {
    kinds: ['rule', 'item', 'field'],
    ...APPLIED,
    check: (params, asked) => applied(params, { ...asked, item: undefined }),
  },
  field_name_processing_item_applied: { kinds: ['item', 'field'], ...APPLIED },
  processing_state: {
    kinds: ['rule', 'item', 'field'],
    required: ['key', 'val'],
    optional: ['op'],
    choices: { op: RELATIONS },
    check: ofState,
  },
  tag: {
    kinds: ['rule'],
    required: ['tag'],
    check: (params, { state }) =>
      state.rule.meta.tags.includes(textOf(childOf(params, 'tag')) ?? ''),
  },
  rule_attribute: {
    kinds: ['rule'],
    required: ['attribute', 'value'],
    optional: ['op'],
    choices: { op: [...RELATIONS, 'in', 'not_in'] },
    check: (params, { state }) => {
      const value = state.attributes.get(textOf(childOf(params, 'attribute')) ?? '')
      return holdsAttribute(params, value)
    },
  },
  include_fields: { ...OF_FIELDS, check: (params, { item }) => namesField(params, item?.field) },
  exclude_fields: { ...OF_FIELDS, check: (params, { item }) => !namesField(params, item?.field) },
  match_string: {
    kinds: ['item'],
    required: ['pattern'],
    optional: ['cond', 'negate'],
    patterns: ['pattern'],
    choices: ANY_OR_ALL,
    check: onValues((value, params) => {
      const pattern = textOf(childOf(params, 'pattern')) ?? ''
      const fits = value.kind === 'text' && matchesStart(pattern, printText(value))
      return fits !== (flagOf(childOf(params, 'negate')) === true)
    }),
  },
  match_value: {
    kinds: ['item'],
    required: ['value'],
    optional: ['cond'],
    choices: ANY_OR_ALL,
    check: onValues((value, params) => sameValue(value, childOf(params, 'value'))),
  },
  contains_wildcard: {
    kinds: ['item'],
    required: [],
    optional: ['cond'],
    choices: ANY_OR_ALL,
    check: onValues(
      (value) =>
        value.kind === 'text' &&
        value.parts.some((part) => typeof part === 'object' && 'any' in part),
    ),
  },
  is_null: {
    kinds: ['item'],
    required: [],
    optional: ['cond'],
    choices: ANY_OR_ALL,
    check: onValues((value) => value.kind === 'null'),
  },
}

/** Whether the conditions of a step hold; none at all hold. */
export function allow(conditions: StepConditions, asked: Asked): boolean {
  const holds = (condition: StepCondition): boolean =>
    CONDITIONS[condition.type]?.check(condition.params, asked) === true
  const all = [...conditions.named.values()]
  if (all.length === 0) return true
  const { expression } = conditions
  const joined =
    expression === undefined
      ? conditions.join === 'or'
        ? all.some(holds)
        : all.every(holds)
      : decide(expression, (name) => {
          const condition = conditions.named.get(name)
          return condition !== undefined && holds(condition)
        })
  return joined !== conditions.negated
}

function decide(tree: ConditionTree, holds: (name: string) => boolean): boolean {
  if (tree.kind === 'name') return holds(tree.name)
  if (tree.kind === 'not') return !decide(tree.part, holds)
  if (tree.kind === 'and') return tree.parts.every((part) => decide(part, holds))
  return tree.kind === 'or' && tree.parts.some((part) => decide(part, holds))
}
