import type { Logsource, SigmaRule } from '../documents.ts'
import type { Detection, DetectionItem } from '../value/value.ts'
import type { Step } from './pipeline.ts'

/** A condition that a pipeline adds to a rule. */
export interface Added {
  readonly detection: Detection
  readonly negated: boolean
}

/** One rule on its way through a pipeline. */
export interface RuleState {
  readonly rule: SigmaRule
  logsource: Logsource
  detections: Map<string, Detection>
  added: Added[]
  fields: readonly string[]
  readonly attributes: Map<string, unknown>
  readonly values: Map<string, string | number | boolean>
  /** Ids of the steps that were applied to the rule, and to each item. */
  readonly applied: Set<string>
  readonly appliedTo: WeakMap<DetectionItem, ReadonlySet<string>>
  /** Fields that a step mapped, and what they were mapped to. */
  readonly mapped: Set<string>
  /** Whether the conditions of the rule let a step through; its fields are asked about later. */
  readonly decided: Map<Step, boolean>
  /** Why the pipeline refuses the rule. */
  failure: string | undefined
}

export function stateOf(rule: SigmaRule, decided = new Map<Step, boolean>()): RuleState {
  return {
    rule,
    logsource: rule.logsource,
    detections: new Map(rule.detections),
    added: [],
    fields: rule.fields,
    attributes: new Map(Object.entries(rule.attributes)),
    values: new Map(),
    applied: new Set(),
    appliedTo: new WeakMap(),
    mapped: new Set(),
    decided,
    failure: undefined,
  }
}

/** A selection with each item changed; an item may become several, or nothing. */
export function mapItems(
  detection: Detection,
  change: (item: DetectionItem) => Detection | undefined,
): Detection | undefined {
  if (detection.kind === 'item') return change(detection)
  const parts = detection.parts.map((part) => mapItems(part, change))
  const kept = parts.filter((part) => part !== undefined)
  return kept.length === 0 && parts.length > 0 ? undefined : { ...detection, parts: kept }
}

export function itemsOf(detection: Detection): DetectionItem[] {
  return detection.kind === 'item' ? [detection] : detection.parts.flatMap(itemsOf)
}

/** What holds where the detection does not. */
export function opposite(detection: Detection): Detection {
  if (detection.kind === 'item') return { ...detection, negated: !detection.negated }
  const kind = detection.kind === 'all' ? 'any' : 'all'
  return { kind, parts: detection.parts.map(opposite) }
}
