/** EQL as parsed: nothing resolved yet. `at` is the offset of a node's first character. */
export type EqlNode =
  | { readonly kind: 'null'; readonly at: number }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly at: number }
  | EqlNumber
  | { readonly kind: 'string'; readonly value: string; readonly at: number }
  | EqlField
  | EqlCall
  | { readonly kind: 'group'; readonly part: EqlNode; readonly at: number }
  | { readonly kind: 'negate'; readonly part: EqlNode; readonly at: number }
  | {
      readonly kind: 'arithmetic'
      readonly op: '+' | '-' | '*' | '/' | '%'
      readonly left: EqlNode
      readonly right: EqlNode
      readonly at: number
    }
  | {
      readonly kind: 'compare'
      readonly op: CompareOp
      readonly left: EqlNode
      readonly right: EqlNode
      readonly at: number
    }
  | EqlMatch
  | {
      readonly kind: 'in'
      readonly negated: boolean
      readonly insensitive: boolean
      readonly left: EqlNode
      readonly list: readonly EqlNode[]
      readonly at: number
    }
  | { readonly kind: 'not'; readonly part: EqlNode; readonly at: number }
  | { readonly kind: 'and'; readonly parts: readonly EqlNode[]; readonly at: number }
  | { readonly kind: 'or'; readonly parts: readonly EqlNode[]; readonly at: number }

export type CompareOp = '==' | '!=' | '<' | '<=' | '>' | '>='

export interface EqlNumber {
  readonly kind: 'number'
  readonly value: number
  /** Written with a point or an exponent: division by it does not round. */
  readonly float: boolean
  readonly text: string
  readonly at: number
}

export interface EqlField {
  readonly kind: 'field'
  readonly path: string
  readonly optional: boolean
  /** Written with an array index, which Elasticsearch does not support. */
  readonly indexed: boolean
  readonly at: number
}

export interface EqlCall {
  readonly kind: 'call'
  readonly name: string
  readonly insensitive: boolean
  readonly args: readonly EqlNode[]
  readonly at: number
}

export interface EqlMatch {
  readonly kind: 'match'
  readonly how: ':' | 'like' | 'like~' | 'regex' | 'regex~'
  readonly left: EqlNode
  readonly list: readonly EqlNode[]
  readonly at: number
}

export interface EqlFilter {
  /** Null: `any`. */
  readonly category: string | null
  readonly condition: EqlNode
  readonly at: number
}

export interface EqlStage {
  readonly missing: boolean
  readonly filter: EqlFilter
  readonly by: readonly EqlNode[]
  readonly runs: EqlParameter | null
  readonly at: number
}

interface EqlParameter {
  readonly key: string
  readonly value: { readonly value: number; readonly float: boolean; readonly text: string }
  readonly at: number
}

export interface EqlPipe {
  readonly name: string
  readonly args: readonly EqlNode[]
  readonly at: number
}

interface EqlMaxspan {
  readonly value: { readonly value: number; readonly float: boolean; readonly text: string }
  readonly unit: string
  readonly at: number
}

export type EqlQuery =
  | {
      readonly kind: 'event'
      readonly filter: EqlFilter
      readonly pipes: readonly EqlPipe[]
      readonly at: number
    }
  | EqlSequence
  | {
      readonly kind: 'sample'
      readonly by: readonly EqlNode[]
      readonly stages: readonly EqlStage[]
      readonly pipes: readonly EqlPipe[]
      readonly at: number
    }

export interface EqlSequence {
  readonly kind: 'sequence'
  readonly by: readonly EqlNode[]
  readonly lateBy?: readonly EqlNode[]
  readonly maxspan: EqlMaxspan | null
  readonly stages: readonly EqlStage[]
  readonly until: EqlStage | null
  readonly pipes: readonly EqlPipe[]
  readonly at: number
}
