import type { SigmaRule } from '../documents.ts'
import type { PlaceholderValues } from '../value/placeholders.ts'
import type { Detection, DetectionItem } from '../value/value.ts'
import { allow } from './conditions.ts'
import type { Pipeline, Step } from './pipeline.ts'
import { itemsOf, mapItems, stateOf, type Added, type RuleState } from './state.ts'
import { TRANSFORMATIONS } from './transformations.ts'

/** A rule after a pipeline. */
export interface PipedRule {
  readonly detections: ReadonlyMap<string, Detection>
  readonly added: readonly Added[]
  readonly failure: string | undefined
  /** What the pipeline makes of a field that no selection names (group-by, fields). */
  paths(field: string): readonly string[]
}

/** Runs the steps of a pipeline over a rule, in order; the rule given is left as it is. */
export function applyPipeline(
  pipeline: Pipeline,
  rule: SigmaRule,
  lists: PlaceholderValues,
): PipedRule {
  const vars: PlaceholderValues = (name) => lists(name) ?? pipeline.vars.get(name)
  const state = stateOf(rule)
  for (const step of pipeline.steps) applyStep(step, state, vars)
  const { detections, added, failure } = state
  const paths = (field: string): readonly string[] => {
    const item: DetectionItem = {
      kind: 'item',
      field,
      values: [],
      all: false,
      negated: false,
      place: rule.place,
    }
    const alone = stateOf({ ...rule, detections: new Map([['field', item]]) })
    for (const step of pipeline.steps) applyStep(step, alone, vars)
    const left = alone.detections.get('field')
    const fields = left === undefined ? [] : itemsOf(left).map((each) => each.field)
    return fields.length === 0 ? [field] : fields.filter((each) => each !== undefined)
  }
  return { detections, added, failure, paths }
}

function applyStep(step: Step, state: RuleState, vars: PlaceholderValues): void {
  const transformation = TRANSFORMATIONS[step.type]
  if (transformation === undefined || !allow(step.rule, { state, item: undefined })) return
  const around = { state, vars }
  let used = transformation.rule !== undefined
  transformation.rule?.(step.params, around)
  const { item: change } = transformation
  if (change !== undefined) {
    const changed = (item: DetectionItem): Detection | undefined => {
      const asked = { state, item }
      if (!allow(step.item, asked) || !allow(step.field, asked)) return item
      used = true
      const result = change(item, step.params, around)
      if (result !== undefined) remember(item, result, step, state)
      return result
    }
    const detections = new Map<string, Detection>()
    for (const [name, detection] of state.detections) {
      // A selection of which nothing is left asks for nothing.
      detections.set(name, mapItems(detection, changed) ?? { kind: 'all', parts: [] })
    }
    state.detections = detections
    state.added = state.added.flatMap((added) => {
      const detection = mapItems(added.detection, changed)
      return detection === undefined ? [] : [{ ...added, detection }]
    })
  }
  if (used && step.id !== undefined) state.applied.add(step.id)
}

function remember(before: DetectionItem, after: Detection, step: Step, state: RuleState): void {
  if (step.id === undefined && !state.appliedTo.has(before)) return
  const ids = new Set(state.appliedTo.get(before))
  if (step.id !== undefined) ids.add(step.id)
  for (const item of itemsOf(after)) state.appliedTo.set(item, ids)
}
