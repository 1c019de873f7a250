import { childOf, textOf, textsOf, type MapTree } from '../yaml/yaml-tree.ts'
import type { TransformationType } from './transformations.ts'

/** What a field is called after a step; undefined: the step has nothing to say about it. */
export type FieldChange = (
  field: string | undefined,
  params: MapTree,
) => readonly string[] | undefined

const CASES: Readonly<Record<string, (text: string) => string>> = {
  lower: (text) => text.toLowerCase(),
  upper: (text) => text.toUpperCase(),
  title: (text) => text.slice(0, 1).toUpperCase() + text.slice(1),
  snake_case: (text) =>
    text
      .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
      .replaceAll(/[\s.-]+/g, '_')
      .toLowerCase(),
}

/** How YAML may write the key for keywords, which have no field. */
const KEYWORD_KEYS = ['null', '~', '']

function mapped(params: MapTree, field: string | undefined): readonly string[] | undefined {
  const mapping = childOf(params, 'mapping')
  const keys = field === undefined ? KEYWORD_KEYS : [field]
  const target = keys.map((key) => childOf(mapping, key)).find((tree) => tree !== undefined)
  return target === undefined ? undefined : textsOf(target)
}

function named(change: (field: string, params: MapTree) => readonly string[] | undefined) {
  const field: FieldChange = (name, params) =>
    name === undefined ? undefined : change(name, params)
  return field
}

/** Steps that give fields other names: of items, of references, and of the fields of the rule. */
export const FIELD_STEPS: Readonly<Record<string, TransformationType>> = {
  field_name_mapping: { required: ['mapping'], field: (field, params) => mapped(params, field) },
  field_name_prefix_mapping: {
    required: ['mapping'],
    field: named((field, params) => {
      const mapping = childOf(params, 'mapping')
      const entries = mapping?.kind === 'map' ? mapping.entries : []
      const entry = entries.find((each) => field.startsWith(each.key))
      if (entry === undefined) return undefined
      return textsOf(entry.value).map((prefix) => prefix + field.slice(entry.key.length))
    }),
  },
  field_name_prefix: {
    required: ['prefix'],
    field: named((field, params) => [(textOf(childOf(params, 'prefix')) ?? '') + field]),
  },
  field_name_suffix: {
    required: ['suffix'],
    field: named((field, params) => [field + (textOf(childOf(params, 'suffix')) ?? '')]),
  },
  field_name_transform: {
    required: ['transform_func'],
    optional: ['mapping', 'apply_keyword'],
    choices: { transform_func: Object.keys(CASES) },
    field: named((field, params) => {
      const change = CASES[textOf(childOf(params, 'transform_func')) ?? '']
      return mapped(params, field) ?? [change?.(field) ?? field]
    }),
  },
}
