import type { Detection, DetectionItem } from '../value/value.ts'
import type { PlaceholderValues } from '../value/placeholders.ts'
import type { MapTree } from '../yaml/yaml-tree.ts'
import { FIELD_STEPS, type FieldChange } from './field-steps.ts'
import { RULE_STEPS } from './rule-steps.ts'
import { SPLIT_STEPS } from './split-steps.ts'
import type { RuleState } from './state.ts'
import { VALUE_STEPS } from './value-steps.ts'

/** What a step may use beside its own parameters. */
export interface Around {
  readonly state: RuleState
  readonly vars: PlaceholderValues
}

/** What a step does: to names of fields, to each item that its conditions allow, or to the rule. */
export interface TransformationType {
  readonly required: readonly string[]
  readonly optional?: readonly string[]
  /** Parameters that are regular expressions. */
  readonly patterns?: readonly string[]
  /** Parameters that take one of a few words. */
  readonly choices?: Readonly<Record<string, readonly string[]>>
  readonly field?: FieldChange
  /** The same item where nothing changed, undefined where it is dropped. */
  readonly item?: (item: DetectionItem, params: MapTree, around: Around) => Detection | undefined
  readonly rule?: (params: MapTree, around: Around) => void
}

/** Transformations of pySigma's pipelines that are known here, by the type they are written with. */
export const TRANSFORMATIONS: Readonly<Record<string, TransformationType>> = {
  ...FIELD_STEPS,
  ...VALUE_STEPS,
  ...SPLIT_STEPS,
  ...RULE_STEPS,
}

const REACHES_OUT = 'it would fetch values when rules are read; give them in `vars` or a `list`'

/** Transformations that pySigma knows and that are refused here, with the reason. */
export const REFUSED: Readonly<Record<string, string>> = {
  query_expression_placeholders: 'it makes text of a query language, and rules here become none',
  file_placeholders: REACHES_OUT,
  http_placeholders: REACHES_OUT,
  command_placeholders: REACHES_OUT,
}
