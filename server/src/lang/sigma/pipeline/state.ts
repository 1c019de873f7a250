import type { Logsource, SigmaRule } from '../documents.ts'
import type { Detection, DetectionItem } from '../value/value.ts'

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
  readonly values: Map<string, string>
  /** Ids of the steps that were applied to the rule, and to each item. */
  readonly applied: Set<string>
  readonly appliedTo: WeakMap<DetectionItem, ReadonlySet<string>>
  /** Why the pipeline refuses the rule. */
  failure: string | undefined
}

export function stateOf(rule: SigmaRule): RuleState {
  return {
    rule,
    logsource: rule.logsource,
    detections: new Map(rule.detections),
    added: [],
    values: new Map(),
    applied: new Set(),
    appliedTo: new WeakMap(),
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
