import type { SigmaRule } from '../documents.ts'
import type { PlaceholderValues } from '../value/placeholders.ts'
import type { Detection, DetectionItem, SigmaValue, TextPart } from '../value/value.ts'
import { allow } from './conditions.ts'
import type { FieldChange } from './field-steps.ts'
import type { Pipeline, Step } from './pipeline.ts'
import { itemsOf, mapItems, stateOf, type Added, type RuleState } from './state.ts'
import { TRANSFORMATIONS, type Around } from './transformations.ts'

/** A rule after a pipeline. */
export interface PipedRule {
  /** A selection of which nothing is left has no parts: its name says nothing in a condition. */
  readonly detections: ReadonlyMap<string, Detection>
  readonly added: readonly Added[]
  readonly fields: readonly string[]
  readonly failure: string | undefined
  /** What the pipeline makes of a field that no selection names (group-by). */
  paths(field: string): readonly string[]
  /** Other selections (of a filter), after the same steps. */
  readonly pipe: (detections: ReadonlyMap<string, Detection>) => ReadonlyMap<string, Detection>
}

/** Runs the steps of a pipeline over a rule, in order; the rule given is left as it is. */
export function applyPipeline(
  pipeline: Pipeline,
  rule: SigmaRule,
  lists: PlaceholderValues,
): PipedRule {
  const vars: PlaceholderValues = (name) => lists(name) ?? pipeline.vars.get(name)
  const state = stateOf(rule)
  for (const step of pipeline.steps) applyStep(step, { state, vars })
  const { detections, added, failure, decided } = state
  const paths = (field: string): readonly string[] => {
    const item: DetectionItem = {
      kind: 'item',
      field,
      values: [],
      all: false,
      negated: false,
      place: rule.place,
    }
    const alone = stateOf({ ...rule, detections: new Map([['field', item]]) }, decided)
    for (const step of pipeline.steps) applyStep(step, { state: alone, vars })
    const left = alone.detections.get('field')
    const fields = left === undefined ? [] : itemsOf(left).map((each) => each.field)
    return fields.length === 0 ? [field] : fields.filter((each) => each !== undefined)
  }
  const pipe = (others: ReadonlyMap<string, Detection>): ReadonlyMap<string, Detection> => {
    const beside = stateOf({ ...rule, detections: others }, decided)
    for (const step of pipeline.steps) applyStep(step, { state: beside, vars })
    return beside.detections
  }
  return { detections, added, fields: state.fields, failure, paths, pipe }
}

function applyStep(step: Step, around: Around): void {
  const { state } = around
  const type = TRANSFORMATIONS[step.type]
  const passes = state.decided.get(step) ?? allow(step.rule, { state, item: undefined })
  state.decided.set(step, passes)
  if (type === undefined || !passes) return
  type.rule?.(step.params, around)
  for (const nested of step.steps) applyStep(nested, around)
  const { item: change, field } = type
  if (change !== undefined) {
    changeItems(step, state, (item) =>
      allow(step.field, { state, item }) ? change(item, step.params, around) : item,
    )
  }
  if (field !== undefined) {
    changeItems(step, state, (item) => renamed(item, field, step, state))
    state.fields = state.fields.flatMap((name) => {
      const item: DetectionItem = { ...NO_ITEM, field: name }
      return allow(step.field, { state, item }) ? (field(name, step.params) ?? [name]) : [name]
    })
  }
  if (step.id !== undefined) state.applied.add(step.id)
}

const NO_ITEM: DetectionItem = {
  kind: 'item',
  field: undefined,
  values: [],
  all: false,
  negated: false,
  place: { line: 1, column: 1 },
}

type Change = (item: DetectionItem) => Detection | undefined

function changeItems(step: Step, state: RuleState, change: Change): void {
  const changed: Change = (item) => {
    if (!allow(step.item, { state, item })) return item
    const result = change(item)
    if (result !== undefined && result !== item) remember(item, result, step, state)
    return result
  }
  const detections = new Map<string, Detection>()
  for (const [name, detection] of state.detections) {
    const left = mapItems(detection, changed)
    detections.set(name, left ?? { kind: 'all', parts: [] })
  }
  state.detections = detections
  state.added = state.added.flatMap((added) => {
    const detection = mapItems(added.detection, changed)
    return detection === undefined ? [] : [{ ...added, detection }]
  })
}

/** An item under the names that its field has after a step; references are renamed alike. */
function renamed(
  item: DetectionItem,
  change: FieldChange,
  step: Step,
  state: RuleState,
): Detection | undefined {
  const namesOf = (field: string | undefined): readonly string[] | undefined => {
    if (!allow(step.field, { state, item: { ...item, field } })) return undefined
    const names = change(field, step.params)
    if (names !== undefined && field !== undefined) {
      for (const name of [field, ...names]) state.mapped.add(name)
    }
    return names
  }
  const values = item.values.map((value) => withReferences(value, namesOf))
  const isSame = values.every((value, at) => value === item.values[at])
  const kept = isSame ? item : { ...item, values }
  const names = namesOf(item.field)
  if (names === undefined) return kept
  const worn = item.field === undefined ? { ...kept, values: kept.values.map(somewhere) } : kept
  const items = names.map((field): DetectionItem => ({ ...worn, field }))
  const [only] = items
  if (items.length <= 1) return only
  // Not this value: in none of the fields.
  return { kind: item.negated ? 'all' : 'any', parts: items }
}

function withReferences(
  value: SigmaValue,
  namesOf: (field: string) => readonly string[] | undefined,
): SigmaValue {
  if (value.kind === 'either') {
    const values = value.values.map((each) => withReferences(each, namesOf))
    return values.every((each, at) => each === value.values[at]) ? value : { ...value, values }
  }
  if (value.kind !== 'reference') return value
  const names = namesOf(value.field)
  if (names === undefined) return value
  const values = names.map((field) => ({ ...value, field }))
  const [only] = values
  return values.length === 1 && only !== undefined ? only : { kind: 'either', values }
}

/** A keyword that comes to stand at a field is still looked for anywhere in it. */
function somewhere(value: SigmaValue): SigmaValue {
  if (value.kind === 'either') return { ...value, values: value.values.map(somewhere) }
  if (value.kind !== 'text') return value
  const many: TextPart = { any: 'many' }
  return { ...value, parts: [many, ...value.parts, many] }
}

function remember(before: DetectionItem, after: Detection, step: Step, state: RuleState): void {
  if (step.id === undefined && !state.appliedTo.has(before)) return
  const ids = new Set(state.appliedTo.get(before))
  if (step.id !== undefined) ids.add(step.id)
  for (const item of itemsOf(after)) state.appliedTo.set(item, ids)
}
