import { RE2JS } from 're2js'
import { parseDetection } from '../detection.ts'
import {
  parseText,
  type Detection,
  type DetectionItem,
  type SigmaValue,
  type TextPart,
} from '../value/value.ts'
import { fillPlaceholders, PLACEHOLDER, type PlaceholderValues } from '../value/placeholders.ts'
import { childOf, textOf, textsOf, type MapTree, type Tree } from '../yaml/yaml-tree.ts'
import type { RuleState } from './state.ts'

/** What a step may use beside its own parameters. */
export interface Around {
  readonly state: RuleState
  readonly vars: PlaceholderValues
}

/** What a transformation does: to each item that its conditions allow, or to the rule as a whole. */
export interface Transformation {
  readonly item?: (item: DetectionItem, params: MapTree, around: Around) => Detection | undefined
  readonly rule?: (params: MapTree, around: Around) => void
}

function renamed(item: DetectionItem, names: readonly string[]): Detection {
  const items = names.map((field): DetectionItem => ({ ...item, field }))
  const [only] = items
  return items.length === 1 && only !== undefined ? only : { kind: 'any', parts: items }
}

function rename(change: (field: string, params: MapTree) => readonly string[]): Transformation {
  return {
    item: (item, params) =>
      item.field === undefined ? item : renamed(item, change(item.field, params)),
  }
}

function mapped(params: MapTree, name: string): readonly string[] | undefined {
  const target = childOf(childOf(params, 'mapping'), name)
  return target === undefined ? undefined : textsOf(target)
}

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

function onValues(
  change: (value: SigmaValue, params: MapTree) => SigmaValue | undefined,
): Transformation {
  return {
    item: (item, params) => ({
      ...item,
      values: item.values
        .map((value) => change(value, params))
        .filter((value) => value !== undefined),
    }),
  }
}

function onLiterals(change: (text: string, params: MapTree) => string): Transformation {
  return onValues((value, params) => {
    if (value.kind !== 'text') return value
    const parts = value.parts.map((part) =>
      typeof part === 'string' ? change(part, params) : part,
    )
    return { ...value, parts }
  })
}

function replaceString(text: string, params: MapTree): string {
  try {
    const pattern = RE2JS.compile(textOf(childOf(params, 'regex')) ?? '')
    // Python writes groups as \1, this engine as $1.
    const replacement = (textOf(childOf(params, 'replacement')) ?? '').replaceAll(/\\(\d)/g, '$$$1')
    return pattern.matcher(text).replaceAll(replacement)
  } catch {
    return text
  }
}

/** `$category` and so on in the values of added conditions. */
function filled(tree: Tree, { state }: Around): Tree {
  if (tree.kind === 'list')
    return { ...tree, items: tree.items.map((item) => filled(item, { state, vars: none })) }
  if (tree.kind !== 'scalar' || typeof tree.value !== 'string') return tree
  const value = tree.value.replaceAll(
    /\$(category|product|service)\b/g,
    (_all, key: 'category' | 'product' | 'service') => state.logsource[key] ?? '',
  )
  return { ...tree, value }
}

const none = (): undefined => undefined

const failure = (params: MapTree): string =>
  textOf(childOf(params, 'message')) ?? 'It gives no reason.'

function placeholders(
  values: (name: string, around: Around) => readonly string[] | undefined,
): Transformation {
  return {
    item: (item, params, around) => {
      const include = textsOf(childOf(params, 'include'))
      const exclude = textsOf(childOf(params, 'exclude'))
      return fillPlaceholders(item, (name) => {
        if (include.length > 0 && !include.includes(name)) return undefined
        return exclude.includes(name) ? undefined : values(name, around)
      })
    },
  }
}

/** Transformations of pySigma's pipelines that are known here, by the type they are written with. */
export const TRANSFORMATIONS: Readonly<Record<string, Transformation>> = {
  field_name_mapping: rename((field, params) => mapped(params, field) ?? [field]),
  field_name_prefix_mapping: rename((field, params) => {
    const mapping = childOf(params, 'mapping')
    const entries = mapping?.kind === 'map' ? mapping.entries : []
    const entry = entries.find((each) => field.startsWith(each.key))
    if (entry === undefined) return [field]
    return textsOf(entry.value).map((prefix) => prefix + field.slice(entry.key.length))
  }),
  field_name_prefix: rename((field, params) => [(textOf(childOf(params, 'prefix')) ?? '') + field]),
  field_name_suffix: rename((field, params) => [field + (textOf(childOf(params, 'suffix')) ?? '')]),
  field_name_transform: rename((field, params) => {
    const own = mapped(params, field)
    return own ?? [CASES[textOf(childOf(params, 'transform_func')) ?? '']?.(field) ?? field]
  }),
  drop_detection_item: { item: () => undefined },
  replace_string: onLiterals(replaceString),
  case: onLiterals(
    (text, params) => CASES[textOf(childOf(params, 'method')) ?? 'lower']?.(text) ?? text,
  ),
  map_string: onValues((value, params) => {
    const texts = value.kind === 'text' ? mapped(params, value.original) : undefined
    if (texts === undefined) return value
    return { kind: 'either', values: texts.map((text) => parseText(text)) }
  }),
  set_value: onValues((value, params) => {
    const wanted = childOf(params, 'value')
    if (wanted?.kind !== 'scalar') return value
    if (wanted.value === null) return { kind: 'null' }
    if (typeof wanted.value === 'number') {
      return { kind: 'number', value: wanted.value, text: String(wanted.value) }
    }
    if (typeof wanted.value === 'boolean') return { kind: 'boolean', value: wanted.value }
    return parseText(wanted.value)
  }),
  convert_type: onValues((value, params) => {
    const target = textOf(childOf(params, 'target_type'))
    if (target === 'str' && value.kind === 'number') return parseText(value.text)
    const number = value.kind === 'text' ? Number(value.original) : Number.NaN
    if (target !== 'num' || value.kind !== 'text' || Number.isNaN(number)) return value
    return { kind: 'number', value: number, text: value.original }
  }),
  value_placeholders: placeholders((name, around) => around.vars(name)),
  wildcard_placeholders: {
    item: (item) => ({
      ...item,
      values: item.values.map((value): SigmaValue => {
        if (value.kind === 'regex' && value.expands === true) {
          return { ...value, pattern: value.pattern.replaceAll(PLACEHOLDER, '.*') }
        }
        if (value.kind !== 'text') return value
        const parts = value.parts.map((part): TextPart =>
          typeof part === 'object' && 'placeholder' in part ? { any: 'many' } : part,
        )
        return { ...value, parts }
      }),
    }),
  },
  add_condition: {
    rule: (params, around) => {
      const conditions = childOf(params, 'conditions')
      if (conditions?.kind !== 'map') return
      const isTemplate = textOf(childOf(params, 'template')) === 'true'
      const entries = conditions.entries.map((entry) => ({
        ...entry,
        value: isTemplate ? filled(entry.value, around) : entry.value,
      }))
      const problem = (found: { message: string }): void => {
        around.state.failure ??= found.message
      }
      const detection = parseDetection({ ...conditions, entries }, problem)
      const negated = textOf(childOf(params, 'negated')) === 'true'
      around.state.added.push({ detection, negated })
    },
  },
  change_logsource: {
    rule: (params, { state }) => {
      const parts = ['category', 'product', 'service'].map((key) => [
        key,
        textOf(childOf(params, key)),
      ])
      state.logsource = Object.fromEntries(parts.filter(([, value]) => value !== undefined))
    },
  },
  set_state: {
    rule: (params, { state }) => {
      state.values.set(textOf(childOf(params, 'key')) ?? '', textOf(childOf(params, 'val')) ?? '')
    },
  },
  set_custom_attribute: { rule: () => undefined },
  add_field: { rule: () => undefined },
  remove_field: { rule: () => undefined },
  set_field: { rule: () => undefined },
  rule_failure: {
    rule: (params, { state }) => {
      state.failure ??= failure(params)
    },
  },
  detection_item_failure: {
    item: (item, params, { state }) => {
      state.failure ??= failure(params)
      return item
    },
  },
}
