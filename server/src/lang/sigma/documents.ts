import type { RuleMeta, RuleProblem } from '../../model/rule.ts'
import type { ParsedCondition } from './condition.ts'
import type { Detection } from './value/value.ts'
import type { FilePlace, Tree } from './yaml/yaml-tree.ts'

export interface Logsource {
  readonly category?: string
  readonly product?: string
  readonly service?: string
}

/** What every document of a Sigma file has. */
interface DocumentBase {
  readonly meta: RuleMeta
  /** The short name that correlations may use instead of the id. */
  readonly name: string | undefined
  readonly place: FilePlace
  /** Its id is that of a `global` document, or of the one that it repeats: they are one rule. */
  readonly sharesId?: boolean
  readonly problems: RuleProblem[]
  /** Our `tests:`, as written. */
  readonly tests: Tree | undefined
  /** Attributes as plain values, for conditions of pipelines. */
  readonly attributes: Readonly<Record<string, unknown>>
}

export interface WrittenCondition {
  readonly text: string
  readonly place: FilePlace
  readonly parsed: ParsedCondition
}

export interface SigmaRule extends DocumentBase {
  readonly kind: 'rule'
  readonly logsource: Logsource
  readonly detections: ReadonlyMap<string, Detection>
  readonly conditions: readonly WrittenCondition[]
  readonly fields: readonly string[]
  /** Legacy `timeframe`, for conditions with a part after `|`. */
  readonly timeframeMs: number | undefined
  /** Our `group-by` of a detection rule: the group key of its alerts. */
  readonly groupBy: readonly string[]
}

export interface SigmaCorrelation extends DocumentBase {
  readonly kind: 'correlation'
  readonly body: Tree
  readonly generate: boolean
}

export interface SigmaFilter extends DocumentBase {
  readonly kind: 'filter'
  readonly logsource: Logsource
  /** Rules by id or name; undefined: any rule of the log source. */
  readonly rules: readonly string[] | undefined
  readonly detections: ReadonlyMap<string, Detection>
  readonly conditions: readonly WrittenCondition[]
}

/** A named list of values: `field|expand: '%name%'` takes them. */
export interface SigmaList extends DocumentBase {
  readonly kind: 'list'
  readonly items: readonly string[]
  readonly override: Override
}

/** A named selection that the conditions of every rule may use. */
export interface SigmaMacro extends DocumentBase {
  readonly kind: 'macro'
  readonly detection: Detection
  readonly override: Override
}

/** How a list or macro treats an earlier one of the same name, which is otherwise an error. */
export type Override = 'define' | 'append' | 'replace'

export type SigmaDocument = SigmaRule | SigmaCorrelation | SigmaFilter | SigmaList | SigmaMacro

/** What one file holds. `problems` are those of no document: text that is not YAML. */
export interface SigmaFile {
  readonly path: string | undefined
  readonly documents: readonly SigmaDocument[]
  readonly problems: readonly RuleProblem[]
}
